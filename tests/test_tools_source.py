"""A build from source goes on after an interruption, and begins anew where it cannot."""

import subprocess
from pathlib import Path

import pytest

from tools.pythons import machine, source
from tools.pythons.apt import Apt
from tools.pythons.errors import UnavailableError
from tools.pythons.request import Request

WANTED = Request(3, 13, free_threaded=True)

# Answers the probe, and anything else, with the facts of a good build.
PYTHON = """#!/bin/sh
echo '{"implementation": "CPython", "version": "3.13.99", "feature": "3.13",'
echo ' "free_threaded": true, "executable": "'$0'", "missing": []}'
"""

# Stands for that of CPython; what it configures is a copy.
CONFIGURE = """#!/bin/sh
echo "$@" > configured-with
for word in "$@"; do case "$word" in --prefix=*) prefix=${word#--prefix=};; esac; done
printf 'all:\\n\\tcp python.in python\\n' > Makefile
printf 'install:\\n\\tmkdir -p $(DESTDIR)%s/bin\\n' "$prefix" >> Makefile
printf '\\tcp python configured-with $(DESTDIR)%s/bin\\n' "$prefix" >> Makefile
printf '\\tcp python $(DESTDIR)%s/bin/python3.13t\\n' "$prefix" >> Makefile
"""


class Archive:
    """Debian's archive; counts what is fetched from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched = 0

    def pack(self, *, configure: str = CONFIGURE, python: str = PYTHON) -> None:
        """Have the source package build this Python."""
        tree = self.folder / "Python-3.13.99"
        tree.mkdir(parents=True, exist_ok=True)
        (tree / "configure").write_text(configure)
        (tree / "configure").chmod(0o755)
        (tree / "python.in").write_text(python)
        (tree / "python.in").chmod(0o755)
        archive = self.folder / "python3.13_3.13.99.orig.tar.gz"
        (self.folder / f"{archive.name}.asc").touch()
        subprocess.run(["tar", "-C", self.folder, "-czf", archive, tree.name], check=True)

    def download_source(self, apt: Apt, package: str) -> Path:
        """Take the place of the method of the same name."""
        assert (apt.suite, package) == ("trixie", "python3.13")
        self.fetched += 1
        return self.folder


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    archive = Archive(tmp_path / "archive")
    archive.pack()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        Apt, "download_source", lambda apt, package: archive.download_source(apt, package)
    )
    monkeypatch.setattr(machine, "install", lambda packages, log: None)
    return archive


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder in which the build works."""
    return tmp_path / "cache" / "subsrv" / "work" / "source-3.13t"


def interrupted(work: Path, makefile: str) -> None:
    """Leave what a build that was cut off leaves."""
    (work / "source").mkdir(parents=True)
    (work / "source" / "configured").touch()
    (work / "source" / "Makefile").write_text(makefile)


def test_it_is_configured_without_the_gil_for_its_final_folder(
    archive: Archive, tmp_path: Path
) -> None:
    found = source.make(WANTED)
    assert (found.version, found.origin) == ("3.13.99", "built from the source in Debian trixie")
    final = tmp_path / "cache" / "subsrv" / "source-3.13t"
    options = (final / "bin" / "configured-with").read_text().split()
    assert {"--disable-gil", f"--prefix={final}"} <= set(options)
    assert "--enable-optimizations" not in options


def test_it_is_built_once(archive: Archive) -> None:
    assert source.make(WANTED) == source.make(WANTED)
    assert archive.fetched == 1


def test_an_interrupted_build_goes_on(archive: Archive, work: Path, tmp_path: Path) -> None:
    final = tmp_path / "cache" / "subsrv" / "source-3.13t"
    python = archive.folder / "Python-3.13.99" / "python.in"
    interrupted(
        work,
        "all:\n"
        f"install:\n\tmkdir -p $(DESTDIR){final}/bin\n"
        f"\tcp {python} $(DESTDIR){final}/bin/python3.13t\n",
    )
    source.make(WANTED)
    assert archive.fetched == 0


def test_what_cannot_go_on_is_built_anew(
    archive: Archive, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted(work, "all:\n\tfalse\n")
    assert source.make(WANTED).version == "3.13.99"
    assert archive.fetched == 1
    assert "building it anew" in capsys.readouterr().err


def test_a_build_that_fails_says_where_its_log_is(archive: Archive, work: Path) -> None:
    archive.pack(configure="#!/bin/sh\necho no compiler; exit 1\n")
    with pytest.raises(UnavailableError) as failed:
        source.make(WANTED)
    assert str(failed.value) == f"./configure failed (log: {work / 'log'}): no compiler"


def test_a_build_that_does_not_run_is_refused(archive: Archive) -> None:
    archive.pack(python="#!/bin/sh\nexit 1\n")
    with pytest.raises(UnavailableError, match=r"python3\.13t: exit status 1"):
        source.make(WANTED)

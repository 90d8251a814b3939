"""The order of the routes, what is said when all fail, and each route's own refusals."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.pythons import apt, cli, debian, find, made, source, uv
from tools.pythons.errors import UnavailableError
from tools.pythons.interpreter import Interpreter
from tools.pythons.request import Request, parse

GOOD = Interpreter(Path("/opt/python"), "3.14.2", free_threaded=False, origin="a test")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "subsrv"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that leads PATH; each program in it notes its words in the file ``calls``."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "calls").touch()
    return folder


def program(path: Path, body: str) -> None:
    path.write_text(f'#!/bin/sh\necho "$*" >> "$CALLS"\n{body}\n')
    path.chmod(0o755)


def fails(reason: str) -> find.Route:
    def route(request: Request) -> Interpreter:
        raise UnavailableError(reason)

    return route


def test_the_first_route_that_leads_there_is_taken() -> None:
    routes = {"one": fails("not here"), "two": lambda request: GOOD, "three": fails("not asked")}
    assert find.find(parse("3.14"), routes) == (GOOD, [])


def test_requests_passed_over_are_explained() -> None:
    def only_3_13(request: Request) -> Interpreter:
        if request.version != "3.13":
            raise UnavailableError("too new")
        return GOOD

    found, passed_over = find.find(parse("t"), {"one": only_3_13})
    assert found is GOOD
    assert passed_over == ["3.15t, one: too new", "3.14t, one: too new"]


def test_a_failure_lists_everything_that_was_tried() -> None:
    with pytest.raises(UnavailableError) as failed:
        find.find(parse("3.14"), {"one": fails("not here"), "two": fails("no network")})
    assert str(failed.value) == (
        "no interpreter for 3.14; tried:\n  3.14, one: not here\n  3.14, two: no network"
    )


def test_the_cache_has_nothing_at_first() -> None:
    with pytest.raises(UnavailableError, match="none made yet"):
        made.find(Request(3, 14))


@pytest.mark.parametrize("text", ["3.14t", "3.99"])
def test_debian_packages_only_some_builds(text: str) -> None:
    with pytest.raises(UnavailableError, match="Debian has no package of it"):
        debian.make(*parse(text))


def test_a_build_with_the_gil_is_compiled_only_when_asked_for() -> None:
    with pytest.raises(UnavailableError, match="only with --from source"):
        source.build_free_threaded(Request(3, 13))


def test_source_that_cannot_be_had_is_said_so() -> None:
    with pytest.raises(UnavailableError, match=r"source known only of 3\.13"):
        source.make(Request(3, 15, free_threaded=True))


@pytest.fixture
def fake_uv(programs: Path) -> Iterator[Path]:
    """A uv on PATH that knows 3.14 and whose downloads fail."""
    program(
        programs / "uv",
        """case "$*" in
        --version) echo "uv 99.0.0 (a test)";;
        "python list"*3.14*) echo cpython-3.14.2;;
        "python install"*) echo "dns error" >&2; exit 1;;
        esac""",
    )
    uv.executable.cache_clear()
    yield programs.parent / "calls"
    uv.executable.cache_clear()


def test_a_failed_download_is_remembered_until_it_is_forgotten(fake_uv: Path) -> None:
    with pytest.raises(UnavailableError, match="dns error"):
        uv.download(Request(3, 14))
    with pytest.raises(UnavailableError, match=r"dns error \(remembered for a day"):
        uv.download(Request(3, 14, free_threaded=True))
    assert fake_uv.read_text().count("python install") == 1
    uv.forget()
    with pytest.raises(UnavailableError, match=r"dns error$"):
        uv.download(Request(3, 14))
    assert fake_uv.read_text().count("python install") == 2


def test_a_failed_download_is_tried_again_the_next_day(fake_uv: Path, folder: Path) -> None:
    with pytest.raises(UnavailableError, match="dns error"):
        uv.download(Request(3, 14))
    os.utime(folder / "uv-cannot-download", (0, 0))
    with pytest.raises(UnavailableError, match=r"dns error$"):
        uv.download(Request(3, 14))
    assert fake_uv.read_text().count("python install") == 2


def test_a_build_that_uv_does_not_know_says_nothing_about_its_downloads(fake_uv: Path) -> None:
    with pytest.raises(UnavailableError, match="uv knows no such build"):
        uv.download(Request(3, 99))
    with pytest.raises(UnavailableError, match=r"dns error$"):
        uv.download(Request(3, 14))


TARGETS = """Google cloud main http://elsewhere.test/apt/
Debian Debian-Security main http://archive.test/debian-security/
Debian Debian contrib http://archive.test/contrib/
Debian Debian main http://archive.test/debian/"""


@pytest.fixture
def fake_apt(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> apt.Apt:
    (tmp_path / "keyring.gpg").touch()
    monkeypatch.setattr(apt, "_KEYRING", tmp_path / "keyring.gpg")
    return apt.Apt(tmp_path / "apt", "sid", tmp_path / "log")


def test_apt_takes_the_machines_archive_and_touches_only_its_own_folder(
    programs: Path, tmp_path: Path, fake_apt: apt.Apt
) -> None:
    program(
        programs / "apt-get",
        f"""case "$*" in
        *indextargets*) echo "{TARGETS}";;
        *install*) touch {fake_apt.folder}/archives/a.deb;;
        esac""",
    )
    assert fake_apt.download(["python3.14"]) == [fake_apt.folder / "archives" / "a.deb"]
    sources = (fake_apt.folder / "sources.list").read_text()
    assert sources == f"deb [signed-by={apt._KEYRING}] http://archive.test/debian/ sid main\n"
    own = f"-q -c {fake_apt.folder}/apt.conf"
    asked, *acted = (tmp_path / "calls").read_text().splitlines()
    assert asked.startswith("indextargets")
    assert acted == [f"{own} update", f"{own} install --download-only --yes python3.14"]


def test_without_lists_on_the_machine_its_sources_are_read_into_the_own_folder(
    programs: Path, tmp_path: Path, fake_apt: apt.Apt
) -> None:
    program(
        programs / "apt-get",
        f"""case "$*" in *-c*indextargets*) echo "{TARGETS}";; esac""",
    )
    fake_apt.download(["python3.14"])
    own = f"-q -c {fake_apt.folder}/apt.conf"
    assert (tmp_path / "calls").read_text().splitlines()[1] == f"{own} update"
    assert "http://archive.test/debian/ sid" in (fake_apt.folder / "sources.list").read_text()


def test_a_machine_without_debians_archive_is_said_so(programs: Path, fake_apt: apt.Apt) -> None:
    program(programs / "apt-get", "echo Ubuntu Ubuntu main http://archive.test/ubuntu/")
    with pytest.raises(UnavailableError, match="name no Debian archive"):
        fake_apt.download(["python3.14"])


def test_keys_that_the_machine_lacks_come_from_its_own_suite(
    programs: Path, tmp_path: Path, fake_apt: apt.Apt
) -> None:
    program(
        programs / "apt-get",
        f"""case "$*" in
        *indextargets*) echo "{TARGETS}";;
        *download*keyring) touch debian-archive-keyring_1_all.deb;;
        *update) if grep -q "signed-by={apt._KEYRING}]" {fake_apt.folder}/sources.list &&
                    grep -q sourcelist {fake_apt.folder}/apt.conf
                 then echo "NO_PUBKEY 123"; exit 100; fi;;
        esac""",
    )
    program(programs / "dpkg", "")
    fake_apt.download(["python3.14"])
    newer = fake_apt.folder / "keyring" / apt._KEYRING.relative_to("/")
    assert f"signed-by={newer}]" in (fake_apt.folder / "sources.list").read_text()


def test_the_command_line_prints_the_path_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(find, "ROUTES", {"installed": lambda request: GOOD})
    assert cli.main(["3.14"]) == 0
    assert capsys.readouterr() == ("/opt/python\n", "")
    assert cli.main(["3.14", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": "/opt/python",
        "version": "3.14.2",
        "free_threaded": False,
        "origin": "a test",
    }


def test_the_command_line_fails_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(find, "ROUTES", {"installed": fails("not here")})
    assert cli.main(["3.14"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "3.14, installed: not here" in err


@pytest.mark.parametrize("words", [["three"], ["3.14", "--pgo"], ["3.14", "--from", "afar"], []])
def test_a_bad_command_line_ends_with_status_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2

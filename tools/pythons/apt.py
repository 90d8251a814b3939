"""An apt of the tool's own: it reads the machine's configuration and never its state.

The address of the archive, proxies and policies come from the machine; sources, lists, cache and
the (empty) record of installed packages lie in a private folder, so no rights are needed and the
machine's apt never notices. Signatures are verified in any case, against Debian's keyring.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from .command import answer, run
from .errors import UnavailableError

#: Seconds, for a few tens of megabytes.
_TIMEOUT = 300.0

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Read after the machine's own configuration, whose hooks would clean or notify the machine.
_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
Dir::State "{folder}/state";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "{folder}/archives";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
"""

_ONLY_OWN_SOURCES = """\
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
"""


@dataclass(frozen=True)
class Apt:
    """One suite of Debian's archive, used from a private folder."""

    folder: Path
    suite: str
    log: Path

    def download(self, packages: list[str]) -> list[Path]:
        """Fetch the packages and all they depend on, down to the C library.

        Raises:
            UnavailableError: not a Debian machine, or the archive cannot be had or verified.
        """
        self._update("deb")
        self._get("install", "--download-only", "--yes", *packages)
        return sorted((self.folder / "archives").glob("*.deb"))

    def download_source(self, package: str) -> Path:
        """Fetch a source package and return the folder of its files.

        Raises:
            UnavailableError: not a Debian machine, or the archive cannot be had or verified.
        """
        self._update("deb-src")
        files = self.folder / "source"
        files.mkdir(exist_ok=True)
        self._get("source", "--download-only", package, cwd=files)
        return files

    def _update(self, kind: str) -> None:
        """Write the configuration and fetch the suite's lists."""
        if shutil.which("apt-get") is None or not _KEYRING.exists():
            raise UnavailableError("this machine has no apt with Debian's keyring")
        for name in ("state", "lists/partial", "cache", "archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "state" / "status").touch()
        self._configure(_CONFIGURATION)
        archive = self._archive()
        self._configure(_CONFIGURATION + _ONLY_OWN_SOURCES)
        sources = self.folder / "sources.list"
        sources.write_text(f"{kind} [signed-by={_KEYRING}] {archive} {self.suite} main\n")
        try:
            self._get("update")
        except UnavailableError:
            if "NO_PUBKEY" not in self.log.read_text():
                raise
            keyring = self._newer_keyring()
            sources.write_text(f"{kind} [signed-by={keyring}] {archive} {self.suite} main\n")
            self._get("update")

    def _newer_keyring(self) -> Path:
        """The keyring that the machine's own suite has now; the machine's keys vouch for it."""
        self._configure(_CONFIGURATION)
        self._get("update")
        self._get("download", "debian-archive-keyring", cwd=self.folder)
        (package,) = self.folder.glob("debian-archive-keyring_*.deb")
        run(["dpkg", "-x", package, self.folder / "keyring"], log=self.log, timeout=_TIMEOUT)
        self._configure(_CONFIGURATION + _ONLY_OWN_SOURCES)
        return self.folder / "keyring" / _KEYRING.relative_to("/")

    def _configure(self, text: str) -> None:
        (self.folder / "apt.conf").write_text(text.format(folder=self.folder))

    def _archive(self) -> str:
        """The address from which the machine has its own Debian packages."""
        query = ["indextargets", "--format", "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"]
        query += ["Identifier: Packages"]
        known = answer(["apt-get", *query], log=self.log, timeout=_TIMEOUT)
        if not known.strip():
            # apt tells only of lists it has, and container images come without: fetch them here.
            self._get("update")
            known = self._get(*query)
        for line in known.splitlines():
            if line.startswith("Debian Debian main "):
                return line.split()[-1]
        raise UnavailableError("apt's sources here name no Debian archive")

    def _get(self, *words: str, cwd: Path | None = None) -> str:
        command = ["apt-get", "-q", "-c", str(self.folder / "apt.conf"), *words]
        return answer(command, log=self.log, timeout=_TIMEOUT, cwd=cwd)

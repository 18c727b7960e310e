"""Debian packages, fetched and unpacked without root rights and without touching the host's own.

apt runs with a state, a cache and sources of its own, below a temporary folder. Of the host's
configuration it takes the mirror and what belongs to the network (proxies), nothing else: no hooks, no
pinning, no other sources. Package indexes must be signed with Debian's archive keys, as on any Debian.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from edgegan.cache import file_digest
from edgegan.errors import UnavailableError

RELEASE = "bookworm"
"""The release of emulated machines, on every host: its QEMU 7.2 takes plugins, its Python is known to
wheels."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TOOLS = ("apt-get", "apt-config", "dpkg-deb")

_CONFIGURATION = """
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Get::AllowUnauthenticated "false";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Debug::NoLocking "true";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources";
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}/log";
"""


@dataclass(frozen=True)
class Package:
    """A Debian package (``name:architecture``) or a wheel as it was unpacked."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Mirrors:
    """Where the host gets Debian from: URLs of the archive and of the security archive, if known."""

    archive: str
    security: str | None


def host_unsuited() -> str | None:
    """Why packages cannot be had on this host, as part of a sentence; None where they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"it is {platform.system()} on {platform.machine()}, not Linux on x86_64"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"it has no {', '.join(missing)}: it is not Debian"
    if not KEYRING.is_file():
        return f"it has not Debian's archive keys ({KEYRING})"
    return None


def mirrors() -> Mirrors:
    """The host's own Debian mirrors.

    Raises:
        UnavailableError: if its sources name none.
    """
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    form = "$(RELEASE) $(COMPONENT) $(REPO_URI)"
    listed = _run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"], {})
    rows = [line.split() for line in listed.splitlines()]
    of = {row[0]: row[2] for row in reversed(rows) if len(row) == 3 and row[1] == "main"}
    if "debian" not in of.get(codename, ""):
        raise UnavailableError(
            f"the emulated machine is made of Debian's packages, but the package sources of this "
            f"host name no Debian mirror for {codename or 'its release'!r}: run it on Debian "
            "(a container will do)."
        )
    return Mirrors(of[codename], of.get(f"{codename}-security"))


class Archive:
    """Debian's packages of one architecture.

    Args:
        folder: for apt's own files; must not exist.
        architecture: as Debian names it.
        origin: where to fetch from.
        release: Debian's name of it.

    Raises:
        UnavailableError: if the indexes cannot be fetched or are not signed by Debian.
    """

    def __init__(
        self, folder: Path, architecture: str, origin: Mirrors, release: str = RELEASE
    ) -> None:
        for part in ("sources", "state/lists/partial", "cache/archives/partial", "log"):
            (folder / part).mkdir(parents=True)
        (folder / "state" / "status").touch()
        (folder / "sources" / "debian.sources").write_text(_sources(origin, release))
        network = _run(["apt-config", "dump", "Acquire"], {})
        own = _CONFIGURATION.format(architecture=architecture, folder=folder)
        (folder / "apt.conf").write_text(network + own)
        self._folder = folder
        self._apt("update")

    def unpack(self, names: list[str], into: Path) -> list[Package]:
        """Fetch packages with everything that they depend on, and unpack them into a folder.

        Raises:
            UnavailableError: if they cannot be fetched.
        """
        self._apt("install", "--download-only", *names)
        into.mkdir(parents=True, exist_ok=True)
        packages = []
        for file in sorted((self._folder / "cache" / "archives").glob("*.deb")):
            _run(["dpkg-deb", "--extract", str(file), str(into)], {})
            name, version, architecture = file.stem.split("_")
            digest = file_digest(file)
            packages.append(Package(f"{name}:{architecture}", unquote(version), digest))
        return packages

    def _apt(self, *arguments: str) -> None:
        _run(["apt-get", "-qq", "-y", *arguments], {"APT_CONFIG": str(self._folder / "apt.conf")})


def _sources(origin: Mirrors, release: str) -> str:
    suites = [(origin.archive, f"{release} {release}-updates")]
    if origin.security:
        suites.append((origin.security, f"{release}-security"))
    return "\n".join(
        f"Types: deb\nURIs: {url}\nSuites: {names}\nComponents: main\nSigned-By: {KEYRING}\n"
        for url, names in suites
    )


def _run(command: list[str], environment: dict[str, str]) -> str:
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"} | environment,
    )
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("E: ")]
        detail = (lines or result.stderr.splitlines() or ["no message"])[0].removeprefix("E: ")
        raise UnavailableError(
            f"{command[0]} cannot get Debian's packages ({detail.strip()}); is there a network?"
        )
    return result.stdout

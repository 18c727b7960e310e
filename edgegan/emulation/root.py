"""The emulated machine on disk: what ``edgegan setup arm64`` makes, and how it is found again.

| in the folder | content |
|---|---|
| ``guest/`` | Debian's arm64 Python, and in ``guest/site`` NumPy and ONNX Runtime for it |
| ``qemu/`` | Debian's QEMU user mode for x86-64, with every library that it needs |
| ``counter.so`` | the instruction counter, if there was a C compiler |
| ``versions.json`` | what is in it: versions, and SHA-256 of every package and wheel |

Nothing in it refers to where it lies: it may be moved, or copied to another x86-64 Linux.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from edgegan.cache import default_cache_folder, file_digest
from edgegan.emulation.debian import RELEASE, Archive, Package, host_unsuited, mirrors
from edgegan.errors import EdgeganError, UnavailableError

SCHEMA = "edgegan.emulation/1"
REMEDY = "edgegan setup arm64"
_PARTIAL = ".emulation-"
_GUEST = ["python3-minimal", "libpython3-stdlib", "libstdc++6"]
_EMULATORS = ("qemu-aarch64", "qemu-x86_64")
_GLIBC_TAGS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")


@dataclass(frozen=True)
class Installed:
    """An emulated machine.

    Attributes:
        folder: where it is.
        onnxruntime, numpy, python, qemu: versions; those of the guest and of Debian's QEMU package.
        packages: everything unpacked into it.
    """

    folder: Path
    onnxruntime: str
    numpy: str
    python: str
    qemu: str
    packages: tuple[Package, ...]

    @property
    def guest(self) -> Path:
        return self.folder / "guest"

    @property
    def guest_python(self) -> Path:
        return self.guest / "usr" / "bin" / f"python{self.python}"

    @property
    def libraries(self) -> Path:
        """QEMU's shared libraries; its C library is among them, so the host's may be any."""
        return self.folder / "qemu" / "lib" / "x86_64-linux-gnu"

    @property
    def counter(self) -> Path:
        return self.folder / "counter.so"

    def emulator(self, name: str) -> Path:
        return self.folder / "qemu" / "usr" / "bin" / name

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"folder": str(self.folder), "counter": self.counter.is_file()}


def emulation_folder() -> Path:
    """``$EDGEGAN_EMULATION``, or a folder in the cache."""
    given = os.environ.get("EDGEGAN_EMULATION")
    return Path(given) if given else default_cache_folder() / "emulation"


def find_installed(folder: Path) -> Installed:
    """The machine in ``folder``.

    Raises:
        UnavailableError: if there is none, it is damaged, or it was made for another ONNX Runtime.
    """
    again = f"make it again with: {REMEDY} --again"
    try:
        data = json.loads((folder / "versions.json").read_text(encoding="utf-8"))
        packages = tuple(Package(**package) for package in data.pop("packages"))
        if data.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        found = Installed(folder, packages=packages, **data)
    except FileNotFoundError:
        raise UnavailableError(
            f"no emulated machine is set up in {folder}; make it with: {REMEDY}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnavailableError(
            f"the emulated machine in {folder} is damaged ({error}); {again}"
        ) from None
    needed = [found.emulator(name) for name in _EMULATORS]
    needed += [found.guest_python, found.guest / "site" / "onnxruntime", found.libraries]
    missing = next((path for path in needed if not path.exists()), None)
    if missing:
        raise UnavailableError(f"the emulated machine lacks {missing}; {again}")
    if found.onnxruntime != onnxruntime.__version__:
        raise UnavailableError(
            f"the emulated machine has ONNX Runtime {found.onnxruntime}, but here is "
            f"{onnxruntime.__version__}; {again}"
        )
    return found


def install(folder: Path, report: Callable[[str], None], again: bool = False) -> Installed:
    """Make the machine in ``folder``, unless a fitting one is there; about 70 MB are downloaded.

    Args:
        report: called with a line before each step.
        again: make it even if one is there, and replace that.

    Raises:
        UnavailableError: if this host cannot make one, or packages cannot be fetched.
        EdgeganError: if ``folder`` cannot be written.
    """
    try:
        if not again:
            return find_installed(folder)
    except UnavailableError:
        if (folder / "versions.json").is_file():
            raise
    unsuited = host_unsuited()
    if unsuited:
        raise UnavailableError(
            f"the emulated machine cannot be made on this host: {unsuited}; make it on Debian "
            "(a container will do) and set EDGEGAN_EMULATION to the folder."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _drop_abandoned(folder.parent)
        with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=folder.parent) as temporary:
            work = Path(temporary)
            _make(work / "work", work / "new", report)
            if folder.exists():
                folder.rename(work / "old")
            (work / "new").rename(folder)
    except OSError as error:
        raise EdgeganError(
            f"{folder} cannot be written ({error.strerror or error}); set EDGEGAN_EMULATION to a "
            "folder with 500 MB of space."
        ) from None
    return find_installed(folder)


def _drop_abandoned(parent: Path) -> None:
    """What killed installations left, if it is older than any installation takes."""
    for path in parent.glob(f"{_PARTIAL}*"):
        if time.time() - path.stat().st_mtime > 3600:
            shutil.rmtree(path, ignore_errors=True)


def _make(work: Path, root: Path, report: Callable[[str], None]) -> None:
    origin = mirrors()
    report(f"Debian {RELEASE}'s Python for arm64")
    packages = Archive(work / "arm64", "arm64", origin).unpack(_GUEST, root / "guest")
    report("QEMU's user mode")
    host = Archive(work / "amd64", "amd64", origin).unpack(["qemu-user"], root / "qemu")
    qemu = next(package.version for package in host if package.name == "qemu-user:amd64")
    _keep_what_runs(root)
    python = next((root / "guest" / "usr" / "bin").glob("python3.*")).name.removeprefix("python")
    report(f"ONNX Runtime {onnxruntime.__version__} and NumPy for arm64")
    wheels = _fetch_wheels(work / "wheels", python, root / "guest" / "site")
    report("the instruction counter")
    _compile_counter(root / "counter.so", report)
    versions = {package.name: package.version for package in wheels}
    document = {
        "schema": SCHEMA,
        "onnxruntime": versions["onnxruntime"],
        "numpy": versions["numpy"],
        "python": python,
        "qemu": qemu,
        "packages": [asdict(package) for package in (*packages, *host, *wheels)],
    }
    (root / "versions.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _keep_what_runs(root: Path) -> None:
    """Drop the emulators of other processors, and documentation (but not licences)."""
    for path in (root / "qemu" / "usr" / "bin").iterdir():
        if path.name not in _EMULATORS:
            path.unlink()
    for side in ("guest", "qemu"):
        for part in ("man", "locale", "info"):
            shutil.rmtree(root / side / "usr" / "share" / part, ignore_errors=True)


def _fetch_wheels(folder: Path, python: str, into: Path) -> list[Package]:
    """ONNX Runtime as here and NumPy, without what inference does not import; pip checks hashes."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for tag in _GLIBC_TAGS:
        command += ["--platform", f"{tag}_aarch64"]
    command += ["--dest", str(folder), f"onnxruntime=={onnxruntime.__version__}", "numpy"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "ERROR" in line]
        detail = (lines or result.stderr.splitlines() or ["no message"])[0].removeprefix("ERROR: ")
        raise UnavailableError(
            f"pip cannot fetch ONNX Runtime {onnxruntime.__version__} and NumPy for arm64 and "
            f"Python {python} ({detail.strip()})."
        )
    wheels = []
    for file in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(file) as archive:
            archive.extractall(into)
        name, version, *_ = file.stem.split("-")
        wheels.append(Package(name, version, file_digest(file)))
    return wheels


def _compile_counter(target: Path, report: Callable[[str], None]) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    source = Path(__file__).with_name("counter.c")
    if compiler:
        flags = ["-O2", "-shared", "-fPIC"]
        command = [compiler, *flags, "-o", str(target), str(source)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
    report("no C compiler works here: instructions cannot be counted, everything else works")

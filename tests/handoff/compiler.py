"""Building the C++ program, where a compiler and ONNX Runtime's headers are.

Headers: the folder in ``EDGEGAN_ORT_HEADERS``, those that are installed, or Debian 13's package
``libonnxruntime-dev``, fetched for the run. They may be older than the library: its API is versioned.
The library is the one of the Python package.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import onnxruntime
import pytest

from edgegan.emulation.debian import Archive, mirrors
from edgegan.errors import UnavailableError


@cache
def _headers() -> Path:
    for name in (os.environ.get("EDGEGAN_ORT_HEADERS", ""), "/usr/include/onnxruntime"):
        if name and (Path(name) / "onnxruntime_cxx_api.h").is_file():
            return Path(name)
    folder = Path(tempfile.mkdtemp(prefix="edgegan-headers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        archive = Archive(folder / "apt", "amd64", mirrors(), release="trixie")
        archive.unpack(["libonnxruntime-dev"], folder / "root")
    except UnavailableError as error:
        pytest.skip(f"ONNX Runtime's headers are not here, set EDGEGAN_ORT_HEADERS: {error}")
    return folder / "root" / "usr" / "include" / "onnxruntime"


def build(source: Path, program: Path) -> None:
    """Compile with all warnings as errors, or skip."""
    headers = _headers()
    libraries = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    compiler = shutil.which("g++")
    if compiler is None or not libraries:
        pytest.skip("needs g++ and the Linux package of ONNX Runtime")
    soname = program.parent / "libonnxruntime.so.1"
    if not soname.exists():
        soname.symlink_to(libraries[-1])
    result = subprocess.run(
        [
            *(compiler, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", str(source)),
            *("-isystem", str(headers), str(soname), f"-Wl,-rpath,{soname.parent}"),
            *("-o", str(program)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def run(program: Path, *arguments: str, folder: Path) -> tuple[int, str]:
    """Exit code and output."""
    result = subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, check=False, cwd=folder
    )
    return result.returncode, result.stdout + result.stderr

"""The bundle: a folder that can be shipped, and the proof that it is whole.

| file | content |
|---|---|
| ``manifest.json`` | every file with its size and SHA-256, inputs, output, targets |
| ``model.onnx`` | the quantized model; of further grids ``model.GRID.onnx`` |
| ``reference/`` | the original and the rewritten float models, for `benchmark` and `debug` |
| ``golden/`` | inputs, the engine's images and the float images, to check a port |
| ``engines/`` | engines built ahead of time for GPUs |
| ``handoff/`` | for the engineer who puts the model into an app: ``HANDOFF.md``, programs, ``.ort`` |
| ``recipe.resolved.yaml`` | how it was made |
| ``report.json``, ``report.html`` | every check with its verdict; for machines, for people |
| ``LICENSE`` | terms of the weights |
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from edgegan.cache import file_digest
from edgegan.errors import BundleError, EdgeganError, OutputExistsError, UnavailableError
from edgegan.generators.contract import ImageSpec, InputSpec
from edgegan.generators.latents import Samples
from edgegan.schema import Strict

MANIFEST = "manifest.json"
GOLDEN_SEED = 7
"""Of the golden inputs."""

_HASH = r"^[0-9a-f]{64}$"


class FileEntry(Strict):
    """A file of the bundle."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=_HASH)]


class DeviceEntry(Strict):
    """What executed a target's model when the bundle was made.

    Attributes:
        name: ``TARGET`` for the machine itself, ``TARGET@CORE`` for an emulated core.
        parity_lsb: worst difference from the exact simulation; None without integers to compare.
        samples: inputs compared.
        versions: of what executed.
        flags: of the CPU.
    """

    name: str
    parity_lsb: int | None
    samples: int
    versions: dict[str, str]
    flags: tuple[str, ...] = ()


class EngineEntry(Strict):
    """An engine that was built ahead of time.

    Attributes:
        file: path in the bundle.
        capability: compute capability of the GPUs that load it, e.g. ``sm89``.
        library: what built it, with its version.
        ran: whether it was also run.
    """

    file: str
    capability: str
    library: str
    ran: bool


class TargetEntry(Strict):
    """What a target executes, and what its parity was proven with.

    Attributes:
        name, runtime, grid: see ``edgegan.targets``.
        model: path of the QDQ model in the bundle.
        lowered: path of the rewritten float model that it was made from.
        golden: path of the golden images.
        weight_bits: fewest bits that a layer's weights have.
        weight_width: bits of the widest integers that kernels multiply with.
        int8_mac_share: MACs in int8 as a share of all; None where nothing here could tell.
        devices: what executed it; none where it was only emitted or built.
        unavailable: why nothing could execute it, or empty.
        engines: built ahead of time.
        islands: quantized tensors behind float operators, whose last bits differ between processors.
    """

    name: str
    runtime: str
    grid: str
    model: str
    lowered: str
    golden: str
    opset: int
    weight_bits: int
    weight_width: int
    int8_mac_share: float | None
    devices: tuple[DeviceEntry, ...]
    unavailable: str = ""
    engines: tuple[EngineEntry, ...] = ()
    islands: tuple[str, ...] = ()


class Manifest(Strict):
    """``manifest.json``."""

    schema_: Annotated[Literal["edgegan.bundle/2"], Field(alias="schema")]
    name: str
    edgegan: str
    license: str
    inputs: Annotated[tuple[InputSpec, ...], Field(min_length=1)]
    output: ImageSpec
    output_shape: tuple[int, ...]
    layout: Literal["NCHW"] = "NCHW"
    golden_seed: int
    recipe_sha256: Annotated[str, Field(pattern=_HASH)]
    reference: str
    golden_inputs: str
    targets: Annotated[tuple[TargetEntry, ...], Field(min_length=1)]
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk.

    Attributes:
        folder: where it lies.
        manifest: as read; paths in it have been checked to stay inside the folder.
    """

    folder: Path
    manifest: Manifest

    def path(self, name: str) -> Path:
        """Absolute path of one of the manifest's files.

        Raises:
            BundleError: if the manifest does not list it.
        """
        if name not in self.manifest.files:
            raise BundleError(f"{self.folder}: the manifest lists no file {name!r}.")
        return self.folder / name

    def golden(self, name: str) -> dict[str, Samples]:
        """Arrays of one of the golden files (``golden_inputs`` or a target's ``golden``), by name."""
        path = self.path(name)
        try:
            with np.load(path, allow_pickle=False) as data:
                return {name: data[name] for name in data.files}
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise BundleError(f"{path} cannot be read ({error}).") from None


def open_bundle(folder: Path) -> Bundle:
    """Read a bundle's manifest.

    Raises:
        BundleError: if there is none, it is damaged, or a path in it leaves the bundle.
    """
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest.model_validate(data)
    except FileNotFoundError:
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read: {error}.") from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise BundleError(f"{path}: {where}: {fault['msg']}.") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not valid JSON: {error}.") from None
    for name in manifest.files:
        _check_inside(folder, name)
    return Bundle(folder, manifest)


def first_executable(bundle: Bundle) -> TargetEntry:
    """The first target for CPUs.

    Raises:
        UnavailableError: if the bundle is for other runtimes only.
    """
    for entry in bundle.manifest.targets:
        if entry.runtime in {"ort", "openvino"}:
            return entry
    names = ", ".join(entry.name for entry in bundle.manifest.targets)
    raise UnavailableError(
        f"{bundle.folder} is for {names} only; export it for a CPU target, too, to look inside it here."
    )


def _check_inside(folder: Path, name: str) -> None:
    parts = PurePosixPath(name).parts
    bad = not parts or name.startswith("/") or "\\" in name or "\0" in name or ".." in parts
    if bad or not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{folder / MANIFEST} names {name!r}, which lies outside the bundle.")


def damaged_files(bundle: Bundle) -> list[str]:
    """One sentence for each file that is missing, changed, or not in the manifest."""
    faults = []
    for name, entry in bundle.manifest.files.items():
        path = bundle.folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif path.stat().st_size != entry.bytes:
            faults.append(f"{name} has {path.stat().st_size} bytes, not {entry.bytes}")
        elif file_digest(path) != entry.sha256:
            faults.append(f"{name} has changed: its SHA-256 differs")
    known = {*bundle.manifest.files, MANIFEST}
    for path in sorted(bundle.folder.rglob("*")):
        name = path.relative_to(bundle.folder).as_posix()
        if path.is_file() and name not in known:
            faults.append(f"{name} is not in the manifest")
    return faults


def list_files(folder: Path) -> dict[str, FileEntry]:
    """Size and SHA-256 of every file below ``folder``."""
    return {
        path.relative_to(folder).as_posix(): FileEntry(
            bytes=path.stat().st_size, sha256=file_digest(path)
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def load_golden(folder: Path) -> dict[str, Samples]:
    """Inputs and images of the stage that made them, by name."""
    arrays: dict[str, Samples] = {}
    for name in ("inputs", "outputs"):
        with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
            arrays |= {key: data[key] for key in data.files}
    return arrays


def save_golden(path: Path, arrays: Mapping[str, Samples]) -> None:
    """Write arrays as .npz (the same bytes for the same arrays)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **arrays)


def check_output(output: Path, overwrite: bool) -> None:
    """Refuse an output that is there already.

    Raises:
        OutputExistsError: without ``overwrite``; and always if it is not a bundle.
    """
    if not output.exists() and not output.is_symlink():
        return
    if not overwrite:
        raise OutputExistsError(f"{output} exists; choose another folder or give --overwrite.")
    if not (output / MANIFEST).is_file() and (not output.is_dir() or any(output.iterdir())):
        raise OutputExistsError(f"{output} is not a bundle, so --overwrite does not replace it.")


@contextmanager
def atomic_folder(output: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary folder beside ``output`` that takes its name when the block ends without error.

    Raises:
        OutputExistsError: see ``check_output``.
        EdgeganError: if the place cannot be written.
    """
    check_output(output, overwrite)
    partial = _partial_folder(output)
    try:
        yield partial
        partial.chmod(0o755)
        check_output(output, overwrite)
        if output.exists():
            old = partial.with_name(partial.name + "-old")
            os.rename(output, old)
            os.rename(partial, output)
            shutil.rmtree(old)
        else:
            os.rename(partial, output)
    except OSError as error:
        raise EdgeganError(
            f"the bundle {output} cannot be written ({error.strerror or error}); free some space or "
            "choose another output folder."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _partial_folder(output: Path) -> Path:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{output.name}.partial-", dir=output.parent))
    except OSError as error:
        raise EdgeganError(
            f"{output.parent} cannot be written ({error.strerror}); choose another output folder."
        ) from None


def text_digest(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()

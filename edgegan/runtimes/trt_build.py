"""From an ONNX model to a TensorRT engine.

A TensorRT-RTX engine is built ahead of time, on any host, for a named compute capability; TensorRT builds
for the GPU that it finds. Types are those of the model (strong typing), so a QDQ model gives an int8
engine, a float model an fp32 one, and ``edgegan.emit.half_precision`` an fp16 one.

TensorRT-RTX 1.7 was run up to the finished engine. What only a GPU can do (building for the GPU that is
there, the timing cache, TensorRT at all) never ran.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from edgegan import errors
from edgegan.errors import EdgeganError, ModelError, UnavailableError, UsageError
from edgegan.runtimes.trt_device import gpu_problem, local_gpu
from edgegan.runtimes.trt_layers import EngineLayer, execution_map
from edgegan.runtimes.trt_library import TENSORRT_RTX, Flavour, why_no_build
from edgegan.runtimes.trt_options import BuildOptions, BuiltEngine, engine_name
from edgegan.runtimes.trt_worker import ANSWER, ENGINE, REQUEST, TIMING


@dataclass(frozen=True)
class BuiltEngines:
    """Engines for several compute capabilities.

    Attributes:
        engines: those that were built.
        refused: why the others were not, by capability.
    """

    engines: tuple[BuiltEngine, ...]
    refused: dict[str, str]


def build_engines(
    model: Path, options: BuildOptions, folder: Path, flavour: Flavour = TENSORRT_RTX
) -> BuiltEngines:
    """Build one engine for each compute capability, named by ``engine_name``.

    Raises:
        UnavailableError, UsageError, EdgeganError: see ``build_engine``.
    """
    capabilities = options.capabilities or (_local_capability(flavour),)
    chosen = [replace(options, capabilities=(name,)) for name in options.capabilities] or [options]
    engines, refused = [], {}
    for capability, each in zip(capabilities, chosen, strict=True):
        try:
            output = folder / engine_name(model, capability)
            engines.append(build_engine(model, each, output, flavour))
        except ModelError as error:
            refused[capability] = str(error)
    return BuiltEngines(tuple(engines), refused)


def build_engine(
    model: Path, options: BuildOptions, output: Path, flavour: Flavour = TENSORRT_RTX
) -> BuiltEngine:
    """Build one engine and write it, whole or not at all; a file of that name is replaced.

    Args:
        model: ONNX file.
        options: with at most one compute capability.
        output: engine file; its folder is made if it is not there.

    Raises:
        ModelError: if the model cannot be read, or TensorRT refuses it.
        UnavailableError: if the library is not installed, or a GPU is needed and there is none.
        UsageError: if the options name several capabilities, or any for TensorRT.
        EdgeganError: if the engine cannot be written.
    """
    reason = why_no_build(flavour)
    if reason:
        raise UnavailableError(reason)
    named = _named_capability(options, flavour)
    capability = named or _local_capability(flavour)
    proto = _read(model)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.partial-", dir=output.parent))
        try:
            answer = _ask_worker(folder, model, named, options, flavour)
            size = (folder / ENGINE).stat().st_size
            if answer["timing_cache"]:
                _keep_timing_cache(folder / TIMING, Path(answer["timing_cache"]))
            os.replace(folder / ENGINE, output)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise EdgeganError(
            f"{output} cannot be written ({error.strerror}); free some space or choose another place."
        ) from None
    layers = tuple(_layer(each) for each in answer["layers"])
    return BuiltEngine(
        file=output,
        bytes=size,
        capability=capability,
        seconds=answer["seconds"],
        library=flavour.name,
        version=answer["version"],
        execution=execution_map(layers, proto),
    )


def _named_capability(options: BuildOptions, flavour: Flavour) -> str | None:
    names = options.capabilities
    if len(names) > 1:
        raise UsageError(f"one engine is for one compute capability, not {', '.join(names)}.")
    if names and not flavour.ahead_of_time:
        raise UsageError(
            f"{flavour.title} builds for the GPU of this machine only; leave out {names[0]}, or build "
            f"with {TENSORRT_RTX.name}."
        )
    return names[0] if names else None


def _local_capability(flavour: Flavour) -> str:
    reason = gpu_problem()
    if reason and flavour.ahead_of_time:
        raise UnavailableError(f"name a compute capability to build for: {reason}")
    return local_gpu().capability


def _read(model: Path) -> onnx.ModelProto:
    try:
        proto = onnx.load(model, load_external_data=False)
    except OSError as error:
        raise ModelError(f"{model} cannot be read: {error.strerror}.") from None
    except Exception:  # protobuf raises its own unrelated types
        proto = onnx.ModelProto()
    if not proto.graph.node:
        raise ModelError(f"{model} is not an ONNX model; export it again.")
    return proto


def _ask_worker(
    folder: Path, model: Path, capability: str | None, options: BuildOptions, flavour: Flavour
) -> dict[str, Any]:
    batch, cache = options.batch, options.timing_cache
    request = {
        "flavour": flavour.name,
        "model": str(model.resolve()),
        "name": model.name,
        "capability": capability,
        "batch": [batch.min, batch.opt, batch.max],
        "timing_cache": str(cache.resolve()) if cache else None,
    }
    (folder / REQUEST).write_text(json.dumps(request))
    command = [sys.executable, "-m", "edgegan.runtimes.trt_worker", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (folder / ANSWER).is_file():
        lines = result.stderr.strip().splitlines() or [f"it ended with {result.returncode}"]
        raise ModelError(
            f"{model.name}: {flavour.title} broke down while building: {lines[-1][:300]}."
        )
    answer: dict[str, Any] = json.loads((folder / ANSWER).read_text())
    if "error" in answer:
        raise getattr(errors, answer["error"])(answer["message"])
    return answer


def _keep_timing_cache(written: Path, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial-{os.getpid()}")
    shutil.copyfile(written, partial)
    os.replace(partial, file)


def _layer(fields: dict[str, Any]) -> EngineLayer:
    return EngineLayer(
        fields["kind"], tuple(fields["inputs"]), tuple(fields["constants"]), tuple(fields["nodes"])
    )

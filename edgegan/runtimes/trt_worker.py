"""Builds one engine, in a process of its own: ``python -m edgegan.runtimes.trt_worker FOLDER``.

A process of its own, because a refused build spoils the next one: after TensorRT-RTX 1.7 has refused a
model for Turing, the process' next engine for any GPU multiplies in float without a word. Also, what
NVIDIA's libraries print or break stays here.

Reads ``FOLDER/request.json``, writes ``FOLDER/engine`` and ``FOLDER/answer.json``.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx

from edgegan.errors import EdgeganError, ModelError
from edgegan.runtimes.trt_device import local_gpu
from edgegan.runtimes.trt_layers import EngineLayer, from_build_log, from_inspector
from edgegan.runtimes.trt_library import (
    FLAVOURS,
    Flavour,
    create_network,
    load_library,
    make_log,
)
from edgegan.runtimes.trt_refusals import UINT8_IMPORT, Refusal, sentence

REQUEST, ANSWER, ENGINE, TIMING = "request.json", "answer.json", "engine", "timing"


def _build(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Build what the request says.

    Args:
        folder: gets the engine, and the timing cache as it is afterwards.
        request: ``flavour``, ``model`` (a path), ``name`` (of the model, for people), ``capability`` (None
            is the GPU here), ``batch`` (min, opt, max), ``timing_cache`` (a folder, or None).
    """
    flavour, model = FLAVOURS[request["flavour"]], Path(request["model"])
    library = load_library(flavour)
    log = make_log(library)
    builder = library.Builder(log)
    network = create_network(library, builder)
    parser = library.OnnxParser(
        network, log
    )  # lives as long as the network, which uses its weights
    _parse(parser, log, model, request["name"], flavour)
    config = builder.create_builder_config()
    config.profiling_verbosity = library.ProfilingVerbosity.DETAILED
    _set_profile(builder, network, config, request)
    if flavour.ahead_of_time:
        chosen = (request["capability"] or "current").upper()
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(library.ComputeCapability, chosen), 0)
    cache = _timing_cache(request, library)
    if cache:
        known = cache.read_bytes() if cache.is_file() else b""
        config.set_timing_cache(config.create_timing_cache(known), ignore_mismatch=False)
    start = time.perf_counter()
    plan = builder.build_serialized_network(network, config)
    seconds = time.perf_counter() - start
    if plan is None:
        errors = [text for severity, text in log.messages if severity == "ERROR"]
        refusal = Refusal(errors[-1] if errors else "")
        raise ModelError(sentence(request["name"], flavour.title, refusal))
    data = bytes(plan)
    (folder / ENGINE).write_bytes(data)
    if cache:
        (folder / TIMING).write_bytes(bytes(config.get_timing_cache().serialize()))
    layers = from_build_log(log.messages) if flavour.ahead_of_time else _inspect(library, log, data)
    return {
        "seconds": seconds,
        "version": library.__version__,
        "timing_cache": str(cache) if cache else None,
        "layers": [asdict(layer) for layer in layers],
    }


def _parse(parser: Any, log: Any, model: Path, name: str, flavour: Flavour) -> None:
    refusal = None
    if not parser.parse(model.read_bytes(), str(model)):
        error = parser.get_error(0)
        refusal = Refusal(error.desc(), error.node_name(), error.node_operator())
    elif any(UINT8_IMPORT in text for _, text in log.messages):
        refusal = Refusal(UINT8_IMPORT, _first_uint8(model), "QuantizeLinear")
    if refusal:
        raise ModelError(sentence(name, flavour.title, refusal))


def _first_uint8(model: Path) -> str:
    """Name of the first quantizer whose zero point is uint8; the parser's warning names none."""
    graph = onnx.load(model, load_external_data=False).graph
    uint8 = {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.UINT8}
    nodes = (n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[-1] in uint8)
    return next((node.name for node in nodes), "")


def _set_profile(builder: Any, network: Any, config: Any, request: dict[str, Any]) -> None:
    profile = None
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        first, *rest = tuple(tensor.shape)
        if -1 in rest:
            raise ModelError(
                f"{request['name']}: input {tensor.name} has dynamic axes besides the batch; export it "
                "with a fixed size."
            )
        if first == -1:
            profile = profile or builder.create_optimization_profile()
            profile.set_shape(tensor.name, *[(size, *rest) for size in request["batch"]])
    if profile:
        config.add_optimization_profile(profile)


def _timing_cache(request: dict[str, Any], library: Any) -> Path | None:
    """Its file: kernel times hold for one library version on one kind of GPU."""
    if request["timing_cache"] is None:
        return None
    device = re.sub(r"[^A-Za-z0-9]+", "-", local_gpu().name)
    return Path(request["timing_cache"]) / f"tensorrt-{library.__version__}-{device}.timing"


def _inspect(library: Any, log: Any, plan: bytes) -> tuple[EngineLayer, ...]:
    runtime = library.Runtime(log)
    engine = runtime.deserialize_cuda_engine(plan)
    inspector = engine.create_engine_inspector()
    return from_inspector(inspector.get_engine_information(library.LayerInformationFormat.JSON))


def _main(folder: Path) -> None:
    request = json.loads((folder / REQUEST).read_text())
    try:
        answer = _build(folder, request)
    except EdgeganError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    (folder / ANSWER).write_text(json.dumps(answer))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

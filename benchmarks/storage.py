"""What weights of 8, 4 and 2 bits cost on disk, at load and at run time.

    python -m benchmarks.storage

Each file is compared with the same integers stored in 8 bits: same images, and latency in turns in one
process. Load times are of fresh processes.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from benchmarks.models import random_weights, shipped
from benchmarks.results_file import write_result
from edgegan.latency.confidence import MEDIAN_SAMPLES, ratio_estimate
from edgegan.latency.measure import Effort, measure
from edgegan.latency.memory import footprint
from edgegan.runtimes.base import first_output
from edgegan.runtimes.ort import OrtRuntime
from edgegan.stages import calibrate_ranges, capture_float, emit_quantized
from edgegan.workbench import Workbench

COMMAND = "python -m benchmarks.storage"
MODELS = ("fashion-dcgan", "dcgan-64", "upsample-convolution-64-narrow")
SCHEMES = ((8, "phases"), (4, "phases"), (4, "kernel"), (2, "phases"), (2, "kernel"))
_NARROW = (TensorProto.INT4, TensorProto.INT2)


def widened(path: Path, target: Path) -> None:
    """The same model with its narrow integers stored as INT8."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type in _NARROW:
            integers = numpy_helper.to_array(tensor).astype(np.int8)
            tensor.CopyFrom(numpy_helper.from_array(integers, tensor.name))
    for value in model.graph.value_info:
        if value.type.tensor_type.elem_type in _NARROW:
            value.type.tensor_type.elem_type = TensorProto.INT8
    onnx.save(model, target)


def bench_of(name: str, bits: int, site: str, folder: Path) -> Workbench:
    quantization = (f"quantization.weight_bits={bits}", f"quantization.weight_site={site}")
    if name == MODELS[0]:
        return shipped("fashion-dcgan-w8a8", *quantization)
    return random_weights(name, folder, *quantization)


def row(name: str, bits: int, site: str, folder: Path) -> dict[str, Any]:
    bench = bench_of(name, bits, site, folder)
    capture_float(bench, folder)
    calibrate_ranges(bench, folder, lambda done, total: None)
    emit_quantized(bench, folder, {"calibrated": folder})
    stored, wide = folder / "model.onnx", folder / "wide.onnx"
    widened(stored, wide)
    runtime, feed = OrtRuntime(), bench.feed(16, 1)
    engines = {key: runtime.load(path) for key, path in (("stored", stored), ("wide", wide))}
    images = [first_output(engine.run(feed)) for engine in engines.values()]
    one = {key: value[:1] for key, value in feed.items()}
    timings = measure({key: partial(e.run, one) for key, e in engines.items()}, Effort(seconds=2.0))
    ratio = ratio_estimate(timings["wide"], timings["stored"])
    inputs = bench.resolved.generator.inputs
    loads = [footprint(path, "ort-x86", inputs, 1, 1, MEDIAN_SAMPLES) for path in (stored, wide)]
    size, original = stored.stat().st_size, (folder / "float.onnx").stat().st_size
    return {
        "model": name,
        "bits": bits,
        "site": site,
        "bytes": size,
        "size_ratio": size / original,
        "same_images": bool(np.array_equal(*images)),
        "latency_of_int8_stored": f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})",
        "load_ms": median(loads[0].load_ms),
        "load_ms_int8_stored": median(loads[1].load_ms),
        "kernels": ", ".join(
            f"{count} {kernel}"
            for kernel, count in runtime.execution_map(stored).kernels.items()
            if kernel.startswith(("Q", "Conv", "Gemm", "MatMul")) and "antizeLinear" not in kernel
        ),
    }


def main() -> None:
    table = []
    for name in MODELS:
        for bits, site in SCHEMES:
            with tempfile.TemporaryDirectory() as folder:
                table.append(row(name, bits, site, Path(folder)))
    note = (
        "One thread, batch 1. `latency` is the median of the file with the same integers stored in 8 bits "
        "over that of this file, in turns: 1 is equal. Load times are medians of six fresh processes. "
        "`kernel` stores the original kernel of layers whose phases would be larger. DCGAN-64 and the "
        "upsample-convolution generator have random weights."
    )
    columns = {
        "model": "model", "bits": "bits", "site": "weight site", "bytes": "bytes",
        "size_ratio": "of fp32", "same_images": "same images", "latency_of_int8_stored": "latency",
        "load_ms": "load ms", "load_ms_int8_stored": "load ms as int8", "kernels": "kernels",
    }  # fmt: skip
    write_result("storage", COMMAND, table, columns, note)


if __name__ == "__main__":
    main()

"""Ours against ONNX Runtime's own static quantization, and both against float.

    python -m benchmarks.stock

All engines of a row take turns in one process; ratios are of medians, with 95 % intervals.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime.quantization as ortq
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.models import random_weights, shipped
from benchmarks.results_file import write_result
from edgegan.latency.confidence import ratio_estimate
from edgegan.latency.measure import Effort, measure
from edgegan.runtimes.ort import OrtRuntime
from edgegan.stages import calibrate_ranges, capture_float, emit_quantized, lower_float
from edgegan.workbench import Workbench

COMMAND = "python -m benchmarks.stock"
MODELS = ("fashion-dcgan (32x32)", "dcgan-64", "upsample-convolution-64-narrow")
CALIBRATION_IMAGES = 100


class _Latents(ortq.CalibrationDataReader):
    def __init__(self, bench: Workbench, images: int) -> None:
        feed = bench.feed(images, 0)
        self.batches: Iterator[dict[str, Any]] = iter(
            [{k: v[i : i + 1] for k, v in feed.items()} for i in range(images)]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self.batches, None)


def quantize_static(
    bench: Workbench, source: Path, target: Path, images: int = CALIBRATION_IMAGES
) -> None:
    """What its documentation recommends for x86: pre-processed, QDQ, u8 activations, s8 weights."""
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared.onnx"
        pre_process(source, prepared)
        ortq.quantize_static(
            str(prepared),
            str(target),
            _Latents(bench, images),
            quant_format=ortq.QuantFormat.QDQ,
            activation_type=ortq.QuantType.QUInt8,
            weight_type=ortq.QuantType.QInt8,
            per_channel=True,
            calibration_providers=["CPUExecutionProvider"],
        )


def pre_process(source: Path, target: Path) -> None:
    """ONNX Runtime's preparation for quantization; without symbolic shapes where they cannot be inferred.

    A failed inference leaves the model and its weights in the current folder, so that is a temporary one.
    """
    prepare = partial(quant_pre_process, str(source.absolute()), str(target.absolute()))
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        try:
            prepare()
        except Exception as error:  # it raises bare ones
            if "symbolic shape inference" not in str(error):
                raise
            prepare(skip_symbolic_shape=True)


def engines(name: str, folder: Path) -> tuple[Workbench, dict[str, Path]]:
    """Model files by runtime name."""
    if name == MODELS[0]:
        bench = shipped("fashion-dcgan-w8a8", f"calibration.samples={CALIBRATION_IMAGES}")
    else:
        bench = random_weights(name, folder)
    capture_float(bench, folder)
    lower_float(bench, folder)
    calibrate_ranges(bench, folder, lambda done, total: None)
    emit_quantized(bench, folder, {"calibrated": folder})
    quantize_static(bench, folder / "float.onnx", folder / "stock.onnx")
    files = {
        "ort-float": "float.onnx",
        "ort-quantize-static": "stock.onnx",
        "edgegan-float": "lowered.onnx",
        "edgegan-int8": "model.onnx",
    }
    return bench, {key: folder / file for key, file in files.items()}


def rows(name: str, folder: Path) -> Iterator[dict[str, Any]]:
    bench, models = engines(name, folder)
    runtime = OrtRuntime()
    maps = {key: runtime.execution_map(path) for key, path in models.items()}
    for threads in (1, 2):
        feed = bench.feed(1, 0)
        calls = {}
        for key, path in models.items():
            engine = runtime.load(path, threads)
            calls[key] = partial(engine.run, feed)
        timings = measure(calls, Effort(seconds=3.0))
        for key, timing in timings.items():
            ratio = ratio_estimate(timings["ort-float"], timing)
            yield {
                "model": name,
                "threads": threads,
                "batch": 1,
                "runtime": key,
                "p50_ms": timing.percentile(50),
                "ratio": ratio.value,
                "ratio_low": ratio.low,
                "ratio_high": ratio.high,
                "int8_mac_share": maps[key].mac_share,
                "bytes": models[key].stat().st_size,
            }


def main() -> None:
    result = []
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            result += list(rows(name, Path(folder)))
    columns = {
        "model": "model", "threads": "threads", "runtime": "runtime", "p50_ms": "p50 ms",
        "ratio": "x ORT float", "ratio_low": "low", "ratio_high": "high",
        "int8_mac_share": "int8 MACs", "bytes": "bytes",
    }  # fmt: skip
    note = (
        "Batch 1. The ratio is the median of `ort-float` (the original graph) over the row's median, "
        "with its 95 % interval; engines take turns in one process. `edgegan-float` is the rewritten "
        "graph without quantization. Weights are int8 per channel, activations uint8, min-max ranges "
        f"of {CALIBRATION_IMAGES} images in both tools."
    )
    write_result("stock", COMMAND, result, columns, note)


if __name__ == "__main__":
    main()

"""The quantile sweep of Andreev et al. 2021, section 4.1 and figure 1, on `fashion-dcgan`.

    python -m benchmarks.quantiles

Four pairs of quantiles for activations times the same four for weights, at w8a8 and w4a8; qFID and
FID are measured on the exported engine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.models import shipped
from benchmarks.results_file import write_result
from edgegan.cache import StageCache, file_digest
from edgegan.evaluation.engines import Compared, measure_engines
from edgegan.evaluation.networks import find_network
from edgegan.runtimes.ort import OrtRuntime
from edgegan.stages import calibrate_ranges, capture_float, emit_quantized

COMMAND = "python -m benchmarks.quantiles"
PAIRS = ((0.0, 1.0), (0.0001, 0.9999), (0.001, 0.999), (0.01, 0.99))
SAMPLES, SEED = 10_000, 1


def row(
    bits: int, activations: tuple[float, float], weights: tuple[float, float]
) -> dict[str, Any]:
    bench = shipped(
        f"fashion-dcgan-w{bits}a8",
        f"calibration.activation_quantiles={list(activations)}",
        f"calibration.weight_quantiles={list(weights)}",
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        capture_float(bench, folder)
        calibrate_ranges(bench, folder, lambda done, total: None)
        emit_quantized(bench, folder, {"calibrated": folder})
        model, original = folder / "model.onnx", folder / "float.onnx"
        compared = Compared(
            OrtRuntime().load(model),
            OrtRuntime().load(original),
            (file_digest(model), file_digest(original)),
            bench.feed(SAMPLES, SEED),
            (-1.0, 1.0),
            "ONNX Runtime",
        )
        network = find_network("fashion-features", folder)
        scores = measure_engines(compared, network, StageCache(folder / "cache"), seed=SEED)
        numbers = {score.name: score.numbers[score.name] for score in scores}
    return {
        "bits": f"w{bits}a8",
        "activations": f"{activations[1]:g}/{activations[0]:g}",
        "weights": f"{weights[1]:g}/{weights[0]:g}",
        "qfid": numbers["qfid"].value,
        "fid_quantized": numbers["fid"].value,
        "fid_float": numbers["fid"].original,
    }


def main() -> None:
    rows = []
    for bits in (8, 4):
        for activations in PAIRS:
            for weights in PAIRS:
                rows.append(row(bits, activations, weights))
                print(rows[-1], flush=True)
    columns = {
        "bits": "bits", "activations": "activation quantiles", "weights": "weight quantiles",
        "qfid": "qFID", "fid_quantized": "FID", "fid_float": "FID of float",
    }  # fmt: skip
    note = (
        f"`fashion-dcgan`, per-channel weights, 500 calibration images one by one, momentum 0.99. "
        f"qFID and FID on the features of `fashion-features` (not Inception), {SAMPLES} samples, seed "
        f"{SEED}, measured on ONNX Runtime; FID against the statistics of the 60,000 train images."
    )
    write_result("quantiles", COMMAND, rows, columns, note)


if __name__ == "__main__":
    main()

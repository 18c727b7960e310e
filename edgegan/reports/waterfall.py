"""What compression and quantization leave of a generator: parameters, MACs, bytes, quality, time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import onnx

from edgegan.checks.speed import COMPRESSED, FLOAT, LOWERED, QUANTIZED
from edgegan.evaluation.score import score_of
from edgegan.results import TargetResults
from edgegan.runtimes.macs import count_macs


def compression_of(result: TargetResults) -> dict[str, Any] | None:
    """How the generator was compressed, with a row for each model on the way; None where it was not."""
    variant = result.variant
    if COMPRESSED not in variant.folders:
        return None
    models = variant.models()
    titles = {"original": FLOAT, COMPRESSED: COMPRESSED, LOWERED: LOWERED, QUANTIZED: QUANTIZED}
    quality = _quality(variant.read("quality"))
    rows = [
        {"model": title}
        | count(models[name])
        | quality.get(name, {"fid": None, "qfid": None})
        | {"p50_ms": _latencies(result, name)}
        for title, name in titles.items()
    ]
    return variant.read(COMPRESSED) | {"waterfall": rows}


def count(path: Path) -> dict[str, int]:
    """Of an ONNX file: numbers that it stores, MACs of one sample, bytes.

    A rewritten layer stores the numbers of all its phases.
    """
    model = onnx.load(path)
    return {
        "parameters": sum(math.prod(tensor.dims) for tensor in model.graph.initializer),
        "macs": sum(macs for _, macs in count_macs(model).values()),
        "bytes": path.stat().st_size,
    }


def _quality(quality: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """FID and qFID by model; of the rewritten one they are the compressed one's."""
    made = {QUANTIZED: quality["scores"], COMPRESSED: quality["compressed"]}
    numbers = {
        name: {
            number: found
            for score in map(score_of, scores)
            for number, found in score.numbers.items()
        }
        for name, scores in made.items()
    }
    found: dict[str, dict[str, float | None]] = {
        name: {key: of[key].value if key in of else None for key in ("fid", "qfid")}
        for name, of in numbers.items()
    }
    fid = numbers[QUANTIZED].get("fid")
    found[FLOAT] = {"fid": None if fid is None else fid.original, "qfid": None}
    return found


def _latencies(result: TargetResults, name: str) -> dict[str, float]:
    """p50 in milliseconds, one sample and thread, by device."""
    found = {device.label: result.read("latency", device) for device in result.devices}
    return {
        label: latency["timings"][name]["p50_ms"] for label, latency in found.items() if latency
    }

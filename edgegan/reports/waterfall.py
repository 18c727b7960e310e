"""What compression and quantization leave of a generator: parameters, multiply-accumulates, bytes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import onnx

from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED
from edgegan.results import VariantResults
from edgegan.runtimes.macs import count_macs

COMPRESSED = "compressed"


def compression_of(variant: VariantResults) -> dict[str, Any] | None:
    """How the generator was compressed, with a row for each model on the way; None where it was not."""
    if COMPRESSED not in variant.folders:
        return None
    models = variant.models()
    steps = {
        "original": models[FLOAT],
        COMPRESSED: variant.folders[COMPRESSED] / "compressed.onnx",
        LOWERED: models[LOWERED],
        QUANTIZED: models[QUANTIZED],
    }
    rows = [{"model": name} | count(path) for name, path in steps.items()]
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

"""How much of a model the phones' accelerators would take, as ONNX Runtime's own checker counts.

The checker is ``onnxruntime.tools.check_onnx_model_mobile_usability``; its counts are read here,
its log is not parsed.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnx


@dataclass(frozen=True)
class Partitioning:
    """What one execution provider would take if the batch size were fixed.

    Attributes:
        provider: ``NNAPI`` or ``CoreML``.
        partitions: connected pieces; each border costs a copy.
        nodes: that it takes.
        total: nodes of the graph.
    """

    provider: str
    partitions: int
    nodes: int
    total: int


def partitionings(model: Path) -> tuple[Partitioning, ...]:
    """Count for both providers; nothing where this ONNX Runtime comes without the checker."""
    try:
        from onnxruntime.tools.mobile_helpers.usability_checker import (
            check_coreml_partitions,
            check_nnapi_partitions,
        )
        from onnxruntime.tools.onnx_model_utils import optimize_model
    except ImportError:
        return ()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "basic.onnx"
        optimize_model(model, path)
        graph = onnx.shape_inference.infer_shapes(onnx.load(path))
    counts = {
        "NNAPI": check_nnapi_partitions(graph, False),
        "CoreML": check_coreml_partitions(graph, False, "coreml_supported_mlprogram_ops.md"),
    }
    return tuple(
        Partitioning(name, count.num_partitions, count.num_supported_nodes, count.num_nodes)
        for name, count in counts.items()
    )

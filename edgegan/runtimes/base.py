"""The protocol of a runtime, and what one tells about a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

CONVEYS = frozenset(
    {
        "Transpose",
        "Reshape",
        "Squeeze",
        "Unsqueeze",
        "Identity",
        "QuantizeLinear",
        "DequantizeLinear",
        "Subgraph",
    }
)
"""Operators that carry tensors to others. What computes (``QLinearAdd`` or ``Add``) is not here, but for
OpenVINO's ``Subgraph``: code between kernels, some of it for conversions."""

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class LayerExecution:
    """How one layer of the model really runs.

    Attributes:
        layer: name of the model's node, ``<module path>/<operator>``.
        operator: as in the model file.
        kernel: as in the optimized graph, e.g. ``QLinearConv``.
        precision: ``int8`` or ``float``.
        macs: multiply-accumulates for one sample.
    """

    layer: str
    operator: str
    kernel: str
    precision: str
    macs: int


@dataclass(frozen=True)
class ExecutionMap:
    """What a runtime made of a model.

    Attributes:
        layers: those with multiplications, in order.
        kernels: every operator of the optimized graph and how often it occurs.
        islands: those that compute in float, and how often; empty where the runtime does not tell.
        fused: quantized tensors that exist within a kernel alone, so that nothing can read them.
        overwritten: quantized tensors that a kernel overwrites with its result.
        unrounded: those of ``fused`` that the kernel limits to their range, but does not round.
        taps_values: whether the others are to be read as values: further readers of their integers
            would get other kernels made.
    """

    layers: tuple[LayerExecution, ...]
    kernels: dict[str, int]
    islands: dict[str, int] = field(default_factory=dict)
    fused: frozenset[str] = frozenset()
    overwritten: frozenset[str] = frozenset()
    unrounded: frozenset[str] = frozenset()
    taps_values: bool = False

    @property
    def mac_share(self) -> float:
        """MACs in int8 as a share of all; 0 for a model without any."""
        total = sum(layer.macs for layer in self.layers)
        int8 = sum(layer.macs for layer in self.layers if layer.precision == "int8")
        return int8 / total if total else 0.0

    def computation(self) -> tuple[tuple[LayerExecution, ...], dict[str, int]]:
        """The map without operators that only convey data: what decides the numbers."""
        kernels = {k: n for k, n in self.kernels.items() if k not in CONVEYS}
        return self.layers, kernels

    def as_json(self) -> dict[str, Any]:
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "kernels": self.kernels,
            "islands": self.islands,
            "int8_mac_share": self.mac_share,
        }


class Engine(Protocol):
    """A loaded model."""

    def run(self, inputs: Tensors, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Execute once; all outputs unless named."""
        ...


class Runtime(Protocol):
    """Loads and explains models."""

    name: str

    def load(self, model: Path | bytes, threads: int = 1) -> Engine:
        """Make an engine with all optimizations, as deployed.

        Raises:
            BundleError: if the runtime refuses the model.
        """
        ...

    def execution_map(self, model: Path | bytes) -> ExecutionMap:
        """How the model's layers run here."""
        ...

    def versions(self) -> dict[str, str]:
        """Versions of what executes."""
        ...


def first_output(outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The image: generators put it first."""
    return np.asarray(next(iter(outputs.values())), np.float32)

"""Quantizers on a graph whose layers are all alike."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx

from edgegan.quantization.layers import weights_of_layers
from edgegan.quantization.placement import Placed, place
from edgegan.quantization.weights import Weights
from edgegan.targets import Grid


def place_alike(
    graph: fx.GraphModule,
    grid: Grid,
    weight_bits: int,
    per_channel: bool,
    quantizer: str = "quantile",
    keep_float: Sequence[str] = (),
) -> Placed:
    """Insert quantizers into ``graph``, in place, for weights of one kind."""
    weights = weights_of_layers(graph, Weights(weight_bits, quantizer), (), keep_float)
    return place(graph, grid, weights, per_channel)

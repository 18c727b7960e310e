"""The exact simulation as an engine, for grids that no runtime on this machine executes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from edgegan.runtimes.base import Tensors
from edgegan.simulation.exact import simulate
from edgegan.simulation.processors import Arithmetic


class SimulatedEngine:
    """Runs a quantized graph by integer arithmetic.

    Args:
        graph: with its scales and zero points set.
        output: name of the image.
        arithmetic: of the runtime that it stands for.
    """

    def __init__(self, graph: fx.GraphModule, output: str, arithmetic: Arithmetic) -> None:
        self._graph = graph
        self._output = output
        self._arithmetic = arithmetic

    def run(self, inputs: Tensors, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        tensors = tuple(torch.from_numpy(np.asarray(value)) for value in inputs.values())
        leaves, _ = torch.utils._pytree.tree_flatten(
            simulate(self._graph, tensors, self._arithmetic).output
        )
        return {self._output: leaves[0].numpy()}

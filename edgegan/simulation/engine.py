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
from edgegan.simulation.portions import portion_after
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
        tensors = [torch.from_numpy(np.asarray(value)) for value in inputs.values()]
        images, start, portion = [], 0, 1
        while start < len(tensors[0]):
            part = tuple(value[start : start + portion] for value in tensors)
            found = simulate(self._graph, part, self._arithmetic)
            leaves, _ = torch.utils._pytree.tree_flatten(found.output)
            images.append(leaves[0].numpy())
            start += portion
            portion = portion_after(found, len(part[0]))
        return {self._output: np.concatenate(images)}

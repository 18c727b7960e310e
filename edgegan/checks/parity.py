"""Parity: the engine computes, bit for bit, what the exact simulation says.

Every quantized tensor is compared. The engine is tapped for that: a copy of the model whose quantized
tensors are outputs too. A tap could change what the runtime fuses, so the tapped engine must run the
shipped engine's kernels (only transposes towards the taps may come on top) and give a bit-equal
image, or the check fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import fx

from edgegan.metrics.psnr import psnr_of_error
from edgegan.quantization.placement import quantized_nodes
from edgegan.runtimes.base import Runtime, first_output
from edgegan.simulation.exact import simulate

_BATCH = 32


@dataclass(frozen=True)
class Parity:
    """How far engine and simulation are apart.

    Attributes:
        samples: latents compared.
        tensors: worst difference of each quantized tensor, in steps of its grid (LSB).
        tapped_as_shipped: whether the tapped engine runs the same kernels and gives the same image.
        psnr_db: of the engine's images against the float model's, over the value range; infinite
            when equal.
    """

    samples: int
    tensors: dict[str, int]
    tapped_as_shipped: bool
    psnr_db: float

    @property
    def max_lsb(self) -> int:
        return max(self.tensors.values(), default=0)

    @property
    def first_difference(self) -> str | None:
        """The first tensor, in graph order, where they part."""
        return next((name for name, lsb in self.tensors.items() if lsb), None)


def measure_parity(
    model: Path,
    reference: Path,
    graph: fx.GraphModule,
    inputs: dict[str, NDArray[np.float32]],
    value_range: tuple[float, float],
    runtime: Runtime,
    report: Callable[[int], None] = lambda samples: None,
) -> Parity:
    """Compare engine, simulation and float model on the same inputs.

    Args:
        model: the emitted model; its quantized tensors are named as the graph's quantizer nodes.
        reference: the original float model.
        graph: the quantized graph that ``model`` was emitted from.
        inputs: float32 ``[N, ...]`` by input name, in the graph's order.
        value_range: of the images.
        runtime: executes ``model`` and ``reference``.
        report: called with the number of samples done.
    """
    tapped, names = _tap(model, quantized_nodes(graph))
    shipped_engine, tapped_engine = runtime.load(model), runtime.load(tapped)
    float_engine = runtime.load(reference)
    maps = [runtime.execution_map(m).computation() for m in (model, tapped)]
    same = maps[0] == maps[1]
    worst = dict.fromkeys(names, 0)
    squares, pixels = 0.0, 0
    count = len(next(iter(inputs.values())))
    for start in range(0, count, _BATCH):
        batch = {name: value[start : start + _BATCH] for name, value in inputs.items()}
        integers = simulate(graph, tuple(torch.from_numpy(v) for v in batch.values()))[1]
        outputs = tapped_engine.run(batch)
        image = first_output(shipped_engine.run(batch))
        same = same and np.array_equal(image, first_output(outputs))
        for name in names:
            expected = integers[name].numpy()
            difference = np.abs(outputs[name].astype(np.int64) - expected.astype(np.int64))
            worst[name] = max(worst[name], int(difference.max(initial=0)))
        original = first_output(float_engine.run(batch))
        squares += float(np.square(image.astype(np.float64) - original).sum())
        pixels += image.size
        report(min(start + _BATCH, count))
    return Parity(count, worst, same, psnr_of_error(squares / pixels, value_range))


def _tap(model: Path, names: list[str]) -> tuple[bytes, list[str]]:
    """The model with its quantized activations as further outputs, and which of ``names`` it has."""
    proto = onnx.load(model)
    kinds = {value.name: value.data_type for value in proto.graph.initializer}
    present = []
    for node in proto.graph.node:
        if node.op_type == "QuantizeLinear" and node.output[0] in names:
            name = node.output[0]
            present.append(name)
            kind = kinds[node.input[2]]
            proto.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    return proto.SerializeToString(), present

"""An engine whose quantized tensors can be read: what it computes is what the shipped one computes.

A tap could change what the runtime fuses, so the tapped engine must run the shipped engine's kernels (only
transposes towards the taps may come on top) and give a bit-equal image.

A tensor that a kernel overwrites with its result is read from a copy of the model of its own: there, that
kernel is another one, but all in front of the tensor must be bit-equal to the shipped engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.checks.taps import tap
from edgegan.runtimes.base import Runtime, Tensors, first_output


class TappedEngine:
    """A model on a runtime.

    Args:
        model: an ONNX file.
        names: of its quantized tensors, in graph order.
        runtime: executes it.

    Attributes:
        execution: how the shipped engine runs.
        names: of the tensors that can be read.
        as_shipped: whether all that was run until now is what the shipped engine runs.
    """

    def __init__(self, model: Path, names: Sequence[str], runtime: Runtime) -> None:
        self.execution = execution = runtime.execution_map(model)
        hidden = execution.fused | execution.overwritten
        tapped, self._taps = tap(model, {*names} - hidden, execution.taps_values)
        self._shipped, self._tapped = runtime.load(model), runtime.load(tapped)
        self.as_shipped = execution.computation() == runtime.execution_map(tapped).computation()
        self._copies = {}
        for index, name in enumerate(names):
            if name in execution.overwritten:
                front = {n for n in names[:index] if n in self._taps}
                copy, taps = tap(model, {name} | front, execution.taps_values)
                self._copies[name] = (runtime.load(copy), taps)
        self.names = [name for name in names if name in {*self._taps, *self._copies}]

    def read(self, inputs: Tensors) -> dict[str, NDArray[np.float64]]:
        """The integers of every readable tensor, in graph order."""
        outputs = self._tapped.run(inputs)
        image = first_output(self._shipped.run(inputs))
        self.as_shipped = self.as_shipped and np.array_equal(image, first_output(outputs))
        found = {name: one.integers(outputs) for name, one in self._taps.items()}
        for name, (engine, taps) in self._copies.items():
            copied: dict[str, NDArray[Any]] = engine.run(inputs)
            values = {key: one.integers(copied) for key, one in taps.items()}
            found[name] = values.pop(name)
            front = all(np.array_equal(value, found[key]) for key, value in values.items())
            self.as_shipped = self.as_shipped and front
        return {name: found[name] for name in self.names}

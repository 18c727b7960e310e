"""What a tapped engine reads, and that it knows when it is not the shipped one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from torch import nn

from edgegan.checks.tapped_engine import TappedEngine
from edgegan.quantization.placement import quantized_nodes
from edgegan.runtimes.base import ExecutionMap, Tensors
from edgegan.runtimes.ort import OrtEngine, OrtRuntime
from tests.emitted import Emitted, emitted


class Overwriting(OrtRuntime):
    """As if a kernel overwrote one tensor; models where it is read may compute others wrongly."""

    def __init__(self, hidden: str, error: int) -> None:
        self.hidden, self.error = hidden, error

    def execution_map(self, model: Path | bytes) -> ExecutionMap:
        return replace(super().execution_map(model), overwritten=frozenset({self.hidden}))

    def load(self, model: Path | bytes, threads: int = 1) -> OrtEngine:
        engine = super().load(model, threads)
        if isinstance(model, bytes):
            names = [value.name for value in onnx.load_from_string(model).graph.output]
            if self.hidden in names and self.error:
                front = next(name for name in names[1:] if name != self.hidden)
                return Wrong(engine, front)  # type: ignore[return-value]
        return engine


class Wrong:
    def __init__(self, engine: OrtEngine, tensor: str) -> None:
        self.engine, self.tensor = engine, tensor

    def run(self, inputs: Tensors, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        found = self.engine.run(inputs, outputs)
        return found | {self.tensor: found[self.tensor] + 1}


@pytest.fixture(scope="module")
def small() -> Emitted:
    layers = (nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 3, 1))
    return emitted(nn.Sequential(*layers), (4, 8, 8))


@pytest.mark.parametrize("error", [0, 1])
def test_what_is_overwritten_is_read_from_a_copy(
    small: Emitted, tmp_path: Path, error: int
) -> None:
    path, names = tmp_path / "model.onnx", quantized_nodes(small.placed.graph)
    path.write_bytes(small.onnx)
    inputs, hidden = small.inputs(4), names[1]
    plain = TappedEngine(path, names, OrtRuntime())
    expected = plain.read(inputs)
    assert plain.as_shipped
    assert list(expected) == names
    tapped = TappedEngine(path, names, Overwriting(hidden, error))
    found = tapped.read(inputs)
    assert list(found) == names
    np.testing.assert_array_equal(found[hidden], expected[hidden])
    assert tapped.as_shipped is (error == 0)

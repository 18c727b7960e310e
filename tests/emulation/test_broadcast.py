"""Sums and products of tensors of different shapes on emulated cores: styles, noise, constants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgegan.emulation.cores import CORES
from edgegan.emulation.machine import EmulatedRuntime
from edgegan.simulation import neon
from edgegan.simulation.arithmetic import Binary, requantize_binary
from tests.emulation.models import Builder
from tests.emulation.test_formulas import SETS, scale_sets, tensor
from tests.simulation.test_broadcast import SHAPES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["cortex-a53", "cortex-a76", "i8mm", "x86-avx2"])
@pytest.mark.parametrize("operator", ["Add", "Mul"])
def test_broadcast(machine: Path, name: str, operator: str) -> None:
    """Every set of scales meets one of the shapes, as first or as second operand."""
    add = requantize_binary if name == "x86-avx2" else neon.requantize_add
    formula = add if operator == "Add" else requantize_binary
    random = np.random.default_rng(11)
    kinds = list(SHAPES.values())
    arrays = {"x": random.integers(0, 256, (2, 5, 12, 11)).astype(np.uint8)}
    builder = Builder()
    builder.input("x", (2, 5, 12, 11))
    for index, shape in enumerate(kinds):
        arrays[f"i{index}"] = random.integers(0, 256, shape).astype(np.uint8)
        if shape[0] == 2:
            builder.input(f"i{index}", shape)
    constants = {i: builder.constant(arrays[f"i{i}"]) for i, s in enumerate(kinds) if s[0] == 1}
    expected = {}
    for index, (scales, zeros) in enumerate(scale_sets(7, False)):
        kind, swapped = index % len(kinds), index % 4 >= 2
        names, values = ["x", constants.get(kind, f"i{kind}")], [arrays["x"], arrays[f"i{kind}"]]
        if swapped:
            names.reverse()
            values.reverse()
        operands = [builder.activation(names[i], scales[i], zeros[i]) for i in range(2)]
        output = builder.output(builder.node(operator, *operands), scales[2], zeros[2])
        a, b = (tensor(values[i], scales[i], zeros[i]) for i in range(2))
        grid = tensor(arrays["x"], scales[2], zeros[2])
        binary = Binary(operator.lower(), a, b)
        expected[output] = formula(binary, grid.scale, grid.zero_point, 0, 255).integers
    runtime, model = EmulatedRuntime(CORES[name]), builder.model()
    assert runtime.execution_map(model).kernels[f"QLinear{operator}"] == SETS
    inputs = {key: value for key, value in arrays.items() if len(value) == 2}
    engine = runtime.load(model).run(inputs)
    for output, integers in expected.items():
        np.testing.assert_array_equal(engine[output], integers.numpy())

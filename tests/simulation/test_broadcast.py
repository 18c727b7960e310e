"""Sums and products of tensors of different shapes: styles, noise, constants beside feature maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgegan.runtimes.ort import OrtRuntime
from edgegan.simulation.arithmetic import Binary, requantize_binary
from tests.simulation.test_arithmetic import qdq_model, tensor

SHAPES = {
    "style": (2, 5, 1, 1),
    "style of all samples": (1, 5, 1, 1),
    "noise": (2, 1, 12, 11),
    "constant noise": (1, 1, 12, 11),
    "constant map": (1, 5, 12, 11),
    "number": (1, 1, 1, 1),
}


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("swapped", [False, True])
def test_broadcast(operator: str, shape: tuple[int, ...], swapped: bool) -> None:
    random = np.random.default_rng(5)
    shapes = [(2, 5, 12, 11), shape]
    if swapped:
        shapes.reverse()
    for index in range(12):
        scales, zeros = random.uniform(0.001, 0.1, 3), random.integers(0, 256, 3)
        relu = index % 2 == 1
        zeros[2] = 0 if relu else zeros[2]
        values = [random.integers(0, 256, size).astype(np.uint8) for size in shapes]
        named = [(n, scales[i], zeros[i], list(shapes[i])) for i, n in enumerate("ab")]
        model = qdq_model(operator, named, (scales[2], zeros[2]), relu=relu)
        runtime = OrtRuntime()
        assert f"QLinear{operator}" in runtime.execution_map(model).kernels
        expected = runtime.load(model).run(dict(zip("ab", values, strict=True)))["q"]
        a, b = (tensor(values[i], scales[i], zeros[i]) for i in range(2))
        scale = torch.tensor(scales[2], dtype=torch.float32)
        pending = Binary(operator.lower(), a, b, relu)
        actual = requantize_binary(pending, scale, torch.tensor(float(zeros[2])), 0, 255)
        np.testing.assert_array_equal(actual.integers.numpy().astype(np.uint8), expected)

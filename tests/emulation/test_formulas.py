"""The simulation's formulas against ONNX Runtime on every emulated core, exhaustively.

On ARM, QLinearAdd and QLinearMul are other formulas (``edgegan.simulation.neon``); all others are those
of x86.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from edgegan.emulation.cores import CORES
from edgegan.emulation.machine import EmulatedRuntime
from edgegan.simulation import neon
from edgegan.simulation.arithmetic import (
    Accumulator,
    Binary,
    Quantized,
    integer_bias,
    quantize,
    requantize,
    requantize_binary,
)
from tests.emulation.models import Builder

pytestmark = pytest.mark.slow
on_cores = pytest.mark.parametrize("name", ["cortex-a53", "cortex-a76", "i8mm", "x86-avx2"])
on_arm = pytest.mark.parametrize("name", ["cortex-a53", "cortex-a76", "i8mm"])

SETS = 50
_GRID = [grid.astype(np.uint8) for grid in np.meshgrid(np.arange(256), np.arange(256))]
ALL_PAIRS = {
    "pair by pair": (_GRID[0].reshape(1, -1), _GRID[1].reshape(1, -1)),
    "the second broadcast": (_GRID[0], _GRID[1][:, :1].copy()),
}
Scales = tuple[float, float, float]
Zeros = tuple[int, int, int]
Formula = Callable[[Binary, torch.Tensor, torch.Tensor, int, int], Quantized]


def scale_sets(seed: int, rectified: bool) -> list[tuple[Scales, Zeros]]:
    """Scales over more than two decades; powers of two among them, for many exact halves."""
    random = np.random.default_rng(seed)
    sets = []
    for index in range(SETS):
        logarithms = random.uniform(np.log(1e-3), np.log(0.3), 3)
        scales = 2.0 ** random.integers(-9, -3, 3) if index % 4 == 3 else np.exp(logarithms)
        a, b, y = (int(zero) for zero in random.integers(0, 256, 3))
        sets.append((tuple(np.float32(scales).tolist()), (a, b, 0 if rectified else y)))
    return sets


def far_apart(rectified: bool) -> list[tuple[Scales, Zeros]]:
    """Ratios around the borders of ARM's fixed point."""
    random = np.random.default_rng(9)
    ratios = [(2.0**-15, 1.0), (3e-6, 0.3), (300.0, 0.5), (0.9, 255.0), (6e-4, 9e-4), (5e-4, 1e-5),
              (150.0, 40.0), (2.0**-14, 0.4), (1 - 2.0**-24, 0.5), (0.3, 4 - 2.0**-21)]  # fmt: skip
    sets = []
    for pair in [*ratios, *(ratio[::-1] for ratio in ratios)]:
        y = np.float32(2.0 ** random.integers(-6, -2) if pair[0] > 0.999 else 0.07)
        scales = tuple(np.float32([*(ratio * float(y) for ratio in pair), y]).tolist())
        zeros = tuple(int(zero) for zero in random.integers(0, 256, 3))
        sets.append((scales, (*zeros[:2], 0 if rectified else zeros[2])))
    return sets


def telling_sets(rectified: bool) -> list[tuple[Scales, Zeros]]:
    """Scales at which x86 and ARM round some product otherwise; behind a ReLU there are none."""
    if rectified:
        return []
    random = np.random.default_rng(3)
    a, b = ALL_PAIRS["pair by pair"]
    sets: list[tuple[Scales, Zeros]] = []
    while len(sets) < 8:
        s_a, s_b = np.exp(random.uniform(np.log(1e-3), np.log(0.3), 2))
        scales = np.float32([s_a, s_b, s_a * s_b * random.uniform(50, 400)]).tolist()
        zeros = random.integers(100, 156, 3).tolist()
        operands = (tensor(x, s, z) for x, s, z in zip((a, b), scales, zeros))  # noqa: B905
        binary, y = Binary("mul", *operands, rectified), tensor(a, scales[2], zeros[2])
        made = [
            formula(binary, y.scale, y.zero_point, 0, 255).integers
            for formula in (requantize_binary, neon.requantize_mul)
        ]
        if not torch.equal(*made):
            sets.append((tuple(scales), tuple(zeros)))
    return sets


def tensor(integers: NDArray[np.uint8], scale: float, zero: int) -> Quantized:
    return Quantized(
        torch.from_numpy(integers.astype(np.float64)),
        torch.tensor(scale, dtype=torch.float32),
        torch.tensor(float(zero), dtype=torch.float64),
    )


def check_binary(
    name: str, operator: str, rectified: bool, formula: Formula, sets: list[tuple[Scales, Zeros]]
) -> None:
    """All pairs of bytes; the engine must equal the formula in every one."""
    for a, b in ALL_PAIRS.values():
        _check_binary(name, operator, rectified, formula, sets, a, b)


def _check_binary(
    name: str,
    operator: str,
    rectified: bool,
    formula: Formula,
    sets: list[tuple[Scales, Zeros]],
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
) -> None:
    builder = Builder()
    inputs = builder.input("a", a.shape), builder.input("b", b.shape)
    outputs = []
    for scales, zeros in sets:
        operands = [builder.activation(i, s, z) for i, s, z in zip(inputs, scales, zeros)]  # noqa: B905
        y = builder.node(operator, *operands)
        outputs.append(
            builder.output(builder.node("Relu", y) if rectified else y, scales[2], zeros[2])
        )
    runtime, model = EmulatedRuntime(CORES[name]), builder.model()
    assert runtime.execution_map(model).kernels[f"QLinear{operator}"] == len(sets)
    engine = runtime.load(model).run({"a": a, "b": b})
    for output, (scales, zeros) in zip(outputs, sets, strict=True):
        left, right = tensor(a, scales[0], zeros[0]), tensor(b, scales[1], zeros[1])
        binary = Binary(operator.lower(), left, right, rectified)
        target = tensor(a, scales[2], zeros[2])
        expected = formula(binary, target.scale, target.zero_point, 0, 255).integers
        differing = int((engine[output] != expected.numpy()).sum())
        assert differing == 0, f"{scales} {zeros}: {differing} of 65536"


@pytest.mark.parametrize("rectified", [False, True])
def test_mul_on_x86(machine: Path, rectified: bool) -> None:
    sets = scale_sets(1, rectified) + telling_sets(rectified)
    check_binary("x86-avx2", "Mul", rectified, requantize_binary, sets)


@on_arm
@pytest.mark.parametrize("rectified", [False, True])
def test_mul_on_arm_rounds_once(machine: Path, name: str, rectified: bool) -> None:
    sets = scale_sets(1, rectified) + telling_sets(rectified)
    check_binary(name, "Mul", rectified, neon.requantize_mul, sets)


@pytest.mark.parametrize("rectified", [False, True])
def test_add_on_x86(machine: Path, rectified: bool) -> None:
    check_binary("x86-avx2", "Add", rectified, requantize_binary, scale_sets(2, rectified))


@on_arm
@pytest.mark.parametrize("rectified", [False, True])
def test_add_on_arm_is_fixed_point(machine: Path, name: str, rectified: bool) -> None:
    sets = scale_sets(2, rectified) + far_apart(rectified)
    check_binary(name, "Add", rectified, neon.requantize_add, sets)


@on_cores
@pytest.mark.parametrize("channels", [64, 2048])
def test_requantization_of_sums(machine: Path, name: str, channels: int) -> None:
    """64 channels: sums of all sizes in 50 layers; 2048: sums beyond float32's 24 bits."""
    random = np.random.default_rng(channels)
    wide = channels == 2048
    limit = 63 if name == "x86-avx2" else 127  # AVX2 saturates sums of two products
    x = random.integers(0, 256, (1, channels, 16, 16)).astype(np.uint8)
    if wide:
        x[:, :, 8:] = 255
    builder = Builder()
    source = builder.input("x", x.shape)
    expected = {}
    for index in range(8 if wide else SETS):
        rectified, dyadic = index % 2 == 1, index % 4 == 3
        weight = random.integers(limit // 2 if wide else -limit, limit + 1, (16, channels, 1, 1))
        weight_scales = 2.0 ** random.integers(-9, -5, 16) if dyadic else (
            np.exp(random.uniform(np.log(1e-4), np.log(1e-2), 16)))  # fmt: skip
        s_w = weight_scales.astype(np.float32)
        s_x = np.float32(2.0**-6 if dyadic else random.uniform(0.002, 0.05))
        z_x, z_y = (
            int(random.integers(40 if wide else 256)),
            0 if rectified else int(random.integers(256)),
        )
        bias = random.normal(size=16).astype(np.float32)
        sums = weight.reshape(16, -1) @ (x.astype(np.int64) - z_x).reshape(channels, -1)
        spread = float(np.median(np.abs(sums).max(1) * s_w * s_x)) / random.uniform(60, 250)
        s_y = np.float32(2.0 ** round(np.log2(spread)) if dyadic else spread)
        y = builder.node("Conv", builder.activation(source, s_x, z_x),
                         builder.weight(weight.astype(np.int8), s_w), builder.constant(bias))  # fmt: skip
        output = builder.output(builder.node("Relu", y) if rectified else y, s_y, z_y)
        scale = torch.tensor(s_x) * torch.from_numpy(s_w)
        total = (
            torch.from_numpy(sums).double() + integer_bias(torch.from_numpy(bias), scale)[:, None]
        )
        pending = Accumulator(total, scale[:, None], rectified=rectified)
        grid = torch.tensor(s_y), torch.tensor(float(z_y))
        expected[output] = requantize(pending, *grid, 0, 255).integers.numpy()
        assert not wide or total.max() > 2**24
    runtime, model = EmulatedRuntime(CORES[name]), builder.model()
    assert runtime.execution_map(model).kernels["QLinearConv"] == len(expected)
    engine = runtime.load(model).run({"x": x})
    for output, integers in expected.items():
        np.testing.assert_array_equal(engine[output].reshape(integers.shape), integers)


@on_cores
def test_float_islands(machine: Path, name: str) -> None:
    """What the engine does by tables is dequantize, compute in float, quantize."""
    random = np.random.default_rng(4)
    x = np.arange(256, dtype=np.uint8)[None]
    y = random.permutation(256).astype(np.uint8)[None]
    builder = Builder()
    sources = builder.input("x", (1, 256)), builder.input("y", (1, 256))
    expected = {}
    for scales, zeros in scale_sets(3, False):
        alpha = float(np.float32(random.choice([0.01, 0.1, 0.2, random.uniform(0.01, 0.5)])))
        a, b = tensor(x, scales[0], zeros[0]), tensor(y, scales[1], zeros[1])
        left, right = (
            builder.activation(i, s, z) for i, s, z in zip(sources, scales, zeros)  # noqa: B905
        )  # fmt: skip
        target = tensor(x, scales[2], zeros[2])
        for node, values in (
            (builder.node("LeakyRelu", left, alpha=alpha),
             functional.leaky_relu(a.values(), alpha)),
            (builder.node("Sigmoid", left), torch.sigmoid(a.values())),
            (builder.node("Concat", left, right, axis=1), torch.cat([a.values(), b.values()], 1)),
        ):  # fmt: skip
            output = builder.output(node, scales[2], zeros[2])
            quantized = quantize(values, target.scale, target.zero_point, 0, 255)
            expected[output] = quantized.integers.numpy()
    runtime, model = EmulatedRuntime(CORES[name]), builder.model()
    kernels = runtime.execution_map(model).kernels
    assert [kernels[f"QLinear{k}"] for k in ("LeakyRelu", "Sigmoid", "Concat")] == [SETS] * 3
    engine = runtime.load(model).run({"x": x, "y": y})
    for output, integers in expected.items():
        np.testing.assert_array_equal(engine[output], integers)

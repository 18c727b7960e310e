"""The arithmetic of one axis, against loops that follow the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgegan.lowering.polyphase import (
    Axis,
    Phases,
    joint_phases,
    separate_phase,
    transposed_convolution_axis,
    upsample_convolution_axis,
)

Signal = NDArray[np.float64]


def transposed(
    x: Signal, w: Signal, stride: int, padding: int, extra: int, dilation: int
) -> Signal:
    """Each input sample scatters the kernel (the definition)."""
    full = np.zeros((len(x) - 1) * stride + dilation * (len(w) - 1) + 1 + extra)
    for i, value in enumerate(x):
        for t, weight in enumerate(w):
            full[i * stride + t * dilation] += value * weight
    return full[padding : len(full) - padding]


def upsampled(x: Signal, w: Signal, scale: int, padding: int, dilation: int) -> Signal:
    """Repeat, pad, correlate."""
    u = np.pad(np.repeat(x, scale), padding)
    size = len(u) - dilation * (len(w) - 1)
    return np.array([sum(w[t] * u[o + t * dilation] for t in range(len(w))) for o in range(size)])


def run(phases: Phases, x: Signal, w: Signal, size: int) -> Signal:
    padded = np.pad(x, (phases.pad_low, phases.pad_high))
    kernels = phases.selection @ w
    steps = [
        kernels @ padded[n * phases.stride : n * phases.stride + phases.window]
        for n in range(phases.steps)
    ]
    return np.concatenate(steps)[phases.crop : phases.crop + size]


def check(axis: Axis, expected: Signal, x: Signal, w: Signal, pack: int) -> None:
    assert axis.output_size == len(expected)
    actual = run(joint_phases(axis, pack), x, w, axis.output_size)
    np.testing.assert_allclose(actual, expected, atol=1e-12)
    phases = [separate_phase(axis, r) for r in range(len(axis.taps))]
    if all(phases):
        parts = [run(p, x, w, p.steps) for p in phases if p is not None]
        np.testing.assert_allclose(
            np.stack(parts, 1).ravel()[: len(expected)], expected, atol=1e-12
        )


@given(
    size=st.integers(1, 9),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    extra=st.integers(0, 3),
    dilation=st.integers(1, 3),
    pack=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_transposed_convolution(
    size: int,
    kernel: int,
    stride: int,
    padding: int,
    extra: int,
    dilation: int,
    pack: int,
    seed: int,
) -> None:
    output = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
    if output < 1 or extra >= max(stride, dilation):
        return
    random = np.random.default_rng(seed)
    x, w = random.normal(size=size), random.normal(size=kernel)
    axis = transposed_convolution_axis(size, kernel, stride, padding, extra, dilation)
    check(axis, transposed(x, w, stride, padding, extra, dilation), x, w, pack)


@given(
    size=st.integers(1, 9),
    scale=st.integers(1, 4),
    kernel=st.integers(1, 7),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 3),
    pack=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_upsample_convolution(
    size: int, scale: int, kernel: int, padding: int, dilation: int, pack: int, seed: int
) -> None:
    if size * scale + 2 * padding - dilation * (kernel - 1) < 1:
        return
    random = np.random.default_rng(seed)
    x, w = random.normal(size=size), random.normal(size=kernel)
    axis = upsample_convolution_axis(size, scale, kernel, padding, dilation)
    check(axis, upsampled(x, w, scale, padding, dilation), x, w, pack)


def test_dcgan_needs_two_taps() -> None:
    """Kernel 4, stride 2, padding 1: a window of 2, one crop, no useless tap."""
    phases = joint_phases(transposed_convolution_axis(8, 4, 2, 1, 0, 1))
    assert (phases.window, phases.crop, phases.steps) == (2, 1, 9)
    np.testing.assert_array_equal(phases.selection[0], [[0, 0, 1, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(phases.selection[1], [[0, 0, 0, 1], [0, 1, 0, 0]])


def test_upsampling_sums_taps() -> None:
    """Nearest x2 and a 3-tap kernel: each phase has two weights, of one tap and of the sum of two."""
    phases = joint_phases(upsample_convolution_axis(8, 2, 3, 1, 1))
    assert phases.window == 2
    kernels = phases.selection @ np.array([1.0, 10.0, 100.0])
    assert sorted(map(tuple, kernels)) == [(1.0, 110.0), (11.0, 100.0)]


@pytest.mark.parametrize("residue", [0, 1])
def test_separate_phases_of_a_dcgan_layer(residue: int) -> None:
    phase = separate_phase(transposed_convolution_axis(4, 4, 2, 1, 0, 1), residue)
    assert phase is not None
    assert (phase.window, phase.pad_low, phase.pad_high) == (2, 1 - residue, residue)

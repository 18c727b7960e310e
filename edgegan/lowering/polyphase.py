"""Polyphase arithmetic of one axis: an upsampling filter as a convolution followed by a shuffle.

Along one axis, every layer treated here computes

    y[s·m + r] = Σ_(o, t) ∈ taps(r)  w[t] · x[m + o]            (r = 0 … s-1)

where ``taps(r)`` lists which kernel tap meets which input offset: a transposed convolution picks
taps, nearest-neighbour upsampling plus convolution sums them, a plain convolution has s = 1. This is
the noble identity of multirate signal processing (Vaidyanathan 1993, "Multirate Systems and Filter
Banks", section 4.2).

With a packing factor q, F = s·q output samples are computed per step of an ordinary convolution of
stride q: output o sits at shuffle position T of step n, with o + c = F·n + T. The crop c in [0, F) is
free; it is chosen so that the joint window of all positions is shortest. For the 4-tap stride-2 pad-1
transposed convolution of a DCGAN, c = 1 makes the window 2 taps instead of 3: no multiplication by a
known zero is left but at the border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Taps = tuple[tuple[tuple[int, int], ...], ...]
"""For each residue r: pairs (input offset, kernel tap)."""


@dataclass(frozen=True)
class Axis:
    """One axis of a layer, before it is decomposed.

    Attributes:
        taps: as in the module's formula; ``len(taps)`` is s.
        kernel: number of kernel taps.
        input_size, output_size: lengths.
    """

    taps: Taps
    kernel: int
    input_size: int
    output_size: int


@dataclass(frozen=True)
class Phases:
    """The same axis as a convolution to ``factor`` interleaved outputs.

    Attributes:
        factor: F, outputs per step.
        stride: q, of the convolution.
        window: its kernel size.
        pad_low, pad_high: zeros in front of and behind the input, never negative.
        steps: number of outputs of the convolution.
        crop: c, outputs to drop at the front after interleaving.
        selection: float64 ``[factor, window, kernel]``: position T's kernel is
            ``selection[T] @ w``; entries are 0 or 1.
    """

    factor: int
    stride: int
    window: int
    pad_low: int
    pad_high: int
    steps: int
    crop: int
    selection: NDArray[np.float64]


def transposed_convolution_axis(
    size: int, kernel: int, stride: int, padding: int, output_padding: int, dilation: int
) -> Axis:
    """Axis of a transposed convolution: tap t reaches output i·stride - padding + t·dilation."""
    taps = tuple(
        tuple(
            ((r + padding - t * dilation) // stride, t)
            for t in range(kernel)
            if (r + padding - t * dilation) % stride == 0
        )
        for r in range(stride)
    )
    output = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
    return Axis(taps, kernel, size, output)


def upsample_convolution_axis(
    size: int, scale: int, kernel: int, padding: int, dilation: int
) -> Axis:
    """Axis of nearest-neighbour upsampling by ``scale``, then a convolution of stride 1.

    Zero padding of the upsampled signal is zero padding of the signal itself, because the border
    falls between two input samples.
    """
    taps = tuple(
        tuple(((r + t * dilation - padding) // scale, t) for t in range(kernel))
        for r in range(scale)
    )
    output = size * scale + 2 * padding - dilation * (kernel - 1)
    return Axis(taps, kernel, size, output)


def joint_phases(axis: Axis, pack: int = 1) -> Phases:
    """All outputs of a step from one window, with the crop that makes the window shortest."""
    best: Phases | None = None
    for crop in range(len(axis.taps) * pack):
        candidate = _with_crop(axis, pack, crop)
        if best is None or candidate.window < best.window:
            best = candidate
    assert best is not None
    return best


def _with_crop(axis: Axis, pack: int, crop: int) -> Phases:
    scale = len(axis.taps)
    factor = scale * pack
    placed = []  # (position, offset in the window, tap)
    for position in range(factor):
        step, residue = divmod(position - crop, scale)
        placed += [(position, step + offset, tap) for offset, tap in axis.taps[residue]]
    low = min(0, *(offset for _, offset, _ in placed)) if placed else 0
    high = max(low, *(offset for _, offset, _ in placed)) if placed else 0
    window = high - low + 1
    selection = np.zeros((factor, window, axis.kernel))
    for position, offset, tap in placed:
        selection[position, offset - low, tap] += 1.0
    steps = -(-(axis.output_size + crop) // factor)
    pad_high = max(0, pack * (steps - 1) + high - (axis.input_size - 1))
    steps = (axis.input_size - low + pad_high - window) // pack + 1
    return Phases(factor, pack, window, -low, pad_high, steps, crop, selection)


def separate_phase(axis: Axis, residue: int) -> Phases | None:
    """The outputs of one residue alone, from the shortest window; None if its padding is negative."""
    offsets = [offset for offset, _ in axis.taps[residue]] or [0]
    low, high = min(offsets), max(offsets)
    steps = -(-axis.output_size // len(axis.taps))
    pad_high = steps - 1 + high - (axis.input_size - 1)
    if low > 0 or pad_high < 0:
        return None
    selection = np.zeros((1, high - low + 1, axis.kernel))
    for offset, tap in axis.taps[residue]:
        selection[0, offset - low, tap] += 1.0
    return Phases(1, 1, high - low + 1, -low, pad_high, steps, 0, selection)

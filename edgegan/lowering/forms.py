"""Which exact form of a polyphase layer is cheapest: a small cost model, fitted to measurements.

An integer convolution walks over its gathered windows (one row an output pixel) and multiplies each
with all output channels. In units of one multiplication:

    rows · window · (max(channels, TILE) + GATHER) + window · channels · WEIGHT + CALL

Narrow layers leave the vector unit idle, hence ``TILE``; weights are read from memory once, hence
``WEIGHT``. The constants are fitted to ``benchmarks/results/forms.json`` (one thread, VNNI); a wrong
choice costs time, never exactness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgegan.lowering.polyphase import Axis, Phases, joint_phases, separate_phase
from edgegan.targets import LoweringProfile

TILE = 64
"""Output channels below which a convolution gets no cheaper."""

GATHER = 16
"""Cost of gathering one input value into a window."""

WEIGHT = 20
"""Cost of fetching one weight."""

CALL = 0.4e6
"""Cost of one more operator."""

PACKS = (1, 2, 4)
"""Packing factors that are tried."""

FEW_CHANNELS = 16
"""Layers with more output channels than this are never packed."""


@dataclass(frozen=True)
class Form:
    """How a polyphase layer is computed.

    Attributes:
        separate: one convolution a phase instead of one for all.
        pack: packing factors (height, width) of the joint form.
    """

    separate: bool
    pack: tuple[int, int] = (1, 1)

    def __str__(self) -> str:
        if self.separate:
            return "separate phase convolutions"
        if self.pack == (1, 1):
            return "phase convolution"
        return f"phase convolution, {self.pack[0]}x{self.pack[1]} pixels packed"


def choose_form(
    weight_shape: Sequence[int],
    height: Axis,
    width: Axis,
    groups: int,
    profile: LoweringProfile,
) -> Form:
    """The cheapest form that ``profile`` allows.

    Args:
        weight_shape: ``[C_out, C_in / groups, k_h, k_w]``.
    """
    channels, inputs = weight_shape[0], weight_shape[1] * groups
    forms: dict[Form, float] = {}
    packs = PACKS if profile.pack_images and channels <= FEW_CHANNELS and groups == 1 else (1,)
    for pack in packs:
        phases = joint_phases(height, pack), joint_phases(width, pack)
        produced = channels * phases[0].factor * phases[1].factor
        forms[Form(False, (pack, pack))] = _cost([phases], inputs, produced, groups)
    separate = [_separate(height), _separate(width)]
    if profile.separate_phases and len(height.taps) * len(width.taps) > 1 and all(separate):
        convolutions = [(row, column) for row in separate[0] for column in separate[1]]
        forms[Form(True)] = _cost(convolutions, inputs, channels, groups)
    return min(forms, key=lambda form: forms[form])


def _separate(axis: Axis) -> list[Phases]:
    """One entry a residue, or nothing where some residue has no such form."""
    phases = [separate_phase(axis, residue) for residue in range(len(axis.taps))]
    return [phase for phase in phases if phase is not None] if None not in phases else []


def _cost(
    convolutions: Iterable[tuple[Phases, Phases]], inputs: int, outputs: int, groups: int
) -> float:
    cost = 0.0
    for height, width in convolutions:
        rows = height.steps * width.steps
        window = height.window * width.window * inputs / groups
        cost += rows * window * (max(outputs, TILE * groups) + GATHER)
        cost += window * outputs * WEIGHT + CALL
    return cost

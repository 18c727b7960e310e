"""A constant scale and shift of a tensor."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Affine:
    """``scale * x + shift``.

    Attributes:
        scale, shift: float64, broadcast to the shape of ``x``.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    @classmethod
    def of_channels(cls, scale: torch.Tensor, shift: torch.Tensor, rank: int) -> Affine:
        """From one number a channel, ``[C]``, of a tensor ``[N, C, ...]``."""
        shape = [-1] + [1] * (rank - 2)
        return cls(scale.double().view(shape), shift.double().view(shape))

    @property
    def shifts(self) -> bool:
        return bool(self.shift.any())

    @property
    def is_factor(self) -> bool:
        """Whether it is one factor for all values."""
        return self.scale.numel() == 1 and not self.shifts

    def after(self, first: Affine) -> Affine:
        """``self(first(x))``."""
        return Affine(self.scale * first.scale, self.scale * first.shift + self.shift)

    def without_shift(self) -> Affine:
        return Affine(self.scale, torch.zeros((), dtype=torch.float64))

    def along(self, axis: int, shape: tuple[int, ...]) -> Affine | None:
        """As ``[C]`` each, C the size of ``axis`` of ``shape``; None if it varies along another axis."""
        scale, shift = _along(self.scale, axis, shape), _along(self.shift, axis, shape)
        return None if scale is None or shift is None else Affine(scale, shift)


def _along(value: torch.Tensor, axis: int, shape: tuple[int, ...]) -> torch.Tensor | None:
    if value.ndim > len(shape):
        return None
    full = value.reshape((1,) * (len(shape) - value.ndim) + tuple(value.shape))
    if any(side != 1 for i, side in enumerate(full.shape) if i != axis):
        return None
    return full.flatten().expand(shape[axis]).clone()

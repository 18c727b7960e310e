"""Learnable masks that prune channels while a generator learns (Vo et al., PPCD-GAN, section 3.2)."""

from __future__ import annotations

import math

import torch
from torch import nn

DELTA = 1e3
"""Steepness of the sigmoid (section 4.2)."""

PIVOT = 0.005
"""A mask at or below it counts as 0 (section 3.2)."""

START = 0.01
"""Of the weights: their masks are then 0.99995. The paper does not say where it starts."""

WAY = START + math.log(1 / PIVOT - 1) / DELTA
"""How far a weight has to fall until its mask is at the pivot."""


class ProgressiveMask(nn.Module):
    """``x`` times a mask for each channel, float32 ``[N, C, H, W]`` to the same.

    ``m_i = sigmoid(DELTA w_i)`` (equation 1) until it is binarized (equation 3), then 0 or 1.

    Args:
        channels: C.
        kept: how many stay in the end.
    """

    fixed: torch.Tensor
    binary: torch.Tensor

    def __init__(self, channels: int, kept: int) -> None:
        super().__init__()
        self.kept = kept
        self.weight = nn.Parameter(torch.full((channels,), START))
        self.register_buffer("fixed", torch.ones(channels))
        self.register_buffer("binary", torch.tensor(False))

    def values(self) -> torch.Tensor:
        """The mask, float32 ``[C]``."""
        return torch.where(self.binary, self.fixed, torch.sigmoid(DELTA * self.weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.values()[:, None, None]

    def sparsity(self) -> torch.Tensor:
        """``sum |w_i + 1|`` (equation 2)."""
        return (self.weight + 1).abs().sum()

    @torch.no_grad()
    def binarize(self, ratio: float, at_last: bool = False) -> bool:
        """The binarization trick (equation 3): once more than ``ratio`` of the mask is at most ``PIVOT``.

        Where one step of the optimizer takes more channels below the pivot than are to go, the largest
        ``kept`` of them all stay; where they go one by one, this is the paper's rule.

        Args:
            ratio: alpha.
            at_last: whether it has to be now, however few are below.

        Returns:
            Whether the mask is binary.
        """
        if not self.binary:
            small = int((self.values() <= PIVOT).sum())
            if small / len(self.weight) > ratio or at_last:
                self.fixed.zero_()[self.weight.topk(self.kept).indices] = 1.0
                self.binary.fill_(True)
        self.follow_state()
        return bool(self.binary)

    def follow_state(self) -> None:
        """A binary mask learns no more; to be called when a state was loaded."""
        self.weight.requires_grad_(not bool(self.binary))


def kept_count(channels: int, ratio: float, multiple: int = 1) -> int:
    """How many channels stay when as few go as are more than ``ratio`` of them.

    Rounded up to a multiple, at least 1 and at most all.
    """
    gone = math.floor(ratio * channels + 1e-9) + 1
    kept = max(1, channels - gone)
    return min(channels, -(-kept // multiple) * multiple)

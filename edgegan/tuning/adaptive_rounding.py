"""Adaptive rounding: which way each weight is rounded is learned.

Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization" (arXiv 2004.10568),
equations 21 to 24, as BRECQ uses it (Li et al. 2021, arXiv 2102.05426):

    ŵ = s · clamp(floor(w / s) + h(V), low, high)        h(V) = clamp(σ(V)·(ζ - γ) + γ, 0, 1)

with ζ = 1.1 and γ = -0.1; the regularizer Σ (1 - |2h(V) - 1|^β) drives each h to 0 or 1 as β falls.
"""

from __future__ import annotations

import torch
from torch import nn

from edgegan.quantization.fake_quantize import along
from edgegan.quantization.grid import IntegerGrid

ZETA, GAMMA = 1.1, -0.1


class AdaptiveRounding:
    """The roundings of one weight.

    Args:
        weight: float32, any shape.
        scale: float32, 0-d or ``[C]`` for the channels of ``grid.axis``.
        grid: symmetric.

    Attributes:
        logits: V, what is learned.
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, grid: IntegerGrid) -> None:
        self.grid = grid
        self.scale = along(scale, weight.ndim, -1 if grid.axis is None else grid.axis)
        exact = weight / self.scale
        self.floor = exact.floor()
        rest = (exact - self.floor).clamp(1e-4, 1 - 1e-4)
        self.logits = nn.Parameter(-torch.log((ZETA - GAMMA) / (rest - GAMMA) - 1))

    def share_up(self) -> torch.Tensor:
        """h(V): 0 for down, 1 for up, between them while it is learned."""
        return (torch.sigmoid(self.logits) * (ZETA - GAMMA) + GAMMA).clamp(0, 1)

    def soft(self) -> torch.Tensor:
        """The weight while roundings are learned; differentiable. At first the float weight, clipped."""
        return self._weight(self.share_up())

    def hard(self) -> torch.Tensor:
        """The weight on its grid, each element rounded the nearer way of its ``share_up``."""
        return self._weight((self.share_up() >= 0.5).float())

    def regularizer(self, beta: float) -> torch.Tensor:
        """0 when all are decided, up to 1 for each that is not."""
        return (1 - (2 * self.share_up() - 1).abs().pow(beta)).sum()

    def _weight(self, up: torch.Tensor) -> torch.Tensor:
        return (self.floor + up).clamp(self.grid.low, self.grid.high) * self.scale


def annealed_beta(step: int, steps: int, warmup: float) -> float | None:
    """Linearly from 20 to 2 behind the warm-up (as BRECQ's code); None within it."""
    start = warmup * steps
    if step < start:
        return None
    return 20.0 - 18.0 * (step - start) / max(1.0, steps - start)

"""Small calibrated generators."""

from __future__ import annotations

import torch
from torch import nn

from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from tests.quantization.test_placement import placed

MIN_MAX = Calibration(observer_of("moving-average", Quantiles(0, 1), 0.9), Quantiles(0, 1))


class Residual(nn.Module):
    """Two convolutions and what goes past them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = x + self.second(torch.relu(self.first(x)))
        return result


def generator() -> nn.Module:
    """Latents ``[N, 6]`` to images ``[N, 1, 8, 8]``."""
    torch.manual_seed(0)
    return (
        nn.Sequential(
            nn.Linear(6, 64),
            nn.ReLU(),
            nn.Unflatten(1, (4, 4, 4)),
            Residual(4),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4, 1, 3, padding=1),
            nn.Tanh(),
        )
        .eval()
        .requires_grad_(False)
    )


def calibrated(bits: int = 4, per_channel: bool = True) -> tuple[nn.Module, Placed]:
    """The float generator and its calibrated graph."""
    module = generator()
    result = placed(module, (6,), weight_bits=bits, per_channel=per_channel)
    calibrate(result, [(torch.randn(64, 6),)], MIN_MAX)
    return module, result

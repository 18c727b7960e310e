"""Three kinds of convolution that keep the picture's size: plain, spectrally normalized, separable."""

from __future__ import annotations

from typing import Protocol

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class Convolution(Protocol):
    """What makes a convolution of odd ``size`` from ``inputs`` to ``outputs`` channels."""

    def __call__(
        self, inputs: int, outputs: int, size: int = 3, bias: bool = True
    ) -> nn.Module: ...


def plain(inputs: int, outputs: int, size: int = 3, bias: bool = True) -> nn.Module:
    """``[N, inputs, H, W]`` to ``[N, outputs, H, W]``."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=bias)


def spectral(inputs: int, outputs: int, size: int = 3, bias: bool = True) -> nn.Module:
    """As ``plain``, its weight divided by its largest singular value (Miyato et al. 2018, section 2.1)."""
    return spectrally_normalized(plain(inputs, outputs, size, bias))


def separable(inputs: int, outputs: int, size: int = 3, bias: bool = True) -> nn.Module:
    """A depthwise convolution, then a 1x1 one (Howard et al. 2017, arXiv 1704.04861, section 3.1)."""
    pointwise = nn.Conv2d(inputs, outputs, 1, bias=bias)
    if size == 1:
        return pointwise
    depthwise = nn.Conv2d(inputs, inputs, size, padding=size // 2, groups=inputs, bias=bias)
    return nn.Sequential(depthwise, pointwise)


def spectrally_normalized(layer: nn.Module) -> nn.Module:
    """``layer`` with an orthogonal weight (Brock et al. 2019, section 3) under spectral normalization."""
    weight = layer.weight
    assert isinstance(weight, nn.Parameter)
    nn.init.orthogonal_(weight)
    return spectral_norm(layer)

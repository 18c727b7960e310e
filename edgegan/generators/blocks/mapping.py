"""StyleGAN's mapping network and truncation (Karras et al. 2019, section 2 and appendix B)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.generators.blocks.equalized import EqualizedLinear

AVERAGE_DECAY = 0.995


class Mapping(nn.Module):
    """Latents to styles: unit mean square, then linear layers with LeakyReLU(0.2).

    ``forward``: float32 ``[N, latent_size]`` (standard normal) to float32 ``[N, style_size]``. In training
    it also moves ``average``, the mean style, towards which ``psi`` below 1 truncates.

    Args:
        latent_size, style_size: of input and output; 512 in the paper.
        layers: 8 in the paper.
        psi: 1 for no truncation; applied to every layer's style.
    """

    average: torch.Tensor

    def __init__(self, latent_size: int, style_size: int, layers: int, psi: float = 1.0) -> None:
        super().__init__()
        sizes = [latent_size] + [style_size] * layers
        self.layers = nn.ModuleList(
            EqualizedLinear(sizes[i], sizes[i + 1], rate=0.01) for i in range(layers)
        )
        self.psi = psi
        self.register_buffer("average", torch.zeros(style_size))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        style = latent * torch.rsqrt(latent.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            style = F.leaky_relu(layer(style), 0.2)
        if self.training:
            self.average.lerp_(style.detach().float().mean(0), 1 - AVERAGE_DECAY)
        elif self.psi != 1.0:
            style = self.average + self.psi * (style - self.average)
        return style

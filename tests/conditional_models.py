"""Class-conditional and style-driven generators in small, for the tests of what they need."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class ConditionalNorm(nn.Module):
    """Class-conditional batch norm (de Vries et al. 2017; as in SNGAN and BigGAN).

    ``forward``: ``[N, channels, H, W]`` and the condition: labels ``[N]``, or vectors ``[N, inputs]``.
    """

    def __init__(self, channels: int, condition: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.condition = condition

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        gain, bias = self.condition(y).chunk(2, 1)
        return self.norm(x) * (1 + gain[:, :, None, None]) + bias[:, :, None, None]


class Conditional(nn.Module):
    """SNGAN's residual block in small: conditional norms in front of convolutions, a shortcut."""

    def __init__(self, classes: int = 5, width: int = 8) -> None:
        super().__init__()
        self.project = nn.Linear(6, width * 16)
        self.norms = nn.ModuleList(
            [ConditionalNorm(width, nn.Embedding(classes, 2 * width)) for _ in range(2)]
        )
        self.convolutions = nn.ModuleList([nn.Conv2d(width, width, 3, 1, 1) for _ in range(2)])
        self.shortcut = nn.Conv2d(width, width, 1)
        self.to_image = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        x = self.project(z).view(-1, self.to_image.in_channels, 4, 4)
        h = F.interpolate(torch.relu(self.norms[0](x, label)), scale_factor=2)
        h = torch.relu(self.norms[1](self.convolutions[0](h), label))
        h = self.convolutions[1](h) + self.shortcut(F.interpolate(x, scale_factor=2))
        return torch.tanh(self.to_image(torch.relu(h)))


class Shared(nn.Module):
    """BigGAN's: one embedding for all norms, beside a chunk of the latent for each."""

    def __init__(self, classes: int = 5, width: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, 4)
        self.project = nn.Linear(3, width * 16)
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.gain = nn.Linear(3 + 4, width, bias=False)
        self.bias = nn.Linear(3 + 4, width, bias=False)
        self.convolution = nn.Conv2d(width, width, 3, 1, 1)
        self.to_image = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        first, second = torch.split(z, 3, 1)
        y = torch.cat([second, self.embedding(label)], 1)
        x = self.convolution(torch.relu(self.project(first)).view(z.size(0), -1, 4, 4))
        gain, bias = (1 + self.gain(y)).view(y.size(0), -1, 1, 1), self.bias(y)
        x = torch.relu(self.norm(x) * gain + bias.view(y.size(0), -1, 1, 1))
        return torch.tanh(self.to_image(x))


class Styled(nn.Module):
    """StyleGAN's in small: mapping network, truncation, constant input, noise, AdaIN."""

    def __init__(self, width: int = 8, size: int = 6) -> None:
        super().__init__()
        self.mapping = nn.ModuleList([nn.Linear(size, size) for _ in range(3)])
        self.register_buffer("average", torch.randn(size) * 0.1)
        self.constant = nn.Parameter(torch.randn(1, width, 4, 4))
        self.noise = nn.ParameterList([nn.Parameter(torch.randn(width) * 0.1) for _ in range(2)])
        self.register_buffer("noise_0", torch.randn(1, 1, 4, 4))
        self.register_buffer("noise_1", torch.randn(1, 1, 8, 8))
        self.styles = nn.ModuleList([nn.Linear(size, 2 * width) for _ in range(2)])
        self.convolution = nn.Conv2d(width, width, 3, 1, 1)
        self.to_image = nn.Conv2d(width, 3, 1)

    def adapt(self, x: torch.Tensor, w: torch.Tensor, index: int) -> torch.Tensor:
        noise = getattr(self, f"noise_{index}")
        x = F.leaky_relu(x + self.noise[index].view(1, -1, 1, 1) * noise, 0.2)
        style = self.styles[index](w).view(-1, 2, x.shape[1], 1, 1)
        return F.instance_norm(x) * (style[:, 0] + 1) + style[:, 1]

    def forward(self, z: torch.Tensor, psi: float = 1.0) -> torch.Tensor:
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            w = F.leaky_relu(layer(w) * 0.9, 0.2)
        w = self.average + psi * (w - self.average)
        x = self.adapt(self.constant.expand(z.shape[0], -1, -1, -1), w, 0)
        x = self.convolution(F.interpolate(x, scale_factor=2))
        return self.to_image(self.adapt(x, w, 1))


def warmed(module: nn.Module, *inputs: torch.Tensor) -> nn.Module:
    """Batch norms have seen something; eval mode, no gradients."""
    with torch.no_grad():
        for _ in range(3):
            module.train()(*inputs)
    return module.eval().requires_grad_(False)

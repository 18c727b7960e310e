"""Small generators as strangers write them; each has something that our own never do."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations


class NestedBlocks(nn.Module):
    """Modules in dicts and lists, a block class of its own, batch norm before the activation."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.parts = nn.ModuleDict(
                {
                    "conv": nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1),
                    "norm": nn.BatchNorm2d(outputs),
                }
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.parts["norm"](self.parts["conv"](x)))

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(7, 12 * 9)
        self.blocks = nn.ModuleList([self.Block(12, 10), self.Block(10, 6)])
        self.head = nn.Conv2d(6, 3, 5, padding=2)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.stem(z).relu_().reshape(z.shape[0], 12, 3, 3)
        for block in self.blocks:
            x = block(x)
        return self.head(x).tanh()


class Functional(nn.Module):
    """Bare parameters and functional calls; a non-square image of odd size."""

    def __init__(self) -> None:
        super().__init__()
        self.w0 = nn.Parameter(torch.randn(8 * 3 * 5, 6) * 0.3)
        self.w1 = nn.Parameter(torch.randn(8, 6, 4, 3) * 0.2)
        self.b1 = nn.Parameter(torch.randn(6) * 0.1)
        self.w2 = nn.Parameter(torch.randn(1, 6, 3, 3) * 0.2)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = torch.relu(F.linear(z, self.w0)).view(-1, 8, 3, 5)
        x = F.relu(F.conv_transpose2d(x, self.w1, self.b1, stride=(3, 2), padding=(1, 0)))
        return torch.tanh(F.conv2d(x, self.w2, padding=1))


class SequentialOnly(nn.Sequential):
    """A bare Sequential with Unflatten, Upsample and PixelShuffle."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(9, 64), nn.LeakyReLU(0.1), nn.Unflatten(1, (4, 4, 4)),
            nn.Upsample(scale_factor=2), nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8),
            nn.LeakyReLU(0.2), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid(),
        )  # fmt: skip


class SkipsAndOutputs(nn.Module):
    """Skip connections, a residual sum, and three outputs in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 4, 2, 1)
        self.middle = nn.Conv2d(8, 8, 3, 1, 1)
        self.up = nn.ConvTranspose2d(16, 3, 4, 2, 1)
        self.mask = nn.Conv2d(8, 1, 1)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        low = F.leaky_relu(self.down(image), 0.2)
        middle = torch.relu(self.middle(low)) + low
        both = torch.cat((low, middle), dim=1)
        return {
            "image": torch.tanh(self.up(both)),
            "mask": torch.sigmoid(self.mask(middle)),
            "features": middle.mean((2, 3)),
        }


class ConstantInput(nn.Module):
    """A learned constant and a noise buffer instead of a projected latent; the latent only scales."""

    def __init__(self) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, 6, 4, 4))
        self.register_buffer("noise", torch.randn(1, 1, 8, 8))
        self.style = nn.Linear(5, 6)
        self.conv = nn.Conv2d(6, 6, 3, padding=1)
        self.to_rgb = nn.Conv2d(6, 3, 1)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        x = self.constant * (1 + self.style(w)[:, :, None, None])
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.leaky_relu(self.conv(x) + 0.1 * self.noise, 0.2)
        return self.to_rgb(x).clamp(-1, 1)


class GroupsAndDilations(nn.Module):
    """Grouped and dilated layers, asymmetric padding by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.ConvTranspose2d(8, 12, 4, 2, 1, groups=4)
        self.dilated = nn.Conv2d(12, 12, 3, padding=2, dilation=2, groups=3)
        self.strange = nn.ConvTranspose2d(12, 6, (5, 2), (2, 1), (2, 0), (1, 0), dilation=(1, 2))
        self.last = nn.Conv2d(6, 1, (2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.grouped(x))
        x = torch.relu(self.dilated(x))
        x = torch.relu(self.strange(x))
        return torch.tanh(self.last(F.pad(x, (2, 0, 1, 0))))


class SpectralNorms(nn.Module):
    """Old and new spectral norm, on a convolution and a transposed one."""

    def __init__(self) -> None:
        super().__init__()
        self.old = nn.utils.spectral_norm(nn.ConvTranspose2d(6, 8, 4, 2, 1))
        self.new = parametrizations.spectral_norm(nn.Conv2d(8, 3, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.new(torch.relu(self.old(x))))


class TwoInputs(nn.Module):
    """A latent and a one-hot-like condition, concatenated; tensor methods throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8 + 4, 6 * 16)
        self.up = nn.ConvTranspose2d(6, 2, 6, 4, 1)

    def forward(self, z: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        x = self.project(torch.cat([z, condition.softmax(1)], 1))
        return self.up(x.relu().unflatten(1, (6, 4, 4))).tanh()


class ReflectAndInstanceNorm(nn.Module):
    """The image-to-image idiom: reflection padding, instance norm, residual blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8), nn.ReLU(True)
        )
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8, affine=True)
        )
        self.leave = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(8, 3, 7), nn.Tanh())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.enter(image)
        return self.leave(x + self.body(x))


class SharedAndWrapped(nn.Module):
    """One convolution used at two places, inside a wrapper like DataParallel's."""

    class Wrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            return self.module(*inputs)

    def __init__(self) -> None:
        super().__init__()
        self.first = self.Wrapper(nn.ConvTranspose2d(5, 8, 2, 2))
        self.shared = self.Wrapper(nn.Conv2d(8, 8, 3, padding=1))
        self.last = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.shared(torch.relu(self.first(x))))
        return torch.tanh(self.last(torch.relu(self.shared(x))))


class UnsupportedUpsampling(nn.Module):
    """Bilinear upsampling and group norm: no integer form, so they stay float islands."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.b = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.silu(self.norm(self.a(x)))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.tanh(self.b(x))


class Branching(nn.Module):
    """Decides by the values of a tensor: cannot be captured."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 16)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.layer(z)
        if x.mean() > 0:
            x = -x
        return x.view(-1, 1, 4, 4)


class NestedBranch(nn.Module):
    """The branch is two modules deep."""

    class Decide(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            if z.sum() > 0:
                return z
            return -z

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential()
        self.inner.add_module("layer", nn.Linear(4, 16))
        self.inner.add_module("decide", self.Decide())

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.inner(z).view(-1, 1, 4, 4)


class ThroughPython(nn.Module):
    """Leaves PyTorch in the middle: cannot be captured."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.tensor(self.layer(z).tolist()).view(-1, 1, 2, 2)

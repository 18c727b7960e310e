"""What every family's tests share: parameters counted by hand, and what each generator must do."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from edgegan.lowering.capture import capture
from tests.graphs import relative_error


def conv(inputs: int, outputs: int, size: int, bias: bool = True) -> int:
    return inputs * outputs * size * size + bias * outputs


def linear(inputs: int, outputs: int, bias: bool = True) -> int:
    return inputs * outputs + bias * outputs


def norm(channels: int) -> int:
    return 2 * channels


def count(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def livened(module: nn.Module, seed: int = 0) -> nn.Module:
    """In eval mode, with what training would have moved away from zero or one."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.parameters():
            value.add_(torch.randn(value.shape, generator=random) * 0.1)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0.0, 0.2, generator=random)
                part.running_var.uniform_(0.5, 2.0, generator=random)
    return module.eval()


def latents(size: int, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, size, generator=torch.Generator().manual_seed(1))


def pictures(channels: int, side: int, batch: int = 3) -> torch.Tensor:
    return (
        torch.rand(batch, channels, side, side, generator=torch.Generator().manual_seed(1))
        .mul(2)
        .sub(1)
    )


@torch.no_grad()
def check_generator(
    generator: nn.Module,
    inputs: Iterable[torch.Tensor],
    shape: tuple[int, ...],
    bounded: bool = True,
) -> None:
    """Shape and range, samples independent of their batch, captured with a dynamic batch.

    Args:
        generator: of any weights.
        inputs: batches of 3.
        shape: of one image.
        bounded: whether images lie in [-1, 1].
    """
    inputs = tuple(inputs)
    livened(generator)
    images = generator(*inputs)
    assert images.shape == (3, *shape)
    assert images.dtype == torch.float32
    assert float(images.std()) > 0
    assert not bounded or float(images.abs().max()) <= 1
    for index in range(3):
        alone = generator(*(value[index : index + 1] for value in inputs))
        assert relative_error(images[index : index + 1], alone) <= 1e-5
        assert index == 0 or not torch.equal(images[0], images[index])
    graph = capture(generator, tuple(value[:2] for value in inputs))
    assert relative_error(images, graph(*inputs)) <= 1e-5


@torch.no_grad()
def check_labels_matter(generator: nn.Module, latent: torch.Tensor) -> None:
    """The same latent with two labels makes two images, with one label one."""
    livened(generator)
    images = generator(latent[:1].repeat(3, 1), torch.tensor([0, 1, 0]))
    assert relative_error(images[0], images[1]) > 1e-3
    assert relative_error(images[0], images[2]) <= 1e-5


@torch.no_grad()
def check_discriminator(discriminator: nn.Module, *inputs: torch.Tensor) -> None:
    """One finite logit for each of 3 samples, and not the same one."""
    logits = livened(discriminator)(*inputs)
    assert logits.shape == (3,)
    assert bool(torch.isfinite(logits).all())
    assert len(logits.unique()) == 3

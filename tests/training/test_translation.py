"""CycleGAN's pool, crops and losses."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from edgegan.datasets.catalogue import ImageSet
from edgegan.training.image_pool import ImagePool
from edgegan.training.sections import TranslationSection
from edgegan.training.translation import TranslationTask


def test_the_pool_gives_back_old_images_half_of_the_time() -> None:
    torch.manual_seed(0)
    pool = ImagePool(10)
    first = torch.arange(10.0).view(10, 1, 1, 1)
    assert torch.equal(pool.exchange(first), first)  # it fills
    new = torch.arange(10.0, 410.0).view(400, 1, 1, 1)
    got = pool.exchange(new).flatten()
    same = (got == new.flatten()).float().mean()
    assert 0.4 < float(same) < 0.6
    assert bool((got <= new.flatten()).all())  # never an image of the future
    held = [float(image) for image in pool.images]
    assert len(held) == 10 and max(held) > 300


class Shift(nn.Module):
    """Adds one number: the simplest generator."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.by


class Mean(nn.Module):
    """A logit map: the image's mean, times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x.mean((1, 2, 3))


def task(identity: float) -> TranslationTask:
    black = ImageSet(np.zeros((3, 1, 8, 8), np.uint8), np.zeros(3, np.int64))  # -1 everywhere
    options = TranslationSection(learning_rate=1e-3, crop=4, identity=identity, target_class=0)
    return TranslationTask(Shift(0.5), Shift(-0.25), Mean(1.0), Mean(2.0), black, options)


def test_losses_are_those_of_the_paper() -> None:
    """Sources are -1, targets 1; G adds 0.5, F takes 0.25."""
    losses = task(0.0).step((torch.ones(2, 1, 8, 8), torch.zeros(2)), 0.0)
    # D_target sees 1 -> 1 (real), -0.5 -> -0.5 (fake); D_source sees -1 -> -2, 0.75 -> 1.5
    discriminator = 0.5 * (0 + 0.25) + 0.5 * (9 + 2.25)
    generator = 0.5 * ((-0.5 - 1) ** 2 + (1.5 - 1) ** 2)
    np.testing.assert_allclose(losses["discriminator"], discriminator, rtol=1e-5)
    np.testing.assert_allclose(losses["generator"], generator, rtol=1e-5)
    np.testing.assert_allclose(losses["cycle"], 0.25 + 0.25, rtol=1e-5)


def test_the_identity_loss_is_of_pictures_of_the_own_kind() -> None:
    """F should leave horses as they are, but takes 0.25; G should leave zebras, but adds 0.5."""
    batch = torch.ones(2, 1, 8, 8), torch.zeros(2)
    np.testing.assert_allclose(task(1.0).step(batch, 0.0)["identity"], 0.25 + 0.5, rtol=1e-5)
    assert task(0.0).step(batch, 0.0)["identity"] == 0.0


def test_crops_are_squares_of_the_picture() -> None:
    torch.manual_seed(0)
    made = task(0.0)
    picture = torch.arange(64.0).view(1, 1, 8, 8).repeat(50, 1, 1, 1)
    crops = made._crop(picture)
    assert crops.shape == (50, 1, 4, 4)
    mirrored = 0
    for crop in crops[:, 0]:
        start = int(crop[0].min())
        square = picture[0, 0, start // 8 : start // 8 + 4, start % 8 : start % 8 + 4]
        mirrored += int(torch.equal(crop, square.flip(1)))
        assert torch.equal(crop, square) or torch.equal(crop, square.flip(1))
    assert 10 < mirrored < 40

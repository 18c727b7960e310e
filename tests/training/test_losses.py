"""The losses of the papers, on logits small enough to reckon by hand."""

from __future__ import annotations

import math

import pytest
import torch

from edgegan.training.losses import LOSSES

REAL, FAKE = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 0.5])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        (
            "non-saturating",
            (softplus(-2) + softplus(0)) / 2 + (softplus(-3) + softplus(0.5)) / 2,
            (softplus(3) + softplus(-0.5)) / 2,
        ),
        ("least-squares", 0.5 * ((1 + 1) / 2 + (9 + 0.25) / 2), 0.5 * (16 + 0.25) / 2),
        ("hinge", (0 + 1) / 2 + (0 + 1.5) / 2, (3 - 0.5) / 2),
        ("wasserstein", -1.25 - 1.0, 1.25),
    ],
)
def test_values(name: str, discriminator: float, generator: float) -> None:
    loss = LOSSES[name]
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(discriminator, rel=1e-6)
    assert float(loss.generator(FAKE)) == pytest.approx(generator, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_both_sides_pull_apart(name: str) -> None:
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    LOSSES[name].discriminator(real, fake).backward()
    assert real.grad is not None and fake.grad is not None
    assert bool((real.grad < 0).all())  # descent raises the logits of real images
    assert bool((fake.grad > 0).all()) or name == "least-squares"  # there 0 is where fakes belong
    fake = torch.zeros(3, requires_grad=True)
    LOSSES[name].generator(fake).backward()
    assert fake.grad is not None and bool((fake.grad < 0).all())

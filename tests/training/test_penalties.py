"""Gradient penalties in closed form: of a linear critic w·x the gradient is w, everywhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgegan.training.penalties import gradient_penalty, r1_penalty


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 2, 12))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.weight


class Square(nn.Module):
    """|x|² / 2, whose gradient is x."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).square().sum(1) / 2


REAL, FAKE = torch.randn(5, 3, 2, 2), torch.randn(5, 3, 2, 2)


def test_gradient_penalty_of_a_linear_critic() -> None:
    critic = Linear()
    norm = critic.weight.detach().norm()
    penalty = gradient_penalty(critic, REAL, FAKE)
    assert float(penalty.detach()) == pytest.approx(float((norm - 1) ** 2), rel=1e-5)
    penalty.backward()  # d/dw (|w| - 1)² = 2 (|w| - 1) w / |w|
    expected = 2 * (norm - 1) * critic.weight.detach() / norm
    torch.testing.assert_close(critic.weight.grad, expected)


def test_gradient_penalty_is_taken_between_real_and_generated() -> None:
    places = []
    for seed in range(20):
        torch.manual_seed(seed)
        real, fake = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 10.0)
        places.append(1.0 + float(gradient_penalty(Square(), real, fake)) ** 0.5)  # gradient = x
    assert all(2.0 <= place <= 10.0 for place in places)
    assert min(places) < 4.0 and max(places) > 8.0


def test_r1() -> None:
    critic = Linear()
    penalty = r1_penalty(critic, REAL)
    assert float(penalty.detach()) == pytest.approx(
        float(critic.weight.detach().square().sum()), rel=1e-5
    )
    penalty.backward()
    torch.testing.assert_close(critic.weight.grad, (2 * critic.weight).detach())
    of_square = r1_penalty(Square(), REAL)
    assert float(of_square) == pytest.approx(
        float(REAL.square().flatten(1).sum(1).mean()), rel=1e-5
    )


def test_no_gradient_reaches_the_images() -> None:
    fake = FAKE.clone().requires_grad_()
    gradient_penalty(Linear(), REAL, fake).backward()
    assert fake.grad is None

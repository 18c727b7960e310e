"""Penalties on the gradient of a discriminator's logits with respect to its images."""

from __future__ import annotations

from collections.abc import Callable

import torch

Critic = Callable[[torch.Tensor], torch.Tensor]
"""Images ``[N, C, H, W]`` to logits ``[N]``."""


def gradient_penalty(critic: Critic, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Mean of (|gradient| - 1)² at random points between real and generated images.

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3.

    Args:
        critic: without batch norm: the penalty is of each sample alone.
        real, fake: float32 ``[N, C, H, W]``; gradients do not go through them.
    """
    share = torch.rand(len(real), 1, 1, 1)
    norms = _gradients(critic, torch.lerp(real, fake.detach(), share)).norm(dim=1)
    penalty: torch.Tensor = (norms - 1.0).square().mean()
    return penalty


def r1_penalty(critic: Critic, real: torch.Tensor) -> torch.Tensor:
    """Mean of |gradient|² at real images (Mescheder et al. 2018, equation 9, without gamma / 2)."""
    return _gradients(critic, real).square().sum(1).mean()


def _gradients(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    """One row a sample, differentiable: ``[N, C * H * W]``."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient.float().flatten(1)

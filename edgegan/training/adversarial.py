"""Adversarial training of an unconditional generator and its discriminator.

Non-saturating logistic loss (Goodfellow et al. 2014, "Generative Adversarial Nets", section 3) with
the learning rates of DCGAN (Radford et al. 2016, section 4). The generator that is kept is an
exponential moving average of the trained one (Yazici et al. 2019, arXiv 1806.04498), its batch-norm
statistics re-estimated at the end because those of the live generator belong to other weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class AdversarialTask:
    """One discriminator step and one generator step a batch.

    Args:
        generator: latents ``[N, latent_size]`` to images.
        discriminator: images to logits ``[N]``.
        latent_size: length of a latent.
        learning_rate: of both Adam optimizers (beta1 0.5).
        average_decay: decay of the generator's moving average.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_size: int,
        learning_rate: float = 2e-4,
        average_decay: float = 0.999,
    ) -> None:
        self.generator = generator.train()
        self.discriminator = discriminator.train()
        self.average = copy.deepcopy(generator).requires_grad_(False)
        self.latent_size = latent_size
        self.decay = average_decay
        self.base_rate = learning_rate
        betas = (0.5, 0.999)
        self.g_optimizer = torch.optim.Adam(generator.parameters(), learning_rate, betas)
        self.d_optimizer = torch.optim.Adam(discriminator.parameters(), learning_rate, betas)

    def step(self, images: torch.Tensor, labels: torch.Tensor, progress: float) -> dict[str, float]:
        """See ``loop.Task``; the learning rate falls linearly to zero over the second half."""
        rate = self.base_rate * min(1.0, 2.0 * (1.0 - progress))
        for optimizer in (self.g_optimizer, self.d_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = rate
        fake = self.generator(torch.randn(len(images), self.latent_size))

        self.d_optimizer.zero_grad(set_to_none=True)
        d_loss = (
            F.softplus(-self.discriminator(images)).mean()
            + F.softplus(self.discriminator(fake.detach())).mean()
        )
        d_loss.backward()  # type: ignore[no-untyped-call]
        self.d_optimizer.step()

        self.g_optimizer.zero_grad(set_to_none=True)
        g_loss = F.softplus(-self.discriminator(fake)).mean()
        g_loss.backward()  # type: ignore[no-untyped-call]
        self.g_optimizer.step()
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
            for mean, value in pairs:
                mean.lerp_(value, 1.0 - self.decay)
        return {"discriminator": float(d_loss.detach()), "generator": float(g_loss.detach())}

    def state(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def restore(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
        }


@torch.no_grad()
def estimate_batch_norm(
    module: nn.Module, draw: Callable[[], torch.Tensor], batches: int = 200
) -> None:
    """Set every batch norm's running statistics to their plain mean over ``batches`` batches.

    Args:
        module: changed in place; left in eval mode.
        draw: returns one input batch.
    """
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    module.train()
    for _ in range(batches):
        module(draw())
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()

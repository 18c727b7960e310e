"""Adversarial training of a generator, class-conditional or not, and its discriminator.

One task for all losses: Goodfellow et al. 2014; LSGAN; SAGAN's hinge; WGAN-GP (several critic steps a
generator step, gradient penalty); StyleGAN (R1, lazily as in Karras et al. 2020, appendix B: every so many
steps and weighted by as much).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from edgegan.training.average import follow
from edgegan.training.loop import Batch
from edgegan.training.losses import LOSSES
from edgegan.training.penalties import gradient_penalty, r1_penalty
from edgegan.training.sections import AdversarialSection

Draw = Callable[[int], tuple[torch.Tensor, ...]]
"""Makes a batch of the generator's inputs: the latents and, if there are classes, int64 labels."""


class AdversarialTask:
    """One discriminator step a batch, and one generator step every ``options.critic_steps`` batches.

    Args:
        generator: inputs of ``draw`` to images.
        discriminator: images, and labels if the generator takes them, to logits ``[N]``.
        draw: uses torch's random numbers.
        conditional: whether the second of the inputs are labels.
        options: the card's section.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        draw: Draw,
        conditional: bool,
        options: AdversarialSection,
    ) -> None:
        self.generator = generator.train()
        self.discriminator = discriminator.train()
        self.average = copy.deepcopy(generator).requires_grad_(False)
        self.draw = draw
        self.conditional = conditional
        self.options = options
        self.loss = LOSSES[options.loss]
        self.steps = 0
        rates = (options.learning_rate, options.discriminator_rate or options.learning_rate)
        self.g_optimizer, self.d_optimizer = (
            torch.optim.Adam(module.parameters(), rate, options.betas)
            for module, rate in zip((generator, discriminator), rates, strict=True)
        )
        self.rates = rates

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """See ``loop.Task``; of ``LabelledImages``.

        The learning rates fall linearly to zero over the second half.
        """
        images, labels = batch
        set_rate(self.g_optimizer, self.rates[0], progress)
        set_rate(self.d_optimizer, self.rates[1], progress)
        generating = self.steps % self.options.critic_steps == 0
        inputs = self.draw(len(images))
        with torch.set_grad_enabled(generating):
            fake = self.generator(*inputs)
        drawn = inputs[1:] if self.conditional else ()
        losses = self._discriminate(images, (labels,) if self.conditional else (), fake, drawn)
        if generating:
            losses["generator"] = self._generate(fake, drawn)
        self.steps += 1
        return losses

    def _discriminate(
        self,
        images: torch.Tensor,
        labels: tuple[torch.Tensor, ...],
        fake: torch.Tensor,
        drawn: tuple[torch.Tensor, ...],
    ) -> dict[str, float]:
        options = self.options
        real_logits = self.discriminator(images, *labels).float()
        fake_logits = self.discriminator(fake.detach(), *drawn).float()
        loss = self.loss.discriminator(real_logits, fake_logits)
        losses = {"discriminator": float(loss.detach())}
        if options.gradient_penalty:
            penalty = gradient_penalty(self._judge(labels), images, fake.float())
            loss = loss + options.gradient_penalty * penalty
            losses["penalty"] = float(penalty.detach())
        if options.r1 and self.steps % options.r1_every == 0:
            penalty = r1_penalty(self._judge(labels), images)
            loss = loss + options.r1 / 2 * options.r1_every * penalty
            losses["penalty"] = float(penalty.detach())
        self.d_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.d_optimizer.step()
        return losses

    def _judge(self, labels: tuple[torch.Tensor, ...]) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda images: self.discriminator(images, *labels).float()

    def _generate(self, fake: torch.Tensor, drawn: tuple[torch.Tensor, ...]) -> float:
        self.discriminator.requires_grad_(False)
        loss = self.loss.generator(self.discriminator(fake, *drawn).float())
        self.g_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.g_optimizer.step()
        self.discriminator.requires_grad_(True)
        follow(self.average, self.generator, self.options.average_decay)
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return parts | {"steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.steps = int(state["steps"])

    def _parts(self) -> dict[str, Any]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
        }


def set_rate(optimizer: torch.optim.Optimizer, base: float, progress: float) -> None:
    """The base rate through the first half of a training, then linearly down to zero."""
    for group in optimizer.param_groups:
        group["lr"] = base * min(1.0, 2.0 * (1.0 - progress))

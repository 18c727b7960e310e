"""Quantization-aware training of a generator against its float original.

Andreev et al. 2021, section 3.6, equation 4: a least-squares GAN loss and a perceptual loss to the float
generator's image of the same latent. Ranges are those of calibration, or follow moving averages (MA-QAT),
or are learned (LSQ-QAT), or first the one and then the other.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from edgegan.training.loop import Batch
from edgegan.training.losses import LOSSES
from edgegan.training.processes import ALONE, Processes
from edgegan.tuning.perceptual import PerceptualLoss
from edgegan.tuning.quantized_discriminator import QuantizedDiscriminator
from edgegan.tuning.range_tracking import RangeTracker
from edgegan.tuning.sections import DistillationSection
from edgegan.tuning.tunable import Tunable

_BETAS = (0.5, 0.999)


class _Student(nn.Module):
    """The quantized generator, observing its ranges or not.

    Args:
        complete: whether each parameter is to have a gradient, be it 0: ranges that are observed have none,
            nor has the scale of a codebook.
    """

    def __init__(self, tunable: Tunable, tracker: RangeTracker, complete: bool) -> None:
        super().__init__()
        self.complete = complete
        self.tunable = tunable
        self.tracker = tracker

    def forward(self, observing: bool, *inputs: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = (self.tracker.run if observing else self.tunable)(*inputs)
        if self.complete:
            leaves = [leaf for leaf in self.tunable.parameters() if leaf.requires_grad]
            image = image + 0.0 * torch.stack([leaf.sum() for leaf in leaves]).sum()
        return image


class DistillationTask:
    """One step of the quantized generator, and one of the discriminator where it counts.

    Args:
        tunable: the quantized generator.
        section: the recipe's.
        perceptual: the content and style loss; None where neither counts.
        discriminator: images, and the label inputs, to logits ``[N]``; None where it does not count.
        labels: which of the generator's inputs the discriminator is given too.
        tracker: observes the ranges in the first share of the steps.
        processes: that learn together.
    """

    def __init__(
        self,
        tunable: Tunable,
        section: DistillationSection,
        perceptual: PerceptualLoss | None,
        discriminator: nn.Module | None,
        labels: tuple[int, ...],
        tracker: RangeTracker,
        processes: Processes = ALONE,
    ) -> None:
        self.tunable = tunable
        self.section = section
        self.perceptual = perceptual
        self.discriminator = discriminator
        self.labels = labels
        self.tracker = tracker
        ranges = [*tunable.log_scales.parameters(), *tunable.offsets.parameters()]
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(tunable.weights.parameters()), "lr": section.learning_rate},
                {"params": ranges, "lr": section.quantizer_rate},
            ],
            betas=_BETAS,
        )
        self.rates = (section.learning_rate, section.quantizer_rate)
        self.processes = processes
        self.student = processes.parallel(_Student(tunable, tracker, processes.count > 1))
        self.judge: nn.Module | None = None
        self.d_optimizer: torch.optim.Adam | None = None
        if discriminator is not None:
            self.judge = processes.parallel(discriminator)
            self.d_optimizer = torch.optim.Adam(
                discriminator.parameters(), section.discriminator_rate, _BETAS
            )

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """See ``loop.Task``; of ``Examples``. Rates fall to zero along a cosine."""
        count = len(batch) - 2 - len(self.labels)
        inputs, (image, real, *real_labels) = batch[:count], batch[count:]
        observing = progress < self.section.observe
        learning = self.section.learn_ranges and not observing
        fall = 0.5 * (1 + math.cos(math.pi * progress))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * fall
        fake: torch.Tensor = self.student(observing, *inputs)
        labels = [inputs[place] for place in self.labels]
        losses = self._discriminate((real, *real_labels), (fake.detach(), *labels), fall)
        total, terms = self._judge(fake, image, labels)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._as_of_whole_batches()
        if not learning:  # Adam passes over what has no gradient
            for leaf in self.optimizer.param_groups[1]["params"]:
                leaf.grad = None
        self.optimizer.step()
        return losses | terms

    def _as_of_whole_batches(self) -> None:
        """LSQ's gradients of activation ranges go with 1/√N of the tensor, here a share of the batch's."""
        if self.processes.count == 1:
            return
        for leaves in (self.tunable.log_scales, self.tunable.offsets):
            for name, leaf in leaves.named():
                if self.tunable.quantizers[name].kind == "activation" and leaf.grad is not None:
                    leaf.grad /= math.sqrt(self.processes.count)

    def _judge(
        self, fake: torch.Tensor, image: torch.Tensor, labels: list[torch.Tensor]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        loss, terms = self.section.loss, {}
        if self.discriminator is not None:
            self.discriminator.requires_grad_(False)
            logits = self.discriminator(fake, *labels).float()
            terms["adversarial"] = loss.adversarial * LOSSES["least-squares"].generator(logits)
        if self.perceptual is not None:
            content, style = self.perceptual(fake, image)
            terms |= {"content": loss.content * content, "style": loss.style * style}
        if loss.pixel:
            terms["pixel"] = loss.pixel * (fake - image).square().mean()
        total = torch.stack(list(terms.values())).sum()
        return total, {name: float(term.detach()) for name, term in terms.items()}

    def _discriminate(
        self, real: tuple[torch.Tensor, ...], fake: tuple[torch.Tensor, ...], fall: float
    ) -> dict[str, float]:
        if self.discriminator is None or self.judge is None or self.d_optimizer is None:
            return {}
        if isinstance(self.discriminator, QuantizedDiscriminator):
            self.discriminator.fit()
        self.discriminator.requires_grad_(True)
        self.d_optimizer.param_groups[0]["lr"] = self.section.discriminator_rate * fall
        logits = (self.judge(*inputs).float() for inputs in (real, fake))
        loss = LOSSES["least-squares"].discriminator(*logits)
        self.d_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.d_optimizer.step()
        return {"discriminator": float(loss.detach())}

    def state(self) -> dict[str, Any]:
        """See ``loop.Task``."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return parts | {"tracker": self.tracker.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """See ``loop.Task``."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.tracker.restore(state["tracker"])

    def _parts(self) -> dict[str, Any]:
        parts = {
            "tunable": self.tunable,
            "optimizer": self.optimizer,
            "discriminator": self.discriminator,
            "d_optimizer": self.d_optimizer,
        }
        return {name: part for name, part in parts.items() if part is not None}

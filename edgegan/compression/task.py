"""One step of a generator that is compressed, and one of the discriminator where it counts.

The sum of equation 8 of Vo et al., PPCD-GAN, with a term for the teacher's pictures (Chang and Lu 2020,
TinyGAN, section 3.1) and one for the gains of norms (Wang et al. 2020, GAN Slimming, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from edgegan.compression.attention import Tap
from edgegan.compression.losses import class_aware_loss, pruning_loss
from edgegan.compression.masks import ProgressiveMask
from edgegan.compression.sections import CompressionLossSection, CompressSection
from edgegan.training.adversarial import set_rate
from edgegan.training.average import follow
from edgegan.training.loop import Batch
from edgegan.training.losses import LOSSES

_MASK_BETAS = (0.9, 0.999)
"""Of Adam for masks: whether a channel counts is seen over many batches."""


@dataclass(frozen=True)
class Judges:
    """What a picture is judged by; each may be missing.

    Attributes:
        teacher: the inputs of the student to the teacher's pictures.
        taps: of the student's and of the teacher's features.
        discriminator: images, and labels, to logits ``[N]``.
        masks: that are pruning.
        gains: of norms.
    """

    teacher: Callable[..., torch.Tensor] | None = None
    taps: tuple[Tap, Tap] | None = None
    discriminator: nn.Module | None = None
    masks: Sequence[ProgressiveMask] = ()
    gains: Callable[[], Sequence[torch.Tensor]] = field(default=lambda: ())


class CompressionTask:
    """See ``loop.Task``; learns from ``Examples``.

    Args:
        student: learns; in training mode.
        average: of its weights; a copy.
        section: the recipe's.
        loss: the terms of this phase.
        judges: what they need.
        labels: which of the inputs the discriminator is given too.
        inputs: how many there are.
        deadline: the progress at which the last mask is binarized in any case; the others have theirs
            before it, evenly, in their order.
        mask_rate: of Adam for the masks.
    """

    def __init__(
        self,
        student: nn.Module,
        average: nn.Module,
        section: CompressSection,
        loss: CompressionLossSection,
        judges: Judges,
        labels: tuple[int, ...],
        inputs: int,
        deadline: float = 1.0,
        mask_rate: float = 0.0,
    ) -> None:
        self.student = student.train()
        self.average = average.requires_grad_(False)
        self.section, self.loss, self.judges = section, loss, judges
        self.labels, self.inputs = labels, inputs
        self.deadline, self.mask_rate = deadline, mask_rate
        masks = {id(mask.weight) for mask in judges.masks}
        others = [value for value in student.parameters() if id(value) not in masks]
        groups: list[dict[str, Any]] = [{"params": others}]
        if masks:
            weights = [mask.weight for mask in judges.masks]
            groups.append({"params": weights, "betas": _MASK_BETAS})
        self.optimizer = torch.optim.Adam(groups, section.learning_rate, section.betas)
        self.d_optimizer: torch.optim.Adam | None = None
        if judges.discriminator is not None:
            self.d_optimizer = torch.optim.Adam(
                judges.discriminator.parameters(), section.discriminator_rate, section.betas
            )

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """See ``loop.Task``."""
        inputs, real = batch[: self.inputs], batch[self.inputs :]
        drawn = tuple(inputs[place] for place in self.labels)
        with torch.no_grad():
            wanted = None if self.judges.teacher is None else self.judges.teacher(*inputs)
        fake = self.student(*inputs)
        losses: dict[str, float] = {}
        if self.d_optimizer is not None:
            if not real:
                assert wanted is not None, "the teacher's pictures are the real ones"
                real = (wanted, *drawn)
            losses["discriminator"] = self._discriminate(real, (fake.detach(), *drawn), progress)
        terms = self._terms(fake, wanted, drawn)
        total = torch.stack(list(terms.values())).sum()
        set_rate(self.optimizer, self.section.learning_rate, progress)
        if self.judges.masks:  # they hurry as much at the end as at the start
            self.optimizer.param_groups[1]["lr"] = self.mask_rate
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self._binarize(progress, losses)
        follow(self.average, self.student, self.section.average_decay)
        return losses | {name: float(term.detach()) for name, term in terms.items()}

    def _terms(
        self, fake: torch.Tensor, wanted: torch.Tensor | None, drawn: Batch
    ) -> dict[str, torch.Tensor]:
        loss, judges, terms = self.loss, self.judges, {}
        if judges.discriminator is not None:
            judges.discriminator.requires_grad_(False)
            logits = judges.discriminator(fake, *drawn).float()
            terms["adversarial"] = loss.adversarial * LOSSES[loss.kind].generator(logits)
        if loss.attention and judges.taps is not None:
            own, teachers = (tap.seen for tap in judges.taps)
            last = -min(len(own), len(teachers))
            terms["attention"] = loss.attention * class_aware_loss(teachers[last:], own[last:])
        if loss.output and wanted is not None:
            terms["output"] = loss.output * (fake.float() - wanted.float()).abs().mean()
        if judges.masks:
            terms["pruning"] = loss.pruning * pruning_loss(judges.masks)
        gains = judges.gains()
        if gains:
            terms["sparsity"] = loss.sparsity * torch.cat([g.flatten() for g in gains]).abs().mean()
        return terms

    def _discriminate(self, real: Batch, fake: Batch, progress: float) -> float:
        judge, optimizer = self.judges.discriminator, self.d_optimizer
        assert judge is not None and optimizer is not None
        judge.requires_grad_(True)
        set_rate(optimizer, self.section.discriminator_rate, progress)
        logits = [judge(*inputs).float() for inputs in (real, fake)]
        loss = LOSSES[self.loss.kind].discriminator(*logits)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    def _binarize(self, progress: float, losses: dict[str, float]) -> None:
        pruning = self.section.pruning
        if not self.judges.masks or pruning is None or pruning.ratio is None:
            return
        masks = self.judges.masks
        turns = [self.deadline * (turn + 1) / len(masks) for turn in range(len(masks))]
        done = [
            mask.binarize(pruning.ratio, at_last=progress >= turn)
            for mask, turn in zip(masks, turns, strict=True)
        ]
        losses["binary_masks"] = float(sum(done))

    def state(self) -> dict[str, Any]:
        """See ``loop.Task``."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def restore(self, state: dict[str, Any]) -> None:
        """See ``loop.Task``."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for mask in self.judges.masks:
            mask.follow_state()

    def _parts(self) -> dict[str, Any]:
        parts = {
            "student": self.student,
            "average": self.average,
            "optimizer": self.optimizer,
            "discriminator": self.judges.discriminator,
            "d_optimizer": self.d_optimizer,
        }
        return {name: part for name, part in parts.items() if part is not None}

"""Unpaired translation between two kinds of pictures: CycleGAN.

Zhu et al. 2017 (arXiv 1703.10593), sections 3 and 4: two generators, two discriminators with least-squares
losses, cycle consistency weighted 10, an image pool of 50, Adam with beta1 0.5.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.datasets.catalogue import ImageSet
from edgegan.training.adversarial import set_rate
from edgegan.training.average import follow
from edgegan.training.image_pool import ImagePool
from edgegan.training.loop import Batch
from edgegan.training.losses import LOSSES
from edgegan.training.sections import TranslationSection


class TranslationTask:
    """One step of both generators, then one of both discriminators.

    The loop gives pictures of the target kind; as many of the source kind are drawn here.

    Args:
        generator: source pictures to target pictures; the one that is kept.
        back: target pictures to source pictures.
        discriminator: of target pictures; pictures to logits of any shape.
        back_discriminator: of source pictures.
        sources: the source pictures.
        options: the card's section.
    """

    def __init__(
        self,
        generator: nn.Module,
        back: nn.Module,
        discriminator: nn.Module,
        back_discriminator: nn.Module,
        sources: ImageSet,
        options: TranslationSection,
    ) -> None:
        self.generators = nn.ModuleList([generator, back]).train()
        self.discriminators = nn.ModuleList([discriminator, back_discriminator]).train()
        self.average = copy.deepcopy(generator).requires_grad_(False)
        self.sources = sources
        self.options = options
        self.loss = LOSSES["least-squares"]
        self.pools = (ImagePool(options.pool), ImagePool(options.pool))
        self.g_optimizer, self.d_optimizer = (
            torch.optim.Adam(modules.parameters(), options.learning_rate, (0.5, 0.999))
            for modules in (self.generators, self.discriminators)
        )

    @property
    def generator(self) -> nn.Module:
        """The one that is kept, as it is trained."""
        return self.generators[0]

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """See ``loop.Task``; of ``LabelledImages``, whose labels count nothing."""
        images, _ = batch
        for optimizer in (self.g_optimizer, self.d_optimizer):
            set_rate(optimizer, self.options.learning_rate, progress)
        drawn = torch.randint(len(self.sources.images), (len(images),)).numpy()
        sources = self._crop(torch.from_numpy(self.sources.batch(drawn)))
        kinds = (sources, self._crop(images))
        fakes, losses = self._generate(kinds)
        losses["discriminator"] = self._discriminate(kinds, fakes)
        follow(self.average, self.generator, self.options.average_decay)
        return losses

    def _generate(
        self, kinds: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[list[torch.Tensor], dict[str, float]]:
        adversarial, cycle, identity = torch.zeros(()), torch.zeros(()), torch.zeros(())
        fakes: list[torch.Tensor] = []
        self.discriminators.requires_grad_(False)
        for way, pictures in enumerate(kinds):
            there, back = self.generators[way], self.generators[1 - way]
            fakes.append(there(pictures))
            adversarial = adversarial + self.loss.generator(
                self.discriminators[way](fakes[way]).float()
            )
            cycle = cycle + F.l1_loss(back(fakes[way]).float(), pictures)
            if self.options.identity:
                identity = identity + F.l1_loss(back(pictures).float(), pictures)
        loss = 2 * adversarial + self.options.cycle * (cycle + self.options.identity * identity)
        self.g_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.g_optimizer.step()
        self.discriminators.requires_grad_(True)
        parts = {"generator": adversarial, "cycle": cycle, "identity": identity}
        return fakes, {name: float(part.detach()) for name, part in parts.items()}

    def _discriminate(
        self, kinds: tuple[torch.Tensor, torch.Tensor], fakes: list[torch.Tensor]
    ) -> float:
        loss = torch.zeros(())
        for way, discriminator in enumerate(self.discriminators):
            seen = self.pools[way].exchange(fakes[way])
            real_logits = discriminator(kinds[1 - way]).float()
            loss = loss + self.loss.discriminator(real_logits, discriminator(seen).float())
        self.d_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.d_optimizer.step()
        return float(loss.detach())

    def _crop(self, pictures: torch.Tensor) -> torch.Tensor:
        """A random square of each picture, mirrored half of the time: ``[N, C, crop, crop]``."""
        crop = self.options.crop
        height, width = pictures.shape[2:]
        cut: list[torch.Tensor] = []
        for picture in pictures:
            top = int(torch.randint(height - crop + 1, ()))
            left = int(torch.randint(width - crop + 1, ()))
            square = picture[:, top : top + crop, left : left + crop]
            cut.append(square.flip(2) if float(torch.rand(())) < 0.5 else square)
        return torch.stack(cut)

    def state(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return parts | {"pools": [list(pool.images) for pool in self.pools]}

    def restore(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for pool, images in zip(self.pools, state["pools"], strict=True):
            pool.images = list(images)

    def _parts(self) -> dict[str, Any]:
        return {
            "generators": self.generators,
            "discriminators": self.discriminators,
            "average": self.average,
            "g_optimizer": self.g_optimizer,
            "d_optimizer": self.d_optimizer,
        }

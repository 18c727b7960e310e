"""Training of a classifier, whose penultimate layer then serves as a data set's feature network."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from edgegan.training.loop import Batch
from edgegan.training.sections import ClassifierSection


class ClassifierTask:
    """Cross-entropy with random shifts and flips; SGD with momentum, cosine learning rate.

    Args:
        network: images to logits ``[N, classes]``.
        options: the card's section.
    """

    def __init__(self, network: nn.Module, options: ClassifierSection) -> None:
        self.network = network.train()
        self.base_rate = options.learning_rate
        self.flip = options.flip
        self.shift = options.shift
        self.optimizer = torch.optim.SGD(
            network.parameters(), self.base_rate, momentum=0.9, weight_decay=5e-4, nesterov=True
        )

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """See ``loop.Task``; of ``LabelledImages``."""
        images, labels = batch
        rate = self.base_rate * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * progress))))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        logits = self.network(self._augment(images)).float()
        loss = F.cross_entropy(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        accuracy = (logits.argmax(1) == labels).float().mean()
        return {"cross_entropy": float(loss.detach()), "accuracy": float(accuracy)}

    def _augment(self, images: torch.Tensor) -> torch.Tensor:
        if self.flip:
            mirrored = torch.rand(len(images)) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        if self.shift:
            height, width = images.shape[2:]
            padded = F.pad(images, [self.shift] * 4, value=-1.0)
            top, left = torch.randint(0, 2 * self.shift + 1, (2,)).tolist()
            images = padded[:, :, top : top + height, left : left + width]
        return images

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

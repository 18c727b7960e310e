"""Learned perceptual image patch similarity: distance of two images in a network's activations.

Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (arXiv
1801.03924), equation 1: activations of several stages, of unit length in every place, their squared
differences weighted by channel, averaged over places, summed over stages. Without the paper's linear
weights every channel counts 1 (its "uncalibrated" form). A distance is of its network and weights: it
compares with none of another, and is to be named with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edgegan.errors import DataError, UsageError
from edgegan.metrics.psnr import check_pairs

Stages = Callable[[torch.Tensor], Sequence[torch.Tensor]]
"""Images float32 ``[N, C, H, W]`` to activations ``[N, C', H', W']`` of several stages."""

_BATCH = 32
_TINY = 1e-10


@dataclass(frozen=True)
class Diversity:
    """How different the images of one class are.

    Attributes:
        value: mean over the classes.
        classes: mean distance of pairs, by class.
        pairs: compared in each class, at most.
    """

    value: float
    classes: dict[int, float]
    pairs: int


@dataclass(frozen=True)
class PerceptualDistance:
    """A perceptual distance.

    Attributes:
        network: its name, and that of its weights where they are not uniform.
        stages: e.g. ``SqueezeNet.stages``.
        weights: of the channels of each stage, float ``[C']``; None for 1 each.
    """

    network: str
    stages: Stages
    weights: Sequence[NDArray[np.float32]] | None = None

    def pairs(
        self, images: NDArray[np.float32], references: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Distance of each image to its reference, float64 ``[N]``.

        Args:
            images, references: float32 ``[N, C, H, W]`` as the network takes them.

        Raises:
            DataError: if the shapes differ.
        """
        check_pairs(images, references)
        starts = range(0, len(images), _BATCH)
        batches = [slice(start, start + _BATCH) for start in starts]
        return np.concatenate([self._batch(images[b], references[b]) for b in batches])

    def diversity(
        self,
        images: NDArray[np.float32],
        labels: NDArray[np.int64],
        pairs: int = 200,
        seed: int = 0,
    ) -> Diversity:
        """Mean distance of images of the same class, averaged over the classes.

        Args:
            labels: class of each image ``[N]``; all 0 where there are none.
            pairs: drawn in each class, all different; all pairs where there are no more.

        Raises:
            DataError: if a class has one image only.
        """
        random = np.random.default_rng(seed)
        classes = {}
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            if len(members) < 2:
                raise DataError(
                    f"diversity compares images of a class, and class {label} has one; draw more."
                )
            first, second = np.triu_indices(len(members), 1)
            chosen = random.permutation(len(first))[:pairs]
            a, b = members[first[chosen]], members[second[chosen]]
            classes[int(label)] = float(self.pairs(images[a], images[b]).mean())
        return Diversity(float(np.mean(list(classes.values()))), classes, pairs)

    @torch.no_grad()
    def _batch(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
        total = np.zeros(len(a))
        stages = list(zip(*(self.stages(torch.from_numpy(x)) for x in (a, b)), strict=True))
        if self.weights is not None and len(self.weights) != len(stages):
            raise UsageError(
                f"{self.network} has {len(stages)} stages and {len(self.weights)} weights were given; "
                "give the weights that were fitted to this network."
            )
        for index, (x, y) in enumerate(stages):
            squares = (_unit(x) - _unit(y)).square().mean((2, 3)).double().numpy()
            weight = np.ones(squares.shape[1]) if self.weights is None else self.weights[index]
            total += squares @ weight.astype(np.float64)
        return total


def _unit(x: torch.Tensor) -> torch.Tensor:
    return x / (x.square().sum(1, keepdim=True).sqrt() + _TINY)

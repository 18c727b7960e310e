"""Feature networks: images in, feature vectors out, in streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgegan.card import FeatureSection, NetworkSection, card_folder, load_card
from edgegan.errors import DataError, UsageError
from edgegan.generators.load import load_module
from edgegan.metrics.inception import DIMENSIONS, FILE, load_inception, weights_path
from edgegan.metrics.statistics import (
    FeatureStatistics,
    MomentAccumulator,
    load_statistics,
)


@dataclass(frozen=True)
class FeatureNetwork:
    """A named feature network.

    Attributes:
        name: as it stands beside every number that was made with it.
        module: in eval mode; ``features`` maps images to features, ``forward`` to class logits.
        spec: what it expects.
    """

    name: str
    module: nn.Module
    spec: FeatureSection
    folder: Path

    @torch.no_grad()
    def extract(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of float32 images ``[N, C, H, W]`` in ``spec.value_range``: float32 ``[N, D]``.

        Raises:
            DataError: if the images have another shape, or hold NaN.
        """
        self._check(images)
        features: torch.Tensor = getattr(self.module, self.spec.network.method)(
            torch.from_numpy(images)
        )
        if features.shape != (len(images), self.spec.dimensions):
            raise DataError(
                f"feature network {self.name} gives {tuple(features.shape[1:])}, not vectors of "
                f"{self.spec.dimensions}; check `dimensions` and `method` of `checks.features`."
            )
        return features.numpy()

    @torch.no_grad()
    def classify(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        """Most likely class of each image, int64 ``[N]``; see ``extract``."""
        self._check(images)
        logits: torch.Tensor = self.module(torch.from_numpy(images))
        return logits.argmax(1).numpy()

    def reference(self, split: str = "train") -> FeatureStatistics | None:
        """Statistics of the real images of ``split`` (``train`` or ``test``), where there are any."""
        if self.spec.statistics is None:
            return None
        return load_statistics(self.folder / self.spec.statistics, split)

    def _check(self, images: NDArray[np.float32]) -> None:
        size = self.spec.size or images.shape[2:]
        expected = (self.spec.channels, *size)
        if images.shape[1:] != expected:
            raise DataError(
                f"feature network {self.name} takes images of {_shape(expected)}, not "
                f"{_shape(images.shape[1:])}; name another in `checks.features`."
            )
        if not np.isfinite(images).all():
            raise DataError("generated images hold NaN or infinity; check the generator's weights.")


INCEPTION = "inception"
_INCEPTION_SPEC = FeatureSection(
    network=NetworkSection(source="edgegan.metrics.inception:Inception", weights=FILE),
    dimensions=DIMENSIONS,
    channels=3,
)


def load_feature_network(name: str) -> FeatureNetwork:
    """Load a feature network of the zoo.

    Raises:
        UsageError: if there is none of this name.
    """
    card = load_card(name)
    if card.features is None:
        raise UsageError(f"{name!r} is a generator, not a feature network; see `edgegan zoo list`.")
    folder = card_folder(name)
    network = card.features.network
    module = load_module(network.source, network.arguments, folder / network.weights)
    return FeatureNetwork(name, module, card.features, folder)


def find_feature_network(features: str | FeatureSection, folder: Path) -> FeatureNetwork:
    """``inception``, a zoo network by name, or one's own from ``folder`` (which runs its source)."""
    if features == INCEPTION:
        return FeatureNetwork(INCEPTION, load_inception(weights_path()), _INCEPTION_SPEC, folder)
    if isinstance(features, str):
        return load_feature_network(features)
    network = features.network
    module = load_module(network.source, network.arguments, folder / network.weights, folder)
    return FeatureNetwork(network.source, module, features, folder)


def feature_statistics(
    network: FeatureNetwork, batches: Iterable[NDArray[np.float32]]
) -> FeatureStatistics:
    """Moments of the features of a stream of image batches; memory does not grow with its length."""
    moments = MomentAccumulator(network.spec.dimensions)
    for images in batches:
        moments.add(network.extract(images))
    return moments.statistics()


def split_batches(array: NDArray[np.float32], size: int = 128) -> Iterator[NDArray[np.float32]]:
    """Cut an array into batches along its first axis."""
    for start in range(0, len(array), size):
        yield array[start : start + size]


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)

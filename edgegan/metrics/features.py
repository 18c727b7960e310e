"""Feature networks: images in, feature vectors out, in streams."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgegan import __version__
from edgegan.cache import digest
from edgegan.card import FeatureSection, NetworkSection, card_folder, load_card
from edgegan.errors import LackingError, UsageError
from edgegan.generators.load import load_module
from edgegan.metrics import inception, vgg
from edgegan.metrics.extractor import NO_RESIZE, FeatureDescription
from edgegan.metrics.statistics import FeatureStatistics, MomentAccumulator
from edgegan.metrics.statistics_file import load_statistics


@dataclass(frozen=True)
class FeatureNetwork:
    """A named feature network.

    Attributes:
        name: as it stands beside every number that was made with it.
        module: in eval mode; ``features`` maps images to features, ``forward`` to class logits.
        spec: what it expects.
        resize: how the network itself resizes its input.
    """

    name: str
    module: nn.Module
    spec: FeatureSection
    folder: Path
    resize: str = NO_RESIZE

    @property
    def description(self) -> FeatureDescription:
        """What its numbers are recorded with."""
        spec = self.spec
        return FeatureDescription(
            self.name, spec.dimensions, spec.channels, spec.size, spec.value_range, self.resize
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network: its section, its weights, and this version."""
        hashed = hashlib.sha256()
        for name, value in self.module.state_dict().items():
            hashed.update(name.encode())
            hashed.update(np.ascontiguousarray(value.numpy()).data)
        section = self.spec.model_dump(mode="json")
        return digest([self.name, section, self.resize, hashed.hexdigest(), __version__])

    @torch.no_grad()
    def extract(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of float32 images ``[N, C, H, W]`` in ``spec.value_range``: float32 ``[N, D]``.

        Raises:
            DataError: if the images have another shape, or hold NaN.
        """
        self.description.check_images(images)
        method = getattr(self.module, self.spec.network.method)
        features: NDArray[np.float32] = method(torch.from_numpy(images)).numpy()
        self.description.check_features(features, len(images))
        return features

    @torch.no_grad()
    def classify(self, images: NDArray[np.float32]) -> NDArray[np.int64]:
        """Most likely class of each image, int64 ``[N]``; see ``extract``."""
        classes: NDArray[np.int64] = self.logits(images).argmax(1)
        return classes

    @torch.no_grad()
    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class logits, float32 ``[N, classes]``; see ``extract``.

        Raises:
            LackingError: if the network is no classifier: ``forward`` gives its features.
        """
        if self.spec.network.method == "forward":
            raise LackingError(f"feature network {self.name} is no classifier; name one that is.")
        self.description.check_images(images)
        logits: torch.Tensor = self.module(torch.from_numpy(images))
        return logits.numpy()

    def reference(self, split: str = "train") -> FeatureStatistics | None:
        """Statistics of the real images of ``split`` (``train`` or ``test``), where there are any."""
        if self.spec.statistics is None:
            return None
        return load_statistics(self.folder / self.spec.statistics, split)


INCEPTION = "inception"
VGG16 = "vgg16"
_INCEPTION_SPEC = FeatureSection(
    network=NetworkSection(
        source="edgegan.metrics.inception:Inception",
        weights=inception.WEIGHTS.name,
        method="features",
    ),
    dimensions=inception.DIMENSIONS,
    channels=3,
)
_VGG16_SPEC = FeatureSection(
    network=NetworkSection(
        source="edgegan.metrics.vgg:VGG16", weights=vgg.WEIGHTS.name, method="features"
    ),
    dimensions=vgg.DIMENSIONS,
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


def find_feature_network(
    features: str | FeatureSection, folder: Path, weights: Path | None = None
) -> FeatureNetwork:
    """``inception``, ``vgg16``, a zoo network, or one's own from ``folder`` (which runs its source).

    Args:
        weights: file of the first two; else see ``WeightsFile.path``.

    Raises:
        EdgeganError: if there is no such network, or its weights cannot be had or used.
    """
    if features == INCEPTION:
        standard = inception.load_inception(weights)
        return FeatureNetwork(INCEPTION, standard, _INCEPTION_SPEC, folder, inception.RESIZE)
    if features == VGG16:
        return FeatureNetwork(VGG16, vgg.load_vgg16(weights), _VGG16_SPEC, folder, vgg.RESIZE)
    if weights is not None:
        raise UsageError("--weights is the file of inception or vgg16; name one of them.")
    if isinstance(features, str):
        return load_feature_network(features)
    network = features.network
    own = load_module(network.source, network.arguments, folder / network.weights, folder)
    return FeatureNetwork(network.source, own, features, folder)


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

"""Feature networks by name or file, and what can be asked of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgegan.cache import digest
from edgegan.card import FeatureSection
from edgegan.errors import LackingError
from edgegan.evaluation.onnx_features import SUFFIX, load_onnx_features
from edgegan.metrics.extractor import (
    FeatureDescription,
    FeatureExtractor,
    FunctionExtractor,
    Images,
)
from edgegan.metrics.statistics import FeatureStatistics
from edgegan.stage_runner import load_code


class Network(FeatureExtractor, Protocol):
    """A feature network of any kind."""

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Class logits ``[N, classes]``; raises LackingError if it is no classifier."""
        ...

    def reference(self, split: str = "train") -> FeatureStatistics | None:
        """Statistics of real images, where it brings any."""
        ...


def find_network(
    features: str | FeatureSection, folder: Path, weights: Path | None = None
) -> Network:
    """An ONNX file (relative to ``folder``), or what ``find_feature_network`` finds.

    Raises:
        UnavailableError: if it needs PyTorch, which is not installed, or weights that are not there.
        EdgeganError: if there is no such network.
    """
    if isinstance(features, str) and features.endswith(SUFFIX):
        return load_onnx_features(folder / features)
    module = load_code("edgegan.metrics.features")
    network: Network = module.find_feature_network(features, folder, weights)
    return network


def recorded(network: FeatureExtractor) -> dict[str, Any]:
    """What stands beside every number: the network with its digest, resize and value range."""
    return network.description.as_json() | {"digest": network.digest}


def class_logits(network: Network, images: Images) -> FunctionExtractor:
    """The network's logits as an extractor of their own; ``images`` are any that it takes.

    Raises:
        LackingError: if it is no classifier.
    """
    classes = network.logits(images).shape[1]
    of = network.description
    description = FeatureDescription(
        of.network, classes, of.channels, of.size, of.value_range, of.resize
    )
    return FunctionExtractor(description, digest([network.digest, "logits"]), network.logits)


def perceptual_distance(network: Network) -> Any:
    """LPIPS in the network's stages: an ``edgegan.metrics.lpips.PerceptualDistance``.

    Raises:
        LackingError: if it does not show its stages.
        UnavailableError: if PyTorch is not installed.
    """
    name = network.description.network
    stages = getattr(getattr(network, "module", None), "stages", None)
    if stages is None:
        raise LackingError(
            f"LPIPS compares a network's stages, and {name} shows none; name vgg16 or a network of "
            "the zoo as features."
        )
    return load_code("edgegan.metrics.lpips").PerceptualDistance(name, stages)

"""What metrics are computed from: pictures, and their features, each computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.cache import StageCache, digest
from edgegan.errors import LackingError
from edgegan.evaluation.networks import Network, class_logits, recorded
from edgegan.evaluation.pictures import Pictures, fitted
from edgegan.metrics.extractor import FeatureExtractor, Images
from edgegan.metrics.feature_cache import cached_features
from edgegan.progress import Event, Listener

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """The pictures at hand, and how they are measured.

    Attributes:
        measured: the pictures that the numbers are of.
        original: what they are compared with one by one, and of which the same numbers are told.
        real: real pictures.
        network: of the features; None where only pixels are compared.
        cache: of features.
        seed: of the inputs, and of every random choice of a metric.
        intervals: names of the numbers whose confidence interval is asked for.
        replicates: resampled values of an interval.
    """

    measured: Pictures
    original: Pictures | None
    real: Pictures | None
    network: Network | None
    cache: StageCache
    seed: int = 0
    intervals: Collection[str] = ()
    replicates: int = 100
    listen: Listener = lambda event: None
    _made: dict[str, Features] = field(default_factory=dict)

    def need_network(self) -> Network:
        """The feature network.

        Raises:
            LackingError: if there is none.
        """
        if self.network is None:
            raise LackingError(
                "these metrics need a feature network, and nothing here names one; give --features NAME "
                "(one of the zoo, inception, vgg16) or an ONNX file."
            )
        return self.network

    def need_original(self, metric: str) -> Pictures:
        """The original.

        Raises:
            LackingError: if there is none, or its pictures are not of the same inputs.
        """
        if self.original is None:
            raise LackingError(
                f"{metric} compares pictures of the same inputs; give a second model, or a bundle, which "
                "holds its own original."
            )
        same = self.original.inputs is not None and self.original.inputs == self.measured.inputs
        if not same:
            raise LackingError(
                f"{metric} compares pictures of the same inputs, which those of {self.measured.label} and "
                f"{self.original.label} are not; give two models, or folders with the same file names."
            )
        return self.original

    def need_real(self, metric: str) -> Pictures:
        """Real pictures; raises LackingError if there are none."""
        if self.real is None:
            raise LackingError(f"{metric} needs real pictures; give --real FOLDER.")
        return self.real

    def features(self, pictures: Pictures) -> Features:
        """Features of pictures, ``[N, D]``, from the cache where they were computed before."""
        return self._extract(self.need_network(), pictures, "features")

    def logits(self, pictures: Pictures) -> Features:
        """Class logits of pictures, ``[N, classes]``; see ``features``.

        Raises:
            LackingError: if the network is no classifier.
        """
        network = self.need_network()
        example = fitted(pictures, network.description)[0].take(np.arange(1))
        return self._extract(class_logits(network, example), pictures, "classes")

    def recorded(self) -> dict[str, Any]:
        """The feature network as it stands beside every number."""
        network = self.need_network()
        done = fitted(self.measured, network.description)[1]
        return recorded(network) | ({"channels_note": done} if done else {})

    def _extract(self, extractor: FeatureExtractor, pictures: Pictures, what: str) -> Features:
        ready, _ = fitted(pictures, extractor.description)
        key = digest([ready.key, extractor.digest])
        if key not in self._made:
            stage, start = f"{what} of {pictures.label}", time.perf_counter()
            batches = watched(ready, self.listen, stage)
            features, there = cached_features(self.cache, extractor, ready.key, batches)
            self.listen(Event(stage, seconds=time.perf_counter() - start, cached=there))
            self._made[key] = features
        return self._made[key]


def watched(pictures: Pictures, listen: Listener, stage: str) -> Callable[[], Iterator[Images]]:
    """``pictures.batches``, telling of its progress."""

    def batches() -> Iterator[Images]:
        done = 0
        for images in pictures.batches():
            yield images
            done += len(images)
            listen(Event(stage, done, pictures.count))

    return batches

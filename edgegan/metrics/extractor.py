"""What gives feature vectors: one interface for modules, ONNX files and named networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError

Images = NDArray[np.float32]
"""``[N, C, H, W]``."""

NO_RESIZE = "none"


@dataclass(frozen=True)
class FeatureDescription:
    """What stands beside every number that was made with these features.

    Attributes:
        network: name.
        dimensions: length of a feature vector.
        channels, size: of the input images; any size, if None.
        value_range: of the input images.
        resize: how the network resizes them; ``none`` if it does not.
    """

    network: str
    dimensions: int
    channels: int
    size: tuple[int, int] | None = None
    value_range: tuple[float, float] = (-1.0, 1.0)
    resize: str = NO_RESIZE

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def check_images(self, images: Images) -> None:
        """Refuse images that the network does not take.

        Raises:
            DataError: if they have another shape, or hold NaN.
        """
        expected = (self.channels, *(self.size or images.shape[2:]))
        if images.ndim != 4 or images.shape[1:] != expected:
            raise DataError(
                f"feature network {self.network} takes images of {_shape(expected)}, not "
                f"{_shape(images.shape[1:])}; name another in `checks.features`."
            )
        if not np.isfinite(images).all():
            raise DataError("generated images hold NaN or infinity; check the generator's weights.")

    def check_features(self, features: NDArray[np.float32], count: int) -> None:
        """Refuse what is no vector of ``dimensions`` for each of ``count`` images.

        Raises:
            DataError: if the shape is another.
        """
        if features.shape != (count, self.dimensions):
            raise DataError(
                f"feature network {self.network} gives {tuple(features.shape[1:])}, not vectors of "
                f"{self.dimensions}; check `dimensions` and `method` of `checks.features`."
            )


class FeatureExtractor(Protocol):
    """Images in, feature vectors out."""

    @property
    def description(self) -> FeatureDescription: ...

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the features depend on but the images."""

    def extract(self, images: Images) -> NDArray[np.float32]:
        """Features ``[N, D]`` of images in the network's value range."""


@dataclass(frozen=True)
class FunctionExtractor:
    """Features from any function, such as the run of an ONNX file's engine.

    Attributes:
        function: float32 images ``[N, C, H, W]`` to float32 ``[N, D]``.
        digest: of the function, e.g. of the file behind it.
    """

    description: FeatureDescription
    digest: str
    function: Callable[[Images], NDArray[np.float32]]

    def extract(self, images: Images) -> NDArray[np.float32]:
        """See ``FeatureExtractor``; raises DataError on images or features of another shape."""
        self.description.check_images(images)
        features = self.function(images)
        self.description.check_features(features, len(images))
        return features


def collect_features(extractor: FeatureExtractor, batches: Iterable[Images]) -> NDArray[np.float32]:
    """Features of a stream of image batches, ``[N, D]``; of the images, one batch is held at a time.

    Raises:
        DataError: if there are no images.
    """
    parts = [extractor.extract(images) for images in batches]
    if not parts:
        raise DataError("there are no images to take features of; check the folder or the count.")
    return np.concatenate(parts)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)

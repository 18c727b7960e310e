"""Pictures of any origin, computed or read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError
from edgegan.metrics.extractor import FeatureDescription, Images

_BATCH = 50
_HELD = 512 << 20
"""Bytes of pictures that are computed once and kept."""


@dataclass(frozen=True)
class Pictures:
    """A set of pictures.

    Attributes:
        label: for people.
        key: everything that the pictures depend on, JSON-serializable.
        count: how many.
        value_range: of their values.
        take: indices ``[N]`` to float32 ``[N, C, H, W]``.
        labels: class of each ``[count]``, where they have classes.
        inputs: what identifies the inputs that they were made of; pictures of equal ``inputs`` belong
            together one by one. None where nothing is known.
    """

    label: str
    key: Any
    count: int
    value_range: tuple[float, float]
    take: Callable[[NDArray[np.int64]], Images]
    labels: NDArray[np.int64] | None = None
    inputs: Any = None

    def batches(self) -> Iterator[Images]:
        """All pictures in order.

        Raises:
            DataError: if they hold NaN or infinity.
        """
        for start in range(0, self.count, _BATCH):
            images = self.take(np.arange(start, min(start + _BATCH, self.count)))
            if not np.isfinite(images).all():
                raise DataError(
                    f"{self.label}: the pictures hold NaN or infinity; check the generator's weights."
                )
            yield images

    def held(self) -> Pictures:
        """The same, computed once where that fits into memory."""
        first = self.take(np.arange(1))
        if first.nbytes * self.count > _HELD:
            return self
        kept: list[Images] = []

        def take(indices: NDArray[np.int64]) -> Images:
            if not kept:
                kept.append(np.concatenate(list(self.batches())))
            return kept[0][indices]

        return replace(self, take=take)

    def within(self, value_range: tuple[float, float]) -> Pictures:
        """The same in another range of values."""
        if self.value_range == value_range:
            return self
        (low, high), (first, last) = self.value_range, value_range
        scale = (last - first) / (high - low)

        def take(indices: NDArray[np.int64]) -> Images:
            return ((self.take(indices) - low) * scale + first).astype(np.float32)

        return replace(self, take=take, key=[self.key, list(value_range)], value_range=value_range)


def fitted(pictures: Pictures, description: FeatureDescription) -> tuple[Pictures, str]:
    """The pictures in a feature network's value range, gray ones in its three channels.

    Returns:
        The pictures, and what was done to their channels, for people; empty for nothing.
    """
    scaled = pictures.within(description.value_range)
    if description.channels != 3 or pictures.take(np.arange(1)).shape[1] != 1:
        return scaled, ""

    def take(indices: NDArray[np.int64]) -> Images:
        return np.repeat(scaled.take(indices), 3, axis=1)

    return replace(scaled, take=take, key=[scaled.key, "gray"]), "gray repeated in three channels"

"""Features on disk, by what they were made of: the source of the images and the network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.cache import StageCache
from edgegan.errors import DataError
from edgegan.metrics.extractor import FeatureExtractor, Images

_STAGE = "features"
_FILE = "features.f32"


def cached_features(
    cache: StageCache,
    extractor: FeatureExtractor,
    source: Any,
    batches: Callable[[], Iterable[Images]],
) -> tuple[NDArray[np.float32], bool]:
    """Features of ``source``, read from the cache or made and kept there, whole or not at all.

    They are written batch by batch and mapped from the file: neither images nor features have to fit
    into memory.

    Args:
        source: everything that the images depend on, JSON-serializable: digests of files, the model's
            digest with seed and count, or ``array_digest``.
        batches: called when the features have to be made.

    Returns:
        float32 ``[N, D]``, read-only, and whether they were there already.

    Raises:
        DataError: if there are no images.
        EdgeganError: if the cache cannot be written.
    """

    def make(folder: Path) -> None:
        with (folder / _FILE).open("wb") as file:
            for images in batches():
                file.write(np.ascontiguousarray(extractor.extract(images), "<f4").data)
            if file.tell() == 0:
                raise DataError(
                    "there are no images to take features of; check the folder or the count."
                )

    described = extractor.description.as_json()
    key = {"source": source, "network": extractor.digest, "description": described}
    folder, there = cache.stage(_STAGE, key, make)
    features = np.memmap(folder / _FILE, "<f4", "r")
    return features.reshape(-1, extractor.description.dimensions), there


def array_digest(values: NDArray[Any]) -> str:
    """SHA-256 of an array, such as images in memory: its shape, its type and its bytes."""
    hashed = hashlib.sha256(repr((values.shape, values.dtype.str)).encode())
    hashed.update(np.ascontiguousarray(values).data)
    return hashed.hexdigest()

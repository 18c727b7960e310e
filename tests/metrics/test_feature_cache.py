"""Features from any function, streamed, and kept on disk by source and network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgegan.cache import StageCache
from edgegan.errors import DataError
from edgegan.metrics.extractor import FeatureDescription, FunctionExtractor, collect_features
from edgegan.metrics.feature_cache import array_digest, cached_features
from edgegan.metrics.features import load_feature_network, split_batches

MEANS = FunctionExtractor(
    FeatureDescription("means", 2, channels=2), "0" * 64, lambda images: images.mean((2, 3))
)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (11, 2, 4, 4)).astype(np.float32)


class Batches:
    """Counts how often the images are asked for."""

    def __init__(self, fail_after: int = 99) -> None:
        self.calls, self.fail_after = 0, fail_after

    def __call__(self) -> Iterator[NDArray[np.float32]]:
        self.calls += 1
        for number, batch in enumerate(split_batches(IMAGES, 3)):
            if number == self.fail_after:
                raise KeyboardInterrupt
            yield batch


def test_streamed_features_are_those_of_the_whole() -> None:
    np.testing.assert_array_equal(
        collect_features(MEANS, split_batches(IMAGES, 3)), IMAGES.mean((2, 3))
    )


def test_made_once(tmp_path: Path) -> None:
    cache, batches = StageCache(tmp_path), Batches()
    first, there = cached_features(cache, MEANS, "source", batches)
    assert not there
    again, there = cached_features(cache, MEANS, "source", batches)
    assert there
    assert batches.calls == 1
    np.testing.assert_array_equal(first, IMAGES.mean((2, 3)))
    np.testing.assert_array_equal(again, first)
    assert not again.flags.writeable


def test_another_source_or_network_is_made_anew(tmp_path: Path) -> None:
    cache, batches = StageCache(tmp_path), Batches()
    others = [
        (MEANS, "source"),
        (MEANS, "another"),
        (replace(MEANS, digest="1" * 64), "source"),
        (replace(MEANS, description=replace(MEANS.description, resize="x")), "source"),
    ]
    assert not any(cached_features(cache, e, source, batches)[1] for e, source in others)
    assert batches.calls == 4


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    cache = StageCache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cached_features(cache, MEANS, "source", Batches(fail_after=2))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    features, there = cached_features(cache, MEANS, "source", Batches())
    assert (features.shape, there) == ((11, 2), False)


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images"):
        cached_features(StageCache(tmp_path), MEANS, "source", list)
    with pytest.raises(DataError, match="no images"):
        collect_features(MEANS, [])


def test_what_a_function_may_not_do() -> None:
    with pytest.raises(DataError, match="takes images of 2x4x4, not 3x4x4"):
        MEANS.extract(np.zeros((1, 3, 4, 4), np.float32))
    bad = replace(MEANS, function=lambda images: images.mean(3))
    with pytest.raises(DataError, match="not vectors of 2"):
        bad.extract(IMAGES)


def test_the_digest_of_images_is_of_shape_and_pixels() -> None:
    changed = IMAGES.copy()
    changed[3, 1, 2, 2] += 0.01
    several = {
        array_digest(x) for x in (IMAGES, IMAGES.copy(), changed, IMAGES.reshape(22, 1, 4, 4))
    }
    assert len(several) == 3


def test_the_digest_of_a_network_is_of_its_weights() -> None:
    one, two = load_feature_network("fashion-features"), load_feature_network("fashion-features")
    assert one.digest == two.digest
    with torch.no_grad():
        next(two.module.parameters()).reshape(-1)[0] += 0.5
    assert replace(two).digest != one.digest
    assert one.description.as_json() == {
        "network": "fashion-features", "dimensions": 128, "channels": 1, "size": (32, 32),
        "value_range": (-1.0, 1.0), "resize": "none",
    }  # fmt: skip

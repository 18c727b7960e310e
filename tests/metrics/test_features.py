"""The shipped feature network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgegan.datasets.catalogue import find_source
from edgegan.errors import DataError, UsageError
from edgegan.metrics.features import feature_statistics, load_feature_network


def test_shapes_and_batches() -> None:
    network = load_feature_network("fashion-features")
    images = np.random.default_rng(0).uniform(-1, 1, (5, 1, 32, 32)).astype(np.float32)
    features = network.extract(images)
    assert features.shape == (5, 128)
    np.testing.assert_allclose(features[2:3], network.extract(images[2:3]), rtol=1e-4, atol=1e-5)


def test_wrong_images_are_refused() -> None:
    network = load_feature_network("fashion-features")
    with pytest.raises(DataError, match="1x32x32, not 3x32x32"):
        network.extract(np.zeros((1, 3, 32, 32), np.float32))
    with pytest.raises(DataError, match="NaN"):
        network.extract(np.full((1, 1, 32, 32), np.nan, np.float32))


def test_a_generator_is_no_feature_network() -> None:
    with pytest.raises(UsageError, match="is a generator"):
        load_feature_network("fashion-dcgan")


@pytest.mark.slow
def test_accuracy_and_shipped_statistics(shared: Path) -> None:
    """At least 92 % of the test set, and statistics that the images reproduce."""
    network = load_feature_network("fashion-features")
    test = find_source("fashion-mnist").load(shared / "data" / "fashion-mnist", "test")
    batches = [test.batch(np.arange(i, i + 500)) for i in range(0, 10_000, 500)]
    predicted = np.concatenate([network.classify(batch) for batch in batches])
    assert (predicted == test.labels).mean() >= 0.92
    made, shipped = feature_statistics(network, batches), network.reference("test")
    assert made.count == shipped.count == 10_000
    np.testing.assert_allclose(made.mean, shipped.mean, rtol=1e-3, atol=1e-4)

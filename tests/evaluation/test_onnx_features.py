"""A feature network that is an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgegan.cache import file_digest
from edgegan.errors import DataError, LackingError, ModelError
from edgegan.evaluation.networks import class_logits, find_network, recorded
from tests.evaluation.made import save_feature_network


def test_features_and_what_is_recorded(tmp_path: Path) -> None:
    path = save_feature_network(tmp_path / "net.onnx", 8)
    network = find_network("net.onnx", tmp_path)
    images = np.random.default_rng(1).uniform(0, 1, (5, 1, 8, 8)).astype(np.float32)
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    expected = images.reshape(5, 64).astype(np.float64) @ weights["w"]
    np.testing.assert_allclose(network.extract(images), expected, atol=1e-5)
    np.testing.assert_allclose(network.logits(images), expected @ weights["c"], atol=1e-4)
    assert recorded(network) == {
        "network": "net.onnx",
        "dimensions": 6,
        "channels": 1,
        "size": (8, 8),
        "value_range": (0.0, 1.0),
        "resize": "none at all",
        "digest": file_digest(path),
    }
    classes = class_logits(network, images)
    assert classes.description.dimensions == 3
    assert classes.digest != network.digest


def test_what_is_refused(tmp_path: Path) -> None:
    network = find_network(str(save_feature_network(tmp_path / "a.onnx", 8, logits=False)), Path())
    with pytest.raises(DataError, match="1x8x8, not 3x8x8"):
        network.extract(np.zeros((1, 3, 8, 8), np.float32))
    with pytest.raises(LackingError, match="no output 'logits'"):
        network.logits(np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(ModelError, match="does not exist"):
        find_network("none.onnx", tmp_path)
    (tmp_path / "broken.onnx").write_bytes(b"\x12\x34")
    with pytest.raises(ModelError, match="not an ONNX model"):
        find_network("broken.onnx", tmp_path)


@pytest.mark.parametrize("text", ["wide", "1"])
def test_a_range_is_two_numbers(tmp_path: Path, text: str) -> None:
    path = save_feature_network(tmp_path / "net.onnx", 8)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"value_range": text})
    onnx.save(model, path)
    with pytest.raises(ModelError, match="two numbers"):
        find_network(str(path), Path())


def test_a_generator_is_no_feature_network(tmp_path: Path) -> None:
    path = save_feature_network(tmp_path / "net.onnx", 8)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim.pop()
    onnx.save(model, path)
    with pytest.raises(ModelError, match="must take pictures"):
        find_network(str(path), Path())

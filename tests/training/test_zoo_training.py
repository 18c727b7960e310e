"""From a card to a model's folder, with tiny networks on made-up pictures."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from edgegan.card import Card
from edgegan.datasets import catalogue
from edgegan.datasets.catalogue import DataSource
from edgegan.errors import DataError, ModelError, UsageError
from edgegan.generators.load import load_module
from edgegan.metrics.features import FeatureNetwork
from edgegan.metrics.squeezenet import SqueezeNet
from edgegan.schema import validate
from edgegan.training import evaluation, generators, zoo
from edgegan.training.run import ZooRun
from tests.metrics.test_squeezenet import arrays

FEATURES: dict[str, Any] = {
    "network": {
        "source": "edgegan.metrics.classifier:Classifier",
        "arguments": {"channels": [4, 8], "classes": 2},
        "weights": "classifier.safetensors",
        "method": "features",
    },
    "dimensions": 8,
    "channels": 1,
    "size": [16, 16],
    "statistics": "statistics.safetensors",
    "classes": ["up", "down"],
}


def card(**parts: Any) -> Card:
    data = {"name": "halves", "license": "none", "attribution": "made up"}
    fields = {"schema": "edgegan.card/1", "name": "tiny", "summary": "s", "license": "l"}
    return validate(Card, fields | {"data": data} | parts, "card")


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set of bright halves; evaluation of a few samples."""

    def read(paths: Any, split: str) -> Any:
        random = np.random.default_rng(len(split))
        labels = random.integers(0, 2, 64)
        images = random.integers(0, 60, (64, 1, 16, 16))
        for image, label in zip(images, labels, strict=True):
            image[0, 8 * label : 8 * label + 8] += 150
        return images.astype(np.uint8), labels

    source = DataSource("halves", "t", "l", "a", ("up", "down"), (), (), read)
    monkeypatch.setitem(catalogue.CATALOGUE, "halves", source)
    few = evaluation.evaluate_generator
    monkeypatch.setattr(generators, "evaluate_generator", lambda g, s, n: few(g, s, n, 100))
    monkeypatch.setattr(generators, "_SETTLING", 3)


def run(folder: Path) -> ZooRun:
    return ZooRun(folder, folder / "model", folder / "work")


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureNetwork:
    """The feature network that cards name ``halves-features``, trained for a few steps."""
    trained = card(
        features=FEATURES,
        training={"epochs": 12, "batch_size": 16, "classifier": {"learning_rate": 0.05}},
    )
    results = zoo.train_model(trained, run(tmp_path / "features"), lambda p: None)
    assert results["test_accuracy"] > 0.8
    folder = tmp_path / "features" / "model"
    module = load_module(
        "edgegan.metrics.classifier:Classifier",
        FEATURES["network"]["arguments"],
        folder / "classifier.safetensors",
    )
    assert trained.features is not None
    made = FeatureNetwork("halves-features", module, trained.features, folder)
    monkeypatch.setattr(generators, "load_card", lambda name: card(
        features=FEATURES, training={"classifier": {"learning_rate": 1}}, results=results))  # fmt: skip
    monkeypatch.setattr(generators, "load_feature_network", lambda name: made)
    return made


def generator_card(**training: Any) -> Card:
    return card(
        generator={
            "source": "edgegan.generators.sagan:ResidualGenerator",
            "arguments": {"latent_size": 4, "channels": [8, 8, 8], "classes": 2, "attention": 8,
                          "image_channels": 1},
            "weights": "generator.safetensors",
            "inputs": [{"name": "latent", "shape": [4]},
                       {"name": "label", "law": "classes", "classes": 2}],
        },
        discriminator={
            "source": "edgegan.generators.sagan:ResidualDiscriminator",
            "arguments": {"channels": [8, 8, 8], "classes": 2, "side": 16, "attention": 8,
                          "image_channels": 1},
            "weights": "discriminator.safetensors",
        },
        feature_network="halves-features",
        training={"epochs": 2, "batch_size": 16} | training,
    )  # fmt: skip


def test_a_conditional_generator(tmp_path: Path, features: FeatureNetwork) -> None:
    made = generator_card(adversarial={"loss": "hinge", "learning_rate": 1e-3})
    results = zoo.train_model(made, run(tmp_path), lambda p: None)
    assert {"fid", "class_share", "class_accuracy", "fid_after_one_epoch"} <= results.keys()
    assert "--threads" in results["command"] and "cores" in results["machine"]
    assert Image.open(tmp_path / "model" / "samples.png").size == (8 * 16, 2 * 16)
    spec = made.generator
    assert spec is not None
    weights = tmp_path / "model" / "generator.safetensors"
    module = load_module(spec.source, spec.arguments, weights)
    again = evaluation.evaluate_generator(module, spec, features, 100)
    assert again["fid"] == results["fid"]  # the results are those of the file
    # a second call finds everything done and changes nothing
    before = weights.read_bytes()
    assert zoo.train_model(made, run(tmp_path), lambda p: None) == results
    assert weights.read_bytes() == before
    assert not list((tmp_path / "model").glob("*.partial"))
    changed = generator_card(adversarial={"loss": "hinge", "learning_rate": 2e-3})
    with pytest.raises(ModelError, match="another card than tiny is now; delete"):
        zoo.train_model(changed, run(tmp_path), lambda p: None)


def test_a_feature_network_comes_first(tmp_path: Path, features: FeatureNetwork,
                                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    untrained = card(features=FEATURES, training={"classifier": {"learning_rate": 1}})
    monkeypatch.setattr(generators, "load_card", lambda name: untrained)
    made = generator_card(adversarial={"learning_rate": 1e-3})
    with pytest.raises(ModelError, match="edgegan zoo train halves-features"):
        zoo.train_model(made, run(tmp_path), lambda p: None)


def test_cards_that_fit_no_way(tmp_path: Path) -> None:
    made = generator_card(classifier={"learning_rate": 1})
    with pytest.raises(ModelError, match="fits no way of training"):
        zoo.train_model(made, run(tmp_path), lambda p: None)


def test_retraining_is_held_against_the_card(tmp_path: Path, features: FeatureNetwork) -> None:
    made = generator_card(adversarial={"loss": "hinge", "learning_rate": 1e-3})
    with pytest.raises(UsageError, match="has no FID"):
        zoo.retrain(made, tmp_path, lambda p: None)
    fid = zoo.train_model(made, run(tmp_path), lambda p: None)["fid"]
    for value, verdict in ((fid["value"] / 1.09, "pass"), (fid["value"] / 1.11, "fail")):
        known = made.model_copy(update={"results": {"fid": fid | {"value": value}}})
        results, check = zoo.retrain(known, tmp_path, lambda p: None)
        assert results["fid"] == fid  # the same training, bit for bit
        assert str(check.verdict) == verdict


def test_a_translator_and_its_borrowed_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"name": "horse2zebra", "license": "none", "attribution": "a"}
    with tarfile.open(tmp_path / "horse2zebra-128.tar", "w") as tar:
        for folder in ("trainA", "trainB", "testA", "testB"):
            for index in range(8):
                buffer = io.BytesIO()
                noise = np.random.default_rng(index).integers(0, 255, (128, 128, 3), np.uint8)
                Image.fromarray(noise).save(buffer, "PNG")
                info = tarfile.TarInfo(f"set/{folder}/{index}.png")
                info.size = len(buffer.getvalue())
                tar.addfile(info, io.BytesIO(buffer.getvalue()))
    torch.manual_seed(0)
    np.savez(tmp_path / "squeezenet.npz", **arrays(SqueezeNet()))
    borrowed = card(
        data=data,
        features={
            "network": {"source": "edgegan.metrics.squeezenet:SqueezeNet",
                        "weights": "squeezenet.safetensors", "method": "features"},
            "dimensions": 512, "channels": 3, "size": [128, 128],
            "statistics": "statistics.safetensors",
        },
        training={"pretrained": {"file": "squeezenet.npz", "target_class": 340}},
    )  # fmt: skip
    results = zoo.train_model(borrowed, run(tmp_path), lambda p: None)
    assert 0.0 <= results["test_accuracy"] <= 1.0
    module = load_module(
        "edgegan.metrics.squeezenet:SqueezeNet", {}, tmp_path / "model" / "squeezenet.safetensors"
    )
    assert borrowed.features is not None
    network = FeatureNetwork("zebras", module, borrowed.features, tmp_path / "model")
    assert network.reference("train").count == 8  # type: ignore[union-attr]
    monkeypatch.setattr(
        generators, "load_card", lambda name: borrowed.model_copy(update={"results": results})
    )
    monkeypatch.setattr(generators, "load_feature_network", lambda name: network)
    translator = card(
        data=data,
        generator={"source": "edgegan.generators.cyclegan:Generator",
                   "arguments": {"width": 2, "blocks": 1}, "weights": "generator.safetensors",
                   "inputs": [{"name": "picture", "shape": [3, 128, 128], "law": "uniform"}]},
        discriminator={"source": "edgegan.generators.cyclegan:Discriminator",
                       "arguments": {"channels": [2, 2, 2]}, "weights": "discriminator.safetensors"},
        feature_network="zebras",
        training={"batch_size": 4, "translation": {"learning_rate": 1e-3, "crop": 32,
                                                   "target_class": 340}},
    )  # fmt: skip
    results = zoo.train_model(translator, ZooRun(tmp_path, tmp_path / "b", tmp_path / "w"), print)
    assert results["recognised"]["pictures"] == 16
    assert Image.open(tmp_path / "b" / "samples.png").size == (4 * 128, 2 * 128)
    (tmp_path / "squeezenet.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match="does not hold the weights"):
        zoo.train_model(borrowed, run(tmp_path), lambda p: None)


def test_a_card_gets_its_results(tmp_path: Path) -> None:
    text = "name: tiny\n# why\nsummary: a,  b\n"
    (tmp_path / "old.yaml").write_text(text)
    zoo.write_card(tmp_path / "old.yaml", {"fid": {"value": 1.5}}, tmp_path / "card.yaml")
    written = (tmp_path / "card.yaml").read_text()
    assert written.startswith(text) and yaml.safe_load(written)["results"] == {
        "fid": {"value": 1.5}
    }
    zoo.write_card(tmp_path / "card.yaml", {"fid": {"value": 2.0}}, tmp_path / "card.yaml")
    assert (tmp_path / "card.yaml").read_text() == written.replace("1.5", "2.0")

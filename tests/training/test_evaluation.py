"""Evaluation against what can be known: real images as samples, classes that are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.card import FeatureSection
from edgegan.datasets.catalogue import ImageSet
from edgegan.errors import ModelError
from edgegan.generators.contract import GeneratorSpec
from edgegan.metrics.features import FeatureNetwork, feature_statistics
from edgegan.metrics.statistics_file import save_statistics
from edgegan.training.evaluation import evaluate_generator, evaluate_translation
from edgegan.training.sample_grid import save_grid


class Means(nn.Module):
    """Features: means of the upper and of the lower half. Class 1 if the lower half is brighter."""

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([images[:, :, :2].mean((1, 2, 3)), images[:, :, 2:].mean((1, 2, 3))], 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.features(images)


class Painter(nn.Module):
    """The latent is the brightness of the upper half; the label says which half is brighter by 1."""

    def forward(self, latent: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        lower = latent + 2 * label[:, None] - 1
        return torch.stack([latent, latent, lower, lower], 1)[:, None].expand(-1, 1, 4, 4)


class Plain(nn.Module):
    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return latent.view(-1, 1, 4, 4)


def network(folder: Path, real: np.ndarray | None) -> FeatureNetwork:  # type: ignore[type-arg]
    section = FeatureSection.model_validate(
        {"network": {"source": "a:b", "weights": "w", "method": "features"}, "dimensions": 2,
         "channels": 1, "size": [4, 4], "statistics": "s" if real is not None else None,
         "classes": ["up", "down"]}
    )  # fmt: skip
    made = FeatureNetwork("means", Means(), section, folder)
    if real is not None:
        save_statistics(folder / "s", {"train": feature_statistics(made, [real])})
    return made


def spec(inputs: list[dict[str, object]]) -> GeneratorSpec:
    return GeneratorSpec.model_validate({"source": "a:b", "weights": "w", "inputs": inputs})


LATENT: dict[str, object] = {"name": "latent", "shape": [1], "law": "normal"}
LABEL: dict[str, object] = {"name": "label", "law": "classes", "classes": 2}


def test_a_generator_that_obeys(tmp_path: Path) -> None:
    real = np.random.default_rng(0).standard_normal((4000, 1, 4, 4)).astype(np.float32)
    results = evaluate_generator(Painter(), spec([LATENT, LABEL]), network(tmp_path, real), 1000)
    assert results["class_accuracy"] == 1.0
    assert sum(results["class_share"].values()) == pytest.approx(1.0)
    assert results["class_share"]["down"] == pytest.approx(0.5, abs=0.06)
    assert results["fid"]["samples"] == 1000 and results["fid"]["features"] == "means"
    # features: (z, z ± 1) with variances (1, 2), covariance 1; real: means of 8 pixels, variance 1/8
    covariance = np.array([[1, 1], [1, 2.0]])
    root = np.sqrt(np.linalg.eigvals(covariance @ np.eye(2) / 8)).sum()
    expected = np.trace(covariance) + 2 / 8 - 2 * root
    assert results["fid"]["value"] == pytest.approx(expected, rel=0.1)


def test_real_images_score_nothing(tmp_path: Path) -> None:
    real = np.random.default_rng(0).standard_normal((4000, 1, 4, 4)).astype(np.float32)
    plain = spec([{"name": "latent", "shape": [16], "law": "normal"}])
    results = evaluate_generator(Plain(), plain, network(tmp_path, real), 4000)
    assert results["fid"]["value"] < 0.005
    assert "class_accuracy" not in results


def test_translation(tmp_path: Path) -> None:
    """Mirrored upside down, all but one of the pictures pass as the other kind."""
    pixels = np.zeros((50, 1, 4, 4), np.uint8)
    pixels[:, :, :2] = 200
    pixels[0] = pixels[0, :, ::-1]
    sources = ImageSet(pixels, np.zeros(50, np.int64))

    class Turn(nn.Module):
        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            return picture.flip(2)

    made = network(tmp_path, sources.batch(np.arange(50))[:, :, ::-1].copy())
    results = evaluate_translation(Turn(), sources, made, target_class=1)
    assert results["recognised"] == {"pictures": 50, "translated": 0.98, "original": 0.02}
    assert results["fid"]["value"] == pytest.approx(0.0, abs=1e-6)


def test_statistics_are_needed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no statistics of real images"):
        evaluate_generator(Painter(), spec([LATENT, LABEL]), network(tmp_path, None), 10)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_grid_is_row_by_row(tmp_path: Path, channels: int) -> None:
    from PIL import Image

    images = np.linspace(-1, 1, 6, dtype=np.float32)[:, None, None, None]
    images = np.broadcast_to(images, (6, channels, 2, 2))
    save_grid(images, 3, (-1.0, 1.0), tmp_path / "grid.png")
    pixels = np.asarray(Image.open(tmp_path / "grid.png").convert("L"))
    assert pixels.shape == (4, 6)
    assert pixels[0, ::2].tolist() == [0, 51, 102]
    assert pixels[2, ::2].tolist() == [153, 204, 255]

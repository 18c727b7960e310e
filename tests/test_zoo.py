"""The shipped models are what their cards say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgegan.card import card_folder, load_card
from edgegan.generators.load import load_module
from edgegan.metrics.features import load_feature_network
from edgegan.resources import model_names
from edgegan.training.zoo import evaluate_generator


@pytest.mark.parametrize("name", model_names())
def test_cards_name_data_and_terms(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert card.data.license and card.data.attribution and card.results
    folder = card_folder(name)
    assert (folder / "LICENSE").is_file()
    assert all(path.stat().st_size <= 8 << 20 for path in folder.iterdir())


def test_the_discriminator_fits_its_generator() -> None:
    card, folder = load_card("fashion-dcgan"), card_folder("fashion-dcgan")
    assert card.generator is not None and card.discriminator is not None
    g, d = (
        load_module(part.source, part.arguments, folder / part.weights)
        for part in (card.generator, card.discriminator)
    )
    images = g(torch.randn(3, 100))
    assert images.shape == (3, 1, 32, 32)
    assert float(images.abs().max()) <= 1.0
    assert d(images).shape == (3,)
    assert 1.0e6 < sum(p.numel() for p in g.parameters()) < 1.2e6


@pytest.mark.slow
def test_the_generator_scores_what_its_card_says() -> None:
    card, folder = load_card("fashion-dcgan"), card_folder("fashion-dcgan")
    spec = card.generator
    assert spec is not None
    module = load_module(spec.source, spec.arguments, Path(folder) / spec.weights)
    results = evaluate_generator(module, spec, load_feature_network("fashion-features"))
    assert min(results["class_share"].values()) >= 0.04
    assert results["fid"]["value"] == pytest.approx(card.results["fid"]["value"], rel=0.02)

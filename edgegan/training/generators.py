"""Training of the zoo's generators from latents."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from edgegan.card import Card, NetworkSection, load_card
from edgegan.datasets.catalogue import find_source
from edgegan.errors import ModelError
from edgegan.generators import latents
from edgegan.generators.contract import GeneratorSpec, InputSpec
from edgegan.generators.load import build_module
from edgegan.metrics.features import FeatureNetwork, load_feature_network
from edgegan.training.adversarial import AdversarialTask, Draw
from edgegan.training.average import settle
from edgegan.training.drawing import draw_input
from edgegan.training.evaluation import EVALUATION_SEED, evaluate_generator, generate
from edgegan.training.first_epoch import train_and_compare
from edgegan.training.half_weights import round_to_half, save_half
from edgegan.training.loop import Progress
from edgegan.training.run import ZooRun
from edgegan.training.sample_grid import save_grid
from edgegan.training.sections import AdversarialSection

GRID = "samples.png"
_COLUMNS, _ROWS = 8, 8
_SETTLING = 200


def train_generator(
    card: Card,
    spec: GeneratorSpec,
    options: AdversarialSection,
    run: ZooRun,
    report: Callable[[Progress], None],
) -> dict[str, Any]:
    """Train, write generator, discriminator and samples, and return the results."""
    judge, network = judges(card)
    images = find_source(card.data.name).load(run.data, "train")
    generator = build(spec.source, spec.arguments)
    discriminator = build(judge.source, judge.arguments)
    conditional = any(item.classes is not None for item in spec.free_inputs)
    draw = _drawing(spec.free_inputs)
    task = AdversarialTask(generator, discriminator, draw, conditional, options)

    def kept(trained: nn.Module) -> nn.Module:
        module = copy.deepcopy(trained)
        torch.manual_seed(card.training.seed)
        settle(module, lambda: draw(card.training.batch_size), _SETTLING)
        round_to_half(module)
        return module

    def evaluate(trained: nn.Module) -> dict[str, Any]:
        return evaluate_generator(kept(trained), spec, network)

    results = train_and_compare(task, images, card, run, report, evaluate)
    module = kept(task.average)
    save_half(module, run.output / spec.weights)
    save_half(discriminator, run.output / judge.weights)
    _save_samples(module, spec, run)
    return results


def judges(card: Card) -> tuple[NetworkSection, FeatureNetwork]:
    """The card's discriminator, and the feature network that measures.

    Raises:
        ModelError: if the card names none, or the feature network is not trained yet.
    """
    if card.discriminator is None or card.feature_network is None:
        raise ModelError(
            f"card {card.name} needs a discriminator and a feature network to be trained."
        )
    if not load_card(card.feature_network).results:
        raise ModelError(
            f"{card.name} is measured by {card.feature_network}, which is not trained yet; run `edgegan "
            f"zoo train {card.feature_network}` first."
        )
    return card.discriminator, load_feature_network(card.feature_network)


def build(source: str, arguments: dict[str, Any]) -> nn.Module:
    """A network in channels-last order, in which convolutions train fastest on a CPU."""
    return build_module(source, arguments).to(memory_format=torch.channels_last)


def _drawing(specs: Sequence[InputSpec]) -> Draw:
    return lambda count: tuple(draw_input(item, count) for item in specs)


def _save_samples(generator: nn.Module, spec: GeneratorSpec, run: ZooRun) -> None:
    """Eight rows of samples; of a class-conditional generator, a row for each class."""
    classes = next((item.classes for item in spec.free_inputs if item.classes), None)
    count = _COLUMNS * (classes or _ROWS)
    inputs = [latents.draw(item, count, EVALUATION_SEED) for item in spec.free_inputs]
    for place, item in enumerate(spec.free_inputs):
        if item.classes is not None:
            inputs[place] = np.repeat(np.arange(item.classes, dtype=np.int64), _COLUMNS)
    images = np.concatenate(list(generate(generator, inputs)))
    save_grid(images, _COLUMNS, spec.output.value_range, run.output / GRID)

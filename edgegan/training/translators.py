"""Training of the zoo's generators from pictures to pictures."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from edgegan.card import Card
from edgegan.datasets.catalogue import ImageSet, find_source
from edgegan.generators.contract import GeneratorSpec
from edgegan.training.evaluation import evaluate_translation, generate
from edgegan.training.first_epoch import train_and_compare
from edgegan.training.generators import GRID, build, judges
from edgegan.training.half_weights import round_to_half, save_half
from edgegan.training.loop import Progress
from edgegan.training.run import ZooRun
from edgegan.training.sample_grid import save_grid
from edgegan.training.sections import TranslationSection
from edgegan.training.translation import TranslationTask

_SHOWN = 8


def train_translator(
    card: Card,
    spec: GeneratorSpec,
    options: TranslationSection,
    run: ZooRun,
    report: Callable[[Progress], None],
) -> dict[str, Any]:
    """Train from the data's first class to its second; write the networks of that way and samples."""
    judge, network = judges(card)
    source = find_source(card.data.name)
    images, test = (source.load(run.data, split) for split in ("train", "test"))
    sources, targets = images.of_class(0), images.of_class(1)
    generator, back = (build(spec.source, spec.arguments) for _ in range(2))
    discriminator, back_discriminator = (build(judge.source, judge.arguments) for _ in range(2))
    task = TranslationTask(generator, back, discriminator, back_discriminator, sources, options)
    evaluated = _joined(sources, test.of_class(0))

    def kept(trained: nn.Module) -> nn.Module:
        module = copy.deepcopy(trained).eval()
        round_to_half(module)
        return module

    def evaluate(trained: nn.Module) -> dict[str, Any]:
        return evaluate_translation(kept(trained), evaluated, network, options.target_class)

    results = train_and_compare(task, targets, card, run, report, evaluate)
    module = kept(task.average)
    save_half(module, run.output / spec.weights)
    save_half(discriminator, run.output / judge.weights)
    shown = test.of_class(0).batch(np.arange(_SHOWN))
    translated = np.concatenate(list(generate(module, [shown])))
    save_grid(translated, _SHOWN // 2, spec.output.value_range, run.output / GRID)
    return results


def _joined(first: ImageSet, second: ImageSet) -> ImageSet:
    return ImageSet(
        np.concatenate([first.images, second.images]),
        np.concatenate([first.labels, second.labels]),
    )

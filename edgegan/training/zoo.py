"""`edgegan zoo train`: makes the files of a zoo model from its card and its data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from edgegan.card import Card
from edgegan.errors import ModelError
from edgegan.latency.environment import environment
from edgegan.output_file import write_whole
from edgegan.training.feature_networks import adopt, train_classifier
from edgegan.training.generators import train_generator
from edgegan.training.loop import Progress
from edgegan.training.run import ZooRun
from edgegan.training.translators import train_translator


def train_model(card: Card, run: ZooRun, report: Callable[[Progress], None]) -> dict[str, Any]:
    """Train (or resume) the card's model, write its files, and return its measured results."""
    run.output.mkdir(parents=True, exist_ok=True)
    run.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(card.training.seed)
    here = environment()
    threads = torch.get_num_threads()
    return _train(card, run, report) | {
        "command": f"edgegan zoo train {card.name} --data FOLDER --threads {threads}",
        "machine": f"{here.cpu}, {here.cores} cores, {threads} used",
    }


def _train(card: Card, run: ZooRun, report: Callable[[Progress], None]) -> dict[str, Any]:
    training = card.training
    if card.features is not None and training.classifier is not None:
        return train_classifier(card, card.features, training.classifier, run, report)
    if card.features is not None and training.pretrained is not None:
        return adopt(card, card.features, training.pretrained, run)
    if card.generator is not None and training.adversarial is not None:
        return train_generator(card, card.generator, training.adversarial, run, report)
    if card.generator is not None and training.translation is not None:
        return train_translator(card, card.generator, training.translation, run, report)
    raise ModelError(
        f"card {card.name} fits no way of training: generators are adversarial or translation, feature "
        "networks are classifier or pretrained."
    )


def write_card(card: Path, results: dict[str, Any], output: Path) -> None:
    """Write a card with other results, which stand at its end; the rest keeps its every character."""
    kept = card.read_text(encoding="utf-8").partition("\nresults:")[0].rstrip("\n")
    written = yaml.safe_dump({"results": results}, sort_keys=False, allow_unicode=True, width=100)
    write_whole(output, f"{kept}\n{written}", "the card")

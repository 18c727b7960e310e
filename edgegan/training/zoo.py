"""`edgegan zoo train`: makes the files of a zoo model from its card and its data."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from edgegan.card import Card
from edgegan.checks.check import Check, Limit, judge
from edgegan.errors import ModelError, UsageError
from edgegan.latency.environment import environment
from edgegan.output_file import write_whole
from edgegan.training.feature_networks import adopt, train_classifier
from edgegan.training.generators import train_generator
from edgegan.training.loop import Progress
from edgegan.training.run import ZooRun
from edgegan.training.translators import train_translator

TOLERANCE = 0.1
"""How much worse than the card's a FID may be that was trained anew: on other threads, processors or
versions every sum rounds differently, and it is another training."""


def train_model(card: Card, run: ZooRun, report: Callable[[Progress], None]) -> dict[str, Any]:
    """Train (or resume) the card's model, write its files, and return its measured results.

    Raises:
        ModelError: if the work folder holds the training of another card, or one of before a change.
    """
    _claim(card, run.work)
    torch.manual_seed(card.training.seed)
    here = environment()
    threads = torch.get_num_threads()
    return _train(card, run, report) | {
        "command": f"edgegan zoo train {card.name} --data FOLDER --threads {threads}",
        "machine": f"{here.cpu}, {here.cores} cores, {threads} used",
    }


def _claim(card: Card, work: Path) -> None:
    """Note in the work folder what is trained there; a checkpoint fits no other card."""
    path = work / "card.json"
    parts = {"name", "generator", "discriminator", "features", "training"}
    text = card.model_dump_json(include=parts, exclude_unset=True, indent=2)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise ModelError(
            f"{work} holds a training of another card than {card.name} is now; delete that folder, or name "
            "another with --work."
        )
    work.mkdir(parents=True, exist_ok=True)
    write_whole(path, text, "the note of what is trained")


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


def retrain(
    card: Card, data: Path, report: Callable[[Progress], None]
) -> tuple[dict[str, Any], Check]:
    """Train from nothing in a folder that is removed afterwards, and hold the FID against the card's.

    Raises:
        UsageError: if the card has no FID.
    """
    if "fid" not in card.results:
        raise UsageError(f"the card of {card.name} has no FID; --check needs one to compare with.")
    with tempfile.TemporaryDirectory(prefix="edgegan-") as folder:
        run = ZooRun(data, Path(folder) / "model", Path(folder) / "work")
        results = train_model(card, run, report)
    fid = results["fid"]
    limit = Limit(max=round(card.results["fid"]["value"] * (1 + TOLERANCE), 4))
    detail = f"{fid['samples']} samples, features of {fid['features']}; the card's FID and 10 %"
    verdict = judge(fid["value"], limit)
    return results, Check("fid", card.name, fid["value"], limit, verdict, detail)


def write_card(card: Path, results: dict[str, Any], output: Path) -> None:
    """Write a card with other results, which stand at its end; the rest keeps its every character."""
    kept = card.read_text(encoding="utf-8").partition("\nresults:")[0].rstrip("\n")
    written = yaml.safe_dump({"results": results}, sort_keys=False, allow_unicode=True, width=100)
    write_whole(output, f"{kept}\n{written}", "the card")

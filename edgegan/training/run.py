"""Where the training of a zoo model reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgegan.card import Card
from edgegan.training.loop import Schedule


@dataclass(frozen=True)
class ZooRun:
    """The folders of one training.

    Attributes:
        data: folder with the data set's files.
        output: receives the weights, statistics and sample grid; with the card they make the model.
        work: receives checkpoint and log.
    """

    data: Path
    output: Path
    work: Path

    @property
    def checkpoint(self) -> Path:
        return self.work / "checkpoint.pt"

    @property
    def log(self) -> Path:
        return self.work / "log.jsonl"

    @staticmethod
    def schedule(card: Card) -> Schedule:
        """The loop's part of a card."""
        t = card.training
        return Schedule(t.epochs, t.batch_size, t.seed, t.checkpoint_steps, t.precision)

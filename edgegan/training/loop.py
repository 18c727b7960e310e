"""The training loop: epochs over shuffled images, checkpoints, a JSON-lines log, exact resume.

What is trained is a ``Task``; the loop knows nothing of losses. A run that is killed and started
again continues at the last checkpoint and ends with bit-identical weights (same machine, same
thread count): data order depends on (seed, epoch) alone, and the random state is in the checkpoint.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from edgegan.datasets.catalogue import ImageSet
from edgegan.training.checkpoint import load_checkpoint, save_checkpoint


class Task(Protocol):
    """Something that learns from batches of labelled images."""

    def step(self, images: torch.Tensor, labels: torch.Tensor, progress: float) -> dict[str, float]:
        """One optimizer step on float32 images in [-1, 1] ``[N, C, H, W]`` and int64 labels ``[N]``.

        ``progress`` runs from 0 to 1 over the whole training; returns losses to log.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on: weights, optimizers."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Undo ``state``."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How long and in what portions to train.

    Attributes:
        epochs: passes over the data.
        batch_size: images a step; the last, smaller batch of an epoch is dropped.
        seed: seeds data order and all random numbers of the task.
        checkpoint_steps: steps between checkpoints (one is also written after each epoch).
    """

    epochs: int
    batch_size: int
    seed: int = 0
    checkpoint_steps: int = 200


@dataclass(frozen=True)
class Progress:
    """Where the training stands; losses are means since the last report."""

    step: int
    total_steps: int
    epoch: int
    losses: dict[str, float]
    images_per_second: float


def train(
    task: Task,
    data: ImageSet,
    schedule: Schedule,
    checkpoint: Path,
    log: Path,
    report: Callable[[Progress], None],
    report_steps: int = 50,
) -> None:
    """Run ``task`` over ``data`` to the end of ``schedule``, resuming from ``checkpoint`` if it exists."""
    steps_per_epoch = len(data.images) // schedule.batch_size
    total = schedule.epochs * steps_per_epoch
    torch.manual_seed(schedule.seed)
    step = 0
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        step = int(saved["step"])
        task.restore(saved["task"])
        torch.set_rng_state(saved["random"])

    def save() -> None:
        state = {"step": step, "task": task.state(), "random": torch.get_rng_state()}
        save_checkpoint(checkpoint, state)

    sums: dict[str, float] = {}
    counted, since = 0, time.perf_counter()
    log.parent.mkdir(parents=True, exist_ok=True)
    while step < total:
        epoch, position = divmod(step, steps_per_epoch)
        order = np.random.default_rng([schedule.seed, epoch]).permutation(len(data.images))
        for k in range(position, steps_per_epoch):
            index = order[k * schedule.batch_size : (k + 1) * schedule.batch_size]
            images = torch.from_numpy(data.batch(index))
            labels = torch.from_numpy(data.labels[index])
            for name, value in task.step(images, labels, step / total).items():
                sums[name] = sums.get(name, 0.0) + value
            step, counted = step + 1, counted + 1
            if counted == report_steps or step == total:
                rate = counted * schedule.batch_size / (time.perf_counter() - since)
                losses = {name: value / counted for name, value in sums.items()}
                report(Progress(step, total, epoch, losses, rate))
                with log.open("a") as file:
                    record = {"step": step, "epoch": epoch, "images_per_second": round(rate, 1)}
                    file.write(json.dumps(record | losses) + "\n")
                sums, counted, since = {}, 0, time.perf_counter()
            if step % schedule.checkpoint_steps == 0:
                save()
        save()

"""The training loop: epochs over shuffled examples, checkpoints, a JSON-lines log, exact resume.

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
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from edgegan.datasets.catalogue import ImageSet
from edgegan.training.checkpoint import load_checkpoint, save_checkpoint
from edgegan.training.processes import ALONE, Processes

Batch = tuple[torch.Tensor, ...]
"""Tensors of one length; what they are is between task and examples."""


class Examples(Protocol):
    """What a task learns from."""

    def __len__(self) -> int: ...

    def batch(self, index: NDArray[np.int64]) -> Batch:
        """The examples at ``index``."""
        ...


@dataclass(frozen=True)
class LabelledImages:
    """Examples: float32 images in [-1, 1] ``[N, C, H, W]`` and int64 labels ``[N]``."""

    images: ImageSet

    def __len__(self) -> int:
        return len(self.images.images)

    def batch(self, index: NDArray[np.int64]) -> Batch:
        """See ``Examples``."""
        labels = self.images.labels[index]
        return torch.from_numpy(self.images.batch(index)), torch.from_numpy(labels)


class Task(Protocol):
    """Something that learns from batches."""

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """One optimizer step; ``progress`` runs from 0 to 1 over the whole training.

        Returns losses to log.
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
        epochs: passes over the data; the last may be a part of one.
        batch_size: images a step; the last, smaller batch of an epoch is dropped.
        seed: seeds data order and all random numbers of the task.
        checkpoint_steps: steps between checkpoints (one is also written after each epoch).
        precision: ``bfloat16`` runs convolutions and matrix products so, weights staying float32.
    """

    epochs: float
    batch_size: int
    seed: int = 0
    checkpoint_steps: int = 200
    precision: Literal["float32", "bfloat16"] = "float32"


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
    data: Examples,
    schedule: Schedule,
    checkpoint: Path,
    log: Path,
    report: Callable[[Progress], None],
    report_steps: int = 50,
    last_epoch: int | None = None,
    processes: Processes = ALONE,
) -> None:
    """Run ``task`` over ``data`` to the end of ``schedule``, resuming from ``checkpoint`` if it exists.

    With ``last_epoch`` it stops after so many epochs; called again without, it continues as if it had not.
    Of several ``processes`` each takes its share of every batch, and the first writes and reports.
    """
    steps_per_epoch = len(data) // schedule.batch_size
    total = round(schedule.epochs * steps_per_epoch)
    end = total if last_epoch is None else min(total, last_epoch * steps_per_epoch)
    torch.manual_seed(schedule.seed)
    step = 0
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        step = int(saved["step"])
        task.restore(saved["task"])
        torch.set_rng_state(saved["random"])

    def save() -> None:
        if processes.rank:
            return
        state = {"step": step, "task": task.state(), "random": torch.get_rng_state()}
        save_checkpoint(checkpoint, state)

    def autocast() -> torch.autocast:
        # no cache: a step changes the weights that would be cached
        low = schedule.precision == "bfloat16"
        return torch.autocast(
            processes.device.type, torch.bfloat16, enabled=low, cache_enabled=False
        )

    losses: dict[str, list[float]] = {}
    counted, since, used = 0, time.perf_counter(), time.process_time()
    log.parent.mkdir(parents=True, exist_ok=True)
    while step < end:
        epoch, position = divmod(step, steps_per_epoch)
        order = np.random.default_rng([schedule.seed, epoch]).permutation(len(data))
        for k in range(position, min(steps_per_epoch, position + end - step)):
            index = order[k * schedule.batch_size : (k + 1) * schedule.batch_size]
            batch = tuple(part.to(processes.device) for part in data.batch(processes.share(index)))
            with autocast():
                found = task.step(batch, step / total)
            for name, value in found.items():
                losses.setdefault(name, []).append(value)
            step, counted = step + 1, counted + 1
            if counted == report_steps or step == end:
                rate = counted * schedule.batch_size / (time.perf_counter() - since)
                means = {name: sum(values) / len(values) for name, values in losses.items()}
                means = processes.mean_of(means)
                if processes.rank == 0:
                    report(Progress(step, total, epoch, means, rate))
                    record: dict[str, float] = {"step": step, "epoch": epoch}
                    record["images_per_second"] = round(rate, 1)
                    record["processor_seconds"] = round(time.process_time() - used, 2)
                    with log.open("a") as file:
                        file.write(json.dumps(record | means) + "\n")
                losses, counted = {}, 0
                since, used = time.perf_counter(), time.process_time()
            if step % schedule.checkpoint_steps == 0:
                save()
        save()


def processor_hours(log: Path) -> float:
    """Processor time of a training, all its threads together, over all its runs."""
    lines = log.read_text().splitlines()
    return sum(float(json.loads(line)["processor_seconds"]) for line in lines) / 3600

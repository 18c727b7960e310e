"""Training with a look at what one epoch was worth: the yardstick of everything after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from torch import nn

from edgegan.card import Card
from edgegan.datasets.catalogue import ImageSet
from edgegan.output_file import write_whole
from edgegan.training.loop import LabelledImages, Progress, Task, processor_hours, train
from edgegan.training.run import ZooRun


class GeneratorTask(Task, Protocol):
    """A task with a generator and its moving average."""

    @property
    def generator(self) -> nn.Module: ...

    @property
    def average(self) -> nn.Module: ...


def train_and_compare(
    task: GeneratorTask,
    images: ImageSet,
    card: Card,
    run: ZooRun,
    report: Callable[[Progress], None],
    evaluate: Callable[[nn.Module], dict[str, Any]],
) -> dict[str, Any]:
    """Train to the end; returns ``evaluate`` of the average, with the FID after one epoch beside it.

    After one epoch it is the trained generator that is measured: its average still holds weights from
    before the training. ``evaluate`` must leave the module as it is. The first result is kept in the work
    folder, so that a training that is killed and resumed does not measure it again.
    """
    schedule, examples = run.schedule(card), LabelledImages(images)
    first = run.work / "first_epoch.json"
    if not first.exists():
        train(task, examples, schedule, run.checkpoint, run.log, report, last_epoch=1)
        write_whole(first, json.dumps(evaluate(task.generator)), "the result after one epoch")
    train(task, examples, schedule, run.checkpoint, run.log, report)
    return evaluate(task.average) | {
        "fid_after_one_epoch": json.loads(first.read_text())["fid"]["value"],
        "processor_hours": round(processor_hours(run.log), 2),
    }

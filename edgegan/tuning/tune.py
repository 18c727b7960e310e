"""From a calibrated graph to a tuned one, by the recipe's section ``tune``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx, nn

from edgegan.evaluation.pictures import Pictures
from edgegan.metrics.extractor import FeatureExtractor
from edgegan.progress import Report
from edgegan.quantization.calibrate import Calibration
from edgegan.quantization.observers import Quantiles
from edgegan.quantization.placement import Placed
from edgegan.training.loop import Progress, Schedule, train
from edgegan.training.processes import ALONE, Processes
from edgegan.tuning.distillation import DistillationTask
from edgegan.tuning.examples import Examples
from edgegan.tuning.history import append
from edgegan.tuning.perceptual import PerceptualLoss, Stages
from edgegan.tuning.quality_watch import SAMPLES, QualityWatch
from edgegan.tuning.range_tracking import RangeTracker
from edgegan.tuning.reconstruct import Effort, reconstruct
from edgegan.tuning.sections import DistillationSection, TuneSection
from edgegan.tuning.tunable import Tunable, Tuned, first_of

LOG = "log.jsonl"

_BATCH = 50


@dataclass(frozen=True)
class Lesson:
    """What a graph is tuned with.

    Attributes:
        placed: calibrated; left as it is.
        teacher: the float graph, lowered.
        affine: whether its activations have zero points.
        section: how.
        calibration: how ranges become grids.
        quantiles, momentum: of ranges that go on being observed.
        inputs: makes so many inputs of the generator from a seed.
        labels: which of them are class labels.
        stages: loads the network of the perceptual losses.
        discriminator: loads it.
        real: loads the images that the recipe names for it.
        features: loads the network that watches the quality; None where there is none.
        value_range: of the images.
        work: receives checkpoints and the log; a run that is killed goes on from there.
        report: called with steps done, all steps, and the losses.
        processes: that learn together; of their results, those of the first are written.
    """

    placed: Placed
    teacher: fx.GraphModule
    affine: bool
    section: TuneSection
    calibration: Calibration
    quantiles: Quantiles
    momentum: float
    inputs: Callable[[int, int], tuple[torch.Tensor, ...]]
    labels: tuple[int, ...]
    stages: Callable[[], Stages]
    discriminator: Callable[[], nn.Module]
    real: Callable[[], Pictures]
    features: Callable[[], FeatureExtractor] | None
    value_range: tuple[float, float]
    work: Path
    report: Report
    processes: Processes = ALONE

    @property
    def log(self) -> Path:
        return self.work / LOG


def tune(lesson: Lesson) -> Tuned:
    """Tune it.

    Raises:
        EdgeganError: if the loss needs a network that is not there.
    """
    section = lesson.section
    if section.reconstruction is not None:
        part = section.reconstruction
        inputs = lesson.inputs(part.images, section.seed)
        effort = Effort(part, section.scaled(part.resolved_steps), section.seed)
        return reconstruct(
            lesson.placed, inputs, lesson.affine, effort, lesson.work, lesson.log, lesson.report
        ).tuned()
    assert section.distillation is not None
    return _distill(lesson, section.distillation).tuned()


def _distill(lesson: Lesson, section: DistillationSection) -> Tunable:
    inputs = lesson.inputs(section.images, lesson.section.seed)
    real = lesson.real() if section.real == "data" else None
    examples = Examples(inputs, _images(lesson.teacher, inputs), lesson.labels, real)
    processes = lesson.processes
    tunable = Tunable(lesson.placed, lesson.affine).moved(processes.device)
    loss = section.loss
    task = DistillationTask(
        tunable,
        section,
        PerceptualLoss(lesson.stages(), processes) if loss.content or loss.style else None,
        lesson.discriminator().to(processes.device) if loss.adversarial else None,
        lesson.labels,
        RangeTracker(tunable, lesson.calibration, lesson.quantiles, lesson.momentum, processes),
        processes,
    )
    steps = lesson.section.scaled(section.steps)
    batch = min(section.batch_size, len(examples))
    processes.check_batch(batch)
    schedule = Schedule(
        steps / (len(examples) // batch), batch, lesson.section.seed, precision=section.precision
    )
    watch = _watch(lesson) if processes.rank == 0 else None
    seen: dict[str, float] = {}

    def images(*inputs: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = tunable(*(value.to(processes.device) for value in inputs))
        return made.cpu()

    def report(progress: Progress) -> None:
        record = watch and watch.at(progress.step, progress.total_steps, images)
        if record:
            append(lesson.log, record)
            seen["qfid"] = record["qfid"]
        lesson.report(progress.step, progress.total_steps, progress.losses | seen)

    checkpoint, often = lesson.work / "checkpoint.pt", max(1, min(50, steps // 20))
    train(task, examples, schedule, checkpoint, lesson.log, report, often, None, processes)
    return tunable.moved(torch.device("cpu"))


def _watch(lesson: Lesson) -> QualityWatch | None:
    if lesson.features is None:
        return None
    return QualityWatch(
        lesson.features(),
        lesson.inputs(SAMPLES, lesson.section.seed + 1),
        lambda *inputs: first_of(lesson.teacher(*inputs)),
        lesson.value_range,
    )


@torch.no_grad()
def _images(teacher: fx.GraphModule, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The float generator's images."""
    return torch.cat(
        [
            first_of(teacher(*(value[start : start + _BATCH] for value in inputs)))
            for start in range(0, len(inputs[0]), _BATCH)
        ]
    )

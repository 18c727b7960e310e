"""QFID while a generator learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgegan.metrics.extractor import FeatureDescription, FunctionExtractor
from edgegan.metrics.fid import qfid
from edgegan.training.loop import Progress, Schedule, train
from edgegan.tuning.quality_watch import QualityWatch
from tests.tuning.test_distillation import make

SEES = FeatureDescription("rows", 8, 1, (8, 8), (0.0, 1.0), "none")
ROWS = FunctionExtractor(SEES, "rows", lambda images: images.mean((1, 3)))
"""Means of an image's rows, between 0 and 1."""


class Clock:
    """Advances by ``seconds`` whenever it is asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def test_it_is_the_qfid_of_the_images_as_the_network_sees_them() -> None:
    module, task, _ = make()
    x = torch.randn(200, 6)
    watch = QualityWatch(ROWS, (x,), module, (-1.0, 1.0))
    with torch.no_grad():
        rows = [((net(x).numpy() + 1) / 2).mean((1, 3)) for net in (module, task.tunable)]
    record = watch.at(10, 10, task.tunable)
    assert record is not None and record["step"] == 10 and record["samples"] == 200
    assert record["qfid"] == pytest.approx(qfid(*rows), rel=1e-3, abs=1e-7)
    assert watch.measure(module) == pytest.approx(0, abs=1e-9)


def test_ten_points_unless_they_take_too_long() -> None:
    module, task, _ = make()
    x = torch.randn(20, 6)

    def points(seconds: float, steps: int) -> list[int]:
        clock = Clock(0.0)
        watch = QualityWatch(ROWS, (x,), module, (-1.0, 1.0), clock)

        def slow(*inputs: torch.Tensor) -> torch.Tensor:
            clock.now += seconds
            result: torch.Tensor = task.tunable(*inputs)
            return result

        found = []
        for step in range(1, steps + 1):
            clock.now += 1.0
            found += [step] if watch.at(step, steps, slow) else []
        return found

    assert points(0.01, 100) == list(range(10, 101, 10))
    few = points(2.0, 100)  # two batches or one: at least 2 s each, of 100 s
    assert few[0] == 10 and 1 < len(few) <= 5


@pytest.mark.slow
def test_a_watched_training_goes_the_same_way(tmp_path: Path) -> None:
    results = []
    for watched in (False, True):
        module, task, examples = make(observe=0.5)
        watch = QualityWatch(ROWS, (torch.randn(20, 6),), module, (-1.0, 1.0))
        records = []

        def report(progress: Progress) -> None:
            if watched:  # noqa: B023
                records.append(watch.at(progress.step, progress.total_steps, task.tunable))  # noqa: B023

        torch.manual_seed(5)
        work = tmp_path / str(watched)
        train(task, examples, Schedule(2, 16), work / "c", work / "l", report, 4)
        assert any(records) == watched
        results.append((list(task.tunable.parameters()), torch.get_rng_state()))
    (plain, state), (seen, after) = results
    assert all(map(torch.equal, plain, seen)) and torch.equal(state, after)
    assert np.isfinite([float(p.detach().sum()) for p in plain]).all()

"""Quantization-aware training on a small generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgegan.quantization.calibrate import apply_parameters, apply_weights
from edgegan.quantization.grid import affine_parameters
from edgegan.quantization.observers import Quantiles
from edgegan.training.loop import Schedule, train
from edgegan.training.processes import ALONE, Processes
from edgegan.tuning.distillation import DistillationTask
from edgegan.tuning.examples import Examples
from edgegan.tuning.perceptual import PerceptualLoss, gram_matrix
from edgegan.tuning.range_tracking import RangeTracker
from edgegan.tuning.sections import DistillationSection
from edgegan.tuning.tunable import Tunable, first_of
from tests.tuning.toys import MIN_MAX, calibrated

PIXEL = {"loss": {"pixel": 1.0, "content": 0.0}, "learning_rate": 1e-3, "quantizer_rate": 3e-3}
METHODS = {
    "lsq": {"learn_ranges": True},
    "ma": {"learn_ranges": False, "observe": 0.5},
    "ma-lsq": {"learn_ranges": True, "observe": 0.5},
    "fixed": {"learn_ranges": False},
}


class Judge(nn.Module):
    """Images ``[N, 1, 8, 8]`` to logits."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(1, 4, 3)
        self.last = nn.Linear(4, 1)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [torch.relu(self.conv(images))]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(self.stages(images)[0].mean((2, 3)))
        return logits[:, 0]


def make(
    processes: Processes = ALONE, **options: object
) -> tuple[nn.Module, DistillationTask, Examples]:
    module, placed = calibrated()
    section = DistillationSection.model_validate(PIXEL | options)
    tunable = Tunable(placed, True)
    x = torch.randn(256, 6, generator=torch.Generator().manual_seed(2))
    loss = section.loss
    task = DistillationTask(
        tunable,
        section,
        PerceptualLoss(Judge().requires_grad_(False).stages, processes) if loss.content else None,
        Judge() if loss.adversarial else None,
        (),
        RangeTracker(tunable, MIN_MAX, Quantiles(0, 1), 0.9, processes),
        processes,
    )
    return module, task, Examples((x,), module(x))


def error(module: nn.Module, tunable: Tunable) -> float:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(8))
    with torch.no_grad():
        return float((tunable(x) - module(x)).square().mean())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_comes_closer_to_the_float_generator(tmp_path: Path, method: str) -> None:
    module, task, examples = make(**METHODS[method])
    before = error(module, task.tunable)
    ranges = {name: leaf.clone() for name, leaf in task.tunable.log_scales.named()}
    train(task, examples, Schedule(15, 16), tmp_path / "c", tmp_path / "l", lambda progress: None)
    assert error(module, task.tunable) < 0.8 * before
    moved = [not torch.equal(leaf, ranges[n]) for n, leaf in task.tunable.log_scales.named()]
    assert any(moved) == (method != "fixed")


@pytest.mark.slow
def test_half_precision_learns_too(tmp_path: Path) -> None:
    module, task, examples = make(observe=0.3)
    before = error(module, task.tunable)
    schedule = Schedule(15, 16, precision="bfloat16")
    train(task, examples, schedule, tmp_path / "c", tmp_path / "l", lambda progress: None)
    assert error(module, task.tunable) < 0.8 * before
    assert {leaf.dtype for leaf in task.tunable.parameters()} == {torch.float32}


@pytest.mark.slow
def test_what_was_learned_is_what_the_graph_computes(tmp_path: Path) -> None:
    """Also on grids, with integer zero points: not a bit is lost."""
    _, task, examples = make(loss={"adversarial": 0.1, "content": 1.0, "style": 1.0})
    train(task, examples, Schedule(2, 16), tmp_path / "c", tmp_path / "l", lambda progress: None)
    _, placed = calibrated()
    tuned = task.tunable.tuned()
    apply_parameters(placed, tuned.parameters)
    apply_weights(placed, tuned.weights)
    x = torch.randn(9, 6)
    with torch.no_grad():
        assert torch.equal(first_of(placed.graph(x)), task.tunable(x))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_ends_the_same(tmp_path: Path, method: str) -> None:
    options = METHODS[method] | {"loss": {"adversarial": 0.1, "content": 1.0}}
    schedule = Schedule(1.5, 16, checkpoint_steps=5)

    def kill(progress: object) -> None:
        raise KeyboardInterrupt

    whole = make(**options)
    train(whole[1], whole[2], schedule, tmp_path / "a", tmp_path / "a.l", lambda progress: None)
    killed = make(**options)
    with pytest.raises(KeyboardInterrupt):
        train(killed[1], killed[2], schedule, tmp_path / "b", tmp_path / "b.l", kill, 13)
    resumed = make(**options)
    train(resumed[1], resumed[2], schedule, tmp_path / "b", tmp_path / "b.l", lambda progress: None)
    for expected, actual in zip(
        whole[1].tunable.parameters(), resumed[1].tunable.parameters(), strict=True
    ):
        assert torch.equal(expected, actual)


def test_observed_ranges_are_moving_averages_of_batches() -> None:
    _, task, _ = make()
    tracker, x = task.tracker, torch.randn(8, 6)
    tracker.run(x)
    tracker.run(2 * x)
    low = 0.9 * float(x.min()) + 0.1 * float(2 * x.min())
    high = 0.9 * float(x.max()) + 0.1 * float(2 * x.max())
    scale, zero_point = affine_parameters(low, high, task.tunable.quantizers["input"].grid)
    found = task.tunable.tuned().parameters["input"]
    np.testing.assert_allclose(found.scale, scale, rtol=1e-5)
    assert found.zero_point == zero_point


def test_adversarial_steps_teach_the_discriminator() -> None:
    _, task, examples = make(loss={"adversarial": 1.0, "content": 0.0})
    assert task.discriminator is not None
    before = [leaf.clone() for leaf in task.discriminator.parameters()]
    losses = task.step(examples.batch(np.arange(16)), 0.0)
    assert set(losses) == {"discriminator", "adversarial"}
    assert not all(map(torch.equal, before, task.discriminator.parameters()))


def test_perceptual_losses_by_hand() -> None:
    """One stage of two channels on two places; Johnson et al. 2016, equations 2 to 4."""
    aim = torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]])
    found = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    torch.testing.assert_close(gram_matrix(aim), torch.tensor([[[5.0, 2.0], [2.0, 1.0]]]) / 4)
    content, style = PerceptualLoss(lambda images: [images])(found, aim)
    assert float(content) == pytest.approx((4 / 4) / (6 / 4))
    # Gram of found: [[1, 0], [0, 1]] / 4; differences 4, 2, 2, 0; of aim 5, 2, 2, 1
    assert float(style) == pytest.approx((16 + 4 + 4) / (25 + 4 + 4 + 1))

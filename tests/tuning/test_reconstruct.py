"""Block reconstruction on a small generator."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from edgegan.quantization.calibrate import apply_parameters, apply_weights
from edgegan.quantization.placement import Placed
from edgegan.tuning.reconstruct import Effort, reconstruct
from edgegan.tuning.sections import ReconstructionSection
from edgegan.tuning.tunable import Tuned, first_of
from tests.tuning.toys import calibrated

Rounding = Literal["adaptive", "straight-through"]
IMAGES = 64


class KilledError(Exception):
    """Stands for a kill."""


def effort(rounding: Rounding, **options: object) -> Effort:
    rate = None if rounding == "adaptive" else 3e-3
    section = ReconstructionSection.model_validate(
        {"rounding": rounding, "images": IMAGES, "learning_rate": rate, "quantizer_rate": 3e-3}
        | options
    )
    return Effort(section, 150, 3)


def run(placed: Placed, work: Path, how: Effort, kill_at: int | None = None) -> Tuned:
    work.mkdir(exist_ok=True)

    def report(done: int, total: int, losses: object = None) -> None:
        if kill_at is not None and done >= kill_at:
            raise KilledError

    inputs = (torch.randn(IMAGES, 6, generator=torch.Generator().manual_seed(7)),)
    log = work / "log.jsonl"
    return reconstruct(placed, inputs, True, how, work, log, report).tuned()


def error(placed: Placed, module: torch.nn.Module, tuned: Tuned | None = None) -> float:
    """Mean squared, on latents that nothing was learned from."""
    if tuned is not None:
        apply_parameters(placed, tuned.parameters)
        apply_weights(placed, tuned.weights)
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(8))
    return float((first_of(placed.graph(x)) - module(x)).square().mean())


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ["adaptive", "straight-through"])
@pytest.mark.parametrize("options", [{}, {"inputs": "float"}, {"gradient_weighting": True}])
def test_it_comes_closer_to_the_float_generator(
    tmp_path: Path, rounding: Rounding, options: dict[str, object]
) -> None:
    module, placed = calibrated()
    before = error(placed, module)
    tuned = run(placed, tmp_path, effort(rounding, **options))
    assert error(placed, module, tuned) < 0.75 * before


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ["adaptive", "straight-through"])
def test_a_killed_run_ends_the_same(tmp_path: Path, rounding: Rounding) -> None:
    _, placed = calibrated()
    whole = run(placed, tmp_path / "whole", effort(rounding))
    with pytest.raises(KilledError):
        run(placed, tmp_path / "killed", effort(rounding), kill_at=350)  # in the third block
    torch.randn(10)  # whatever happens between the two
    resumed = run(placed, tmp_path / "killed", effort(rounding))
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], weight)
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(resumed.parameters[name].scale, value.scale)
        np.testing.assert_array_equal(resumed.parameters[name].zero_point, value.zero_point)


def test_fewer_steps_of_adaptive_rounding_are_longer() -> None:
    default = ReconstructionSection(rounding="adaptive")
    assert default.rate_over(20_000) == pytest.approx(1e-3)
    assert default.rate_over(2_000) == pytest.approx(1e-2)
    given = ReconstructionSection(rounding="adaptive", learning_rate=0.5)
    assert given.rate_over(2_000) == 0.5
    straight = ReconstructionSection(rounding="straight-through")
    assert straight.rate_over(200) == straight.rate_over(2_000) == 1e-4


def test_adaptive_rounding_moves_no_weight_by_more_than_a_step(tmp_path: Path) -> None:
    _, placed = calibrated()
    tuned = run(placed, tmp_path, effort("adaptive"))
    quantizers = [q for q in placed.quantizers.values() if q.kind == "weight"]
    assert quantizers
    for quantizer in quantizers:
        name = str(quantizer.parameter)
        scale = tuned.parameters[quantizer.name].scale
        before = placed.graph.get_parameter(name).numpy()
        steps = scale.reshape(-1, *[1] * (before.ndim - 1))
        after = tuned.weights[name] / steps
        np.testing.assert_allclose(after, np.rint(after), atol=1e-4)
        reach = np.clip(before / steps, quantizer.grid.low, quantizer.grid.high)
        assert (np.abs(after - reach) <= 1 + 1e-4).all()

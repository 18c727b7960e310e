"""Measurement, confidence and the environment."""

from __future__ import annotations

import numpy as np
import pytest

from edgegan.latency.baseline import regression_limit
from edgegan.latency.confidence import (
    MEDIAN_SAMPLES,
    median_estimate,
    percentile_estimate,
    ratio_estimate,
)
from edgegan.latency.environment import environment
from edgegan.latency.measure import TAIL_RUNS, TURN_RUNS, Effort, Timing, measure


def test_turns_are_interleaved_and_enough() -> None:
    order: list[str] = []
    models = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    timings = measure(models, Effort(warmup_seconds=0.0, runs=10, seconds=0.0))
    turn = 1 + TURN_RUNS
    assert order == ["a", "b"] + (["a"] * turn + ["b"] * turn) * 3
    assert all(len(t.milliseconds) == 12 for t in timings.values())


def test_the_limit_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr("edgegan.latency.measure.time.perf_counter", clock)
    effort = Effort(warmup_seconds=0.0, runs=10, seconds=1000.0, limit_seconds=50.0)
    timings = measure({"a": lambda: None}, effort)
    assert 10 <= len(timings["a"].milliseconds) < 60
    assert timings["a"].percentile(50) == pytest.approx(1000.0)


@pytest.mark.parametrize(("level", "runs"), [(90, 50), (95, 100), (99, 200)])
def test_tails_need_runs(level: int, runs: int) -> None:
    assert TAIL_RUNS[level] == runs
    name = f"p{level}_ms"
    assert name not in Timing(np.ones(runs - 1)).as_json()
    durations = np.arange(1.0, runs + 1)
    assert Timing(durations).as_json()[name] == pytest.approx(1 + (runs - 1) * level / 100)
    assert "p50_ms" in Timing(np.ones(10)).as_json()


def test_six_samples_hold_the_median() -> None:
    estimate = median_estimate([9.0, 1.0, 5.0, 3.0, 7.0, 2.0])
    assert (estimate.value, estimate.low, estimate.high) == (4.0, 1.0, 9.0)
    samples = np.random.default_rng(0).lognormal(size=(20_000, MEDIAN_SAMPLES))
    covered = (samples.min(1) <= 1.0) & (samples.max(1) >= 1.0)  # a log-normal's median is 1
    assert covered.mean() == pytest.approx(1 - 2 / 2**6, abs=0.005)
    with pytest.raises(ValueError, match="5 samples"):
        median_estimate([1.0] * 5)


def test_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(0)
    a, b = Timing(random.gamma(50, 0.06, 2000)), Timing(random.gamma(50, 0.02, 2000))
    ratio = ratio_estimate(a, b)
    assert ratio.low < 3.0 < ratio.high
    assert ratio.high - ratio.low < 0.2
    p50 = percentile_estimate(b, 50)
    assert p50.low <= p50.value <= p50.high


def test_drift_widens_the_interval() -> None:
    """Blocks are resampled whole, so a machine that changes its mind is not taken for a steady one."""
    steady = Timing(np.random.default_rng(0).normal(1.0, 0.1, 1000))
    drifting = Timing(np.sort(steady.milliseconds))
    width = [e.high - e.low for e in (percentile_estimate(t, 50) for t in (steady, drifting))]
    assert width[1] > 3 * width[0]


def test_a_regression_is_relative_and_above_a_floor() -> None:
    assert regression_limit(10.0, 0.05, 0.05) == pytest.approx(10.5)
    assert regression_limit(0.1, 0.05, 0.05) == pytest.approx(0.15)


def test_environment_names_the_machine() -> None:
    here = environment()
    assert here.cores >= 1
    assert "onnxruntime" in here.packages
    assert here.key()

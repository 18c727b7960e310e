"""Measurement, confidence and baselines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgegan.errors import UsageError
from edgegan.latency.baseline import read_baseline, regression_limit, write_baseline
from edgegan.latency.confidence import percentile_estimate, ratio_estimate
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


def test_the_99th_percentile_needs_runs() -> None:
    few, many = Timing(np.ones(TAIL_RUNS - 1)), Timing(np.arange(1.0, TAIL_RUNS + 1))
    assert "p99_ms" not in few.as_json()
    assert many.as_json()["p99_ms"] == pytest.approx(np.percentile(np.arange(1, 201), 99))


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


def test_baseline_round_trip(tmp_path: Path) -> None:
    write_baseline(tmp_path / "b.json", "cpu", {"m/ort-x86/1/1": 0.5})
    assert read_baseline(tmp_path / "b.json").p50_ms == {"m/ort-x86/1/1": 0.5}
    with pytest.raises(UsageError, match="does not exist"):
        read_baseline(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('{"schema": "edgegan.baseline/1"}')
    with pytest.raises(UsageError, match="is not a baseline"):
        read_baseline(tmp_path / "bad.json")


def test_environment_names_the_machine() -> None:
    here = environment()
    assert here.cores >= 1
    assert "onnxruntime" in here.packages
    assert here.key()

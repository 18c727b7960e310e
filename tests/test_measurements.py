"""Verdicts on measured values, with timings made up so that they can be computed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgegan.checks.check import Check, Limit, Verdict
from edgegan.checks.measurement import Measurement
from edgegan.checks.speed import Speed
from edgegan.devices import Device
from edgegan.latency.confidence import ratio_estimate
from edgegan.latency.measure import Timing
from edgegan.latency.memory import Footprint
from edgegan.measurements import Subject, judge_gate, processes_for
from edgegan.runtimes.base import ExecutionMap, LayerExecution
from edgegan.targets import find_target


class MadeUpRuntime:
    """Runs 75 of 100 MACs in int8."""

    name = "made-up"

    def execution_map(self, model: Path | bytes) -> ExecutionMap:
        layers = (
            LayerExecution("a", "Conv", "QLinearConv", "int8", 75),
            LayerExecution("b", "Conv", "Conv", "float", 25),
        )
        return ExecutionMap(layers, {"QLinearConv": 1, "Conv": 1})

    def load(self, model: Path | bytes, threads: int = 1) -> Any:
        raise AssertionError("nothing is to be run")

    def versions(self) -> dict[str, str]:
        return {}


class MadeUpDevice(Device):
    def runtime(self) -> Any:
        return MadeUpRuntime()


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.onnx" for name in ("quantized", "float", "lowered")}
    for path, size in zip(paths.values(), (250, 1000, 1100), strict=True):
        path.write_bytes(bytes(size))
    return paths


def subject(models: dict[str, Path], quantized: Any, footprint: Footprint | None = None) -> Subject:
    timings = {
        "quantized": Timing(np.asarray(quantized, np.float64)),
        "float": Timing(np.asarray(quantized, np.float64) * 3),
        "lowered": Timing(np.asarray(quantized, np.float64) * 2),
    }
    speed = Speed(
        timings=timings,
        ratio=ratio_estimate(timings["float"], timings["quantized"]),
        ratio_lowered=ratio_estimate(timings["lowered"], timings["quantized"]),
        threads=1,
        batch=1,
    )
    device = MadeUpDevice(find_target("ort-x86"))
    return Subject(device, (), models, speed, footprint or Footprint((1.0,), (1,)))


def judge(name: str, on: Subject, limit: Limit) -> Check:
    return judge_gate(name, limit, on)


def test_steady_timings_are_judged_exactly(models: dict[str, Path]) -> None:
    steady = subject(models, np.full(200, 2.0))
    for name in ("latency.p50_ms", "latency.p90_ms", "latency.p95_ms", "latency.p99_ms"):
        check = judge(name, steady, Limit(max=2))
        assert (check.value, check.interval, check.verdict) == (2.0, (2.0, 2.0), Verdict.PASS)
        assert judge(name, steady, Limit(max=1.9)).verdict is Verdict.FAIL
    check = judge("latency.ratio", steady, Limit(min=3))
    assert (check.value, check.verdict) == (3.0, Verdict.PASS)
    assert judge("latency.ratio", steady, Limit(min=3.1)).verdict is Verdict.FAIL
    assert judge("latency.ratio_lowered", steady, Limit(min=2)).verdict is Verdict.PASS


def test_a_machine_that_changes_its_mind_is_inconclusive(models: dict[str, Path]) -> None:
    """Half the blocks at 1 ms, half at 3 ms: resampled medians are 1, 2 or 3."""
    wavering = subject(models, np.repeat([1.0, 3.0], 100))
    check = judge("latency.p50_ms", wavering, Limit(max=2.5))
    assert (check.value, check.interval) == (2.0, (1.0, 3.0))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.detail.startswith("the 95 % interval, 1 to 3, straddles the limit; 1 thread")
    assert judge("latency.p50_ms", wavering, Limit(max=3)).verdict is Verdict.PASS
    assert judge("latency.p50_ms", wavering, Limit(max=0.9)).verdict is Verdict.FAIL
    ratio = judge("latency.ratio", wavering, Limit(min=2.9))
    assert (ratio.value, ratio.verdict) == (3.0, Verdict.PASS)  # the drift met both


@pytest.mark.parametrize(("level", "runs"), [(90, 50), (95, 100), (99, 200)])
def test_a_tail_of_few_runs_is_inconclusive(models: dict[str, Path], level: int, runs: int) -> None:
    name = f"latency.p{level}_ms"
    check = judge(name, subject(models, np.full(runs - 1, 2.0)), Limit(max=1))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.detail.startswith(
        f"p{level} needs {runs} runs, not {runs - 1}: give --runs {runs}"
    )
    assert judge(name, subject(models, np.full(runs, 2.0)), Limit(max=1)).verdict is Verdict.FAIL


def test_footprints_are_judged_by_their_range(models: dict[str, Path]) -> None:
    on = subject(
        models,
        np.ones(10),
        Footprint((10.0, 11.0, 12.0, 13.0, 14.0, 20.0), (100, 100, 100, 100, 100, 100)),
    )
    check = judge("load_ms", on, Limit(max=15))
    assert (check.value, check.interval) == (12.5, (10.0, 20.0))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert judge("load_ms", on, Limit(max=20)).verdict is Verdict.PASS
    assert judge("load_ms", on, Limit(max=9)).verdict is Verdict.FAIL
    check = judge("peak_bytes", on, Limit(max=99))
    assert (check.value, check.verdict) == (100.0, Verdict.FAIL)


def test_deterministic_values_have_no_interval(models: dict[str, Path]) -> None:
    on = subject(models, np.ones(10))
    expected = {"size.bytes": 250.0, "size.ratio": 0.25, "int8.mac_share": 0.75}
    for name, value in expected.items():
        check = judge(name, on, Limit(max=value))
        assert (check.value, check.interval, check.verdict) == (value, None, Verdict.PASS)
        assert judge(name, on, Limit(min=value * 1.001)).verdict is Verdict.FAIL
    assert judge("size.ratio", on, Limit(max=1)).detail == "250 of 1000 bytes"


def test_instructions_are_counted_on_emulated_cores_alone(models: dict[str, Path]) -> None:
    check = judge("cost.ratio", subject(models, np.ones(10)), Limit(min=2))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "on emulated cores only" in check.detail
    nowhere = Subject(
        Device(find_target("ort-arm64")), (), models, None, None, "no emulator: set up"
    )
    for name in ("cost.instructions", "cost.ratio", "int8.mac_share"):
        check = judge(name, nowhere, Limit(min=2))
        assert (check.verdict, check.detail) == (Verdict.INCONCLUSIVE, "no emulator: set up")
    assert judge("size.bytes", nowhere, Limit(max=250)).verdict is Verdict.PASS


def test_what_lacks_data_is_never_judged() -> None:
    exact = Measurement(1.0, "how", lacking="why: remedy")
    check = exact.check("load_ms", "ort-x86", Limit(max=2))
    assert (check.verdict, check.detail) == (Verdict.INCONCLUSIVE, "why: remedy; how")


def test_processes_are_repeated_for_gates_alone() -> None:
    assert processes_for({"latency.ratio": Limit(min=1)}) == 1
    assert processes_for({"load_ms": Limit(max=1)}) == 6
    assert processes_for({"peak_bytes": Limit(max=1)}) == 6

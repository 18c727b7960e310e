"""Ratios of speeds, from timings that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgegan.checks.speed import FLOAT, HALF, LOWERED, QUANTIZED, measure_speed
from edgegan.generators.contract import InputSpec
from edgegan.latency.measure import Timing

MILLISECONDS = {QUANTIZED: 2.0, FLOAT: 6.0, LOWERED: 4.0, HALF: 1.0}


class Nothing:
    """A runtime whose engines do nothing."""

    def load(self, model: Path | bytes, threads: int = 1) -> Any:
        class Engine:
            def run(self, inputs: Any, outputs: Any = None) -> dict[str, Any]:
                return {}

        return Engine()


@pytest.mark.parametrize("half", [True, False])
def test_ratios(monkeypatch: pytest.MonkeyPatch, half: bool) -> None:
    def measured(calls: Any, effort: Any) -> dict[str, Timing]:
        return {name: Timing(np.full(40, MILLISECONDS[name])) for name in calls}

    monkeypatch.setattr("edgegan.checks.speed.measure", measured)
    names = [QUANTIZED, FLOAT, LOWERED, *([HALF] if half else [])]
    models = {name: Path(name) for name in names}
    speed = measure_speed(models, (InputSpec(shape=(3,)),), Nothing())  # type: ignore[arg-type]
    assert (speed.ratio.value, speed.ratio_lowered.value) == (3.0, 2.0)
    assert (None if speed.ratio_half is None else speed.ratio_half.value) == (0.5 if half else None)

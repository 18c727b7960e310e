"""Interleaved timing: the models take turns in one process.

Machines drift: a neighbour wakes up, the clock changes. What is compared is therefore run side by
side, so that a drift meets all of them, and ratios stay trustworthy where milliseconds do not. A turn
begins with an uncounted run, which brings the model's weights back into the cache: what is measured
is a model in continuous use, not one that another has just pushed out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TURN_RUNS = 4
"""Counted runs of a turn."""

TAIL_RUNS = {90: 50, 95: 100, 99: 200}
"""Runs from which on a tail percentile is printed, and judged.

Of n runs, n (1 - p) lie beyond the percentile p. From 50 and 100 runs on, five are expected beyond the
90th and 95th, and the largest run lies beyond them with more than 99 % probability (1 - 0.9^50 = 0.995,
1 - 0.95^100 = 0.994), so an interval resampled from the runs can reach past the true value. The 99th is
let off with two: 200 runs are affordable, 500 often are not. There the largest run is beyond it in only
87 % of cases (1 - 0.99^200), so the upper end of its interval is the weakest; a tight gate on it deserves
500 runs.
"""


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        warmup_seconds: per model, before anything is counted.
        runs, seconds: turns go on until both are reached by every model's counted runs.
        limit_seconds: of all turns; past it the measurement ends with what it has (at least ``runs``).
    """

    warmup_seconds: float = 0.2
    runs: int = 10
    seconds: float = 1.0
    limit_seconds: float = 60.0


@dataclass(frozen=True)
class Timing:
    """Round by round durations of one model.

    Attributes:
        milliseconds: float64 ``[rounds]``.
    """

    milliseconds: NDArray[np.float64]

    @property
    def runs(self) -> int:
        return len(self.milliseconds)

    def percentile(self, level: float) -> float:
        return float(np.percentile(self.milliseconds, level))

    def as_json(self) -> dict[str, Any]:
        """Percentiles, mean and spread in milliseconds; tails only from ``TAIL_RUNS`` runs on."""
        p25, p50, p75 = (self.percentile(level) for level in (25, 50, 75))
        tails = {
            f"p{level}_ms": self.percentile(level)
            for level, least in TAIL_RUNS.items()
            if self.runs >= least
        }
        return {
            "runs": self.runs,
            "p50_ms": p50,
            **tails,
            "mean_ms": float(self.milliseconds.mean()),
            "min_ms": float(self.milliseconds.min()),
            "spread": (p75 - p25) / p50,
        }


def measure(models: Mapping[str, Callable[[], object]], effort: Effort) -> dict[str, Timing]:
    """Time the callables, interleaved."""
    clock = time.perf_counter
    for call in models.values():
        end = clock() + effort.warmup_seconds
        call()
        while clock() < end:
            call()
    durations: dict[str, list[float]] = {name: [] for name in models}
    totals = dict.fromkeys(models, 0.0)
    start = clock()
    counted = 0
    while counted < effort.runs or min(totals.values()) < effort.seconds:
        if counted >= effort.runs and clock() - start > effort.limit_seconds:
            break
        for name, call in models.items():
            call()
            for _ in range(TURN_RUNS):
                before = clock()
                call()
                elapsed = clock() - before
                durations[name].append(elapsed * 1e3)
                totals[name] += elapsed
        counted += TURN_RUNS
    return {name: Timing(np.array(values)) for name, values in durations.items()}

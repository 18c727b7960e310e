"""A check: a name, a value, perhaps a limit, and the verdict that follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import model_validator

from edgegan.latency.confidence import Estimate
from edgegan.schema import Strict


class Verdict(StrEnum):
    """``reported`` has no limit; ``inconclusive`` was too noisy, or cannot be judged on this machine."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    REPORTED = "reported"


def number(value: float) -> str:
    """Six digits; of a million and more, all that are before the point: those are bytes."""
    return f"{value:.0f}" if 1e6 <= abs(value) < math.inf else f"{value:g}"


class Limit(Strict):
    """The range that a value must lie in, ends included."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _some_end(self) -> Limit:
        if self.min is None and self.max is None:
            raise ValueError("must have min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        return self

    def holds(self, value: float) -> bool:
        """Whether ``value`` is within; NaN never is."""
        if math.isnan(value):
            return False
        above = self.min is None or value >= self.min
        return above and (self.max is None or value <= self.max)

    def __str__(self) -> str:
        ends = []
        if self.min is not None:
            ends.append(f">= {number(self.min)}")
        if self.max is not None:
            ends.append(f"<= {number(self.max)}")
        return " and ".join(ends)


@dataclass(frozen=True)
class Check:
    """One line of a report.

    Attributes:
        name: e.g. ``parity.max_lsb``.
        target: which target it was measured on.
        value: the measured number; NaN where nothing could measure it.
        limit: what it was held against, if anything.
        verdict: the result.
        detail: how it was measured (samples, seed, feature network), or why it is inconclusive.
        interval: 95 % confidence interval, for noisy values.
    """

    name: str
    target: str
    value: float
    limit: Limit | None
    verdict: Verdict
    detail: str = ""
    interval: tuple[float, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """Infinite values become null, as JSON has no infinity; so do those that nothing measured."""
        result: dict[str, Any] = {
            "name": self.name,
            "target": self.target,
            "value": self.value if math.isfinite(self.value) else None,
            "measured": not math.isnan(self.value),
            "limit": self.limit.model_dump(exclude_none=True) if self.limit else None,
            "verdict": str(self.verdict),
            "detail": self.detail,
        }
        if self.interval is not None:
            result["interval"] = list(self.interval)
        return result


def judge(value: float, limit: Limit | None) -> Verdict:
    """Verdict on an exact value."""
    if limit is None:
        return Verdict.REPORTED
    return Verdict.PASS if limit.holds(value) else Verdict.FAIL


def judge_estimate(estimate: Estimate, limit: Limit | None) -> Verdict:
    """Verdict on a noisy value: the whole interval within the limit, or wholly beyond one end of it."""
    if limit is None:
        return Verdict.REPORTED
    points = (estimate.low, estimate.value, estimate.high)
    if all(limit.holds(point) for point in points):
        return Verdict.PASS
    below = limit.min is not None and max(points) < limit.min
    above = limit.max is not None and min(points) > limit.max
    unknown = any(math.isnan(point) for point in points)
    return Verdict.FAIL if below or above or unknown else Verdict.INCONCLUSIVE


def overall(verdicts: list[Verdict]) -> Verdict:
    """The worst: fail, then inconclusive, then pass."""
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS

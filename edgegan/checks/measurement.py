"""A measured value on its way to a check: the one place that decides what is *inconclusive*."""

from __future__ import annotations

from dataclasses import dataclass

from edgegan.checks.check import Check, Limit, Verdict, judge, judge_estimate, number
from edgegan.latency.confidence import Estimate


@dataclass(frozen=True)
class Measurement:
    """A value that can be held against a limit.

    Attributes:
        value: the number.
        detail: how it was measured.
        interval: 95 % confidence interval; None for a deterministic value.
        lacking: why it cannot be judged, and the remedy; empty if it can.
    """

    value: float
    detail: str
    interval: tuple[float, float] | None = None
    lacking: str = ""

    def check(self, name: str, target: str, limit: Limit | None) -> Check:
        """Hold it against a limit, or report it where there is none."""
        verdict, reason = self._judge(limit)
        detail = "; ".join(part for part in (reason, self.detail) if part)
        return Check(name, target, self.value, limit, verdict, detail, self.interval)

    def _judge(self, limit: Limit | None) -> tuple[Verdict, str]:
        if limit is None:
            return Verdict.REPORTED, self.lacking
        if self.lacking:
            return Verdict.INCONCLUSIVE, self.lacking
        if self.interval is None:
            return judge(self.value, limit), ""
        verdict = judge_estimate(Estimate(self.value, *self.interval), limit)
        if verdict is not Verdict.INCONCLUSIVE:
            return verdict, ""
        low, high = (number(end) for end in self.interval)
        return verdict, f"the 95 % interval, {low} to {high}, straddles the limit"


def estimated(estimate: Estimate, detail: str, lacking: str = "") -> Measurement:
    """A noisy value."""
    return Measurement(estimate.value, detail, (estimate.low, estimate.high), lacking)

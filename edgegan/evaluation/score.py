"""What a metric says: its numbers, and everything that they depend on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from edgegan.checks.check import Check, Limit
from edgegan.checks.measurement import Measurement

Interval = tuple[float, float]


@dataclass(frozen=True)
class Number:
    """One number of a metric.

    Attributes:
        value: of the pictures.
        interval: 95 % confidence interval, where it was asked for or costs nothing.
        original: the same of the original's pictures, where there are any and it is no comparison.
    """

    value: float
    interval: Interval | None = None
    original: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Infinity becomes null, as JSON has none."""
        document: dict[str, Any] = {"value": _finite(self.value)}
        if self.interval is not None:
            document["interval"] = [_finite(end) for end in self.interval]
        if self.original is not None:
            document["original"] = _finite(self.original)
        return document


@dataclass(frozen=True)
class Score:
    """A metric, measured.

    Attributes:
        name: of the metric.
        measured: whose pictures, or what computed them.
        numbers: by full name, see ``names.NUMBERS``; the first is the metric's own value.
        samples: pictures of each side.
        seed: of the inputs.
        against: what they were compared with, for people.
        features: the feature network with its digest, resize and value range; None of pixels.
        note: what a reader must know.
    """

    name: str
    measured: str
    numbers: dict[str, Number]
    samples: int
    seed: int
    against: str = ""
    features: dict[str, Any] | None = None
    note: str = ""

    @property
    def value(self) -> float:
        return next(iter(self.numbers.values())).value

    @property
    def detail(self) -> str:
        """How it was measured, in one line."""
        network = self.features["network"] if self.features else ""
        against = f"against {self.against}" if self.against else ""
        counts = (f"{self.samples} samples", f"seed {self.seed}")
        parts = (network, *counts, self.measured, against, self.note)
        return ", ".join(part for part in parts if part)

    def check(self, number: str, target: str, limit: Limit | None, name: str = "") -> Check:
        """Hold one of the numbers against a limit: its interval decides whether it can be judged.

        Args:
            name: of the check, where it is another one.
        """
        found = self.numbers[number]
        interval = found.interval and (found.interval[0], found.interval[1])
        return Measurement(found.value, self.detail, interval).check(name or number, target, limit)

    def as_data(self) -> dict[str, Any]:
        """Everything, infinities included: what a stage keeps."""
        return asdict(self)

    def as_json(self) -> dict[str, Any]:
        first, *_ = self.numbers.values()
        return {
            "name": self.name,
            **first.as_json(),
            "measured": self.measured,
            "values": {name: number.as_json() for name, number in self.numbers.items()},
            "samples": self.samples,
            "seed": self.seed,
            "against": self.against,
            "features": self.features,
            "note": self.note,
        }


def score_of(data: dict[str, Any]) -> Score:
    """A score from ``as_data``."""
    numbers = {name: Number(**number) for name, number in data["numbers"].items()}
    return Score(**(data | {"numbers": numbers}))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""A made-up truth for searches: sensitivities, and what they do not say; nothing is exported."""

from __future__ import annotations

import itertools
from dataclasses import replace

from edgegan.quantization.weights import Weights
from edgegan.search.problem import Assignment, Measured, Problem

BITS = (8, 4, 2)
PARAMETERS = (4000, 9000, 2000, 700, 300)
SENSITIVITY = (0.02, 0.05, 0.3, 0.4, 1.1)
FLOAT_BYTES = 4 * sum(PARAMETERS)

PROBLEM = Problem(
    layers=tuple(f"layer.{index}" for index in range(len(PARAMETERS))),
    choices=tuple(Weights(bits) for bits in BITS),
    budgets={"size": 0.12},
    most_loss=None,
    trials=12,
    seed=0,
)


def problem(**changes: object) -> Problem:
    return replace(PROBLEM, **changes)  # type: ignore[arg-type]


def measure(assignment: Assignment) -> Measured:
    """The loss of neighbours adds a quarter of their product: the sum of sensitivities is too small."""
    losses = [
        sensitivity * (0.0, 1.0, 7.0)[choice]
        for sensitivity, choice in zip(SENSITIVITY, assignment, strict=True)
    ]
    together = sum(a * b for a, b in itertools.pairwise(losses))
    pairs = zip(PARAMETERS, assignment, strict=True)
    size = sum(count * BITS[choice] // 8 for count, choice in pairs)
    return Measured(0.001 + sum(losses) + together / 4, size, size / FLOAT_BYTES)

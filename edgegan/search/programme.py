"""The integer programme: one choice for each layer, the least sum of costs, under limits on other sums.

A multiple-choice knapsack. SciPy's HiGHS solves it to optimality, for the few dozen layers of a generator
in milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

Costs = NDArray[np.float64]
"""``[layers, choices]``; a model's cost is the sum over its layers."""

_SLACK = 1e-9
"""What HiGHS may exceed a limit by would otherwise decide between equal sums."""


def solve(
    objective: Costs,
    limits: Sequence[tuple[Costs, float]] = (),
    without: Collection[tuple[int, ...]] = (),
) -> tuple[int, ...] | None:
    """The choice of each layer with the least sum of ``objective``.

    Args:
        limits: costs, and what their sum may not exceed.
        without: solutions that are known and not wanted.

    Returns:
        None if no choice keeps to the limits.
    """
    layers, choices = objective.shape
    rows = [np.kron(np.eye(layers), np.ones(choices))]
    low, high = [np.ones(layers)], [np.ones(layers)]
    for costs, limit in limits:
        scale = max(np.abs(costs).max(), abs(limit), np.finfo(np.float64).tiny)
        rows.append(costs.reshape(1, -1) / scale)
        low.append(np.array([-np.inf]))
        high.append(np.array([limit / scale + _SLACK]))
    for solution in without:
        taken = np.zeros((layers, choices))
        taken[np.arange(layers), list(solution)] = 1
        rows.append(taken.reshape(1, -1))
        low.append(np.array([-np.inf]))
        high.append(np.array([layers - 1.0]))
    constraint = LinearConstraint(np.vstack(rows), np.concatenate(low), np.concatenate(high))
    scale = max(np.abs(objective).max(), np.finfo(np.float64).tiny)
    found = milp(
        objective.reshape(-1) / scale,
        integrality=np.ones(layers * choices),
        bounds=Bounds(0, 1),
        constraints=constraint,
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        return None
    return tuple(int(choice) for choice in found.x.reshape(layers, choices).argmax(1))

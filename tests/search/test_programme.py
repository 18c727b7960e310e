"""The integer programme against trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgegan.search.programme import solve


def by_trying(objective, limits, without=()):  # type: ignore[no-untyped-def]
    layers, choices = objective.shape
    best, least = None, np.inf
    for solution in itertools.product(range(choices), repeat=layers):
        sums = [costs[range(layers), solution].sum() <= limit for costs, limit in limits]
        value = objective[range(layers), solution].sum()
        if all(sums) and solution not in without and value < least:
            best, least = solution, value
    return best


@pytest.mark.parametrize("seed", range(25))
def test_the_optimum(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (int(random.integers(1, 6)), int(random.integers(2, 5)))
    objective = random.normal(size=shape) * 10.0 ** random.integers(-3, 4)
    limits = []
    for _ in range(int(random.integers(0, 3))):
        costs = random.uniform(0, 1, shape) * 10.0 ** random.integers(-2, 7)
        limits.append((costs, float(costs.sum() / shape[1] * random.uniform(0.3, 1.2))))
    expected = by_trying(objective, limits)
    assert solve(objective, limits) == expected
    if expected is not None:
        assert solve(objective, limits, [expected]) == by_trying(objective, limits, [expected])


def test_a_limit_that_is_met_exactly() -> None:
    bytes_of = np.array([[0.0, -100.0], [0.0, -300.0], [0.0, -200.0]])
    loss = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 2.5]])
    assert solve(loss, [(bytes_of, -300.0)]) == (0, 1, 0)
    assert solve(loss, [(bytes_of, -301.0)]) == (1, 1, 0)
    assert solve(loss, [(bytes_of, -601.0)]) is None

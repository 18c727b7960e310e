"""Which model is measured next: a function of what was measured, so that a killed search goes on as it was.

First the uniform models and each layer's sensitivity: the loss of that layer alone at each choice. Then
the model that the integer programme finds for the sum of sensitivities, and from there, as truth and sum
differ, the untried neighbours of the best model measured, in order of what the sum predicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import numpy as np

from edgegan.search.problem import Assignment, Measured, Problem
from edgegan.search.programme import Costs, solve

Trials = Mapping[Assignment, Measured]


def next_trial(
    problem: Problem, trials: Trials, running: Collection[Assignment] = ()
) -> Assignment | None:
    """The next model to measure; None when none is left, or what is running must end first.

    Args:
        trials: measured models.
        running: models that other workers are measuring.
    """
    first = problem.first_trials()
    for assignment in first:
        if assignment not in trials and assignment not in running:
            return assignment
    if not all(assignment in trials for assignment in first):
        return None
    known = {*trials, *running}
    if len(known - {*first}) >= problem.trials:
        return None
    found = solve(*_programme(problem, trials))
    if found is not None and found not in known:
        return found
    return next(iter(_better_neighbours(problem, trials, known)), None)


def best(problem: Problem, trials: Trials) -> Assignment | None:
    """The best model measured that is within the limits; None if none is."""
    within = [a for a, measured in trials.items() if problem.satisfies(measured)]
    return min(within, key=lambda a: (*problem.rank(trials[a]), a), default=None)


def additive(problem: Problem, trials: Trials, what: str) -> tuple[Costs, float]:
    """What each choice of each layer adds to the base; and what the base has.

    Args:
        what: ``loss``, ``bytes``, or the cost of a budget.
    """

    def value(measured: Measured) -> float:
        return float(getattr(measured, what)) if what in ("loss", "bytes") else measured.cost(what)

    base = value(trials[problem.base])
    added = np.zeros((len(problem.layers), len(problem.choices)))
    for layer in range(len(problem.layers)):
        for choice in range(1, len(problem.choices)):
            measured = trials[problem.single(layer, choice)]
            # all widths run on the same kernels, and a difference in time would be noise
            timeless = what == "latency" and problem.choices[choice].bits is not None
            added[layer, choice] = 0.0 if timeless else value(measured) - base
    return added, base


def predicted(costs: tuple[Costs, float], assignment: Assignment) -> float:
    """Of a model, if what its layers cost were to add up."""
    added, base = costs
    return base + float(added[np.arange(len(assignment)), list(assignment)].sum())


def _programme(problem: Problem, trials: Trials) -> tuple[Costs, list[tuple[Costs, float]]]:
    """Objective and limits, as sums of what was measured layer by layer."""
    limits = []
    for budget in problem.budgets:
        added, base = additive(problem, trials, budget)
        limits.append((added, problem.limit(budget) - base))
    loss, base = additive(problem, trials, "loss")
    if problem.most_loss is None:
        return loss, limits
    limits.append((loss, problem.most_loss / _truth_over_sum(problem, trials) - base))
    return additive(problem, trials, "bytes")[0], limits


def _truth_over_sum(problem: Problem, trials: Trials) -> float:
    """How much more is lost than the sum says, where the loss is closest to the limit."""
    loss = additive(problem, trials, "loss")
    assert problem.most_loss is not None
    chosen = [a for a in trials if a not in problem.singles() and a != problem.base]
    closest = min(chosen, key=lambda a: (abs(trials[a].loss - (problem.most_loss or 0.0)), a))
    sum_of = predicted(loss, closest)
    return trials[closest].loss / sum_of if sum_of > 0 and trials[closest].loss > 0 else 1.0


def _better_neighbours(
    problem: Problem, trials: Trials, known: Collection[Assignment]
) -> list[Assignment]:
    """Untried ones of the best model, or of the one that misses least, the most promising first."""
    start = best(problem, trials)
    if start is None:
        start = min(trials, key=lambda a: (not problem.admits(trials[a]), trials[a].loss, a))
    loss, size = (additive(problem, trials, what) for what in ("loss", "bytes"))
    budgets = {name: additive(problem, trials, name) for name in problem.budgets}
    most = None
    if problem.most_loss is not None and best(problem, trials) is not None:
        most = trials[start].bytes - 1

    def possible(assignment: Assignment) -> bool:
        fits = all(
            predicted(costs, assignment) <= problem.limit(name) + 1e-9
            for name, costs in budgets.items()
        )
        return fits and (most is None or predicted(size, assignment) <= most)

    def order(assignment: Assignment) -> tuple[float, str]:
        drawn = hashlib.sha256(f"{problem.seed} {assignment}".encode()).hexdigest()
        return round(predicted(loss, assignment), 12), drawn

    untried = [a for a in problem.neighbours(start) if a not in known and possible(a)]
    return sorted(untried, key=order)

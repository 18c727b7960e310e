"""The search: takes trials from a store until none is left, and says which model is the best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.cache import StageCache
from edgegan.progress import Event, Listener
from edgegan.quantization.weights import Weights
from edgegan.recipe import Recipe, resolve
from edgegan.search.candidates import Candidates
from edgegan.search.problem import Assignment, Measured, Problem
from edgegan.search.store import TrialStore
from edgegan.search.strategy import Trials, best, next_trial
from edgegan.targets import find_target
from edgegan.variant_run import VariantRun

Measure = Callable[[Assignment], Measured]

_PATIENCE = 0.5
"""Seconds between looks at what other workers have finished."""


@dataclass(frozen=True)
class Options:
    """What is asked for; see ``Problem``.

    Attributes:
        store: folder that workers share; None for this user's own, which a killed search goes on from.
    """

    choices: tuple[Weights, ...]
    budgets: dict[str, float]
    most_loss: float | None = None
    number: str = "qfid"
    trials: int = 20
    seed: int = 0
    store: Path | None = None


@dataclass(frozen=True)
class Found:
    """A finished search.

    Attributes:
        trials: all models measured.
        best: the one that was searched for; None if none is within the limits.
        recipe: of it, complete: what was searched for, and tuned where it was to be tuned.
        number: what the loss is.
        how: how it was measured.
    """

    problem: Problem
    trials: Trials
    best: Assignment | None
    recipe: Recipe | None
    number: str
    how: str


def search(
    recipe: Recipe,
    recipe_folder: Path,
    options: Options,
    cache: StageCache,
    listen: Listener = lambda event: None,
) -> Found:
    """Find the weights of each layer of a recipe's generator; its first target's model is measured.

    What the recipe tunes is left out while searching; what it compresses is compressed first.

    Raises:
        EdgeganError: see ``edgegan.errors``.
    """
    resolved, folder = resolve(recipe, recipe_folder)
    plain = resolved.model_copy(update={"recipe": recipe.model_copy(update={"tune": None})})
    variant = recipe.variant(find_target(recipe.targets[0]))
    run = VariantRun(plain, folder, variant, cache, listen, "", True)
    run.until_lowered()
    candidates = Candidates(plain, run, options.number)
    problem = Problem(
        candidates.layers(),
        options.choices,
        options.budgets,
        options.most_loss,
        options.trials,
        options.seed,
    )
    candidates.check(problem)
    key = candidates.key(problem)
    store = TrialStore(options.store or cache.folder.parent / "search" / key, key)
    trials = take_trials(problem, store, lambda a: candidates.measure(problem, a), listen)
    chosen = best(problem, trials)
    tuned = Candidates(resolved, run, options.number)
    checks = recipe.checks
    return Found(
        problem,
        trials,
        chosen,
        None if chosen is None else tuned.recipe(problem, chosen),
        options.number,
        f"{checks.samples} samples, seed {checks.seed}, {recipe.targets[0]}",
    )


def take_trials(
    problem: Problem, store: TrialStore, measure: Measure, listen: Listener = lambda event: None
) -> dict[Assignment, Measured]:
    """Measure what no other worker does, until nothing is left; returns all that was measured."""
    first = len(problem.first_trials())
    while True:
        # first who is running, then what is finished: what ends in between is seen as finished
        running = {_assignment(name) for name in store.running()}
        trials = {_assignment(n): Measured(**d) for n, d in sorted(store.finished().items())}
        running -= {*trials}
        _tell(listen, problem, trials, first)
        wanted = next_trial(problem, trials, running)
        if wanted is None:
            if not running:
                return trials
            time.sleep(_PATIENCE)
            continue
        with store.claimed(problem.name(wanted)) as mine:
            if mine:
                store.finish(problem.name(wanted), measure(wanted).as_json())


def _assignment(name: str) -> Assignment:
    return tuple(int(part) for part in name.split("-"))


def _tell(listen: Listener, problem: Problem, trials: Trials, first: int) -> None:
    chosen = best(problem, trials)
    losses: dict[str, Any] = {}
    if chosen is not None:
        losses = {"loss": trials[chosen].loss, "size": trials[chosen].size}
    listen(Event("trials", len(trials), first + problem.trials, losses=losses))

"""The order of trials: determined by what was measured, and better than what is uniform."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from edgegan.search.problem import Assignment, Measured, Problem
from edgegan.search.search import take_trials
from edgegan.search.store import TrialStore
from edgegan.search.strategy import best, next_trial
from tests.search.landscape import BITS, PARAMETERS, measure, problem

EVERY = {
    assignment: measure(assignment)
    for assignment in itertools.product(range(len(BITS)), repeat=len(PARAMETERS))
}


def run(
    folder: Path, searched: Problem, known: list[Assignment] | None = None
) -> dict[Assignment, Measured]:
    def counted(assignment: Assignment) -> Measured:
        if known is not None:
            known.append(assignment)
        return measure(assignment)

    return take_trials(searched, TrialStore(folder, "key"), counted)


@pytest.mark.parametrize("size", [0.08, 0.1, 0.15, 0.2])
def test_the_least_loss_within_a_size(tmp_path: Path, size: float) -> None:
    """It finds the best of all 243 in 12 trials beyond the sensitivities, or comes within a tenth."""
    searched = problem(budgets={"size": size})
    trials = run(tmp_path, searched)
    chosen = best(searched, trials)
    truth = best(searched, EVERY)
    assert chosen is not None and truth is not None
    assert trials[chosen].size <= size
    assert trials[chosen].loss <= EVERY[truth].loss * 1.1
    first = searched.first_trials()
    assert len(trials) <= len(first) + 12
    uniform = [EVERY[a].loss for a in searched.uniform() if EVERY[a].size <= size]
    assert not uniform or trials[chosen].loss <= min(uniform)


@pytest.mark.parametrize("most", [0.1, 0.5, 1.5, 6.0])
def test_the_fewest_bytes_of_a_quality(tmp_path: Path, most: float) -> None:
    searched = problem(budgets={}, most_loss=most)
    trials = run(tmp_path, searched)
    chosen, truth = best(searched, trials), best(searched, EVERY)
    assert chosen is not None and truth is not None
    assert trials[chosen].loss <= most
    assert trials[chosen].bytes <= EVERY[truth].bytes * 1.05


def test_what_cannot_be_found(tmp_path: Path) -> None:
    searched = problem(budgets={"size": 0.01}, trials=2)
    assert best(searched, run(tmp_path, searched)) is None


def test_the_same_again_and_after_a_stop(tmp_path: Path) -> None:
    whole: list[Assignment] = []
    run(tmp_path / "whole", problem(), whole)
    assert len(whole) == len({*whole})
    again: list[Assignment] = []
    run(tmp_path / "again", problem(), again)
    assert again == whole

    class StopError(Exception):
        pass

    taken: list[Assignment] = []

    def dies(assignment: Assignment) -> Measured:
        if len(taken) in (3, 15) and assignment not in taken[-1:]:
            taken.append(assignment)
            raise StopError
        taken.append(assignment)
        return measure(assignment)

    store = TrialStore(tmp_path / "parts", "key")
    for _ in range(2):
        with pytest.raises(StopError):
            take_trials(problem(), store, dies)
    take_trials(problem(), store, dies)
    assert list(dict.fromkeys(taken)) == whole
    assert len(taken) == len(whole) + 2  # those that died are measured again, nothing else


def test_more_trials_go_on_where_fewer_ended(tmp_path: Path) -> None:
    few: list[Assignment] = []
    run(tmp_path, problem(trials=3), few)
    more: list[Assignment] = []
    run(tmp_path, problem(trials=6), more)
    whole: list[Assignment] = []
    run(tmp_path / "whole", problem(trials=6), whole)
    assert few + more == whole


def test_what_runs_elsewhere_is_left_alone() -> None:
    searched = problem()
    first = searched.first_trials()
    assert next_trial(searched, {}, {first[0]}) == first[1]
    assert next_trial(searched, {}, {*first}) is None  # sensitivities are not all known
    known = {assignment: measure(assignment) for assignment in first}
    chosen = next_trial(searched, known)
    assert chosen is not None and next_trial(searched, known, {chosen}) not in (None, chosen)

"""From rows of single runs to rows of a table: mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any

from benchmarks.literature.rows import Row


def over_seeds(rows: Iterable[Row], by: Sequence[str], numbers: Sequence[str]) -> list[Row]:
    """One row for each different ``by``, in the order of their first rows.

    Each of ``numbers`` becomes its mean, ``NAME_spread`` the standard deviation (None of one run), and
    ``NAME_text`` both, for people; ``seeds`` says how many runs there were. What is None is left out.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(_hashable(row.get(key)) for key in by), []).append(row)
    return [_summary(group, by, numbers) for group in groups.values()]


def _summary(group: list[Row], by: Sequence[str], numbers: Sequence[str]) -> Row:
    first = group[0]
    found: Row = {key: first.get(key) for key in by} | {"seeds": len(group)}
    for name in numbers:
        values = [row[name] for row in group if row.get(name) is not None]
        spread = stdev(values) if len(values) > 1 else None
        found[name] = mean(values) if values else None
        found[f"{name}_spread"] = spread
        found[f"{name}_text"] = _text(found[name], spread)
    return found


def _text(value: float | None, spread: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if spread is None else f"{value:.4g} ± {spread:.2g}"


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

"""Progress of the pipeline, as events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Event:
    """Progress of one stage.

    Attributes:
        stage: its name, with what it is for where a recipe has several targets.
        done, total: samples, while it runs; both 0 at its start.
        seconds: set at its end.
        cached: whether its result was in the cache.
        losses: what a stage that learns stands at, by name.
    """

    stage: str
    done: int = 0
    total: int = 0
    seconds: float | None = None
    cached: bool = False
    losses: Mapping[str, float] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Report(Protocol):
    """What a stage calls while it runs."""

    def __call__(self, done: int, total: int, losses: Mapping[str, float] = ..., /) -> None: ...

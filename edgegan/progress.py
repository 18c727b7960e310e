"""Progress of the pipeline, as events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Progress of one stage.

    Attributes:
        stage: its name, with what it is for where a recipe has several targets.
        done, total: samples, while it runs; both 0 at its start.
        seconds: set at its end.
        cached: whether its result was in the cache.
    """

    stage: str
    done: int = 0
    total: int = 0
    seconds: float | None = None
    cached: bool = False


Listener = Callable[[Event], None]

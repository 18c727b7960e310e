"""Whether this is one of several processes that ``torchrun`` started; known without torch."""

from __future__ import annotations

import os

_NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched() -> bool:
    """Whether ``torchrun`` (or what sets the same variables) started this process."""
    return all(name in os.environ for name in _NAMES)


def is_first() -> bool:
    """Whether this process prints, writes, and runs what is not shared."""
    return not launched() or os.environ["RANK"] == "0"

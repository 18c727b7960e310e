"""Checkpoints: written atomically, loaded without executing code, enough for an identical resume."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from edgegan.errors import ModelError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, strings, lists, dicts) to ``path``, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint, or None when there is none.

    Raises:
        ModelError: if the file is damaged or holds anything but plain data.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"checkpoint {path} cannot be read ({error}); delete it to train from the start."
        ) from None
    return state

"""Where the shipped recipes and models are: inside an installed wheel, or beside the package in a clone."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_folder(kind: str) -> Path:
    """The folder of the shipped ``recipes`` or ``models``."""
    installed = _PACKAGE / "resources" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in resource_folder("recipes").glob("*.yaml"))


def model_names() -> list[str]:
    """Names of the zoo's models and feature networks."""
    return sorted(path.parent.name for path in resource_folder("models").glob("*/card.yaml"))

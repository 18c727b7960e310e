"""Strict YAML documents: unknown keys are errors, and an error says what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from edgegan.errors import RecipeError


class Strict(BaseModel):
    """Base of every section of a recipe or card: frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_FLAT = "own"
"""A section whose keys are written directly in the one above it (`generator`)."""

_UNKNOWN = "unknown_name"

Document = TypeVar("Document", bound=Strict)


def read_yaml(path: Path) -> dict[str, Any]:
    """Parse a YAML file whose top level is a mapping.

    Raises:
        RecipeError: if the file is missing, unreadable, not YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(f"{path} does not exist; check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} cannot be read: {error}.") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """As ``read_yaml``, from a string; ``where`` names it in errors."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        detail = " ".join(str(error).split())
        raise RecipeError(f"{where} is not valid YAML: {detail}.") from None
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise RecipeError(f"{where} must be a mapping of keys to values at its top level.")
    return data


def validate(model: type[Document], data: Mapping[str, Any], where: str) -> Document:
    """Check ``data`` against ``model``.

    Raises:
        RecipeError: one sentence for the first fault, with the key's path and a suggestion.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_sentence(model, error)}") from None


def unknown_name(kind: str, name: str, known: Sequence[str]) -> PydanticCustomError:
    """The error of a validator that looks a name up: says what was probably meant."""
    text = f"unknown {kind} {name!r}; {_hint(name, known)}"
    return PydanticCustomError(_UNKNOWN, "{text}", {"text": text})


def _hint(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}."


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    location = list(fault["loc"])
    path = ".".join(str(part) for part in location if part != _FLAT) or "the document"
    if fault["type"] == "extra_forbidden":
        return f"unknown key {path!r}; {_hint(str(location[-1]), _keys_at(model, location[:-1]))}"
    if fault["type"] == _UNKNOWN:
        return f"{path}: {fault['msg']}"
    if fault["type"] == "missing":
        return f"the key {path!r} is missing."
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = repr(fault["input"])
    shown = given if len(given) < 60 else given[:57] + "..."
    return f"{path}: {message[0].lower()}{message[1:]} (given: {shown})."


def _keys_at(model: type[BaseModel], location: list[str | int]) -> list[str]:
    """The keys that the section at ``location`` knows."""
    for part in location:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = _section(model.model_fields[part].annotation)
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _section(annotation: Any) -> type[BaseModel] | None:
    """The first pydantic model inside a type annotation (``Optional[X]``, ``tuple[X, ...]``)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _section(argument)
        if found is not None:
            return found
    return None

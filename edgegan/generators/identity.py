"""What a generator's code and weights are, as a digest; computed without importing the code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from edgegan.cache import digest, file_digest, source_digest
from edgegan.errors import ModelError
from edgegan.generators.contract import GeneratorSpec


def generator_digest(spec: GeneratorSpec, folder: Path) -> str:
    """SHA-256 over the generator's source files, its arguments, inputs and weights.

    The source is every Python file of the package that the module is in; for a module without a
    package, every Python file beside it.

    Args:
        folder: where relative weights and local modules lie.

    Raises:
        ModelError: if the source or the weights are not there.
    """
    weights = folder / spec.weights
    if not weights.is_file():
        raise ModelError(f"weights {weights} do not exist; check `weights:` in the recipe.")
    description: dict[str, Any] = spec.model_dump(mode="json", exclude={"weights"})
    return digest([description, _source(spec.source, folder), file_digest(weights)])


def _source(source: str, folder: Path) -> str:
    module = source.partition(":")[0]
    top = module.partition(".")[0]
    if top == "edgegan":
        return source_digest(Path(__file__).parent)
    sys.path.insert(0, str(folder))
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        found = None
    finally:
        sys.path.remove(str(folder))
    if found is None or found.origin is None:
        raise ModelError(
            f"generator source {source}: there is no module {top!r}; install its package, or put the "
            "module beside the recipe."
        )
    origin = Path(found.origin)
    if found.submodule_search_locations:
        return source_digest(origin.parent)
    return digest([source_digest(path) for path in sorted(origin.parent.glob("*.py"))])

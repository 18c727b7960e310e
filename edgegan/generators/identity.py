"""What a generator's code and weights are, as a digest; computed without importing the code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from edgegan.cache import digest, file_digest, source_digest
from edgegan.errors import ModelError
from edgegan.generators.contract import GeneratorSpec
from edgegan.generators.inputs import data_files


def generator_digest(spec: GeneratorSpec, folder: Path) -> str:
    """SHA-256 over the generator's source files, arguments, weights and input files.

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
    data = [path for item in spec.free_inputs for path in data_files(item, folder)]
    for path in data:
        if not path.is_file():
            raise ModelError(f"{path} does not exist; check `data:` of the generator's inputs.")
    files = [[path.name, file_digest(path)] for path in data]
    return digest(
        [description, source_files_digest(spec.source, folder), file_digest(weights), files]
    )


def source_files_digest(source: str, folder: Path) -> str:
    """SHA-256 over the Python files that ``package.module:factory`` may read."""
    module = source.partition(":")[0]
    top = module.partition(".")[0]
    if top == "edgegan":
        path = Path(__file__).parents[1] / module.split(".")[1]
        return source_digest(path if path.is_dir() else path.with_suffix(".py"))
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

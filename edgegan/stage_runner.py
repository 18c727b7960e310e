"""Runs stages: each is keyed by what it depends on, and its files are recalled or made."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgegan.cache import StageCache, digest, source_digest
from edgegan.errors import UnavailableError
from edgegan.latency.environment import package_versions
from edgegan.progress import Event, Listener, Report

COMPUTES = ("torch", "onnx", "onnxruntime", "onnxscript", "onnx-ir", "numpy")
"""Packages whose versions are part of every key."""

_NONE: Mapping[str, float] = {}


class StageRunner:
    """Stages of one variant or target.

    Attributes:
        folders: by stage, where its files lie.
        keys: by stage.
    """

    def __init__(self, cache: StageCache, listen: Listener, qualifier: str = "") -> None:
        self.cache = cache
        self.listen = listen
        self.qualifier = qualifier
        self.folders: dict[str, Path] = {}
        self.keys: dict[str, str] = {}

    def run(self, name: str, key: Any, make: Callable[[Path], None]) -> None:
        """Recall the stage ``name``, or let ``make`` fill an empty folder with its files."""
        self.keys[name] = self._key(name, key)
        event = self._label(name)
        self.listen(Event(event))
        start = time.perf_counter()
        self.folders[name], cached = self.cache.stage(name.partition("@")[0], self.keys[name], make)
        self.listen(Event(event, seconds=time.perf_counter() - start, cached=cached))

    def is_known(self, name: str, key: Any) -> bool:
        """Whether ``run`` would recall the stage."""
        return self.cache.has(name.partition("@")[0], self._key(name, key))

    def work_folder(self, name: str, key: Any) -> Path:
        """Of the stage ``name`` while it runs; see ``StageCache.work_folder``."""
        return self.cache.work_folder(name.partition("@")[0], self._key(name, key))

    def progress(self, name: str) -> Report:
        """What the stage ``name`` calls while it runs."""
        event = self._label(name)

        def report(done: int, total: int, losses: Mapping[str, float] = _NONE, /) -> None:
            self.listen(Event(event, done, total, losses=losses))

        return report

    @staticmethod
    def _key(name: str, key: Any) -> str:
        return digest([name.partition("@")[0], key, package_versions(*COMPUTES)])

    def _label(self, name: str) -> str:
        stage, at, core = name.partition("@")
        qualifier = f"{self.qualifier}{at}{core}"
        return f"{stage} {qualifier}" if qualifier else stage


def code(*packages: str) -> str:
    """Digest of edgegan's own code that computes a stage."""
    root = Path(__file__).parent
    return digest([source_digest(root / name) for name in packages])


def load_code(module: str) -> Any:
    """Code that needs torch; what runs from the cache does without.

    Raises:
        UnavailableError: if a package of the ``export`` extra is missing.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"this needs the package {error.name!r}; install it with: pip install 'edgegan[export]'"
        ) from None

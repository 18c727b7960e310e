"""The stage cache: results by digest of everything that they depend on, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from edgegan.errors import EdgeganError

DEFAULT_LIMIT = 2 << 30
_PARTIAL = ".partial-"
_WORK = ".work"
_DAY = 24 * 3600
_RESULT = re.compile(r"[0-9a-f]{64}")


def default_cache_folder() -> Path:
    """``$EDGEGAN_CACHE``, or the user's cache folder."""
    given = os.environ.get("EDGEGAN_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("edgegan"))


def digest(value: Any) -> str:
    """SHA-256 of a JSON-serializable value, in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def source_digest(root: Path) -> str:
    """SHA-256 over the Python sources below ``root`` (or of ``root``, if it is a file)."""
    files = [root] if root.is_file() else sorted(root.rglob("*.py"))
    base = root.parent if root.is_file() else root
    return digest([(path.relative_to(base).as_posix(), file_digest(path)) for path in files])


class StageCache:
    """A folder of stage results.

    Args:
        folder: created when first needed.
        limit: bytes; when the folder grows past it, results not used for longest are removed.
    """

    def __init__(self, folder: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.folder = folder
        self.limit = limit

    def stage(self, name: str, key: Any, make: Callable[[Path], None]) -> tuple[Path, bool]:
        """The folder of the stage's result, made by ``make`` if it is not there.

        Args:
            name: of the stage.
            key: everything that the result depends on, JSON-serializable.
            make: fills the (empty, temporary) folder that it is given.

        Returns:
            The result's folder, and whether it was there already.

        Raises:
            EdgeganError: if the cache cannot be written.
        """
        result = self.folder / name / digest(key)
        if result.is_dir():
            os.utime(result)
            return result, True
        try:
            result.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=result.parent))
        except OSError as error:
            raise EdgeganError(
                f"the cache folder {self.folder} cannot be written ({error.strerror}); set "
                "EDGEGAN_CACHE to a folder with space."
            ) from None
        try:
            make(partial)
            try:
                partial.rename(result)
            except OSError:
                if not result.is_dir():  # else another process was faster with the same result
                    raise
        except OSError as error:
            raise EdgeganError(
                f"stage {name} cannot write its result to {self.folder} ({error.strerror or error}); "
                "free some space or set EDGEGAN_CACHE."
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(self._work(name, key), ignore_errors=True)
        self._evict(result)
        return result, False

    def has(self, name: str, key: Any) -> bool:
        """Whether ``stage`` would recall its result."""
        return (self.folder / name / digest(key)).is_dir()

    def work_folder(self, name: str, key: Any) -> Path:
        """Where a long stage keeps what it goes on from when it was killed; gone with its end."""
        folder = self._work(name, key)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _work(self, name: str, key: Any) -> Path:
        return self.folder / name / f"{digest(key)}{_WORK}"

    def _evict(self, keep: Path) -> None:
        """Remove what was abandoned, and the oldest results beyond the limit."""
        entries = []
        for path in self.folder.glob("*/*"):
            try:
                age = path.stat().st_mtime
                size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            except OSError:
                continue
            abandoned = time.time() - age
            if (path.name.startswith(_PARTIAL) and abandoned > _DAY) or (
                path.name.endswith(_WORK) and abandoned > 30 * _DAY
            ):
                shutil.rmtree(path, ignore_errors=True)
                continue
            if _RESULT.fullmatch(path.name):  # the folder may hold more than stages
                entries.append((age, size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries, key=lambda entry: entry[0]):
            if total <= self.limit:
                break
            if path != keep:
                shutil.rmtree(path, ignore_errors=True)
                total -= size


def stage_cache() -> StageCache:
    """The cache that commands share, in the user's cache folder."""
    return StageCache(default_cache_folder() / "stages")

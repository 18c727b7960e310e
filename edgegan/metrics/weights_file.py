"""Published weights of feature networks: found or fetched, checked by SHA-256, never unpickled."""

from __future__ import annotations

import os
import pickle
import tempfile
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch

from edgegan.cache import file_digest
from edgegan.errors import ModelError, UnavailableError
from edgegan.generators.load import load_tensors

_SECONDS = 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that others publish.

    Attributes:
        title: of the network.
        name, url, bytes, sha256: of the file.
        variable: environment variable that may name its place.
    """

    title: str
    name: str
    url: str
    bytes: int
    sha256: str
    variable: str

    def path(self, given: Path | None = None) -> Path:
        """``given``, what ``variable`` names, or where PyTorch itself keeps the file.

        Raises:
            UnavailableError: if it is not there and cannot be fetched. A place that was named is not
                written to.
        """
        named = given or (Path(os.environ[self.variable]) if self.variable in os.environ else None)
        path = named or Path(torch.hub.get_dir()) / "checkpoints" / self.name
        if path.is_file():
            return path
        if named is not None:
            raise self._missing(path, "")
        try:
            self._fetch(path)
        except (OSError, HTTPException) as error:
            raise self._missing(path, f" and cannot be fetched ({error})") from None
        return path

    def load(self, given: Path | None = None) -> Any:
        """The tensors in it; see ``path``.

        Raises:
            UnavailableError: see ``path``.
            ModelError: if the file is another one, or holds anything but tensors.
        """
        path = self.path(given)
        if file_digest(path) != self.sha256:
            raise ModelError(
                f"{path} is not {self.name}: its SHA-256 is not {self.sha256}; fetch it again from "
                f"{self.url}."
            )
        try:
            return load_tensors(path)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
            raise ModelError(f"{path} is refused: it holds more than tensors ({error}).") from None

    def _fetch(self, path: Path) -> None:
        """Download beside ``path``, and name it so once its size is right; ``load`` checks the rest."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".edgegan-", dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                answer = urllib.request.urlopen(self.url, timeout=_SECONDS)
                with answer:
                    while chunk := answer.read(_CHUNK):
                        file.write(chunk)
            if partial.stat().st_size != self.bytes:
                raise OSError(f"{partial.stat().st_size} bytes came instead of {self.bytes}")
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    def _missing(self, path: Path, why: str) -> UnavailableError:
        return UnavailableError(
            f"the {self.title} weights are not at {path}{why}: fetch {self.url} ({self.bytes} bytes, "
            f"SHA-256 {self.sha256}) and put the file there, or give its path by --weights or "
            f"{self.variable}; the default features, of the data set's own network (such as "
            "fashion-features), need no such file."
        )

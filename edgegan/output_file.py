"""Output files: known to be writable before the work starts, and written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edgegan.errors import OutputExistsError, UsageError


def check_writable(path: Path, what: str) -> None:
    """Make the folder of a file that is to be written later, and try it out.

    Args:
        what: names the file in the error, e.g. ``--junit``.

    Raises:
        UsageError: if a regular file cannot be put there.
    """
    try:
        if path.exists() and not path.is_file():
            raise IsADirectoryError(None, "it is there and not a regular file")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = _partial(path)
        os.close(handle)
        partial.unlink()
    except OSError as error:
        raise _refusal(path, what, error) from None


def check_new(path: Path, what: str, overwrite: bool) -> None:
    """As ``check_writable``, and that no file is there, unless it may be replaced.

    Raises:
        OutputExistsError: if one is.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{what} {path} exists; choose another file or give --overwrite.")
    check_writable(path, what)


def write_whole(path: Path, text: str, what: str) -> None:
    """Write a UTF-8 file beside ``path``, then give it that name; a link keeps pointing there.

    Raises:
        UsageError: if it cannot be written.
    """
    path = path.resolve()
    try:
        handle, partial = _partial(path)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            partial.chmod(0o644)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(path, what, error) from None


def _partial(path: Path) -> tuple[int, Path]:
    handle, name = tempfile.mkstemp(prefix=".edgegan-", dir=path.resolve().parent)
    return handle, Path(name)


def _refusal(path: Path, what: str, error: OSError) -> UsageError:
    reason = error.strerror or error
    return UsageError(f"{what} {path} cannot be written ({reason}); choose another path.")

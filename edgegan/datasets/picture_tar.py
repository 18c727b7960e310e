"""Reader for tar files with a folder of pictures for each class; nothing is ever extracted to disk."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from edgegan.datasets.pictures import decode_picture
from edgegan.errors import DataError

_LARGEST = 16 << 20


def read_picture_tar(
    path: Path, folders: Sequence[str], side: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the pictures of some folders, in the tar's order.

    Args:
        path: of the tar, compressed or not.
        folders: names of the pictures' own folders, one a label; what lies in others is passed over.
        side: height and width that every picture must have.

    Returns:
        uint8 ``[count, 3, side, side]`` (red, green, blue) and int64 ``[count]``: places in ``folders``.

    Raises:
        DataError: if the file is missing or damaged, a folder has no pictures, or a member is a link, is
            no plain file, or has a path that leaves the tar.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    try:
        with tarfile.open(path, "r|*") as tar:  # one pass, no seeking
            for member in tar:
                folder = _folder(member, path)
                if folder not in folders:
                    continue
                file = tar.extractfile(member)
                assert file is not None  # it is a plain file
                name = f"{member.name} in {path}"
                images.append(decode_picture(file.read(), name, (side, side)))
                labels.append(folders.index(folder))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give the folder that holds it.") from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read as a tar ({error}); fetch it again.") from None
    for label, name in enumerate(folders):
        if label not in labels:
            raise DataError(f"{path} has no pictures in a folder {name!r}; fetch it again.")
    return np.stack(images), np.array(labels, np.int64)


def _folder(member: tarfile.TarInfo, path: Path) -> str | None:
    """Name of the folder that a plain file lies in; None for a folder itself."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise DataError(f"{path}: {member.name!r} leaves the tar, which no picture may; refused.")
    if member.isdir():
        return None
    if not member.isreg():
        raise DataError(f"{path}: {member.name!r} is a link or a device, not a picture; refused.")
    if member.size > _LARGEST:
        raise DataError(f"{path}: {member.name!r} has {member.size} bytes; pictures have 16 MiB.")
    return name.parent.name

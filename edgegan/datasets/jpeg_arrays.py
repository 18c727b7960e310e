"""Reader for labelled JPEG pictures in one ``.npz``: how CIFAR-10 is kept small.

Arrays: ``jpeg`` (uint8, all files behind each other), ``offsets`` (int64 ``[count + 1]``: file i is
``jpeg[offsets[i]:offsets[i + 1]]``), ``labels`` (``[count]``), ``classes`` (names).
"""

from __future__ import annotations

import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgegan.datasets.pictures import decode_picture
from edgegan.errors import DataError


def read_jpeg_arrays(
    path: Path, side: int, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read and decode such a file.

    Args:
        path: of the file.
        side: height and width that every picture must have.
        classes: labels are below this.

    Returns:
        uint8 ``[count, 3, side, side]`` (red, green, blue) and int64 ``[count]``.

    Raises:
        DataError: if the file is missing, damaged, or not of these arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            raw, offsets, labels = (arrays[name] for name in ("jpeg", "offsets", "labels"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give the folder that holds it.") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is not an .npz of the arrays jpeg, offsets and labels ({error}); make it again."
        ) from None
    whole = raw.dtype == np.uint8 and offsets.ndim == labels.ndim == raw.ndim == 1
    if not whole or len(offsets) != len(labels) + 1 or len(labels) == 0:
        raise DataError(f"{path}: offsets must have one more entry than labels; make it again.")
    if offsets[0] != 0 or offsets[-1] != len(raw) or bool((np.diff(offsets) <= 0).any()):
        raise DataError(f"{path}: offsets must rise from 0 to the end of jpeg; make it again.")
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise DataError(f"{path}: labels must be from 0 to {classes - 1}; make it again.")
    images = np.empty((len(labels), 3, side, side), np.uint8)
    for index, (start, end) in enumerate(pairwise(offsets)):
        images[index] = decode_picture(
            raw[start:end].tobytes(), f"picture {index} of {path}", (side, side)
        )
    return images, labels.astype(np.int64)

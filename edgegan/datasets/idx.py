"""Reader for IDX files, the format of MNIST and Fashion-MNIST (gzipped or not).

Format: http://yann.lecun.com/exdb/mnist/ ("THE IDX FILE FORMAT"): two zero bytes, a type code,
the number of axes, each axis as a big-endian 32-bit integer, then the values.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import DataError

_UINT8 = 0x08


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    Returns:
        uint8 array with the file's own axes (images: ``[count, rows, columns]``).

    Raises:
        DataError: if the file is missing, truncated, not IDX, or not of unsigned bytes.
    """
    try:
        raw = path.read_bytes()
        data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist; give the folder that holds the IDX files."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch the file again.") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UINT8:
        raise DataError(f"{path} is not an IDX file of unsigned bytes; fetch the file again.")
    axes = data[3]
    header = 4 + 4 * axes
    if len(data) < header:
        raise DataError(f"{path} ends inside its header; fetch the file again.")
    shape = struct.unpack(f">{axes}I", data[4:header])
    if len(data) - header != math.prod(shape):
        raise DataError(
            f"{path} holds {len(data) - header} values but its header says {math.prod(shape)}; "
            "fetch the file again."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)

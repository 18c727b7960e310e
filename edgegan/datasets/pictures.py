"""Encoded pictures to pixels, for all readers."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edgegan.errors import DataError


def decode_picture(data: bytes, name: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG file.

    Args:
        data: the file.
        name: of the picture, in errors.
        size: height and width that it must have; nothing is resized.

    Returns:
        uint8 ``[3, height, width]``: red, green, blue.

    Raises:
        DataError: if it is neither, damaged, or of another size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            if (picture.height, picture.width) != size:
                raise DataError(
                    f"{name} is {picture.width}x{picture.height}, not {size[1]}x{size[0]}; "
                    "resize it yourself."
                )
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise DataError(f"{name} cannot be read as a JPEG or PNG picture ({error}).") from None
    return pixels.transpose(2, 0, 1)

"""Samples of a model side by side in one PNG, for people to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def save_grid(
    images: NDArray[np.float32], columns: int, value_range: tuple[float, float], path: Path
) -> None:
    """Write images row by row.

    Args:
        images: float32 ``[N, 1 or 3, H, W]``, N a multiple of ``columns``.
        columns: images in a row.
        value_range: of the images; clipped to.
        path: of the PNG.
    """
    low, high = value_range
    pixels = np.rint((images - low) * (255.0 / (high - low))).clip(0, 255).astype(np.uint8)
    count, channels, height, width = pixels.shape
    grid = pixels.reshape(count // columns, columns, channels, height, width)
    grid = grid.transpose(0, 3, 1, 4, 2).reshape(-1, columns * width, channels)
    Image.fromarray(grid[:, :, 0] if channels == 1 else grid).save(path, optimize=True)

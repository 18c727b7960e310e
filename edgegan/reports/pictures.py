"""Pictures of a report: samples as PNG, distributions as SVG, all inside the page itself."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DIFFERENCE_GAIN = 8.0


def as_pixels(
    images: NDArray[np.float32], value_range: tuple[float, float]
) -> NDArray[np.uint8] | None:
    """Float ``[N, 1 or 3, H, W]`` to uint8 ``[N, H, W, C]``; None for what is not a picture."""
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        return None
    low, high = value_range
    scaled = (images - low) * (255.0 / (high - low))
    pixels: NDArray[np.uint8] = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return pixels.transpose(0, 2, 3, 1)


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Amplified difference around middle gray."""
    delta = (b.astype(np.float32) - a.astype(np.float32)) * DIFFERENCE_GAIN
    return (delta + 128.0).clip(0, 255).astype(np.uint8)


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """One ``[H, W, C]`` picture as a PNG that stands in the page."""
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def histogram_svg(counts: list[int], edges: list[float], low: float, high: float) -> str:
    """Bars of log counts over the values, the grid's range shaded over them."""
    width, height = 240.0, 56.0
    first, last = min(edges[0], low), max(edges[-1], high)
    span = (last - first) or 1.0

    def x(value: float) -> float:
        return (value - first) / span * width

    peak = np.log1p(max(counts, default=1)) or 1.0
    bars = []
    for count, start, end in zip(counts, edges[:-1], edges[1:], strict=True):
        tall = float(np.log1p(count) / peak) * (height - 2)
        bars.append(
            f'<rect class="bar" x="{x(start):.1f}" y="{height - tall:.1f}" '
            f'width="{max(x(end) - x(start) - 0.4, 0.6):.1f}" height="{tall:.1f}"/>'
        )
    shade = (
        f'<rect class="range" x="{x(low):.1f}" y="0" width="{x(high) - x(low):.1f}" '
        f'height="{height:.0f}"/>'
    )
    return _svg(width, height, "".join(bars) + shade, "distribution and range")


def states_svg(states: list[int]) -> str:
    """Bars of how often each weight state occurs."""
    width, height = 240.0, 40.0
    peak = max(states, default=1) or 1
    step = width / max(len(states), 1)
    bars = "".join(
        f'<rect class="bar" x="{i * step:.1f}" y="{height - n / peak * (height - 1):.1f}" '
        f'width="{max(step - 0.3, 0.5):.1f}" height="{n / peak * (height - 1):.1f}"/>'
        for i, n in enumerate(states)
    )
    return _svg(width, height, bars, "weight states")


def _svg(width: float, height: float, content: str, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{content}</svg>'
    )

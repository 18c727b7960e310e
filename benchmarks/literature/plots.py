"""Plots as SVG files: lines over bits, and bars of weight states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Point = tuple[float, float]
_COLOURS = ("#3b6fb6", "#c8553d", "#3f8f5f", "#8a5fa8", "#b08a2e", "#557a95")
_WIDTH, _HEIGHT = 340.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 14.0, 30.0, 40.0
_STYLE = (
    "text{font:11px sans-serif;fill:#444}.title{font-weight:bold;fill:#222}"
    ".grid{stroke:#ddd;fill:none}rect.page{fill:#fff}"
)


def panels_svg(panels: Sequence[str], columns: int = 2) -> str:
    """A file of several panels, left to right and top to bottom."""
    rows = math.ceil(len(panels) / columns)
    across = min(columns, len(panels))
    width, height = across * _WIDTH, rows * _HEIGHT
    placed = "".join(
        f'<g transform="translate({i % columns * _WIDTH:.0f} {i // columns * _HEIGHT:.0f})">{p}</g>'
        for i, p in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}"><style>{_STYLE}</style>'
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>{placed}</svg>\n'
    )


def lines_panel(title: str, lines: Mapping[str, Sequence[Point]], ticks: Sequence[float]) -> str:
    """Lines over ``ticks``, which stand at equal distances; heights start at 0, or at what lies below.

    A point whose ``x`` is none of the ticks is refused (ValueError).
    """
    places = list(ticks)
    values = [y for line in lines.values() for _, y in line]
    heights = _round_heights(min([0.0, *values]), max([1e-12, *values]))
    low, high = heights[0], heights[-1]
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    step = (right - _LEFT) / max(len(places) - 1, 1)

    def across(x: float) -> float:
        return _LEFT + places.index(x) * step

    def up(y: float) -> float:
        return bottom - (y - low) / (high - low) * (bottom - _TOP)

    parts = [_text(_LEFT, 16, title, "title")]
    for value in heights:
        parts.append(f'<path class="grid" d="M{_LEFT:.1f} {up(value):.1f}H{right:.1f}"/>')
        parts.append(_text(_LEFT - 6, up(value) + 4, f"{value:.3g}", anchor="end"))
    parts += [_text(across(x), bottom + 15, f"{x:g}", anchor="middle") for x in places]
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        for x, y in line:
            parts.append(f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>')
        at = _LEFT + number * (right - _LEFT) / max(len(lines), 1)
        parts.append(f'<circle cx="{at:.1f}" cy="{_HEIGHT - 9:.1f}" r="3" fill="{colour}"/>')
        parts.append(_text(at + 6, _HEIGHT - 6, name))
    return "".join(parts)


def states_panel(title: str, states: Sequence[int]) -> str:
    """Bars of the share of weights in each state, lowest state first."""
    total, peak = sum(states) or 1, max(states, default=1) or 1
    bottom = _HEIGHT - _BOTTOM
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(states), 1)
    parts = [_text(_LEFT, 16, title, "title")]
    for place, count in enumerate(states):
        left, tall = _LEFT + place * step, count / peak * (bottom - _TOP - 14)
        middle = left + step / 2
        parts.append(
            f'<rect x="{left + 3:.1f}" y="{bottom - tall:.1f}" width="{step - 6:.1f}" '
            f'height="{tall:.1f}" fill="{_COLOURS[0]}"/>'
        )
        share = f"{100 * count / total:.3g} %"
        parts.append(_text(middle, bottom - tall - 4, share, anchor="middle"))
        parts.append(_text(middle, bottom + 15, f"state {place}", anchor="middle"))
    return "".join(parts)


def _round_heights(low: float, high: float) -> list[float]:
    """Four to seven heights around ``low`` and ``high``, 1, 2 or 5 times a power of ten apart."""
    tenfold = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(
        step
        for step in (tenfold * factor for factor in (1, 2, 5, 10))
        if math.ceil(high / step) - math.floor(low / step) <= 6
    )
    places = range(math.floor(low / step), math.ceil(high / step) + 1)
    return [place * step for place in places]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'

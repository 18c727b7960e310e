"""A small plot of one value over the steps of a training, as SVG."""

from __future__ import annotations

import math
from html import escape

_WIDTH, _HEIGHT = 300.0, 110.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 8.0, 22.0, 18.0


def curve_svg(name: str, points: list[tuple[int, float]]) -> str:
    """The curve between its lowest and its highest value; logarithmic where all are positive."""
    finite = [(step, value) for step, value in points if math.isfinite(value)]
    values = [value for _, value in finite]
    if not values:
        return ""
    scale = math.log if min(values) > 0 else float
    low, high, last = min(values), max(values), finite[-1][0]

    def across(step: int) -> float:
        return _LEFT + step / last * (_WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        span = scale(high) - scale(low)
        share = (scale(value) - scale(low)) / span if span else 0.5
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    line = " ".join(f"{across(step):.1f},{up(value):.1f}" for step, value in finite)
    parts = [
        _text(0, 13, f"{name}: {values[0]:.3g} to {values[-1]:.3g}", "title"),
        *(_text(_LEFT - 6, up(value) + 4, f"{value:.3g}", anchor="end") for value in {low, high}),
        _text(_LEFT, _HEIGHT - 4, "0"),
        _text(_WIDTH - _RIGHT, _HEIGHT - 4, f"step {last}", anchor="end"),
        f'<polyline points="{line}"/>',
    ]
    if len(finite) <= 12:  # each was measured by itself, so it is seen by itself
        parts += [f'<circle cx="{across(s):.1f}" cy="{up(v):.1f}" r="2.5"/>' for s, v in finite]
    return (
        f'<svg class="curve" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="{escape(name, quote=True)} over steps">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'

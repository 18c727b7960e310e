"""A plot of cost against loss of quality, as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 460.0, 330.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 18.0, 34.0, 44.0
_DECADES = 20.0
"""Where the largest value is so many times the smallest, the axis is logarithmic."""
_LETTER, _LINE = 6.6, 14.0
"""Width and height of a letter, about."""
_DOT = 5.0


@dataclass(frozen=True)
class Point:
    """A model: ``x`` its cost, ``y`` its loss; less is better for both. Its name may be empty."""

    name: str
    x: float
    y: float


def trade_off_svg(points: list[Point], x_title: str, y_title: str) -> str:
    """The points, names beside those that have one, and a dashed line through those that no other beats."""
    x, y = _Axis([p.x for p in points], logarithmic=False), _Axis([p.y for p in points])

    def across(value: float) -> float:
        return _LEFT + x.share(value) * (_WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return _HEIGHT - _BOTTOM - y.share(value) * (_HEIGHT - _TOP - _BOTTOM)

    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = [_text(_LEFT, 18, f"{y_title} against {x_title}", "title")]
    for tick in y.ticks():
        at = up(tick)
        parts.append(f'<path class="grid" d="M{_LEFT:.1f} {at:.1f}H{right:.1f}"/>')
        parts.append(_text(_LEFT - 8, at + 4, f"{tick:.3g}", anchor="end"))
    for tick in x.ticks():
        parts.append(_text(across(tick), bottom + 18, f"{tick:.4g}", anchor="middle"))
    parts.append(_text(right, _HEIGHT - 6, x_title, anchor="end"))
    line = " ".join(f"{across(p.x):.1f},{up(p.y):.1f}" for p in front(points))
    parts.append(f'<polyline class="front" points="{line}"/>')
    places = [(across(point.x), up(point.y)) for point in points]
    taken = [_Box(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in places]
    for point, (at, height) in zip(points, places, strict=True):
        kind = "dot" if point.name else "dot plain"
        parts.append(f'<circle class="{kind}" cx="{at:.1f}" cy="{height:.1f}" r="{_DOT:.0f}"/>')
    inside = _Box(_LEFT, _TOP, right, bottom)
    for point, (at, height) in zip(points, places, strict=True):
        if point.name:
            label = _place(at, height, point.name, inside, taken)
            taken.append(label)
            parts.append(_text(label.left, label.bottom - 3, point.name, "name"))
    what = escape(f"{y_title} against {x_title}", quote=True)
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" aria-label="{what}">'
        f"{''.join(parts)}</svg>"
    )


def front(points: list[Point]) -> list[Point]:
    """Points that no other beats in both, by their cost."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, p.y)):
        if not best or point.y < best[-1].y:
            best.append(point)
    return best


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def common(self, other: _Box) -> float:
        """Area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0.0) * max(high, 0.0)

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


def _place(x: float, y: float, name: str, inside: _Box, taken: list[_Box]) -> _Box:
    """Where a point's name covers least of what is there: right, left, above or below it."""
    wide, beside, over = len(name) * _LETTER, _DOT + 4, _DOT + 2
    corners = [
        (x + beside, y - _LINE / 2),
        (x - beside - wide, y - _LINE / 2),
        (x - wide / 2, y - over - _LINE),
        (x - wide / 2, y + over),
        (x + over, y - over - _LINE),
        (x + over, y + over),
        (x - over - wide, y - over - _LINE),
        (x - over - wide, y + over),
    ]
    boxes = [_Box(left, top, left + wide, top + _LINE) for left, top in corners]

    def covers(box: _Box) -> float:
        return sum(box.common(other) for other in taken) + 2 * (box.area - box.common(inside))

    return min(boxes, key=covers)


class _Axis:
    """From values to shares of an axis; from 0, or logarithmic where the values need it."""

    def __init__(self, values: list[float], logarithmic: bool = True) -> None:
        positive = [value for value in values if value > 0]
        self.high = max([*positive, 1e-12]) * 1.1
        self.low = 0.0
        if logarithmic and len(positive) == len(values) and max(values) > _DECADES * min(values):
            self.low = 10 ** math.floor(math.log10(min(values)))
            self.high = 10 ** math.ceil(math.log10(self.high))

    def share(self, value: float) -> float:
        if self.low:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return value / self.high

    def ticks(self) -> list[float]:
        if self.low:
            first, last = (round(math.log10(end)) for end in (self.low, self.high))
            return [10.0**power for power in range(first, last + 1)]
        raw = self.high / 5
        unit = 10 ** math.floor(math.log10(raw))
        step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw)
        return [index * step for index in range(int(self.high / step) + 1)]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'

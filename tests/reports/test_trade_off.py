"""The plot of cost against loss."""

from __future__ import annotations

import re

import pytest

from edgegan.reports.trade_off import Point, front, trade_off_svg


def dots(svg: str) -> list[tuple[float, float]]:
    found = re.findall(r'<circle class="dot" cx="([\d.]+)" cy="([\d.]+)"', svg)
    return [(float(x), float(y)) for x, y in found]


def test_dots_lie_where_their_values_are() -> None:
    svg = trade_off_svg([Point("a", 100, 1), Point("b", 50, 2)], "size", "qFID")
    (ax, ay), (bx, by) = dots(svg)
    assert ax > bx and ay > by  # dearer is further right, worse is higher up
    (zero,) = (float(x) for x in re.findall(r'x="([\d.]+)"[^>]*text-anchor="middle">0<', svg))
    assert ax - zero == pytest.approx(2 * (bx - zero), abs=0.2)


def test_values_far_apart_are_on_a_logarithmic_axis() -> None:
    points = [Point("a", 1, 0.001), Point("b", 2, 0.1), Point("c", 3, 10)]
    heights = [y for _, y in dots(trade_off_svg(points, "size", "qFID"))]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [0.0, 5.0], [3.0]])
def test_zeros_and_single_points(values: list[float]) -> None:
    svg = trade_off_svg([Point(str(v), 1 + v, v) for v in values], "size", "qFID")
    assert len(dots(svg)) == len(values) and "nan" not in svg


def test_the_front_is_what_nothing_beats() -> None:
    points = [Point("a", 1, 9), Point("b", 2, 5), Point("worse", 3, 6), Point("c", 4, 1)]
    assert [point.name for point in front(points)] == ["a", "b", "c"]

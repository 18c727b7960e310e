"""The plot of cost against loss."""

from __future__ import annotations

import re

import pytest

from edgegan.reports.trade_off import Point, front, trade_off_svg


def dots(svg: str) -> list[tuple[float, float]]:
    found = re.findall(r'<circle class="dot[ a-z]*" cx="([\d.]+)" cy="([\d.]+)"', svg)
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


def test_names_cover_neither_dots_nor_each_other() -> None:
    points = [Point(f"model {i}", 100 + i, 1 + 0.1 * (i % 3)) for i in range(4)]
    points += [Point("", 60 + 5 * i, 1.5) for i in range(4)] + [
        Point("the last, with a long name", 110, 2)
    ]
    svg = trade_off_svg(points, "size", "qFID")
    texts = re.findall(r'class="name" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<', svg)
    assert sorted(name for *_, name in texts) == sorted(
        point.name for point in points if point.name
    )
    boxes = [(float(x), float(y) - 11, float(x) + 6.6 * len(n), float(y) + 3) for x, y, n in texts]
    for left, top, right, bottom in boxes:
        assert right < 442 and left > 62, "inside the plot"
        assert not [1 for x, y in dots(svg) if left < x < right and top < y < bottom]
        touching = [
            b for b in boxes if b[0] < right and left < b[2] and b[1] < bottom and top < b[3]
        ]
        assert len(touching) == 1, "itself"

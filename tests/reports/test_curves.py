"""The plot of a value over steps."""

from __future__ import annotations

import math
import re

import pytest

from edgegan.reports.curves import curve_svg


def points_of(svg: str) -> list[tuple[float, float]]:
    (line,) = re.findall(r'<polyline points="([^"]*)"', svg)
    return [tuple(map(float, pair.split(","))) for pair in line.split()]  # type: ignore[misc]


def test_steps_run_evenly_and_positive_values_by_their_ratio() -> None:
    svg = curve_svg("loss", [(10, 100.0), (20, 10.0), (40, 1.0)])
    (ax, ay), (bx, by), (cx, cy) = points_of(svg)
    assert cx - bx == pytest.approx(2 * (bx - ax), abs=0.2)
    assert by - ay == pytest.approx(cy - by, abs=0.2) and cy > ay
    assert "loss: 100 to 1" in svg and "step 40" in svg


def test_values_below_zero_run_evenly() -> None:
    (_, ay), (_, by), (_, cy) = points_of(curve_svg("x", [(1, -2.0), (2, 0.0), (3, 4.0)]))
    assert ay - by == pytest.approx((by - cy) / 2, abs=0.2)


@pytest.mark.parametrize("values", [[3.0], [0.0, 0.0], [1.0, math.nan, 2.0]])
def test_what_is_flat_or_not_a_number(values: list[float]) -> None:
    svg = curve_svg("<x>", list(enumerate(values, 1)))
    assert "nan" not in svg and "<x>" not in svg
    assert len(points_of(svg)) == sum(map(math.isfinite, values))


def test_nothing_to_show() -> None:
    assert curve_svg("x", [(1, math.inf)]) == ""

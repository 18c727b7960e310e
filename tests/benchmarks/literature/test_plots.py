from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from benchmarks.literature.plots import lines_panel, panels_svg, states_panel

_SVG = "{http://www.w3.org/2000/svg}"


def _polylines(svg: str) -> list[list[tuple[float, ...]]]:
    found = ElementTree.fromstring(svg).iter(f"{_SVG}polyline")
    return [
        [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()] for line in found
    ]


def test_lines_stand_over_their_ticks_and_reach_the_top() -> None:
    lines = {"a <b>": [(8, 2.0), (4, 4.0)], "c": [(8, 0.0)]}
    first, second = _polylines(panels_svg([lines_panel("t & u", lines, (8, 6, 4))]))
    (left, half), (right, top) = first
    ((origin, bottom),) = second
    assert left == origin < right
    assert half == pytest.approx((top + bottom) / 2)  # 2 of 0 to 4


def test_a_point_off_the_ticks_is_refused() -> None:
    with pytest.raises(ValueError, match="7"):
        lines_panel("t", {"a": [(7, 1.0)]}, (8, 4))


def test_panels_fill_rows() -> None:
    svg = panels_svg([lines_panel("t", {}, (1,))] * 3, columns=2)
    moves = [g.attrib["transform"] for g in ElementTree.fromstring(svg).iter(f"{_SVG}g")]
    assert moves == ["translate(0 0)", "translate(340 0)", "translate(0 240)"]


def test_states_are_shares_of_all_weights() -> None:
    svg = panels_svg([states_panel("m", [1, 0, 3, 4])])
    words = [text.text for text in ElementTree.fromstring(svg).iter(f"{_SVG}text")]
    assert words == [
        "m",
        "12.5 %",
        "state 0",
        "0 %",
        "state 1",
        "37.5 %",
        "state 2",
        "50 %",
        "state 3",
    ]


@pytest.mark.parametrize(
    ("highest", "heights"),
    [
        (0.791, ["0", "0.2", "0.4", "0.6", "0.8"]),
        (1.0, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (22.3, ["0", "5", "10", "15", "20", "25"]),
        (0.0005, ["0", "0.0001", "0.0002", "0.0003", "0.0004", "0.0005"]),
    ],
)
def test_heights_are_round_numbers(highest: float, heights: list[str]) -> None:
    panel = lines_panel("t", {"a": [(1, 0.0), (2, highest)]}, [1, 2])
    found = re.findall(r'text-anchor="end">([^<]+)<', panel)
    assert [f"{float(one):g}" for one in found] == heights

"""The page stands alone, shows what the report holds, and escapes what comes from users."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from edgegan.reports.page import Samples, render
from edgegan.reports.pictures import as_pixels, difference, histogram_svg

VOID = {"meta", "img", "br", "rect", "link"}


class Balance(HTMLParser):
    """Every tag is closed where it should be; remembers where pictures come from."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_stands_alone(tiny_bundle: Path) -> None:
    text = (tiny_bundle / "report.html").read_text()
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert len(parser.sources) == 3 * 16
    assert all(source.startswith("data:image/png;base64,") for source in parser.sources)
    assert not re.search(r"(src|href)\s*=\s*.?https?:|@import|url\(", text)
    report = json.loads((tiny_bundle / "report.json").read_text())
    for check in report["checks"]:
        assert check["name"] in text
    for layer in report["targets"]["ort-x86"]["devices"]["ort-x86"]["execution"]["layers"]:
        assert layer["layer"] in text


def test_names_from_users_are_escaped(tiny_bundle: Path) -> None:
    report = json.loads((tiny_bundle / "report.json").read_text())
    evil = '<script>alert("x")</script>'
    report["name"] = evil
    data = report["targets"]["ort-x86"]
    data["devices"]["ort-x86"]["execution"]["layers"][0]["layer"] = evil
    data["diagnosis"]["tensors"][0]["layer"] = evil
    data["diagnosis"]["weights"][0]["name"] = evil
    images = np.zeros((2, 1, 4, 4), np.float32)
    text = render(report, Samples(images, images, (-1.0, 1.0)), evil)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 5


def test_pixels() -> None:
    image = np.array([-1.0, 0.0, 1.0, 3.0], np.float32).reshape(1, 1, 2, 2)
    pixels = as_pixels(image, (-1.0, 1.0))
    assert pixels is not None
    assert pixels.ravel().tolist() == [0, 128, 255, 255]
    assert as_pixels(np.zeros((2, 5), np.float32), (0.0, 1.0)) is None
    delta = difference(pixels, (pixels + 1).clip(0, 255).astype(np.uint8))
    assert delta.ravel()[0] == 136


def test_a_histogram_shows_its_range() -> None:
    text = histogram_svg([1, 10], [0.0, 1.0, 2.0], 0.0, 4.0)
    assert 'class="range" x="0.0" y="0" width="240.0"' in text
    assert text.count('class="bar"') == 2

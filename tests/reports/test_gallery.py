"""Pages that flip and zoom, in headless Chromium at the widths of a desktop and of a phone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgegan.reports.gallery import Gallery, Section, Table, Tile, render_gallery
from edgegan.reports.pictures import data_uri
from edgegan.reports.trade_off import Point, trade_off_svg
from tests.reports.browser import WIDTHS, opened

EVIL = '<script>alert("x")</script>'


def picture(level: int) -> str:
    return data_uri(np.full((8, 8, 1), level, np.uint8))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiles = tuple(Tile((picture(10 * i), picture(10 * i + 5)), f"picture {i}") for i in range(12))
    alone = tuple(Tile((picture(200 + i),)) for i in range(9))
    points = [Point("w8", 900.0, 0.001), Point("w4", 500.0, 0.2), Point(EVIL, 950.0, 0.3)]
    gallery = Gallery(
        title=f"a long name of a comparison of several models {EVIL}",
        text="What it is.",
        versions=("float", "quantized with a rather long name"),
        sections=(
            Section("Pairs", "Flip them.", (("", tiles),)),
            Section("Strip", "Joined.", (("a walk", alone),), joined=True),
        ),
        table=Table(("bundle", "bytes", "qFID"), (("w8", "900", "0.001"), (EVIL, "1", "2"))),
        plots=(trade_off_svg(points, "size in kB", "qFID"),),
    )
    path = tmp_path_factory.mktemp("gallery") / "page.html"
    path.write_text(render_gallery(gallery), encoding="utf-8")
    return path


def test_names_from_users_are_escaped(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<script") == 1 and text.count("&lt;script&gt;") >= 3


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits(page: Path, width: str) -> None:
    with opened(page, width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == WIDTHS[width][0]
        tiles = tab.locator(".tile")
        assert tiles.count() == 21
        boxes = [tiles.nth(i).bounding_box() for i in range(21)]
        for box in boxes:
            assert box["x"] >= 0 and box["x"] + box["width"] <= WIDTHS[width][0]
        strip = boxes[12:]
        assert len({box["y"] for box in strip}) == 1
        assert all(abs(a["x"] + a["width"] - b["x"]) < 0.1 for a, b in pairwise(strip))
        for name in ("w8", "w4"):
            assert tab.locator(".plots text.name", has_text=name).is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_pictures_flip(page: Path, width: str) -> None:
    with opened(page, width) as tab:
        pair = tab.locator(".tile").first.locator("img")
        alone = tab.locator(".tile").nth(14).locator("img")

        def seen() -> list[bool]:
            return [pair.nth(0).is_visible(), pair.nth(1).is_visible(), alone.is_visible()]

        assert seen() == [True, False, True]
        tab.keyboard.press("Space")
        pair.nth(1).wait_for()  # until it is decoded it has no size
        assert seen() == [False, True, True]
        pressed = tab.locator("main [data-version='1']")
        assert pressed.get_attribute("aria-pressed") == "true"
        tab.locator("main [data-version='0']").click()
        pair.nth(0).wait_for()
        assert seen() == [True, False, True]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_picture_zooms(page: Path, width: str) -> None:
    with opened(page, width) as tab:
        small = tab.locator(".tile").nth(2).bounding_box()["width"]
        tab.locator(".tile").nth(2).click()
        large = tab.locator("dialog .stage img")
        tab.wait_for_function("document.querySelector('dialog img').getBoundingClientRect().width")
        fitted = large.bounding_box()
        assert fitted["width"] > 2.5 * small
        assert fitted["x"] >= 0 and fitted["x"] + fitted["width"] <= WIDTHS[width][0]
        assert large.get_attribute("src") == picture(20)
        large.click()
        assert large.get_attribute("src") == picture(25)
        tab.locator("dialog [aria-label=zoom][type=range]").fill("3")
        assert large.bounding_box()["width"] == pytest.approx(3 * fitted["width"], rel=0.01)
        tab.locator("dialog [data-step='1']").click()
        assert large.get_attribute("src") == picture(35)
        assert large.get_attribute("alt") == "picture 3"
        tab.keyboard.press("Escape")
        assert not large.is_visible()

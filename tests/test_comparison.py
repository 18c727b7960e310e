"""`edgegan compare`: numbers from the bundles' own reports, and a page that works from the file system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgegan.bundle import open_bundle
from edgegan.cache import StageCache
from edgegan.cli import app
from edgegan.comparison import Comparison, compare, gallery_of
from edgegan.errors import BundleError
from edgegan.pipeline import export
from edgegan.recipe import load_recipe
from edgegan.reports.gallery import render_gallery
from tests.models import write_own_generator
from tests.reports.browser import WIDTHS, opened


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    path = str(write_own_generator(folder / "own"))
    for name, setting in (
        ("w8", "quantization.weight_bits=8"),
        ("w4", "quantization.weight_bits=4"),
    ):
        recipe, base = load_recipe(path, (setting, f"name=tiny-{name}"))
        export(recipe, base, folder / name, StageCache(folder / "cache"))
    return folder


@pytest.fixture(scope="module")
def comparison(place: Path) -> Comparison:
    return compare([place / "w8", place / "w4"])


def test_rows_are_what_the_bundles_say(place: Path, comparison: Comparison) -> None:
    eight, four = comparison.rows
    assert (eight.label, four.label) == ("w8", "w4")
    assert (eight.weight_bits, four.weight_bits) == (8, 4)
    report = json.loads((place / "w4" / "report.json").read_text())
    checks = {check["name"]: check["value"] for check in report["checks"]}
    assert four.psnr_db == checks["psnr_db"] < eight.psnr_db  # type: ignore[operator]
    assert four.ratio == checks["latency.ratio"]
    assert four.bytes == (place / "w4" / "model.onnx").stat().st_size
    assert four.qfid is None  # this recipe names no feature network
    assert four.p50_ms is not None and four.p50_ms > 0


def test_bundles_of_one_name_carry_their_folders(place: Path) -> None:
    twice = compare([place / "w8", place / "w8"])
    assert len(twice.bundles) == 1
    other = place / "copy" / "w8"
    if not other.exists():
        other.parent.mkdir()
        other.symlink_to(place / "w8")
    names = list(compare([place / "w8", other]).bundles)
    assert len(names) == 2 and str(other) in names[1]


def test_a_report_of_another_kind_is_refused(place: Path, tmp_path: Path) -> None:
    bundle = open_bundle(place / "w8")
    (tmp_path / "report.json").write_text("[]")
    (tmp_path / "manifest.json").write_text((bundle.folder / "manifest.json").read_text())
    with pytest.raises(BundleError, match="is no report"):
        compare([tmp_path])


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_flips_between_the_bundles(
    place: Path, comparison: Comparison, tmp_path: Path, width: str
) -> None:
    path = tmp_path / "page.html"
    path.write_text(render_gallery(gallery_of(comparison)), encoding="utf-8")
    with opened(path, width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == WIDTHS[width][0]
        assert tab.locator("main [data-version]").all_inner_texts() == ["float", "w8", "w4"]
        images = tab.locator(".tile").first.locator("img")
        seen = []
        for version in range(3):
            tab.locator(f"main [data-version='{version}']").click()
            (shown,) = (i for i in range(3) if images.nth(i).is_visible())
            seen.append(images.nth(shown).get_attribute("src"))
        assert len(set(seen)) == 3
        size = (place / "w8" / "model.onnx").stat().st_size
        assert f"{size:,}" in tab.locator("td.n").all_inner_texts()


def test_the_command(place: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["compare", str(place / "w8"), str(place / "w4")]
    result = CliRunner().invoke(app, [*arguments, "--json", "-o", str(page)])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == "edgegan.compare/1"
    assert [row["name"] for row in document["rows"]] == ["tiny-w8", "tiny-w4"]
    before = page.read_text()
    assert "<svg" not in before and "tiny: 2 bundles" in before
    result = CliRunner().invoke(app, [*arguments, "-o", str(page)])
    assert result.exit_code != 0 and page.read_text() == before
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "80"})
    assert "PASS: 2 bundles compared" in result.stdout

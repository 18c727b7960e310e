from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from benchmarks.literature import hoetter
from benchmarks.literature.hoetter import run
from tests.benchmarks.literature.fake import FakeExport, bench, options

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures that serves for the data set of ``mnist-mlp`` alone."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((4, 4), 80 * number, np.uint8)).save(folder / f"{number}.png")
    found = {"mnist-mlp": folder}
    monkeypatch.setattr(hoetter, "data_folder", lambda root, model: found.get(model))
    return folder


def test_one_set_of_rows_makes_all_figures(tmp_path: Path, data: Path) -> None:
    export = FakeExport()
    asked = options(
        tmp_path,
        models=("mnist-mlp", "fashion-dcgan"),
        methods=("min-max",),
        bits=(8, 2),
        seeds=(0, 1),
        data=tmp_path,
    )
    for _ in range(2):
        assert run(asked, bench(export, asked))
    assert len(export.recipes) == 4
    for recipe in export.recipes:
        assert recipe.checks.metrics == ("is", "prc", "realism")
        assert recipe.checks.real == str(data)
        assert not recipe.quantization.per_channel
    out = tmp_path / "out"
    rows = json.loads((out / "hoetter-figures.json").read_text())["rows"]
    assert [(row["bits"], row["seed"]) for row in rows] == [(2, 0), (2, 1), (8, 0), (8, 1)]
    assert all("pictures" not in row for row in rows)
    text = (out / "hoetter-figures.md").read_text()
    spread = " ± 0 | "
    cells = spread.join(["6", "0.5", "0.5", "0.75", "0.75", "10"])
    assert f"| mnist-mlp | 32 | {cells}{spread}2 | 100 |" in text
    assert "Left out: the data set of fashion-dcgan is not in --data." in text
    for figure, lines in ((3, 1), (4, 2), (5, 2)):
        assert (out / f"hoetter-figure{figure}.svg").read_text().count("<polyline") == lines


def test_the_grid_has_real_float_and_each_width(tmp_path: Path, data: Path) -> None:
    asked = options(
        tmp_path, models=("mnist-mlp",), methods=("min-max",), bits=(3, 8), data=tmp_path
    )
    assert run(asked, bench(FakeExport(), asked))
    root = ElementTree.fromstring((tmp_path / "out" / "hoetter-figure2.svg").read_text())
    words = [text.text for text in root.iter(f"{_SVG}text")]
    assert words == ["real", "float", "8 bits", "3 bits", "mnist-mlp"]
    pictures = [image.attrib["href"] for image in root.iter(f"{_SVG}image")]
    assert len(pictures) == 4
    assert all(picture.startswith("data:image/png;base64,") for picture in pictures)

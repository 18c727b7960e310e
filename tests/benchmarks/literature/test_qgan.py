from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.literature import qgan
from benchmarks.literature.qgan import METHODS, run
from tests.benchmarks.literature.fake import FakeExport, bench, options


@pytest.fixture(autouse=True)
def _trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qgan, "usable", lambda models, data: (list(models), []))


def _run(folder: Path, export: FakeExport, table: str, **changed: Any) -> list[dict[str, Any]]:
    settings = {"tables": (table,), "methods": METHODS, "models": ("cifar10-dcgan",)}
    asked = options(folder, **(settings | changed))
    assert run(asked, bench(export, asked))
    rows: list[dict[str, Any]] = json.loads((folder / "out" / f"qgan-{table}.json").read_text())[
        "rows"
    ]
    return rows


def test_table_2_before_and_after_fine_tuning(tmp_path: Path) -> None:
    export = FakeExport()
    rows = _run(tmp_path, export, "table2", bits=(1, 2, 5))
    found = {(row["method"], row["bits"]) for row in rows}
    assert found == {("min-max", 1), ("em", 1), *((method, 2) for method in METHODS)}
    assert [row["fine_tuned"] for row in rows].count(True) == len(rows) // 2 == 6
    assert rows[0]["states_used"] == 0.75
    assert rows[0]["last_layer_states"] == [3, 1]
    for recipe in export.recipes:
        assert not recipe.quantization.per_channel
        if recipe.tune is None:
            continue
        assert recipe.tune.distillation is not None
        judge = recipe.tune.distillation.discriminator_weights
        assert judge is not None
        assert judge.quantizer == recipe.quantization.weight_quantizer
        assert judge.bits == recipe.quantization.weight_bits


def test_the_papers_numbers_and_its_states_stand_beside_ours(tmp_path: Path) -> None:
    _run(tmp_path, FakeExport(), "table2", bits=(2,))
    text = (tmp_path / "out" / "qgan-table2.md").read_text()
    # FID: 10 + (7 + 1) / 4, of a float one of 10; the paper's 54.3 of 28.41
    assert (
        "| cifar10-dcgan | em | 2 | True | 5 | 12 | 2 | 6 | 10 | 1.2 | 4.15 | 54.3 | 1.911 | 0.75 |"
        in text
    )
    assert (
        "| cifar10-dcgan | em | 2 | False | 5 | 18 | 8 | 6 | 10 | 1.8 | – | – | – | 0.75 |" in text
    )
    assert (tmp_path / "out" / "qgan-figure1-3.svg").read_text().count(", 2 bits, last layer") == 4


def test_figure_2_quantizes_one_or_both(tmp_path: Path) -> None:
    export = FakeExport()
    rows = _run(tmp_path, export, "figure2", bits=(2, 3))
    assert [(row["quantized"], row["bits"]) for row in rows] == [("D", 3), ("D and G", 3), ("G", 3)]
    found = []
    for recipe in export.recipes:
        assert recipe.tune is not None
        assert recipe.tune.distillation is not None
        judge, section = recipe.tune.distillation.discriminator_weights, recipe.quantization
        bits = judge and judge.bits
        found.append((bits, section.weight_quantizer, section.weight_bits))
    assert found == [(3, "quantile", 8), (3, "log", 3), (None, "log", 3)]
    assert (tmp_path / "out" / "qgan-figure2.svg").read_text().count("<polyline") == 6


def test_table_3_has_the_papers_widths(tmp_path: Path) -> None:
    rows = _run(tmp_path, FakeExport(), "table3", models=(*qgan.MODELS, "mnist-mlp"))
    found = {row["model"]: (row["d_bits"], row["g_bits"]) for row in rows}
    assert found == {
        "cifar10-dcgan": (1, 2),
        "cifar10-lsgan": (3, 3),
        "cifar10-wgan-gp": (1, 3),
    }
    assert "| 3.41 / 74.1 | 4.2 / 46.97 |" in (tmp_path / "out" / "qgan-table3.md").read_text()


def test_the_search_tries_the_discriminator_first_and_few_bits_first(tmp_path: Path) -> None:
    """The fake's FID is 10 + (9 - bits + 1) / 4 of a float one of 10, whatever the discriminator has."""
    export = FakeExport()
    rows = _run(tmp_path, export, "multi-precision")
    found = {row["worse"]: (row["d_bits"], row["g_bits"], row["fid"]) for row in rows}
    assert found == {1.1: (1, 6, 11.0), 1.5: (1, 1, 12.25)}
    tried = {r["worse"]: [(t["d_bits"], t["g_bits"]) for t in r["trials"]] for r in rows}
    assert tried == {1.1: [(1, 8), *((1, bits) for bits in range(1, 7))], 1.5: [(1, 8), (1, 1)]}
    for recipe in export.recipes:
        assert recipe.tune is not None and recipe.tune.distillation is not None
        judge = recipe.tune.distillation.discriminator_weights
        assert judge is not None and (judge.quantizer, judge.bits) == ("em", 1)
    text = (tmp_path / "out" / "qgan-multi-precision.md").read_text()
    assert (
        "| cifar10-dcgan | 1.5 | 1 | 1 | 12.25 | 10 | 5 | 6 | 1, 8: 10.5; 1, 1: 12.2 | 1, 2 |"
        in text
    )


def test_a_search_without_a_result_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qgan, "WORSE", (1.01,))
    (row,) = _run(tmp_path, FakeExport(), "multi-precision")
    assert (row["d_bits"], row["g_bits"], row["fid"]) == (None, None, None)
    assert len(row["trials"]) == 8

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.literature import andreev
from benchmarks.literature.andreev import METHODS, Tables, run
from tests.benchmarks.literature.fake import FakeExport, bench, options

ALIKE = ["fashion-stylegan", "fashion-sagan", "horse2zebra-cyclegan"]


def _run(folder: Path, export: FakeExport, **changed: Any) -> dict[str, Any]:
    asked = options(folder, **({"methods": METHODS, "bits": (4,)} | changed))
    assert run(asked, bench(export, asked))
    (table,) = asked.tables
    found: dict[str, Any] = json.loads((folder / "out" / f"andreev-{table}.json").read_text())
    return found


def test_vanilla_is_the_best_of_four_and_others_start_from_it(tmp_path: Path) -> None:
    export = FakeExport()
    rows = _run(tmp_path, export, tables=("table4",), methods=("vanilla", "lsq-qat"))["rows"]
    by_method = {(row["method"], row["per_channel"]): row for row in rows}
    vanilla, tuned = by_method["vanilla", True], by_method["lsq-qat", True]
    assert [pair["qfid"] for pair in vanilla["pairs"]] == [6.0, 6.0, 5.0, 6.0]
    assert vanilla["quantiles"] == tuned["quantiles"] == [0.001, 0.999]
    assert (vanilla["qfid"], vanilla["budget"]) == (5.0, 1.0)
    assert (tuned["qfid"], tuned["fid"], tuned["budget"]) == (1.25, 11.25, 0.5)
    assert [row["precision"] for row in (vanilla, tuned)] == ["float32", "bfloat16"]
    (section,) = {
        r.tune.distillation.precision for r in export.recipes if r.tune and r.tune.distillation
    }
    assert section == "bfloat16"
    wanted = {"model", "method", "weight_bits", "per_channel", "budget", "seed", "fid", "qfid"}
    assert wanted | {"samples", "features", "executed_by"} <= tuned.keys()
    # for each granularity four pairs and one tuned export
    assert len(export.recipes) == 10
    text = (tmp_path / "out" / "andreev-table4.md").read_text()
    assert "| fashion-dcgan | lsq-qat | 4 | True | 11.25 | 1.25 | 10 | 0.25 | – | – | – |" in text


def test_a_second_run_recalls_every_row_and_adds_others(tmp_path: Path) -> None:
    export = FakeExport()
    _run(tmp_path, export, tables=("table4",), methods=("vanilla",))
    export.recipes.clear()
    found = _run(tmp_path, export, tables=("table4",), methods=("vanilla", "ste-brecq"))
    assert [recipe.tune is not None for recipe in export.recipes] == [True, True]
    assert len(found["rows"]) == 4


def test_anew_makes_what_is_asked_for_and_keeps_the_rest(tmp_path: Path) -> None:
    export = FakeExport()
    _run(tmp_path, export, tables=("table4",), methods=("vanilla",), seeds=(0, 1))
    (tmp_path / "work").rename(tmp_path / "elsewhere")
    export.recipes.clear()
    rows = _run(tmp_path, export, tables=("table4",), methods=("vanilla",), anew=True)["rows"]
    assert (len(export.recipes), len(rows)) == (8, 4)


def test_every_method_tunes_as_it_is_called(tmp_path: Path) -> None:
    export = FakeExport()
    _run(tmp_path, export, tables=("table4",), bits=(8,))
    parts = []
    for recipe in export.recipes:
        if recipe.tune is None or not recipe.quantization.per_channel:
            continue
        assert recipe.quantization.weight_bits == 8
        assert recipe.calibration.weight_quantiles == (0.0001, 0.9999)
        one, other = recipe.tune.reconstruction, recipe.tune.distillation
        parts.append(one.rounding if one else other and (other.learn_ranges, other.observe > 0))
    assert parts == ["adaptive", "straight-through", (False, True), (True, False)]
    rates = [
        recipe.tune.reconstruction.learning_rate
        for recipe in export.recipes
        if recipe.tune and recipe.tune.reconstruction
    ]
    assert rates == [None, None, 1e-6, 1e-6]  # of 8 bits, straight-through


def test_of_the_papers_models_only_its_cells(tmp_path: Path) -> None:
    asked = options(tmp_path, methods=METHODS, bits=(8, 4))
    cells = list(Tables(asked, bench(FakeExport(), asked)).table4(["fashion-dcgan", *ALIKE]))
    counts = dict.fromkeys(["fashion-dcgan", *ALIKE], 0)
    for cell in cells:
        counts[cell.labels["model"]] += 1
    # StyleGAN: 4 + 4 + 2 + 4 + 2; SAGAN and CycleGAN: 4 + 4 + 2
    assert list(counts.values()) == [20, 16, 10, 10]


def test_the_papers_numbers_stand_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        andreev, "usable", lambda models, data: (list(models), ["n is not trained."])
    )
    export = FakeExport()
    _run(tmp_path, export, tables=("table4",), models=("fashion-sagan",))
    text = (tmp_path / "out" / "andreev-table4.md").read_text()
    assert "| 11.25 | 1.25 | 10 | 0.25 | SAGAN | 125.8 | 9 |" in text
    assert "Left out: n is not trained." in text
    learned = [r.tune.distillation for r in export.recipes if r.tune and r.tune.distillation]
    assert {one.quantizer_rate for one in learned if one.learn_ranges} == {1e-4}


def test_figure_1_is_a_square_of_quantiles(tmp_path: Path) -> None:
    export = FakeExport()
    rows = _run(tmp_path, export, tables=("figure1",), seeds=(0, 1))["rows"]
    pairs = {(tuple(r["activation_quantiles"]), tuple(r["weight_quantiles"])) for r in rows}
    assert (len(rows), len(pairs)) == (16, 16)
    assert {row["seed"] for row in rows} == {0}
    asked = {
        (r.calibration.activation_quantiles, r.calibration.weight_quantiles) for r in export.recipes
    }
    assert asked == pairs
    assert (tmp_path / "out" / "andreev-figure1.svg").read_text().count("<polyline") == 4


def test_appendix_b_trades_the_perceptual_losses_for_pixels(tmp_path: Path) -> None:
    export = FakeExport()
    rows = _run(tmp_path, export, tables=("appendix-b",))["rows"]
    assert [row["objective"] for row in rows] == ["mse", "perceptual"]
    tuned = [recipe for recipe in export.recipes if recipe.tune is not None]
    losses = [r.tune.distillation.loss for r in tuned if r.tune and r.tune.distillation]
    assert [(loss.content, loss.style, loss.pixel) for loss in losses] == [(1, 1, 0), (0, 0, 1)]
    assert {recipe.quantization.weight_bits for recipe in tuned} == {8}


def test_27_sums_of_losses_at_a_tenth_of_the_budget(tmp_path: Path) -> None:
    export = FakeExport()
    rows = _run(tmp_path, export, tables=("loss-weights",), models=("fashion-dcgan", "mnist-mlp"))
    rows = rows["rows"]
    assert len({(row["adversarial"], row["content"], row["style"]) for row in rows}) == 27
    assert {(row["model"], row["budget"]) for row in rows} == {("fashion-dcgan", 0.05)}
    budgets = {recipe.tune.budget for recipe in export.recipes if recipe.tune}
    assert budgets == {0.05}


def test_findings_differ_in_one_setting(tmp_path: Path) -> None:
    export = FakeExport()
    rows = _run(tmp_path, export, tables=("findings",))["rows"]
    assert {(row["finding"], row["way"], row["precision"]) for row in rows} == {
        ("ranges", "fixed", "bfloat16"),
        ("ranges", "observed (MA)", "bfloat16"),
        ("ranges", "learned (LSQ)", "bfloat16"),
        ("ranges", "observed, then learned", "bfloat16"),
        ("squared gradients", "unweighted", "float32"),
        ("squared gradients", "weighted", "float32"),
    }
    tuned = [recipe.tune for recipe in export.recipes if recipe.tune]
    trained = [one.distillation for one in tuned if one.distillation]
    assert [(one.observe, one.learn_ranges) for one in trained] == [
        (0.0, False),
        (0.25, False),
        (0.0, True),
        (0.25, True),
    ]
    rebuilt = [one.reconstruction for one in tuned if one.reconstruction]
    assert [one.gradient_weighting for one in rebuilt] == [False, True]
    text = (tmp_path / "out" / "andreev-findings.md").read_text()
    assert "| ranges | fashion-dcgan | lsq-qat | fixed | 11.25 | 1.25 | 10 | ranges fixed" in text

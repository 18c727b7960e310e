from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.literature import ppcd
from benchmarks.literature.measure import TARGET, Measured
from benchmarks.literature.ppcd import COMPOSED, METHODS, run
from edgegan.recipe import load_recipe
from tests.benchmarks.literature.fake import FakeExport, bench, options


class Compressing(FakeExport):
    """Keeps what the pruning's ratio leaves; FID grows with what is gone."""

    def __call__(self, *args: Any) -> Measured:
        found = super().__call__(*args)
        section = self.recipes[-1].compress
        if section is None:
            return found
        pruning = section.pruning
        kept = 1.0 if pruning is None else pruning.parameters or 1.0 - (pruning.ratio or 0.0)
        original = {"parameters": 1000, "macs": 4000, "fid": 10.0}
        smaller = {"parameters": round(1000 * kept), "macs": round(4000 * kept), "fid": 11.0 / kept}
        engine = {"model": "quantized", "p50_ms": {TARGET: 0.25}}
        return replace(
            found,
            models=(
                {"model": "original", "p50_ms": {TARGET: 2.0}} | original,
                {"model": "compressed", "p50_ms": {TARGET: 1.0}} | smaller,
                engine,
            ),
            batch_ms={"float": 6.0, "lowered": 6.0 * kept, "quantized": 2.0 * kept},
        )


def _run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *tables: str
) -> tuple[Compressing, list[dict[str, Any]]]:
    monkeypatch.setattr(ppcd, "usable", lambda models, data: (list(models), []))
    monkeypatch.setattr(ppcd, "data_folder", lambda root, model: folder)
    export = Compressing()
    asked = options(folder, tables=tables, methods=METHODS, models=("fashion-sagan",), data=folder)
    assert run(asked, bench(export, asked))
    document = json.loads((folder / "out" / "ppcd.json").read_text())
    rows: list[dict[str, Any]] = document["rows"]
    return export, rows


def test_the_ablations_differ_in_one_thing_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, rows = _run(tmp_path, monkeypatch, "ablation")
    scales = {row["method"]: (row["budget"], row["precision"]) for row in rows}
    assert scales.pop("original") == (1.0, "float32")  # nothing of it is trained
    assert set(scales.values()) == {(0.5, "bfloat16")}
    sections = dict(zip(METHODS, [recipe.compress for recipe in export.recipes], strict=True))
    assert sections.pop("original") is None
    for section in sections.values():
        assert section is not None
        assert (section.steps, section.budget, section.real) == (20_000, 0.5, "data")
        assert section.data == str(tmp_path) and section.loss.adversarial == 1.0
    whole, alone = sections["ppcd"], sections["no-distillation"]
    assert whole is not None and whole.pruning is not None and whole.teacher is not None
    assert whole.teacher.zoo == "fashion-biggan" and whole.loss.attention == 1.0
    assert alone is not None and alone.loss.attention == 0.0 and alone.pruning == whole.pruning
    unpruned, twice = sections["no-pruning"], sections["two-step"]
    assert unpruned is not None and unpruned.pruning is None and unpruned.loss == whole.loss
    assert twice is not None and twice.pruning is not None and twice.pruning.two_step
    by_norm = sections["l1"]
    assert by_norm is not None and by_norm.pruning is not None
    assert (by_norm.pruning.method, by_norm.pruning.parameters) == ("l1", 0.429)
    assert {row["method"] for row in rows} == set(METHODS)
    text = (tmp_path / "out" / "ppcd.md").read_text()
    # half of the channels: a float speed-up of 2, an int8 one of 6; the paper's 25M and 14.26
    assert "| ablation | ppcd | 0.5 | 500 | 2000 | 22 |" in text
    assert "| 2 | 6 | 25M | 14.26 |" in text


def test_what_another_machine_made_of_the_other_table_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(tmp_path, monkeypatch, "ablation")
    (tmp_path / "work").rename(tmp_path / "elsewhere")
    _, rows = _run(tmp_path, monkeypatch, "ratios")
    assert [row["table"] for row in rows].count("ablation") == len(METHODS)


def test_figure_4_at_every_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, rows = _run(tmp_path, monkeypatch, "ablation", "ratios")
    found = [row["ratio"] for row in rows if row["method"] == "ppcd"]
    assert sorted(found) == [0.5, 0.6, 0.7, 0.8]
    assert "l1" in (tmp_path / "out" / "ppcd-figure4.svg").read_text()


def test_composed_recipes_run_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export, rows = _run(tmp_path, monkeypatch, "composed")
    (row,) = rows  # of the one model that was asked for
    assert (row["model"], row["composed"], row["budget"]) == ("fashion-sagan", True, 1.0)
    assert (row["size_ratio"], row["latency_ratio"]) == (0.25, 8.0)
    (made,) = export.recipes
    shipped, _ = load_recipe(next(iter(COMPOSED)))
    assert (made.compress, made.tune) == (shipped.compress, shipped.tune)
    assert made.quantization.weight_bits == 4 and made.checks.latency_seconds == 2.0


def test_without_the_networks_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ppcd, "usable", lambda models, data: ([], ["fashion-biggan: not trained."]))
    monkeypatch.setattr(ppcd, "data_folder", lambda root, model: tmp_path)
    asked = options(tmp_path, tables=("ablation",), methods=METHODS, data=tmp_path)
    assert not run(asked, bench(Compressing(), asked))
    assert "fashion-biggan: not trained." in capsys.readouterr().err

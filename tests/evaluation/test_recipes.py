"""Metrics and gates of a recipe: measured on the engine, judged by their intervals, kept in the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from edgegan.cache import StageCache
from edgegan.errors import LackingError, RecipeError
from edgegan.pipeline import ExportResult, export
from edgegan.recipe import load_recipe, resolve
from tests.evaluation.made import save_feature_network, save_pictures
from tests.models import write_own_generator


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gates")
    write_own_generator(folder)
    save_feature_network(folder / "net.onnx", 8)
    real = np.random.default_rng(0).uniform(-1, 1, (60, 1, 8, 8)).astype(np.float32)
    save_pictures(folder / "real", real)
    return folder


def run(place: Path, output: Path, **checks: Any) -> ExportResult:
    path = place / "recipe.yaml"
    data = yaml.safe_load(path.read_text())
    data["checks"] = {"parity_samples": 20, "samples": 60, "latency_seconds": 0.02} | checks
    (place / "asked.yaml").write_text(yaml.safe_dump(data))
    recipe, base = load_recipe(str(place / "asked.yaml"))
    return export(recipe, base, output, StageCache(place / "cache"))


@pytest.mark.slow
def test_gates_on_any_metric(place: Path, tmp_path: Path) -> None:
    checks: dict[str, Any] = {"features": "net.onnx", "real": "real", "metrics": ["is"]}
    gates = {
        "qfid": {"max": 1.0},
        "kid": {"max": -1.0},
        "prc.recall": {"max": 1.0},
        "fid.float": {"min": 0.0},
        "density_coverage.coverage": {"min": 0.0},
        "ort-x86/psnr_db": {"min": 10},
    }
    result = run(place, tmp_path / "bundle", gates=gates, **checks)
    found = {check.name: check for check in result.checks}
    assert str(found["qfid"].verdict) == "pass" and found["qfid"].interval is not None
    assert str(found["kid"].verdict) == "fail"
    for name in ("prc.recall", "fid.float", "density_coverage.coverage", "psnr_db"):
        assert str(found[name].verdict) == "pass", name
    for name in ("is", "fid.quantized", "prc.precision"):
        assert str(found[name].verdict) == "reported", name
    assert found["is"].detail.startswith("net.onnx, 60 samples, seed 1, ONNX Runtime")
    report = json.loads((tmp_path / "bundle" / "report.json").read_text())
    scores = {score["name"]: score for score in report["targets"]["ort-x86"]["metrics"]}
    assert scores["qfid"]["features"]["resize"] == "none at all"
    assert len(scores["qfid"]["features"]["digest"]) == 64
    resolved = yaml.safe_load((tmp_path / "bundle" / "recipe.resolved.yaml").read_text())
    assert resolved["checks"]["features"] == "net.onnx"  # no path of this machine
    value = found["qfid"].value
    straddling = {"qfid": {"max": value * 1.0001}}
    result = run(place, tmp_path / "again", gates=straddling, **checks)
    (qfid,) = (check for check in result.checks if check.name == "qfid")
    assert str(qfid.verdict) == "inconclusive" and "straddles" in qfid.detail


def test_pixels_need_no_network(place: Path, tmp_path: Path) -> None:
    result = run(place, tmp_path / "bundle", gates={"psnr.worst": {"min": 1}})
    found = {check.name: str(check.verdict) for check in result.checks}
    assert found["psnr.worst"] == "pass" and "qfid" not in found


def test_what_cannot_be_is_said_before_the_work(place: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"prc needs real pictures; name their folder in `checks\.real`"
    ):
        run(place, tmp_path / "b", features="net.onnx", gates={"prc.recall": {"min": 0}})
    with pytest.raises(RecipeError, match="metric 'fdi' is unknown"):
        run(place, tmp_path / "b", metrics=["fdi"])
    with pytest.raises(RecipeError, match=r"qfid needs a feature network.*`checks\.features`"):
        run(place, tmp_path / "b", gates={"qfid": {"max": 1}})
    with pytest.raises(LackingError, match="shows none"):
        run(place, tmp_path / "b", features="net.onnx", metrics=["lpips"])


def test_paths_start_at_the_recipe(place: Path) -> None:
    path = place / "zoo.yaml"
    data = {
        "schema": "edgegan.recipe/1",
        "name": "z",
        "generator": {"zoo": "fashion-dcgan"},
        "checks": {"real": "real", "features": "net.onnx"},
    }
    path.write_text(yaml.safe_dump(data))
    resolved, folder = resolve(*load_recipe(str(path)))
    assert folder != place
    assert resolved.real == (place / "real").resolve()
    assert resolved.features == str((place / "net.onnx").resolve())

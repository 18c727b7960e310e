"""Compression, quantization to 4 bits and export in one recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from edgegan.against_engine import compare_with_simulation
from edgegan.bundle import open_bundle
from edgegan.cache import StageCache
from edgegan.checks.check import Verdict
from edgegan.errors import BundleError
from edgegan.pipeline import export, plan
from edgegan.progress import Event
from edgegan.recipe import load_recipe
from edgegan.verification import verify
from tests.compression.conditional import PPCD, write_conditional
from tests.models import write_own_generator

L1: dict[str, Any] = {
    "pruning": {"ratio": 0.5},
    "steps": 30,
    "batch_size": 16,
    "images": 64,
    "seed": 1,
}


def exported(
    path: Path, tmp_path: Path, name: str, *overrides: str
) -> tuple[dict[str, Any], list[Event]]:
    recipe, base = load_recipe(str(path), overrides)
    events: list[Event] = []
    export(recipe, base, tmp_path / name, StageCache(tmp_path / "cache"), events.append)
    return json.loads((tmp_path / name / "report.json").read_text()), events


def checks(report: dict[str, Any]) -> dict[str, Any]:
    return {check["name"]: check for check in report["checks"]}


@pytest.mark.slow
def test_a_pruned_generator_in_four_bits_obeys_parity(tmp_path: Path) -> None:
    gates = {"parity.max_lsb": {"max": 0}, "size.ratio": {"max": 0.9}}
    path = write_own_generator(
        tmp_path / "own",
        "own_pruned",
        compress=L1,
        quantization={"weight_bits": 4},
        checks={"parity_samples": 40, "latency_seconds": 0.02, "gates": gates},
    )
    report, events = exported(path, tmp_path, "b")
    found = checks(report)
    assert found["parity.max_lsb"]["verdict"] == "pass" and found["parity.max_lsb"]["value"] == 0
    assert {check.verdict for check in verify(tmp_path / "b")} == {Verdict.PASS}

    compressed = report["targets"]["ort-x86"]["compressed"]
    rows = {row["model"]: row for row in compressed["waterfall"]}
    assert list(rows) == ["original", "compressed", "lowered", "quantized"]
    assert compressed["parameters"] == {
        "original": 6 * 32 + 32 + 8 * 8 * 16 + 4 * 8 - 2 * 8 + 8 * 16 + 1,
        "compressed": 6 * 12 + 12 + 3 * 3 * 16 + 2 * 3 + 3 * 16 + 1,
    }
    # linear, then 2x2 inputs to 3 channels of 4x4 taps, then 4x4 inputs to the picture
    assert rows["compressed"]["macs"] == 6 * 12 + 3 * 4 * 3 * 16 + 3 * 16 * 16
    assert rows["original"]["macs"] == 6 * 32 + 8 * 4 * 8 * 16 + 8 * 16 * 16
    assert [row["p50_ms"]["ort-x86"] > 0 for row in rows.values()] == [True] * 4
    assert [row["qfid"] for row in rows.values()] == [None] * 4  # no feature network
    assert rows["quantized"]["bytes"] == (tmp_path / "b" / "model.onnx").stat().st_size
    original = (tmp_path / "b" / "reference" / "float.onnx").stat().st_size
    assert found["size.ratio"]["value"] == rows["quantized"]["bytes"] / original
    page = (tmp_path / "b" / "report.html").read_text()
    assert "<h2>Compression</h2>" in page and "training: output" in page
    assert f"on {compressed['trained_on']}" in page

    names = [event.stage for event in events if event.seconds is not None]
    assert names.index("captured") < names.index("compressed") < names.index("lowered")
    again, events = exported(path, tmp_path, "again", "quantization.weight_bits=8")
    recalled = {event.stage: event.cached for event in events if event.seconds is not None}
    assert recalled["compressed"] and not recalled["emitted"]
    assert again["targets"]["ort-x86"]["compressed"]["kept"] == compressed["kept"]
    _, events = exported(path, tmp_path, "other", "compress.steps=4")
    assert not {e.stage: e.cached for e in events if e.seconds is not None}["compressed"]


@pytest.mark.slow
def test_ppcd_and_four_bits_in_one_recipe(tmp_path: Path) -> None:
    """A class-conditional generator with attention: integer regions at 0 LSB."""
    path = write_conditional(tmp_path / "own", PPCD, quantization={"weight_bits": 4})
    report, _ = exported(path, tmp_path, "b")
    assert checks(report)["parity.integer_lsb"]["verdict"] == "pass"
    compressed = report["targets"]["ort-x86"]["compressed"]
    assert compressed["masked_error"] <= 1e-5
    model = onnx.load(tmp_path / "b" / "reference" / "lowered.onnx")
    shapes = [list(t.dims) for t in model.graph.initializer]
    assert [7 * 16] in shapes and [16 * 16] not in shapes, "the linear layer lost 9 of 16 channels"
    assert {check.verdict for check in verify(tmp_path / "b")} == {Verdict.PASS}


@pytest.mark.slow
def test_quality_on_the_way(tmp_path: Path) -> None:
    """Nearly untrained behind its pruning, it is far from the original; quantization adds to that."""
    few = (
        "compress.pruning.ratio=0.5",
        "compress.steps=2",
        "compress.batch_size=8",
        "checks.samples=200",
    )
    recipe, base = load_recipe("fashion-dcgan-w8a8", (*few, "checks.latency_seconds=0.02"))
    report = export(recipe, base, tmp_path / "b", StageCache(tmp_path / "cache")).report
    target = report["targets"]["ort-x86"]
    rows = {row["model"]: row for row in target["compressed"]["waterfall"]}
    scores = {score["name"]: score["values"] for score in target["metrics"]}
    assert rows["quantized"]["fid"] == scores["fid"]["fid"]["value"]
    assert rows["quantized"]["qfid"] == scores["qfid"]["qfid"]["value"]
    assert rows["original"]["fid"] == scores["fid"]["fid"]["original"]
    assert rows["original"]["fid"] < 0.1 * rows["compressed"]["fid"]
    assert rows["compressed"]["qfid"] == pytest.approx(rows["quantized"]["qfid"], rel=0.2)


def test_a_plan_is_of_the_smaller_generator(tmp_path: Path) -> None:
    """Whose layers have 3 channels of 8; the size is relative to the original."""
    path = write_own_generator(tmp_path / "own", "own_planned", compress=L1)
    (planned,) = plan(*load_recipe(str(path)))
    (original,) = plan(*load_recipe(str(path), ("compress=null",)))
    weights = {layer["layer"]: layer["parameters"] for layer in planned["layers"]}
    assert weights == {"project": 6 * 12, "up.0": 3 * 3 * 16, "up.3": 3 * 16}
    assert planned["float_bytes"] == original["float_bytes"]
    assert planned["quantized_bytes"] < original["quantized_bytes"]
    assert not list(tmp_path.glob("**/*.pt")), "nothing learns for a plan"


@pytest.mark.slow
def test_a_compressed_engine_has_no_simulation_from_the_original(tmp_path: Path) -> None:
    path = write_own_generator(tmp_path / "own", "own_debugged", compress=L1)
    exported(path, tmp_path, "b")
    with pytest.raises(BundleError, match=r"its weights were compressed, .* without --against-eng"):
        compare_with_simulation(open_bundle(tmp_path / "b"), tmp_path / "own", 4)

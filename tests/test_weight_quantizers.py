"""A recipe with a weight quantizer of its own, all the way to the bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgegan.against_engine import compare_with_simulation
from edgegan.bundle import open_bundle
from edgegan.cache import StageCache
from edgegan.checks.check import Verdict
from edgegan.pipeline import export, plan
from edgegan.recipe import load_recipe, resolve
from edgegan.runtimes.ort import OrtRuntime
from edgegan.stages import calibrate_ranges, check_parity, emit_quantized
from edgegan.targets import find_target
from edgegan.workbench import Workbench
from tests.machine import requires_exact_cpu
from tests.models import write_own_generator


@requires_exact_cpu
def test_from_recipe_to_bundle(tmp_path: Path) -> None:
    """EM at 2 bits, one channel in ten split, ranges of least squared error."""
    path = write_own_generator(
        tmp_path / "own",
        quantization={"weight_bits": 2, "weight_quantizer": "em", "split_outliers": 0.1},
        calibration={"samples": 40, "observer": "mse"},
    )
    recipe, folder = load_recipe(str(path))
    export(recipe, folder, tmp_path / "bundle", StageCache(tmp_path / "cache"))
    bundle = open_bundle(tmp_path / "bundle")
    (entry,) = bundle.manifest.targets
    assert (entry.weight_bits, entry.weight_width, entry.opset) == (2, 8, 21)
    checks = {c["name"]: c for c in json.loads(bundle.path("report.json").read_text())["checks"]}
    assert checks["parity.max_lsb"]["verdict"] == Verdict.PASS
    assert checks["int8.mac_share"]["value"] == 1.0
    # `debug --against-engine` fits the codebooks again
    assert compare_with_simulation(bundle, tmp_path / "own", 8).max_lsb == 0
    (planned,) = plan(recipe, folder)
    assert {layer["weight_bits"] for layer in planned["layers"]} == {2}
    # 6 inputs become 7, 8 become 9 and 9
    parameters = sorted(layer["parameters"] for layer in planned["layers"])
    assert parameters[-1] % 9 == 0


@pytest.mark.slow
@requires_exact_cpu
@pytest.mark.parametrize(
    ("quantizer", "bits", "most"),
    [("em", 1, 0.07), ("em", 2, 0.11), ("em", 4, 0.2), ("min-max", 3, 0.2), ("log", 4, 0.2),
     ("tanh", 4, 0.2), ("mse", 4, 0.15), ("aciq", 4, 0.15), ("aciq", 6, 0.27)],
)  # fmt: skip
def test_on_a_trained_generator(tmp_path: Path, quantizer: str, bits: int, most: float) -> None:
    """Parity on the shipped file, whose size follows its bits; scales and codebooks come on top."""
    settings = ("weight_bits", bits), ("weight_quantizer", quantizer)
    recipe, folder = load_recipe(
        "fashion-dcgan-w8a8",
        (*(f"quantization.{key}={value}" for key, value in settings), "calibration.samples=64"),
    )
    resolved, weights = resolve(recipe, folder)
    target = find_target("ort-x86")
    bench = Workbench(resolved, weights, recipe.variant(target))
    calibrate_ranges(bench, tmp_path, lambda done, total: None)
    folders = {"calibrated": tmp_path, "emitted": tmp_path}
    emit_quantized(bench, tmp_path, folders)
    check_parity(bench, tmp_path, folders, target, OrtRuntime(), 64, lambda done, total: None)
    parity = json.loads((tmp_path / "parity.json").read_text())
    assert parity["max_lsb"] == 0 and parity["tapped_as_shipped"]
    full = sum(p.numel() for p in bench.captured.parameters()) * 4
    ratio = (tmp_path / "model.onnx").stat().st_size / full
    assert bits / 32 < ratio < most
    image = OrtRuntime().load(tmp_path / "model.onnx").run(bench.feed(4, 1))
    assert all(np.isfinite(value).all() for value in image.values())

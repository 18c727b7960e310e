"""Widths layer by layer, from the recipe to the bundle."""

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
from edgegan.diagnosis.diagnose import diagnose_bundle
from edgegan.errors import UsageError
from edgegan.pipeline import export, plan
from edgegan.recipe import load_recipe, resolve
from edgegan.stages import calibrate_ranges, emit_quantized
from edgegan.targets import find_target
from edgegan.workbench import Workbench
from tests.machine import requires_exact_cpu
from tests.models import write_own_generator

MIXED = {
    "weight_bits": 8,
    "layers": [
        {"match": "up.*", "weight_bits": 4},
        {"match": "up.3", "weight_bits": 2, "weight_quantizer": "em"},
        {"match": "project", "weight_bits": 2},
    ],
}


def bench(folder: Path, **quantization: object) -> Workbench:
    recipe, base = load_recipe(str(write_own_generator(folder, quantization=quantization)))
    resolved, weights = resolve(recipe, base)
    return Workbench(resolved, weights, recipe.variant(find_target("ort-x86")))


def emitted(folder: Path, **quantization: object) -> bytes:
    made = bench(folder, **quantization)
    calibrate_ranges(made, folder, lambda done, total: None)
    emit_quantized(made, folder, {"calibrated": folder})
    return (folder / "model.onnx").read_bytes()


@pytest.mark.slow
@requires_exact_cpu
def test_from_recipe_to_bundle(tmp_path: Path) -> None:
    """Storage of 4 and 2 bits and packed indices in one file; the engine is the simulation."""
    recipe, folder = load_recipe(str(write_own_generator(tmp_path / "own", quantization=MIXED)))
    result = export(recipe, folder, tmp_path / "bundle", StageCache(tmp_path / "cache"))
    checks = {check.name: check for check in result.checks}
    assert checks["parity.max_lsb"].verdict is Verdict.PASS
    assert checks["int8.mac_share"].value == 1.0
    assert "weights of 2 and 4 and 8 bits" in checks["size.ratio"].detail
    bundle = open_bundle(tmp_path / "bundle")
    (entry,) = bundle.manifest.targets
    assert (entry.weight_bits, entry.weight_width, entry.opset) == (2, 8, 25)
    stored = {t.data_type for t in onnx.load(bundle.path(entry.model)).graph.initializer}
    packed = {onnx.TensorProto.INT4, onnx.TensorProto.INT2, onnx.TensorProto.UINT8}
    assert packed <= stored
    assert compare_with_simulation(bundle, tmp_path / "own", 8).max_lsb == 0
    widths = sorted(weight.bits or 0 for weight in diagnose_bundle(bundle, 8).weights)
    assert widths == [2, 2, 4]


@pytest.mark.slow
@pytest.mark.parametrize(("bits", "quantizer"), [(8, "quantile"), (2, "quantile"), (2, "em")])
def test_all_layers_alike_are_the_uniform_model(tmp_path: Path, bits: int, quantizer: str) -> None:
    alike = {"weight_bits": bits, "weight_quantizer": quantizer}
    layers = [{"match": "*", "weight_bits": 4}] + [
        {"match": layer} | alike for layer in ("project", "up.0", "up.3")
    ]
    others = emitted(tmp_path / "layers", **alike, layers=layers)
    assert others == emitted(tmp_path / "uniform", **alike)
    every = emitted(tmp_path / "all", weight_bits=4, layers=[{"match": "*"} | alike])
    assert every == emitted(tmp_path / "uniform", **alike)


def test_the_plan_says_each_layer(tmp_path: Path) -> None:
    quantization = {"layers": [*MIXED["layers"], {"match": "up.0", "weight_bits": "float"}]}  # type: ignore[misc]
    recipe, folder = load_recipe(str(write_own_generator(tmp_path, quantization=quantization)))
    (planned,) = plan(recipe, folder)
    widths = {layer["layer"]: layer["weight_bits"] for layer in planned["layers"]}
    assert widths == {"project": 2, "up.0": 32, "up.3": 2}
    assert planned["kept_float"] == ["up.0"]
    assert next(x for x in planned["layers"] if x["layer"] == "up.0")["precision"] == "float"


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"match": "down.*", "weight_bits": 4}],
         r"quantization.layers: 'down.\*' matches no layer; the layers are: project, up.0, up.3"),
        ([{"match": "up.0"}], "give weight_bits, weight_quantizer or both"),
        ([{"match": "up.0", "weight_bits": "float", "weight_quantizer": "em"}], "a float layer has"),
        ([{"match": "up.0", "weight_bits": 1}], "quantile needs at least 2 bits"),
        ([{"match": "up.0", "bits": 4}], "bits"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be(tmp_path: Path, layers: list[Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _ = bench(tmp_path, layers=layers).placed


def test_every_target_must_take_every_width(tmp_path: Path) -> None:
    path = write_own_generator(tmp_path, quantization=MIXED, targets=["ort-x86", "tensorrt"])
    with pytest.raises(UsageError, match=r"target tensorrt takes .*quantization\.layers"):
        load_recipe(str(path))


def test_the_resolved_recipe_is_a_recipe(tmp_path: Path) -> None:
    path = write_own_generator(tmp_path, quantization=MIXED)
    resolved, _ = resolve(*load_recipe(str(path)))
    path.write_text(resolved.as_yaml())
    again, _ = load_recipe(str(path))
    assert again.quantization == resolved.recipe.quantization
    assert json.loads(again.model_dump_json())["quantization"]["layers"][0]["match"] == "up.*"

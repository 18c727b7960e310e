"""`debug` finds planted faults, on three generators, and says what is where."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgegan.bundle import open_bundle
from edgegan.cache import StageCache, file_digest
from edgegan.diagnosis.diagnose import diagnose_bundle
from edgegan.pipeline import export
from edgegan.recipe import load_recipe
from tests.machine import requires_exact_cpu
from tests.models import write_own_generator
from tests.strangers.test_strangers import EXPORTABLE, run

NAMES = ["tiny", "NestedBlocks", "GroupsAndDilations"]


def make(name: str, folder: Path) -> Path:
    if name == "tiny":
        recipe, base = load_recipe(str(write_own_generator(folder / "own")))
        export(recipe, base, folder / "bundle", StageCache(folder / "cache"))
    else:
        run(name, EXPORTABLE[name], folder)
    return folder / "bundle"


def edit_model(bundle: Path, change: Any) -> None:
    """Change the model and keep the manifest consistent."""
    model = onnx.load(bundle / "model.onnx")
    change(model)
    onnx.save(model, bundle / "model.onnx")
    manifest = json.loads((bundle / "manifest.json").read_text())
    size = (bundle / "model.onnx").stat().st_size
    manifest["files"]["model.onnx"] = {"bytes": size, "sha256": file_digest(bundle / "model.onnx")}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def scale_initializer(name: str, factor: float) -> Any:
    def change(model: onnx.ModelProto) -> None:
        (tensor,) = [t for t in model.graph.initializer if t.name == name]
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), name)
        )

    return change


@pytest.mark.parametrize("name", NAMES)
def test_a_clipped_layer_ranks_first(name: str, tmp_path: Path) -> None:
    """One layer's range cut to a tenth, at each inner layer in turn."""
    bundle = make(name, tmp_path)
    whole = diagnose_bundle(open_bundle(bundle), 32)
    saturated = {t.layer for t in whole.tensors if t.clipped_share > 0.05}
    layers = [t.layer for t in whole.tensors if t.layer not in saturated][1:]
    assert layers
    for layer in layers:
        scale = f"quantizers.{layer}.scale"
        edit_model(bundle, scale_initializer(scale, 0.1))
        found = diagnose_bundle(open_bundle(bundle), 32)
        assert found.ranked()[0].layer == layer
        assert found.psnr_db < whole.psnr_db
        clipped = next(t for t in found.tensors if t.layer == layer)
        assert clipped.clipped_share > 0.1
        edit_model(bundle, scale_initializer(scale, 10.0))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("tiny", tmp_path_factory.mktemp("debug"))


def test_numbers_by_hand(bundle: Path) -> None:
    """The input's own ratio follows from its law; weights are counted."""
    diagnosis = diagnose_bundle(open_bundle(bundle), 64)
    first = diagnosis.tensors[0]
    assert first.layer == "z"
    step = 2 * 3.92 / 255
    # 384 values of the law, a few of them clipped
    assert first.own_sqnr_db == pytest.approx(10 * np.log10(12 / step**2), abs=1.0)
    assert sum(first.histogram) == 64 * 6
    assert {weight.bits for weight in diagnosis.weights} == {8}
    for weight in diagnosis.weights:
        assert len(weight.states) == 256
        assert weight.sqnr_db > 30
    document = json.loads(json.dumps(diagnosis.as_json(), allow_nan=False))
    assert document["ranked"]


@requires_exact_cpu
def test_command_line(bundle: Path) -> None:
    command = [sys.executable, "-m", "edgegan", "debug", str(bundle)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "most harm" in shown
    own = ["--against-engine", "--generator", str(bundle.parent / "own"), "--samples", "40"]
    result = subprocess.run([*command, *own, "--json"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["max_lsb"] == 0


@requires_exact_cpu
def test_an_engine_that_leaves_the_simulation_is_found(tmp_path: Path) -> None:
    """One weight of the middle layer is changed behind the simulation's back."""
    bundle = make("tiny", tmp_path)

    def change(model: onnx.ModelProto) -> None:
        tensor = [t for t in model.graph.initializer if t.name.endswith("_integers")][1]
        values = numpy_helper.to_array(tensor).copy()
        values[0] = -values[0]
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    edit_model(bundle, change)
    command = [sys.executable, "-m", "edgegan", "debug", str(bundle), "--against-engine", "--json"]
    own = ["--generator", str(tmp_path / "own")]
    result = subprocess.run([*command, *own], capture_output=True, text=True, check=False)
    assert result.returncode == 3, result.stderr
    document = json.loads(result.stdout)
    tensors = list(document["tensors"])
    assert document["first_difference"] == tensors[2]

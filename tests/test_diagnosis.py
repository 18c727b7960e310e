"""`debug` finds planted faults, on three generators, and says what is where."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgegan.bundle import open_bundle
from edgegan.cache import file_digest
from edgegan.diagnosis.diagnose import diagnose_bundle
from tests.machine import requires_exact_cpu
from tests.strangers.test_strangers import EXPORTABLE, run


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "tiny"))


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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", "NestedBlocks", "GroupsAndDilations"])
def test_a_clipped_layer_ranks_first(name: str, bundle: Path, tmp_path: Path) -> None:
    """One layer's range cut to a tenth, at each inner layer in turn."""
    if name != "tiny":
        run(name, EXPORTABLE[name], tmp_path)
        bundle = tmp_path / "bundle"
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


def test_numbers_by_hand(tiny_bundle: Path) -> None:
    """The input's own ratio follows from its law; weights are counted."""
    diagnosis = diagnose_bundle(open_bundle(tiny_bundle), 64)
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


@pytest.mark.slow
@requires_exact_cpu
def test_command_line(tiny_bundle: Path) -> None:
    command = [sys.executable, "-m", "edgegan", "debug", str(tiny_bundle)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "most harm" in shown
    own = ["--against-engine", "--generator", str(tiny_bundle.parent / "own"), "--samples", "40"]
    result = subprocess.run([*command, *own, "--json"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["max_lsb"] == 0


@pytest.mark.slow
@requires_exact_cpu
def test_an_engine_that_leaves_the_simulation_is_found(tiny_bundle: Path, bundle: Path) -> None:
    """One weight of the middle layer is changed behind the simulation's back."""

    def change(model: onnx.ModelProto) -> None:
        tensor = [t for t in model.graph.initializer if t.name.endswith("_integers")][1]
        values = numpy_helper.to_array(tensor).copy()
        values[0] = -values[0]
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    edit_model(bundle, change)
    command = [sys.executable, "-m", "edgegan", "debug", str(bundle), "--against-engine", "--json"]
    own = ["--generator", str(tiny_bundle.parent / "own")]
    result = subprocess.run([*command, *own], capture_output=True, text=True, check=False)
    assert result.returncode == 3, result.stderr
    document = json.loads(result.stdout)
    tensors = list(document["tensors"])
    assert document["first_difference"] == tensors[2]

"""A bundle for ONNX Runtime and OpenVINO: made, verified, and its parity held to what each owes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edgegan.bundle import open_bundle
from edgegan.checks.check import Verdict
from edgegan.cli import app
from edgegan.doctor import diagnose
from edgegan.verification import verify
from tests.machine import requires_exact_cpu
from tests.models import write_own_generator
from tests.test_pipeline import run

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)


@pytest.mark.slow
@requires_exact_cpu
def test_export_and_verify(tmp_path: Path) -> None:
    recipe = write_own_generator(tmp_path / "own")
    result, _ = run(
        recipe, tmp_path / "bundle", tmp_path / "cache", "targets=[ort-x86, openvino-x86]"
    )
    entry = open_bundle(tmp_path / "bundle").manifest.targets[1]
    assert (entry.model, entry.runtime) == ("model.symmetric-8.onnx", "openvino")
    assert entry.int8_mac_share == 1.0
    execution = result.report["targets"]["openvino-x86"]["devices"]["openvino-x86"]["execution"]
    assert execution["islands"] == {"Tanh": 1}
    assert "openvino" in entry.devices[0].versions
    parity = {c.target: c for c in result.checks if c.name == "parity.max_lsb"}
    limits = {name: check.limit.max for name, check in parity.items() if check.limit is not None}
    assert limits == {"ort-x86": 0, "openvino-x86": 1}
    assert {check.verdict for check in parity.values()} == {Verdict.PASS}
    assert {check.verdict for check in verify(tmp_path / "bundle")} == {Verdict.PASS}


@pytest.mark.slow
@requires_exact_cpu
@pytest.mark.parametrize("option", [(), ("--against-engine", "--generator", "own")])
def test_debug_of_a_bundle_for_openvino_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    recipe = write_own_generator(tmp_path / "own")
    run(recipe, tmp_path / "bundle", tmp_path / "cache", "targets=[openvino-x86]")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["debug", "bundle", "--samples", "4", "--json", *option])
    assert result.exit_code == 0, result.output
    tensors = json.loads(result.stdout)["tensors"]
    assert len(tensors) >= 3


def test_the_doctor_names_it() -> None:
    finding = next(f for f in diagnose()[1] if f.name == "openvino-x86")
    assert "openvino" in finding.detail

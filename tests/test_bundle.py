"""Reading bundles that are damaged or hostile, and verifying whole ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgegan.bundle import open_bundle
from edgegan.cache import file_digest
from edgegan.checks.check import Verdict
from edgegan.errors import BundleError
from edgegan.inspection import inspect
from edgegan.latency.environment import environment
from edgegan.verification import verify


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def edit(bundle: Path, change: Any) -> None:
    path = bundle / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_a_whole_bundle_verifies(bundle: Path) -> None:
    checks = verify(bundle)
    assert [check.name for check in checks] == ["files.damaged", "golden.max_difference"]
    assert all(check.verdict is Verdict.PASS for check in checks)


def test_every_changed_byte_is_noticed(bundle: Path) -> None:
    path = bundle / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (bundle / "extra.txt").write_text("x")
    (bundle / "LICENSE").unlink()
    (check,) = verify(bundle)
    assert check.verdict is Verdict.FAIL
    for part in ("model.onnx has changed", "extra.txt is not in", "LICENSE is missing"):
        assert part in check.detail


def test_a_wrong_golden_image_fails(bundle: Path) -> None:
    """Consistent checksums, but the engine gives something else."""
    path = bundle / "golden" / "outputs.npz"
    with np.load(path) as data:
        arrays = {name: data[name] + 0.5 for name in data.files}
    np.savez(path, **arrays)
    entry = {"bytes": path.stat().st_size, "sha256": file_digest(path)}
    edit(bundle, lambda data: data["files"].update({"golden/outputs.npz": entry}))
    golden = verify(bundle)[1]
    assert golden.verdict is Verdict.FAIL
    assert golden.value == pytest.approx(0.5)


def test_another_cpu_is_a_reason(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle / "golden" / "outputs.npz"
    with np.load(path) as data:
        arrays = {name: data[name] + 1e-3 for name in data.files}
    np.savez(path, **arrays)
    entry = {"bytes": path.stat().st_size, "sha256": file_digest(path)}
    edit(bundle, lambda data: data["files"].update({"golden/outputs.npz": entry}))
    here = environment()
    weak = type(here)(here.cpu, ("avx2",), here.cores, here.system, here.python, here.packages)
    monkeypatch.setattr("edgegan.verification.environment", lambda: weak)
    golden = verify(bundle)[1]
    assert golden.verdict is Verdict.INCONCLUSIVE
    assert "saturate" in golden.detail


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "..", "a\\b"])
def test_paths_out_of_the_bundle(bundle: Path, name: str) -> None:
    entry = {"bytes": 1, "sha256": "0" * 64}
    edit(bundle, lambda data: data["files"].update({name: entry}))
    with pytest.raises(BundleError, match="outside the bundle"):
        open_bundle(bundle)


def test_a_link_out_of_the_bundle(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (bundle / "link").symlink_to(tmp_path / "secret")
    entry = {"bytes": 1, "sha256": file_digest(tmp_path / "secret")}
    edit(bundle, lambda data: data["files"].update({"link": entry}))
    with pytest.raises(BundleError, match="outside the bundle"):
        open_bundle(bundle)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": "other/1"}', "[" * 5000])
def test_broken_manifests(bundle: Path, text: str) -> None:
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleError):
        open_bundle(bundle)


def test_pickles_in_golden_files_are_refused(bundle: Path) -> None:
    path = bundle / "golden" / "inputs.npz"
    np.savez(path, z=np.array([{"a": 1}], dtype=object))
    entry = {"bytes": path.stat().st_size, "sha256": file_digest(path)}
    edit(bundle, lambda data: data["files"].update({"golden/inputs.npz": entry}))
    with pytest.raises(BundleError, match="cannot be read"):
        verify(bundle)


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        open_bundle(tmp_path)


def test_inspection(bundle: Path) -> None:
    described = inspect(bundle)
    assert described["kind"] == "bundle"
    assert described["model"]["inputs"] == {"z": ["batch", 6]}
    assert described["model"]["execution"]["int8_mac_share"] == 1.0
    assert inspect(bundle / "reference" / "float.onnx")["kind"] == "model"
    with pytest.raises(BundleError, match="not an ONNX model"):
        inspect(bundle / "report.json")
    with pytest.raises(BundleError, match="does not exist"):
        inspect(bundle / "nothing.onnx")

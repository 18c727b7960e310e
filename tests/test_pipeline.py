"""The whole way on a small generator of one's own: bundle, cache, resume, faults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from edgegan.bundle import damaged_files, open_bundle
from edgegan.cache import StageCache
from edgegan.checks.check import Verdict
from edgegan.errors import EdgeganError, ModelError, OutputExistsError, UnavailableError
from edgegan.pipeline import ExportResult, export, plan
from edgegan.progress import Event
from edgegan.recipe import load_recipe
from tests.models import write_own_generator

STAGES = [
    "captured", "lowered", "calibrated", "emitted", "golden", "quality", "diagnosis", "execution",
    "parity", "latency",
]  # fmt: skip


def run(
    recipe: Path, output: Path, cache: Path, *overrides: str, overwrite: bool = False
) -> tuple[ExportResult, dict[str, bool]]:
    cached: dict[str, bool] = {}

    def listen(event: Event) -> None:
        if event.seconds is not None:
            cached[event.stage] = event.cached

    loaded, folder = load_recipe(str(recipe), overrides)
    return export(loaded, folder, output, StageCache(cache), listen, overwrite), cached


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, ExportResult]:
    folder = tmp_path_factory.mktemp("export")
    recipe = write_own_generator(folder / "own")
    result, cached = run(recipe, folder / "bundle", folder / "cache")
    assert list(cached) == STAGES and not any(cached.values())
    return folder, recipe, result


def test_the_bundle_is_whole(exported: tuple[Path, Path, ExportResult]) -> None:
    folder, _, result = exported
    bundle = open_bundle(folder / "bundle")
    assert damaged_files(bundle) == []
    assert set(bundle.manifest.files) == {
        "model.onnx", "reference/float.onnx", "reference/lowered.onnx", "golden/inputs.npz",
        "golden/outputs.npz", "recipe.resolved.yaml", "report.json", "report.html", "LICENSE",
    }  # fmt: skip
    assert bundle.manifest.output_shape == (1, 8, 8)
    golden = bundle.golden("golden/outputs.npz")
    assert golden["image"].shape == (16, 1, 8, 8)
    error = np.abs(golden["image"] - golden["image_float"])
    assert 0.0 < error.mean() < 0.03
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert result.bundle == folder / "bundle"


def test_the_report(exported: tuple[Path, Path, ExportResult]) -> None:
    folder, _, result = exported
    report = json.loads((folder / "bundle" / "report.json").read_text())
    assert report["schema"] == "edgegan.report/2"
    checks = {check["name"]: check for check in report["checks"]}
    assert {"parity.max_lsb", "psnr_db", "latency.ratio", "latency.ratio_lowered",
            "size.ratio", "int8.mac_share", "lowering.relative_error"} <= set(checks)  # fmt: skip
    assert checks["int8.mac_share"]["value"] == 1.0
    assert checks["parity.max_lsb"]["verdict"] in ("pass", "inconclusive")
    assert checks["parity.max_lsb"]["limit"] == {"max": 0.0}
    assert all(set(c) >= {"name", "target", "value", "limit", "verdict"} for c in checks.values())
    assert [c.name for c in result.checks] == list(checks)


def test_a_repeated_run_is_cached_and_identical(exported: tuple[Path, Path, ExportResult]) -> None:
    folder, recipe, _ = exported
    _, cached = run(recipe, folder / "again", folder / "cache")
    assert all(cached.values())
    files = open_bundle(folder / "bundle").manifest.files
    assert open_bundle(folder / "again").manifest.files == files


def test_only_what_depends_on_a_change_is_made_again(
    exported: tuple[Path, Path, ExportResult],
) -> None:
    folder, recipe, _ = exported
    _, cached = run(recipe, folder / "w4", folder / "cache", "quantization.weight_bits=4")
    assert cached == dict(zip(STAGES, [True, True, *[False] * 8], strict=True))
    sizes = [(folder / name / "model.onnx").stat().st_size for name in ("bundle", "w4")]
    assert sizes[1] < sizes[0]


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    recipe = write_own_generator(tmp_path / "own", name="changing_generator")
    run(recipe, tmp_path / "a", tmp_path / "cache")
    source = tmp_path / "own" / "changing_generator.py"
    source.write_text(source.read_text() + "\n# changed\n")
    _, cached = run(recipe, tmp_path / "b", tmp_path / "cache")
    assert not any(cached.values())


def test_an_interrupted_run_resumes(
    exported: tuple[Path, Path, ExportResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_own_generator(tmp_path / "own")
    with monkeypatch.context() as patch:

        def interrupt(*args: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("edgegan.stages.emit_quantized", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(recipe, tmp_path / "bundle", tmp_path / "cache")
    assert not (tmp_path / "bundle").exists()
    _, cached = run(recipe, tmp_path / "bundle", tmp_path / "cache")
    assert [stage for stage in STAGES if cached[stage]] == STAGES[:3]
    folder, _, reference = exported
    resumed, fresh = (open_bundle(at / "bundle").manifest for at in (tmp_path, folder))
    assert resumed.files["model.onnx"] == fresh.files["model.onnx"]
    assert resumed.files["golden/outputs.npz"] == fresh.files["golden/outputs.npz"]
    assert reference.checks


def test_existing_output(exported: tuple[Path, Path, ExportResult], tmp_path: Path) -> None:
    folder, recipe, _ = exported
    with pytest.raises(OutputExistsError, match="--overwrite"):
        run(recipe, folder / "bundle", folder / "cache")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputExistsError, match="is not a bundle"):
        run(recipe, tmp_path / "mine", folder / "cache", overwrite=True)
    assert (tmp_path / "mine" / "thesis.tex").exists()
    run(recipe, folder / "bundle", folder / "cache", overwrite=True)
    assert damaged_files(open_bundle(folder / "bundle")) == []


def test_a_failed_gate_still_writes_the_bundle(
    exported: tuple[Path, Path, ExportResult], tmp_path: Path
) -> None:
    folder, recipe, _ = exported
    result, _ = run(recipe, tmp_path / "b", folder / "cache", "checks.gates.size.ratio.max=0.01")
    failed = [check.name for check in result.checks if check.verdict is Verdict.FAIL]
    assert failed == ["size.ratio"]
    assert (tmp_path / "b" / "report.json").exists()


@pytest.mark.parametrize("fault", ["missing", "garbage", "truncated", "pickle", "shape", "nan"])
def test_bad_weights(tmp_path: Path, fault: str) -> None:
    recipe = write_own_generator(tmp_path / "own")
    weights = tmp_path / "own" / "weights.safetensors"
    state = dict(torch.nn.Linear(6, 32).state_dict())
    overrides: tuple[str, ...] = ()
    if fault == "missing":
        weights.unlink()
    elif fault == "garbage":
        weights.write_bytes(b"not weights")
    elif fault == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif fault == "pickle":
        torch.save({"a": Path("x")}, tmp_path / "own" / "w.pt")
        overrides = ("generator.weights=w.pt",)
    elif fault == "shape":
        save_file(state, weights)
    else:
        state["weight"][0, 0] = float("nan")
        save_file(state, weights)
    with pytest.raises(ModelError) as error:
        run(recipe, tmp_path / "b", tmp_path / "cache", *overrides)
    assert "weights" in str(error.value)
    assert not (tmp_path / "b").exists()


def test_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_own_generator(tmp_path / "own")

    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("edgegan.stage_runner.importlib.import_module", missing)
    with pytest.raises(UnavailableError, match=r"edgegan\[export\]"):
        run(recipe, tmp_path / "b", tmp_path / "cache")


def test_an_unwritable_output_is_one_sentence(
    exported: tuple[Path, Path, ExportResult], tmp_path: Path
) -> None:
    folder, recipe, _ = exported
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeganError, match="cannot be written"):
        run(recipe, tmp_path / "file" / "bundle", folder / "cache")


def test_the_plan_is_what_happens(exported: tuple[Path, Path, ExportResult]) -> None:
    _, recipe, result = exported
    loaded, folder = load_recipe(str(recipe))
    (planned,) = plan(loaded, folder)
    execution = result.report["targets"]["ort-x86"]["devices"]["ort-x86"]["execution"]
    assert len(planned["layers"]) == len(execution["layers"])
    assert [layer["precision"] for layer in planned["layers"]] == ["int8"] * 3
    assert [island["operator"] for island in planned["islands"]] == ["tanh"]
    assert planned["rewrites"] == result.report["targets"]["ort-x86"]["rewrites"]
    loaded, folder = load_recipe(str(recipe), ("quantization.keep_float=[up.0]",))
    (planned,) = plan(loaded, folder)
    assert planned["kept_float"] == ["up.0"]
    assert "float" in {layer["precision"] for layer in planned["layers"]}

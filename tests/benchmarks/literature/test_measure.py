from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.literature import measure as measure_module
from benchmarks.literature.measure import Bench, data_folder, measure, usable, why_left_out
from tests.benchmarks.literature.fake import FakeExport


def test_a_bench_sets_model_scale_and_seeds(tmp_path: Path) -> None:
    seen: list[tuple[str, Mapping[str, Any]]] = []
    export = FakeExport()

    def watched(recipe: str, settings: Mapping[str, Any], work: Path) -> Any:
        seen.append((recipe, settings))
        return export(recipe, settings, work)

    bench = Bench(tmp_path, 500, watched)
    bench.of("mnist-mlp", "fashion-dcgan-w8a8", 0, {})
    bench.of("mnist-mlp", "fashion-dcgan-w4a8-ma", 2, {"quantization.weight_bits": 8}, 0.25)
    assert [recipe for recipe, _ in seen] == ["fashion-dcgan-w8a8", "fashion-dcgan-w4a8-ma"]
    plain, tuned = export.recipes
    assert (plain.name, plain.generator.zoo, plain.tune) == ("mnist-mlp", "mnist-mlp", None)
    assert (plain.calibration.seed, plain.checks.seed, plain.checks.samples) == (0, 1, 500)
    assert tuned.tune is not None
    assert (tuned.tune.seed, tuned.tune.budget) == (22, 0.25)
    assert (tuned.calibration.seed, tuned.checks.seed) == (20, 21)
    assert tuned.quantization.weight_bits == 8


def test_models_are_left_out_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is a feature network" in (why_left_out("fashion-features") or "")
    assert "no model 'nothing'" in (why_left_out("nothing") or "")
    monkeypatch.setattr(measure_module, "card_folder", lambda name: tmp_path)
    assert "mnist-cnn is not trained yet" in (why_left_out("mnist-cnn") or "")
    (tmp_path / "generator.safetensors").touch()
    assert "takes pictures" in (why_left_out("horse2zebra-cyclegan") or "")
    models, reasons = usable(["mnist-cnn", "nothing"])
    assert (models, len(reasons)) == (["mnist-cnn"], 1)


def test_a_data_set_is_found_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "cifar").mkdir()
    assert data_folder(tmp_path, "cifar10-dcgan") is None
    (tmp_path / "cifar" / "cifar10-train.npz").touch()
    assert data_folder(tmp_path, "cifar10-dcgan") == tmp_path / "cifar"
    assert data_folder(tmp_path / "cifar", "cifar10-dcgan") == tmp_path / "cifar"
    assert data_folder(tmp_path, "mnist-mlp") is None


@pytest.mark.slow
def test_a_measurement_is_what_the_report_of_the_export_says(tmp_path: Path) -> None:
    found = measure(
        "mnist-mlp-w8a8",
        {"checks.samples": 64, "calibration.samples": 8, "checks.metrics": ["is"]},
        tmp_path,
    )
    assert {"psnr", "qfid", "fid", "is"} <= found.values.keys()
    assert {"fid", "is"} == found.originals.keys()
    assert (found.features, found.executed_by) == ("mnist-features", "ONNX Runtime")
    assert found.images.shape == found.float_images.shape
    assert 0 < abs(found.images - found.float_images).max() < 1
    assert all(sum(weight["states"]) > 0 for weight in found.weights)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]

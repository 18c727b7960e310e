from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.literature import measure as measure_module
from benchmarks.literature.measure import Bench, measure, usable, why_left_out
from benchmarks.literature.pictures import data_folder, held_out_pictures
from edgegan.datasets.catalogue import DataSource, ImageSet
from edgegan.generators.inputs import draw_inputs
from edgegan.recipe import resolve
from tests.benchmarks.literature.fake import FakeExport


def test_a_bench_sets_model_scale_and_seeds(tmp_path: Path) -> None:
    seen: list[tuple[str, Mapping[str, Any]]] = []
    export = FakeExport()

    def watched(recipe: str, settings: Mapping[str, Any], work: Path, inputs: Path | None) -> Any:
        assert inputs is None
        seen.append((recipe, settings))
        return export(recipe, settings, work, inputs)

    bench = Bench(tmp_path, 500, None, watched)
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
    assert "is a feature network" in (why_left_out("fashion-features", None) or "")
    assert "no model 'nothing'" in (why_left_out("nothing", None) or "")
    monkeypatch.setattr(measure_module, "card_folder", lambda name: tmp_path)
    assert "mnist-cnn is not trained yet" in (why_left_out("mnist-cnn", None) or "")
    (tmp_path / "generator.safetensors").touch()
    for data in (None, tmp_path):
        reason = why_left_out("horse2zebra-cyclegan", data) or ""
        assert "takes pictures of horse2zebra, which --data does not have" in reason
    (tmp_path / "horse2zebra-128.tar").touch()
    assert why_left_out("horse2zebra-cyclegan", tmp_path) is None
    models, reasons = usable(["mnist-cnn", "nothing"], None)
    assert (models, len(reasons)) == (["mnist-cnn"], 1)


def test_a_data_set_is_found_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "cifar").mkdir()
    assert data_folder(tmp_path, "cifar10-dcgan") is None
    (tmp_path / "cifar" / "cifar10-train.npz").touch()
    assert data_folder(tmp_path, "cifar10-dcgan") == tmp_path / "cifar"
    assert data_folder(tmp_path / "cifar", "cifar10-dcgan") == tmp_path / "cifar"
    assert data_folder(tmp_path, "mnist-mlp") is None


def test_pictures_are_tuned_on_the_train_split_and_measured_on_the_test_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(source: DataSource, folder: Path, split: str) -> ImageSet:
        assert folder == tmp_path / "data"
        pixels = np.zeros((3, 3, 128, 128), np.uint8)
        pixels[1:] = 255 if split == "test" else 51
        return ImageSet(pixels, np.array([1, 0, 0]))

    monkeypatch.setattr(DataSource, "load", load)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "horse2zebra-128.tar").touch()
    export, seen = FakeExport(), []

    def watched(recipe: str, settings: Mapping[str, Any], work: Path, inputs: Path | None) -> Any:
        seen.append(inputs)
        return export(recipe, settings, work, inputs)

    bench = Bench(tmp_path / "stages", 500, tmp_path, watched)
    for recipe in ("fashion-dcgan-w8a8", "fashion-dcgan-w4a8-lsq"):
        budget = None if recipe.endswith("w8a8") else 1.0
        bench.of("horse2zebra-cyclegan", recipe, 0, {}, budget)
    for recipe_read, test in zip(export.recipes, seen, strict=True):
        assert recipe_read.generator.data == str(tmp_path / "data")
        resolved, folder = resolve(recipe_read, tmp_path)
        assert resolved.discriminator is not None and resolved.features == "horse2zebra-features"
        train = draw_inputs(resolved.generator.free_inputs, folder, 9, 0)["picture"]
        assert train.shape == (2, 3, 128, 128)
        assert np.allclose(train, -0.6)  # 51 of 255
        with np.load(test) as found:
            assert np.array_equal(found["picture"], np.ones((2, 3, 128, 128), np.float32))


def test_pictures_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []

    def load(source: DataSource, folder: Path, split: str) -> ImageSet:
        reads.append(split)
        return ImageSet(np.zeros((2, 3, 8, 8), np.uint8), np.array([0, 1]))

    monkeypatch.setattr(DataSource, "load", load)
    for _ in range(2):
        file = held_out_pictures("horse2zebra-cyclegan", tmp_path, tmp_path / "work")
    assert reads == ["test"]
    assert [path.name for path in file.parent.iterdir()] == ["horse2zebra-cyclegan-test.npz"]


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

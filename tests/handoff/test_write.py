"""The hand-off's texts and golden files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgegan.errors import BundleError
from edgegan.generators.contract import InputSpec
from edgegan.handoff.description import minimum_version
from edgegan.handoff.write import render, write_handoff
from tests.handoff.models import (
    LABEL,
    PHOTO,
    STYLE,
    delivery,
    description,
    labelled_golden,
    labelled_model,
    two_input_golden,
    two_input_model,
)


def test_the_page_of_a_latent_generator() -> None:
    page = render(description(delivery()))["HANDOFF.md"]
    for fact in (
        "| input | `latent` | float32 | `[1, 100]` | 100 values, each drawn independently from the "
        "standard normal distribution",
        "| output | `image` | float32 | `[1, 1, 32, 32]` | the image, in [-1, 1] |",
        "clips it to [-3.9, 3.9]",
        "pixel = clamp(round((value + 1) * 127.5), 0, 255)",
        "| `golden/latent.bin` | 1600 | `[4, 100]` |",
        "| `golden/image.bin` | 16384 | `[4, 1, 32, 32]` |",
        "**0, bit for bit**",
        "onnxruntime-android:1.31.1",
        "--include_ops_by_config model.config",
        "`model.ort` | **the model to ship** (1.50 MB)",
        "1.23.0 is the oldest",
    ):
        assert fact in page
    assert "uniform" not in page


def test_the_page_of_a_4_bit_generator_ships_the_onnx_file() -> None:
    texts = render(description(delivery(), bits=4))
    assert (
        "| `../model.onnx` | **the model to ship** (1.25 MB, ONNX opset 21) |"
        in texts["HANDOFF.md"]
    )
    assert "with 4-bit weights" in texts["HANDOFF.md"]
    assert "model.ort" not in "".join(texts.values())
    assert "--include_ops_by_config" not in texts["HANDOFF.md"]
    assert '"../model.onnx"' in texts["generator.cpp"]


def test_pictures_and_several_inputs() -> None:
    given = delivery((PHOTO, STYLE), output_shape=(3, 4, 6), value_range=(0.0, 1.0))
    texts = render(description(given))
    page = texts["HANDOFF.md"]
    assert "a picture of 6x4 pixels (RGB)" in page
    assert "`value = pixel / 255`" in page
    assert "clamp(round(value * 255), 0, 255)" in page
    assert "3 values, each drawn independently and uniformly from [-1, 1)" in page
    assert "red, green, blue" in page
    assert '{"photo", {1, 3, 4, 6}, Source::picture, 0.0f, 1.0f},' in texts["generator.cpp"]
    assert '{"style", {1, 3, 1, 1}, Source::uniform, 0.0f, 0.0f},' in texts["generator.cpp"]
    assert (
        'Tensor("photo", longArrayOf(1, 3, 4, 6), Source.PICTURE, 0.0f, 1.0f)'
        in (texts["Generator.kt"])
    )
    assert (
        'Tensor(name: "photo", shape: [1, 3, 4, 6], source: .picture, low: 0.0, high: 1.0)'
        in (texts["Generator.swift"])
    )
    assert all("fromPixels" in texts[name] for name in ("Generator.kt", "Generator.swift"))


def test_pictures_around_zero() -> None:
    photo = PHOTO.model_copy(update={"value_range": (-1.0, 1.0)})
    page = render(description(delivery((photo,))))["HANDOFF.md"]
    assert "`value = pixel * 2 / 255 - 1`" in page


def test_arrays_of_the_user_are_no_pictures() -> None:
    given = delivery((InputSpec(name="map", shape=(3, 8, 8), data="maps.npz"),))
    texts = render(description(given))
    assert "prepared the way the generator's training data was" in texts["HANDOFF.md"]
    assert "from_pixels" not in texts["generator.cpp"]


def test_an_output_that_is_no_picture_is_not_drawn() -> None:
    texts = render(description(delivery(output_shape=(5, 8, 8))))
    assert "8-bit pixels" not in texts["HANDOFF.md"]
    assert all("toPixels" not in texts[name] for name in ("Generator.kt", "Generator.swift"))
    assert "write_picture" not in texts["generator.cpp"]


def test_a_tolerance_is_told() -> None:
    texts = render(description(delivery(tolerance=0.25)))
    assert "**at most 0.25**" in texts["HANDOFF.md"]
    assert ": 0.25f;" in texts["generator.cpp"]


def test_measured_memory_is_told() -> None:
    page = render(description(delivery(peak_bytes=12_340_000)))["HANDOFF.md"]
    assert "Memory: 12.34 MB at the peak" in page
    assert "Memory" not in render(description(delivery()))["HANDOFF.md"]


def test_free_text_cannot_break_out() -> None:
    given = delivery(name="x\\\n#error", license="a <script>\n# `b`")
    texts = render(description(given))
    assert '"x/ #error"' in texts["generator.cpp"].splitlines()[0]
    assert texts["HANDOFF.md"].endswith("a ‹script> # 'b'\n")


@pytest.mark.parametrize(
    ("opset", "bits", "version"),
    [(21, 8, "1.23.0"), (21, 4, "1.23.0"), (25, 2, "1.24.1"), (25, 8, "1.24.1")],
)
def test_minimum_versions(opset: int, bits: int, version: str) -> None:
    assert minimum_version(opset, bits) == version


def test_a_folder_of_a_4_bit_model(tmp_path: Path) -> None:
    model, folder = tmp_path / "model.onnx", tmp_path / "handoff"
    two_input_model(model)
    folder.mkdir()
    golden = two_input_golden()
    given = delivery((PHOTO, STYLE), output_shape=(3, 4, 6), value_range=(0.0, 1.0))
    assert write_handoff(folder, given, model, golden) is None
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == [
        "Generator.kt",
        "Generator.swift",
        "HANDOFF.md",
        "generator.cpp",
        "golden/image.bin",
        "golden/photo.bin",
        "golden/style.bin",
    ]
    for name, array in golden.items():
        stored = np.fromfile(folder / "golden" / f"{name}.bin", "<f4")
        np.testing.assert_array_equal(stored.reshape(4, *array.shape[1:]), array[:4])


def test_golden_arrays_must_fit(tmp_path: Path) -> None:
    two_input_model(tmp_path / "model.onnx")
    golden = two_input_golden() | {"style": np.zeros((5, 3), np.float32)}
    given = delivery((PHOTO, STYLE), output_shape=(3, 4, 6))
    (tmp_path / "handoff").mkdir()
    with pytest.raises(BundleError, match=r"'style' are float32 \(3,\); they must be"):
        write_handoff(tmp_path / "handoff", given, tmp_path / "model.onnx", golden)
    with pytest.raises(BundleError, match="'photo' are missing"):
        (tmp_path / "empty").mkdir()
        write_handoff(tmp_path / "empty", given, tmp_path / "model.onnx", {})
    del golden["image"]
    golden["style"] = two_input_golden()["style"]
    (tmp_path / "other").mkdir()
    with pytest.raises(BundleError, match="'image' are missing"):
        write_handoff(tmp_path / "other", given, tmp_path / "model.onnx", golden)


@pytest.mark.slow
def test_labels_are_64_bit_integers(tmp_path: Path) -> None:
    given = delivery((LABEL, STYLE), output_shape=(3, 4, 6), value_range=(0.0, 1.0))
    labelled_model(tmp_path / "model.onnx")
    (tmp_path / "handoff").mkdir()
    golden = labelled_golden()
    write_handoff(tmp_path / "handoff", given, tmp_path / "model.onnx", golden)
    stored = np.fromfile(tmp_path / "handoff" / "golden" / "label.bin", "<i8")
    np.testing.assert_array_equal(stored, golden["label"][:4])
    texts = render(description(given))
    page = texts["HANDOFF.md"]
    assert "| input | `label` | int64 | `[1]` | a class, a whole number from 0 to 2 |" in page
    assert "| `golden/label.bin` | 32 | `[4]` |" in page
    assert "The classes: 0 shoe, 1 bag, 2 coat." in page
    assert 'Tensor("label", longArrayOf(1), Source.CLASSES, 0.0f, 0.0f, 3)' in texts["Generator.kt"]
    assert "source: .classes, low: 0.0, high: 0.0, classes: 3)" in texts["Generator.swift"]
    with pytest.raises(BundleError, match="must be int64"):
        wrong = golden | {"label": golden["style"][:, 0, 0, 0]}
        (tmp_path / "other").mkdir()
        write_handoff(tmp_path / "other", given, tmp_path / "model.onnx", wrong)

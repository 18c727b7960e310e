"""The C++ program, built and run against the real library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgegan.handoff.write import render, write_handoff
from edgegan.reports.pictures import as_pixels
from tests.handoff.compiler import build, run
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

PROBE = """
#define main generator_main
#include "generator.cpp"
#undef main
#include <cstdio>

int main() {
  std::vector<uint8_t> pixels(72);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 3);
  for (float value : from_pixels(kInputs[0], pixels)) std::printf("%.9g ", value);
  std::mt19937 random(7);
  Tensor many{"many", {1, 100000}, Source::normal, 0, 0};
  for (Source source : {Source::normal, Source::uniform}) {
    many.source = source;
    double sum = 0, squares = 0;
    for (float value : draw(many, random)) { sum += value; squares += value * value; }
    std::printf("%g %g ", sum / 1e5, squares / 1e5);
  }
}
"""


@pytest.mark.slow
def test_two_inputs_and_a_colour_picture(tmp_path: Path) -> None:
    model, folder, program = tmp_path / "model.onnx", tmp_path / "handoff", tmp_path / "generator"
    folder.mkdir()
    two_input_model(model)
    golden = two_input_golden()
    given = delivery((PHOTO, STYLE), output_shape=(3, 4, 6), value_range=(0.0, 1.0))
    write_handoff(folder, given, model, golden)
    build(folder / "generator.cpp", program)
    code, output = run(program, folder=folder)
    assert code == 0, output
    assert "largest difference 0 over 4 golden samples" in output and output.endswith("PASS\n")
    with Image.open(folder / "golden.ppm") as picture:
        drawn = np.asarray(picture)
    expected = as_pixels(golden["image"], (0.0, 1.0))
    assert expected is not None
    np.testing.assert_array_equal(drawn, expected[0])

    image = golden["image"][:4].copy()
    image[2, 1, 0, 0] += np.float32(0.125)
    (folder / "golden" / "image.bin").write_bytes(image.tobytes())
    code, output = run(program, folder=folder)
    assert code == 1 and "largest difference 0.125" in output and output.endswith("FAIL\n")
    assert run(program, "../model.onnx", "golden", "0.2", folder=folder)[0] == 0
    (folder / "golden" / "photo.bin").write_bytes(b"12345")
    code, output = run(program, folder=folder)
    assert code == 2 and "photo.bin has the wrong size" in output


@pytest.mark.slow
def test_pixels_and_laws(tmp_path: Path) -> None:
    given = delivery((PHOTO, STYLE), output_shape=(3, 4, 6), value_range=(0.0, 1.0))
    (tmp_path / "generator.cpp").write_text(render(description(given))["generator.cpp"])
    (tmp_path / "probe.cpp").write_text(PROBE)
    build(tmp_path / "probe.cpp", tmp_path / "probe")
    values = [float(word) for word in run(tmp_path / "probe", folder=tmp_path)[1].split()]
    pixels = (np.arange(72, dtype=np.uint8) * 3).reshape(4, 6, 3).transpose(2, 0, 1)
    np.testing.assert_allclose(values[:72], pixels.ravel() / 255.0, atol=1e-6)
    np.testing.assert_allclose(values[72:], [0, 1, 0, 1 / 3], atol=0.02)


@pytest.mark.slow
def test_labels(tmp_path: Path) -> None:
    model, folder, program = tmp_path / "model.onnx", tmp_path / "handoff", tmp_path / "generator"
    folder.mkdir()
    labelled_model(model)
    given = delivery((LABEL, STYLE), output_shape=(3, 4, 6), value_range=(0.0, 1.0))
    write_handoff(folder, given, model, labelled_golden())
    build(folder / "generator.cpp", program)
    for _ in range(5):  # each run draws a new class; one outside of the table would fail
        code, output = run(program, folder=folder)
        assert code == 0 and "largest difference 0 over 4 golden samples" in output, output

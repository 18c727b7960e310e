"""The hand-off of the shipped generator: conversion, kernels, bits, and the program a user builds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgegan.bundle import Bundle, open_bundle
from edgegan.cache import StageCache
from edgegan.errors import ModelError
from edgegan.handoff.description import Delivery
from edgegan.handoff.ort_format import OrtFiles, convert
from edgegan.handoff.providers import partitionings
from edgegan.handoff.write import write_handoff
from edgegan.pipeline import export
from edgegan.recipe import load_recipe
from edgegan.runtimes.base import first_output
from edgegan.runtimes.ort import OrtRuntime
from tests.handoff.compiler import build, run
from tests.handoff.models import two_input_model
from tests.machine import requires_exact_cpu

pytestmark = pytest.mark.slow


def handed_over(folder: Path, recipe_name: str) -> tuple[Bundle, Path, OrtFiles | None]:
    """A new bundle and its hand-off."""
    recipe, base = load_recipe(recipe_name)
    export(recipe, base, folder / "bundle", StageCache(folder / "cache"))
    bundle = open_bundle(folder / "bundle")
    manifest = bundle.manifest
    handoff = bundle.folder / "handoff"
    handoff.mkdir()
    given = Delivery(
        name=manifest.name,
        license=manifest.license,
        inputs=manifest.inputs,
        output=manifest.output,
        output_shape=manifest.output_shape,
        model="../model.onnx",
        proven_with=manifest.targets[0].devices[0].versions["onnxruntime"],
    )
    golden = bundle.golden("golden/inputs.npz") | bundle.golden("golden/outputs.npz")
    return bundle, handoff, write_handoff(handoff, given, bundle.path("model.onnx"), golden)


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Path, OrtFiles | None]:
    return handed_over(tmp_path_factory.mktemp("w8"), "fashion-dcgan-w8a8")


def test_the_ort_file_computes_the_same_bits(eight: tuple[Bundle, Path, OrtFiles]) -> None:
    bundle, _, ort = eight
    inputs = bundle.golden("golden/inputs.npz")
    runtime = OrtRuntime()
    expected = first_output(runtime.load(bundle.path("model.onnx")).run(inputs))
    np.testing.assert_array_equal(first_output(runtime.load(ort.model).run(inputs)), expected)
    for sample in range(4):
        one = {name: array[sample : sample + 1] for name, array in inputs.items()}
        image = first_output(runtime.load(ort.model).run(one))
        np.testing.assert_array_equal(image, expected[sample : sample + 1])


def test_the_ort_file_runs_integer_kernels(
    eight: tuple[Bundle, Path, OrtFiles], tmp_path: Path
) -> None:
    """Operators as the profiler saw them run; the configuration file names the same."""
    bundle, handoff, ort = eight
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = onnxruntime.InferenceSession(
        str(ort.model), options, providers=["CPUExecutionProvider"]
    )
    session.run(
        None, {name: array[:1] for name, array in bundle.golden("golden/inputs.npz").items()}
    )
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = {event["args"]["op_name"] for event in events if "op_name" in event.get("args", {})}
    assert "QLinearConv" in ran and "Conv" not in ran
    text = ort.operators.read_text()
    lines = [line.split(";") for line in text.splitlines() if not line.startswith("#")]
    named = {name for line in lines for name in re.findall(r"([A-Z]\w+)(?=[,{]|$)", line[2])}
    assert ran == named
    assert "# - model.ort" in text and str(handoff.parent) not in text


def test_the_page_holds_the_shipped_generators_facts(
    eight: tuple[Bundle, Path, OrtFiles],
) -> None:
    page = (eight[1] / "HANDOFF.md").read_text()
    assert "| input | `latent` | float32 | `[1, 100]` |" in page
    assert "| output | `image` | float32 | `[1, 1, 32, 32]` |" in page
    assert f"({eight[2].bytes / 1e6:.2f} MB)" in page
    assert (eight[1] / "golden" / "latent.bin").stat().st_size == 4 * 100 * 4
    for name in ("latent.bin", "image.bin"):
        assert f"| `golden/{name}` | {(eight[1] / 'golden' / name).stat().st_size} |" in page


@requires_exact_cpu
def test_the_program_passes_with_both_files(
    eight: tuple[Bundle, Path, OrtFiles], tmp_path: Path
) -> None:
    build(eight[1] / "generator.cpp", tmp_path / "generator")
    for model in (eight[2].model, eight[0].path("model.onnx")):
        code, output = run(
            tmp_path / "generator", str(model), str(eight[1] / "golden"), folder=tmp_path
        )
        assert code == 0 and "largest difference 0 over 4" in output, output
    assert (tmp_path / "new.pgm").read_bytes().startswith(b"P5\n32 32\n255\n")


@requires_exact_cpu
def test_four_bits_are_handed_over_as_onnx(tmp_path: Path) -> None:
    bundle, handoff, ort = handed_over(tmp_path, "fashion-dcgan-w4a8")
    assert ort is None and not list(handoff.glob("*.ort"))
    grown = convert(bundle.path("model.onnx"), tmp_path)
    assert grown.bytes > 1.8 * bundle.path("model.onnx").stat().st_size
    build(handoff / "generator.cpp", tmp_path / "generator")
    code, output = run(tmp_path / "generator", folder=handoff)
    assert code == 0 and "largest difference 0 over 4" in output, output


def test_counts_of_the_mobile_checker(tmp_path: Path) -> None:
    """One Mul (the constant ones are folded) of two: both accelerators know it."""
    two_input_model(tmp_path / "model.onnx")
    assert [
        (p.provider, p.partitions, p.nodes, p.total) for p in partitionings(tmp_path / "model.onnx")
    ] == [
        ("NNAPI", 1, 2, 2),
        ("CoreML", 1, 2, 2),
    ]


def test_a_broken_model_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelError, match=r"model\.onnx cannot be converted to the \.ort format"):
        convert(tmp_path / "model.onnx", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())

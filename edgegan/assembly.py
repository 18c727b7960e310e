"""Assembly of a bundle's files from the stages' results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from edgegan import __version__
from edgegan.bundle import MANIFEST, Manifest, TargetEntry, list_files, save_golden, text_digest
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED
from edgegan.generators.inputs import draw_inputs
from edgegan.latency.environment import environment
from edgegan.recipe import ResolvedRecipe
from edgegan.reports.page import Samples, render
from edgegan.results import TargetResults
from edgegan.runtimes.base import first_output
from edgegan.runtimes.find import runtime_for

GOLDEN_SAMPLES = 16
GOLDEN_SEED = 7


def write_bundle(
    bundle: Path, folder: Path, results: list[TargetResults], report: dict[str, Any]
) -> None:
    """Fill an empty folder.

    Args:
        bundle: the folder.
        folder: where the generator's files lie: weights, inputs, a zoo model's LICENSE.
        results: of every target of the recipe.
        report: contents of ``report.json``.
    """
    first = results[0]
    resolved = first.resolved
    models = first.models()
    shutil.copyfile(models[QUANTIZED], bundle / "model.onnx")
    (bundle / "reference").mkdir()
    references = {name: f"reference/{name}.onnx" for name in (FLOAT, LOWERED)}
    for name, path in references.items():
        shutil.copyfile(models[name], bundle / path)
    samples = _write_golden(bundle, folder, first)
    recipe = resolved.as_yaml()
    (bundle / "recipe.resolved.yaml").write_text(recipe)
    (bundle / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    terms = _terms(resolved, folder)
    (bundle / "LICENSE").write_text(terms)
    (bundle / "report.html").write_text(render(report, samples, terms), encoding="utf-8")
    here = environment()
    manifest = Manifest(
        schema="edgegan.bundle/1",  # type: ignore[call-arg]
        name=resolved.recipe.name,
        edgegan=__version__,
        license=resolved.license,
        inputs=resolved.generator.inputs,
        output=resolved.generator.output,
        output_shape=samples.quantized.shape[1:],
        golden_seed=GOLDEN_SEED,
        recipe_sha256=text_digest(recipe),
        references=references,
        golden={"inputs": "golden/inputs.npz", "outputs": "golden/outputs.npz"},
        targets=tuple(
            TargetEntry(
                name=result.target.name,
                runtime=result.target.runtime,
                grid=result.target.grid.name,
                model="model.onnx",
                opset=result.target.opset,
                int8_mac_share=result.read("emitted", "execution.json")["int8_mac_share"],
                proven_with={"flags": list(here.flags), **here.packages},
            )
            for result in results
        ),
        files=list_files(bundle),
    )
    text = json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=2)
    (bundle / MANIFEST).write_text(text + "\n")


def _write_golden(bundle: Path, folder: Path, result: TargetResults) -> Samples:
    """Golden pairs from the engine and from the float model."""
    generator = result.resolved.generator
    inputs = draw_inputs(generator.inputs, folder, GOLDEN_SAMPLES, GOLDEN_SEED)
    runtime = runtime_for(result.target)
    image = first_output(runtime.load(bundle / "model.onnx").run(inputs))
    original = first_output(runtime.load(bundle / "reference" / "float.onnx").run(inputs))
    name = generator.output.name
    save_golden(bundle / "golden" / "inputs.npz", inputs)
    save_golden(bundle / "golden" / "outputs.npz", {name: image, f"{name}_float": original})
    return Samples(original, image, generator.output.value_range)


def _terms(resolved: ResolvedRecipe, folder: Path) -> str:
    """Terms of the weights: a zoo model's own file, else what the recipe says."""
    if resolved.recipe.generator.zoo is not None:
        return (folder / "LICENSE").read_text()
    return f"Terms of the weights: {resolved.license}\n"

"""Assembly of a bundle's files from the stages' results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from edgegan import __version__
from edgegan.bundle import (
    GOLDEN_SEED,
    MANIFEST,
    DeviceEntry,
    EngineEntry,
    Manifest,
    TargetEntry,
    list_files,
    text_digest,
)
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED
from edgegan.latency.environment import environment
from edgegan.recipe import ResolvedRecipe
from edgegan.reports.page import Samples, render
from edgegan.results import GOLDEN, TargetResults, VariantResults

REFERENCE = "reference/float.onnx"
GOLDEN_INPUTS = "golden/inputs.npz"


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
    variants = {result.variant.variant: result.variant for result in results}
    first = results[0].variant
    resolved = first.resolved
    _copy(first.models()[FLOAT], bundle / REFERENCE)
    _copy(first.folders["golden"] / "inputs.npz", bundle / GOLDEN_INPUTS)
    for variant in variants.values():
        _copy_variant(bundle, variant)
    for result in results:
        _copy_target(bundle, result)
    recipe, terms = resolved.as_yaml(), _terms(resolved, folder)
    (bundle / "recipe.resolved.yaml").write_text(recipe)
    (bundle / "LICENSE").write_text(terms)
    samples = _samples(first)
    (bundle / "report.json").write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    (bundle / "report.html").write_text(render(report, samples, terms), encoding="utf-8")
    manifest = Manifest(
        schema="edgegan.bundle/2",  # type: ignore[call-arg]
        name=resolved.recipe.name,
        edgegan=__version__,
        license=resolved.license,
        inputs=resolved.generator.free_inputs,
        output=resolved.generator.output,
        output_shape=samples.quantized.shape[1:],
        golden_seed=GOLDEN_SEED,
        recipe_sha256=text_digest(recipe),
        reference=REFERENCE,
        golden_inputs=GOLDEN_INPUTS,
        targets=tuple(_entry(result) for result in results),
        files=list_files(bundle),
    )
    text = json.dumps(manifest.model_dump(mode="json", by_alias=True), indent=2)
    (bundle / MANIFEST).write_text(text + "\n")


def _copy_variant(bundle: Path, variant: VariantResults) -> None:
    models = variant.models()
    for name in (QUANTIZED, LOWERED):
        _copy(models[name], bundle / variant.name_in_bundle(name))
    _copy(variant.folders["golden"] / "outputs.npz", bundle / variant.name_in_bundle(GOLDEN))


def _copy_target(bundle: Path, result: TargetResults) -> None:
    """Engines and the hand-off folder, where the target has them."""
    if "engines" in result.folders:
        for entry in _engines(result):
            _copy(result.folders["engines"] / Path(entry.file).name, bundle / entry.file)
    if "handoff" in result.folders:
        shutil.copytree(result.folders["handoff"] / "handoff", bundle / "handoff")


def _engines(result: TargetResults) -> tuple[EngineEntry, ...]:
    built = result.read("engines") or {"engines": []}
    return tuple(
        EngineEntry(
            file=f"engines/{result.target.name}/{engine['file']}",
            capability=engine["capability"],
            library=engine["library"],
            ran=engine["ran"],
        )
        for engine in built["engines"]
    )


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)


def _entry(result: TargetResults) -> TargetEntry:
    variant, here = result.variant.variant, environment()
    name_of = result.variant.name_in_bundle
    executions = [result.read("execution", device) for device in result.devices]
    devices = []
    for device in result.devices:
        parity = result.read("parity", device)
        devices.append(
            DeviceEntry(
                name=device.label,
                parity_lsb=parity["max_lsb"] if parity else None,
                samples=parity["samples"] if parity else 0,
                versions=device.runtime().versions(),
                flags=here.flags if device.core is None else (),
            )
        )
    return TargetEntry(
        name=result.target.name,
        runtime=result.target.runtime,
        grid=variant.grid.name,
        model=name_of(QUANTIZED),
        lowered=name_of(LOWERED),
        golden=name_of(GOLDEN),
        opset=variant.opset,
        weight_bits=variant.weight_bits,
        weight_width=variant.weight_width,
        int8_mac_share=executions[0]["int8_mac_share"] if executions and executions[0] else None,
        devices=tuple(devices),
        unavailable=result.unavailable,
        engines=_engines(result),
        islands=tuple(result.variant.read("emitted")["islands"]),
    )


def _samples(variant: VariantResults) -> Samples:
    output = variant.resolved.generator.output
    with np.load(variant.folders["golden"] / "outputs.npz", allow_pickle=False) as golden:
        return Samples(golden[f"{output.name}_float"], golden[output.name], output.value_range)


def _terms(resolved: ResolvedRecipe, folder: Path) -> str:
    """Terms of the weights: a zoo model's own file, else what the recipe says."""
    if resolved.recipe.generator.zoo is not None:
        return (folder / "LICENSE").read_text()
    return f"Terms of the weights: {resolved.license}\n"

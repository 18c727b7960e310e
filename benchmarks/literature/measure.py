"""One measurement of a table: a shipped recipe with other settings, exported, and what its report says.

Nothing is computed here: numbers are those of the exported engine, as ``edgegan export`` measures it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.literature.pictures import data_folder, held_out_pictures, takes_pictures
from edgegan.bundle import Bundle, load_golden, open_bundle
from edgegan.cache import StageCache
from edgegan.card import card_folder, load_card
from edgegan.checks.speed import FLOAT, LOWERED, QUANTIZED, measure_speed
from edgegan.errors import EdgeganError
from edgegan.evaluation.evaluate import Options, evaluate
from edgegan.latency.measure import Effort
from edgegan.pipeline import export
from edgegan.recipe import load_recipe
from edgegan.runtimes.ort import OrtRuntime

TARGET = "ort-x86"
CACHE_LIMIT = 20 << 30
BATCH = 64
_ALWAYS: dict[str, Any] = {
    "targets": [TARGET],
    "checks.gates": {},
    "checks.parity_samples": 16,
    "checks.latency_seconds": 0.01,
}


@dataclass(frozen=True)
class Measured:
    """What the report of an export says.

    Attributes:
        values: by the metrics' number, of the engine.
        originals: the same of the float model, where there is one.
        features: name of the feature network.
        executed_by: what ran the engine.
        samples: images that were measured.
        parity_lsb: largest difference between engine and exact simulation.
        weights: the diagnosis of each weight: name, bits, states and the share of them in use.
        images: float32 ``[N, C, H, W]``, the engine's of the first inputs; ``float_images`` likewise.
        value_range: of the images.
        size_ratio: of the engine's file to the float model's.
        models: where the recipe compresses, each model on the way: parameters, MACs, bytes, and FID if it
            is of the same inputs.
        trained_on: the processor or GPU; None where nothing was trained.
        batch_ms: where it compresses, milliseconds of a batch of 64 by model, on one thread.
    """

    values: dict[str, float]
    originals: dict[str, float]
    features: str
    executed_by: str
    samples: int
    parity_lsb: float
    weights: list[dict[str, Any]]
    images: NDArray[np.float32]
    float_images: NDArray[np.float32]
    value_range: tuple[float, float]
    size_ratio: float
    models: tuple[dict[str, Any], ...] = ()
    trained_on: str | None = None
    batch_ms: Mapping[str, float] = field(default_factory=dict)

    def common(self) -> dict[str, Any]:
        """What stands in every row."""
        return {
            "features": self.features,
            "executed_by": self.executed_by,
            "samples": self.samples,
            "parity_lsb": self.parity_lsb,
        } | ({} if self.trained_on is None else {"trained_on": self.trained_on})


def measure(
    recipe: str, settings: Mapping[str, Any], work: Path, inputs: Path | None = None
) -> Measured:
    """Export ``recipe`` with ``settings`` (by ``section.key``); stages are kept in ``work``.

    Args:
        inputs: file of the inputs to measure with, where they are not those of the export.

    Raises:
        EdgeganError: as ``edgegan.pipeline.export``.
    """
    overrides = tuple(
        f"{key}={json.dumps(value)}" for key, value in {**_ALWAYS, **settings}.items()
    )
    loaded, folder = load_recipe(recipe, overrides)
    work.mkdir(parents=True, exist_ok=True)
    cache = StageCache(work / "cache", CACHE_LIMIT)
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        out = Path(scratch) / "bundle"
        report = export(loaded, folder, out, cache).report
        metrics = report["targets"][TARGET]["metrics"]
        if inputs is not None:
            names = ("fid", "qfid", "psnr", *loaded.checks.metrics)
            section = loaded.checks
            options = Options(names, samples=section.samples, seed=section.seed, inputs=inputs)
            found = evaluate(str(out), None, options, cache)
            metrics = [score.as_json() for score in found.scores]
        bundle = open_bundle(out)
        row = measured(report, metrics, bundle)
        if inputs is not None:  # the report's FID of models on the way is of the export's inputs
            models = tuple(model | {"fid": None, "qfid": None} for model in row.models)
            row = replace(row, models=models)
        return row if loaded.compress is None else replace(row, batch_ms=_batch_ms(bundle))


def measured(report: Mapping[str, Any], metrics: list[dict[str, Any]], bundle: Bundle) -> Measured:
    """What stands in ``report``, ``metrics`` and the golden samples of ``bundle``."""
    target = report["targets"][TARGET]
    numbers = {name: number for score in metrics for name, number in score["values"].items()}
    networks = [score["features"]["network"] for score in metrics if score["features"]]
    checks = {check["name"]: check["value"] for check in report["checks"]}
    golden = load_golden(bundle.folder / "golden")
    output = bundle.manifest.output
    return Measured(
        values={name: number["value"] for name, number in numbers.items()},
        originals={
            name: number["original"] for name, number in numbers.items() if "original" in number
        },
        features=networks[0] if networks else "",
        executed_by=target["metrics"][0]["measured"],
        samples=metrics[0]["samples"],
        parity_lsb=checks["parity.max_lsb"],
        weights=target["diagnosis"]["weights"],
        images=np.asarray(golden[output.name], np.float32),
        float_images=np.asarray(golden[f"{output.name}_float"], np.float32),
        value_range=output.value_range,
        size_ratio=checks["size.ratio"],
        models=tuple((target["compressed"] or {"waterfall": ()})["waterfall"]),
        trained_on=(target["compressed"] or target["tuned"] or {}).get("trained_on"),
    )


def _batch_ms(bundle: Bundle) -> dict[str, float]:
    """Of the original, the compressed float model as it is rewritten, and the engine, interleaved."""
    folder = bundle.folder
    models = {
        FLOAT: folder / "reference" / "float.onnx",
        LOWERED: folder / "reference" / "lowered.onnx",
        QUANTIZED: folder / "model.onnx",
    }
    speed = measure_speed(models, bundle.manifest.inputs, OrtRuntime(), 1, BATCH, Effort(seconds=5))
    return {name: timing.percentile(50) for name, timing in speed.timings.items()}


Measure = Callable[[str, Mapping[str, Any], Path, Path | None], Measured]


@dataclass(frozen=True)
class Bench:
    """Measures models of the zoo with the settings of shipped recipes.

    Attributes:
        work: keeps stages.
        samples: images of every metric.
        data: folder of the data sets.
        measure: ``measure``, or what takes its place.
    """

    work: Path
    samples: int
    data: Path | None = None
    measure: Measure = measure

    def of(
        self,
        model: str,
        recipe: str,
        seed: int,
        settings: Mapping[str, Any],
        budget: float | None = None,
    ) -> Measured:
        """``model`` in the place of the recipe's own.

        Args:
            seed: of the repetition; 0 has the seeds that recipes have by themselves.
            budget: of the recipe's tuning; None of a recipe that does not tune.
        """
        own: dict[str, Any] = {
            "name": model,
            "generator.zoo": model,
            "calibration.seed": 10 * seed,
            "checks.seed": 10 * seed + 1,
            "checks.samples": self.samples,
        }
        if budget is not None:
            own |= {"tune.seed": 10 * seed + 2, "tune.budget": budget}
        inputs = None
        if takes_pictures(load_card(model)):
            found = None if self.data is None else data_folder(self.data, model)
            assert found is not None, "models whose pictures are missing are left out"
            own["generator.data"] = str(found.resolve())
            inputs = held_out_pictures(model, found, self.work)
        return self.measure(recipe, {**own, **settings}, self.work, inputs)


def why_left_out(model: str, data: Path | None) -> str | None:
    """Why a model of the zoo cannot be measured; None if it can."""
    try:
        card, folder = load_card(model), card_folder(model)
    except EdgeganError as error:
        return str(error)
    if card.generator is None:
        return f"{model} is a feature network."
    if not (folder / card.generator.weights).is_file():
        return f"{model} is not trained yet: {card.generator.weights} is not in its folder."
    if takes_pictures(card) and (data is None or data_folder(data, model) is None):
        return f"{model} takes pictures of {card.data.name}, which --data does not have."
    return None


def usable(models: Iterable[str], data: Path | None) -> tuple[list[str], list[str]]:
    """Models that can be measured, and why others cannot."""
    reasons = {model: why_left_out(model, data) for model in models}
    return [m for m, reason in reasons.items() if not reason], [r for r in reasons.values() if r]

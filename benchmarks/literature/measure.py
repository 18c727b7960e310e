"""One measurement of a table: a shipped recipe with other settings, exported, and what its report says.

Nothing is computed here: numbers are those of the exported engine, as ``edgegan export`` measures it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgegan.bundle import Bundle, load_golden, open_bundle
from edgegan.cache import StageCache
from edgegan.card import card_folder, load_card
from edgegan.datasets.catalogue import find_source
from edgegan.errors import DataError, EdgeganError
from edgegan.pipeline import export
from edgegan.recipe import load_recipe

TARGET = "ort-x86"
CACHE_LIMIT = 20 << 30
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
        parity_lsb: largest difference between engine and exact simulation.
        weights: the diagnosis of each weight: name, bits, states and the share of them in use.
        images: float32 ``[N, C, H, W]``, the engine's of the first inputs; ``float_images`` likewise.
        value_range: of the images.
    """

    values: dict[str, float]
    originals: dict[str, float]
    features: str
    executed_by: str
    parity_lsb: float
    weights: list[dict[str, Any]]
    images: NDArray[np.float32]
    float_images: NDArray[np.float32]
    value_range: tuple[float, float]

    def common(self) -> dict[str, Any]:
        """What stands in every row."""
        return {
            "features": self.features,
            "executed_by": self.executed_by,
            "parity_lsb": self.parity_lsb,
        }


def measure(recipe: str, settings: Mapping[str, Any], work: Path) -> Measured:
    """Export ``recipe`` with ``settings`` (by ``section.key``); stages are kept in ``work``.

    Raises:
        EdgeganError: as ``edgegan.pipeline.export``.
    """
    overrides = tuple(
        f"{key}={json.dumps(value)}" for key, value in {**_ALWAYS, **settings}.items()
    )
    loaded, folder = load_recipe(recipe, overrides)
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        out = Path(scratch) / "bundle"
        result = export(loaded, folder, out, StageCache(work / "cache", CACHE_LIMIT))
        return measured(result.report, open_bundle(out))


def measured(report: Mapping[str, Any], bundle: Bundle) -> Measured:
    """What stands in ``report`` and in the golden samples of ``bundle``."""
    target = report["targets"][TARGET]
    numbers = {
        name: number for score in target["metrics"] for name, number in score["values"].items()
    }
    networks = [score["features"]["network"] for score in target["metrics"] if score["features"]]
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
        parity_lsb=checks["parity.max_lsb"],
        weights=target["diagnosis"]["weights"],
        images=np.asarray(golden[output.name], np.float32),
        float_images=np.asarray(golden[f"{output.name}_float"], np.float32),
        value_range=output.value_range,
    )


Measure = Callable[[str, Mapping[str, Any], Path], Measured]


@dataclass(frozen=True)
class Bench:
    """Measures models of the zoo with the settings of shipped recipes.

    Attributes:
        work: keeps stages.
        samples: images of every metric.
        measure: ``measure``, or what takes its place.
    """

    work: Path
    samples: int
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
        own = {
            "name": model,
            "generator.zoo": model,
            "calibration.seed": 10 * seed,
            "checks.seed": 10 * seed + 1,
            "checks.samples": self.samples,
        }
        if budget is not None:
            own |= {"tune.seed": 10 * seed + 2, "tune.budget": budget}
        return self.measure(recipe, {**own, **settings}, self.work)


def why_left_out(model: str) -> str | None:
    """Why a model of the zoo cannot be measured; None if it can."""
    try:
        card, folder = load_card(model), card_folder(model)
    except EdgeganError as error:
        return str(error)
    if card.generator is None:
        return f"{model} is a feature network."
    if not (folder / card.generator.weights).is_file():
        return f"{model} is not trained yet: {card.generator.weights} is not in its folder."
    if any(spec.is_picture for spec in card.generator.inputs):
        return f"{model} takes pictures, of which recipes of the zoo bring none."
    return None


def usable(models: Iterable[str]) -> tuple[list[str], list[str]]:
    """Models that can be measured, and why others cannot."""
    reasons = {model: why_left_out(model) for model in models}
    return [m for m, reason in reasons.items() if not reason], [r for r in reasons.values() if r]


def data_folder(root: Path, model: str) -> Path | None:
    """The folder, ``root`` or one in it, with the train split that a model was trained on."""
    source = find_source(load_card(model).data.name)
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        try:
            for file in source.train:
                source.check(folder / file.name, file)
        except DataError:
            continue
        return folder
    return None

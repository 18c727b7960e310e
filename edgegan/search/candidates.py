"""Models of a search: the recipe that an assignment stands for, and what is measured of its export.

Each is made by the stages of an export, and kept in their cache: the exported model is the measured one.
"""

from __future__ import annotations

import glob
import json
import math
from dataclasses import dataclass
from typing import Any

from edgegan.cache import digest
from edgegan.devices import Device, devices_for
from edgegan.errors import ModelError, UnavailableError, UsageError
from edgegan.generators.identity import generator_digest
from edgegan.latency.environment import environment
from edgegan.quantization.weights import Weights
from edgegan.recipe import Recipe, ResolvedRecipe
from edgegan.schema import validate
from edgegan.search.problem import Assignment, Measured, Problem
from edgegan.stage_runner import code, load_code
from edgegan.target_run import TargetRun
from edgegan.targets import find_target
from edgegan.variant_run import VariantRun


def with_weights(recipe: Recipe, layers: tuple[str, ...], weights: tuple[Weights, ...]) -> Recipe:
    """The recipe with weights of its own for each layer.

    Raises:
        UsageError: if a target does not take them.
    """
    integers = [each for each in weights if each.bits is not None]
    default = max(integers, key=lambda each: each.bits or 0) if integers else Weights(8)
    document = recipe.model_dump(mode="json", by_alias=True, exclude_unset=True)
    quantization: dict[str, Any] = document.setdefault("quantization", {})
    quantization |= {"weight_bits": default.bits, "weight_quantizer": default.quantizer}
    quantization["layers"] = [
        _rule(layer, each)
        for layer, each in zip(layers, weights, strict=True)
        if each != default or not integers
    ]
    return validate(Recipe, document, f"recipe {recipe.name}")


def _rule(layer: str, weights: Weights) -> dict[str, Any]:
    match = glob.escape(layer)
    if weights.bits is None:
        return {"match": match, "weight_bits": "float"}
    return {"match": match, "weight_bits": weights.bits, "weight_quantizer": weights.quantizer}


@dataclass(frozen=True)
class Candidates:
    """What turns assignments into numbers.

    Attributes:
        resolved: the recipe that is searched for.
        run: of that recipe, lowered; its graphs are shared.
        number: of the metric that is the loss: ``qfid`` or ``fid``.
    """

    resolved: ResolvedRecipe
    run: VariantRun
    number: str

    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that are searched: all with weights but those that stay float."""
        bench, keep = self.run.bench, self.resolved.recipe.quantization.keep_float
        layers = load_code("edgegan.quantization.layers")
        graph = bench.lowered.graph
        kept = layers.weights_of_layers(graph, Weights(8), (), keep)
        found = [path for path in layers.weighted_layers(graph) if kept[path].bits is not None]
        if not found:
            raise ModelError("the search needs a layer with weights that does not stay float.")
        return tuple(found)

    def recipe(self, problem: Problem, assignment: Assignment) -> Recipe:
        weights = tuple(problem.choices[choice] for choice in assignment)
        return with_weights(self.resolved.recipe, problem.layers, weights)

    def key(self, problem: Problem) -> str:
        """Of the search: all but how many trials it takes."""
        recipe = self.resolved.recipe.model_dump(mode="json", exclude={"name", "targets"})
        generator = generator_digest(self.resolved.generator, self.run.folder)
        searched = problem.as_json() | {"trials": None, "number": self.number}
        return digest([recipe, generator, self.resolved.recipe.targets[0], searched, code("")])

    def check(self, problem: Problem) -> None:
        """Refuse what could only fail later.

        Raises:
            UsageError: if a target does not take a choice, or there is nothing to measure with.
            UnavailableError: if a budget needs a device that is not here.
        """
        for assignment in problem.uniform():
            self.recipe(problem, assignment)
        if self.resolved.features is None:
            raise UsageError(
                f"the search measures {self.number}, which needs a feature network; name one in "
                "`checks.features`."
            )
        if {*problem.budgets} - {"size"}:
            self._device()

    def measure(self, problem: Problem, assignment: Assignment) -> Measured:
        """Make the model, or recall it, and measure it."""
        recipe = self.recipe(problem, assignment)
        resolved = self.resolved.model_copy(update={"recipe": recipe})
        target = find_target(recipe.targets[0])
        run = self.run.requantized(resolved, recipe.variant(target), lambda event: None)
        results = run.judged()
        sizes = {name: path.stat().st_size for name, path in results.models().items()}
        int8 = latency = None
        if "int8" in problem.budgets:
            int8 = self._on_device(run, "execution")["int8_mac_share"]
        if "latency" in problem.budgets:
            latency = 1.0 / self._on_device(run, "latency")["ratio"]["value"]
        return Measured(
            loss_of(results.read("quality"), self.number),
            sizes["quantized"],
            sizes["quantized"] / sizes["float"],
            int8,
            latency,
        )

    def _device(self) -> Device:
        target = find_target(self.resolved.recipe.targets[0])
        devices, reason = devices_for(target, (), environment())
        if not devices:
            raise UnavailableError(
                f"a budget of latency or int8 needs {target.name} on this machine: {reason}."
            )
        return devices[0]

    def _on_device(self, run: VariantRun, stage: str) -> dict[str, Any]:
        device = self._device()
        on_target = TargetRun(run, device.target, "")
        (on_target.execution if stage == "execution" else on_target.latency)(device)
        path = on_target.runner.folders[device.stage(stage)] / f"{stage}.json"
        found: dict[str, Any] = json.loads(path.read_text())
        return found


def loss_of(quality: dict[str, Any], number: str) -> float:
    """A number of ``quality.json``.

    Raises:
        ModelError: if it was not measured, or the model's pictures are no numbers.
    """
    for score in quality["scores"]:
        if number in score["numbers"]:
            value = float(score["numbers"][number]["value"])
            if math.isfinite(value):
                return value
    raise ModelError(f"{number} could not be measured; see `checks.features` and `checks.real`.")

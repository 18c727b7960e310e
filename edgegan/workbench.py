"""The graphs of one recipe, from the generator as it is to its quantized form.

They are never stored: deterministic passes rebuild them (a second or two), so no cached file can disagree
with the code that reads it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from safetensors.numpy import load_file
from torch import fx

from edgegan.compression.structure import outline, rebuild
from edgegan.generators.fixed import fix_inputs
from edgegan.generators.inputs import draw_inputs, draw_other_sizes
from edgegan.generators.latents import RANGES, Samples
from edgegan.generators.load import load_module
from edgegan.lowering.capture import capture, check_any_size
from edgegan.lowering.graph import EXAMPLE_BATCH
from edgegan.lowering.lower import Lowered, lower
from edgegan.quantization.calibrate import Calibration, apply_parameters, apply_weights
from edgegan.quantization.layers import weights_of_layers
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.parameter_files import PARAMETERS, WEIGHTS, read_parameters
from edgegan.quantization.placement import Placed, place
from edgegan.quantization.weight_quantizers.split_outliers import split_outliers
from edgegan.recipe import ResolvedRecipe
from edgegan.targets import Variant

Folders = dict[str, Path]
"""Results of the stages that have run, by name."""

_PROBE_BATCH = 3


@dataclass(frozen=True)
class Workbench:
    """The graphs of one recipe and variant, built when first needed.

    Attributes:
        resolved: the recipe.
        folder: where the generator's weights and local modules lie.
        variant: what the graph is rewritten and quantized for.
        compressed: result of the stage, where the recipe compresses and it has run.
    """

    resolved: ResolvedRecipe
    folder: Path
    variant: Variant
    compressed: Path | None = None

    def inputs(self, count: int, seed: int) -> tuple[torch.Tensor, ...]:
        return tensors_of(self.feed(count, seed))

    @cached_property
    def captured(self) -> fx.GraphModule:
        """What is lowered: the compressed generator, or the original."""
        section = self.resolved.recipe.compress
        if section is None:
            return self.original
        assert self.compressed is not None, "the stage `compressed` comes first"
        spec, example = self.resolved.generator, self.inputs(EXAMPLE_BATCH, 0)
        return rebuild(section, spec, self.folder, self.compressed, example)

    @cached_property
    def original(self) -> fx.GraphModule:
        spec = self.resolved.generator
        module = load_module(spec.source, spec.arguments, self.folder / spec.weights, self.folder)
        fixed = fix_inputs(module, spec)
        graph = capture(fixed, self.inputs(EXAMPLE_BATCH, 0))
        for other in self.other_sizes(EXAMPLE_BATCH, 0):
            check_any_size(fixed, graph, tensors_of(other))
        return graph

    @cached_property
    def lowered(self) -> Lowered:
        example, probe = self.inputs(EXAMPLE_BATCH, 0), self.inputs(_PROBE_BATCH, 1)
        others = (tensors_of(feed) for feed in self.other_sizes(_PROBE_BATCH, 1))
        return lower(self.captured, self.variant.lowering, example, probe, *others)

    @cached_property
    def placed(self) -> Placed:
        """The lowered graph with quantizers; their parameters are set by ``calibrated``."""
        q = self.resolved.recipe.quantization
        graph, grid = copy.deepcopy(self.lowered.graph), self.variant.grid
        weights = weights_of_layers(graph, q.default, q.rules, q.keep_float)
        if q.split_outliers:
            widths = {path: grid.width(w.bits) for path, w in weights.items() if w.bits}
            split_outliers(graph, q.split_outliers, widths, q.per_channel)
        return place(graph, grid, weights, q.per_channel)

    def outlined(self) -> Workbench:
        """For plans: a generator that is to be compressed, with weights that have not learned."""
        section = self.resolved.recipe.compress
        if section is None:
            return self
        planned, example = replace(self), self.inputs(EXAMPLE_BATCH, 0)
        graph = outline(section, self.resolved.generator, self.folder, example)
        vars(planned)["captured"] = graph
        return planned

    def requantized(self, resolved: ResolvedRecipe, variant: Variant) -> Workbench:
        """Of the same generator, quantized otherwise; the graphs that stay the same are shared."""
        other = Workbench(resolved, self.folder, variant, self.compressed)
        vars(other)["captured"] = self.captured
        if variant.lowering == self.variant.lowering:
            vars(other)["lowered"] = self.lowered
        return other

    def quantized(self, folders: Folders) -> Placed:
        """The graph as calibrated, or as tuned where the recipe says so."""
        tuned = folders.get("tuned")
        parameters = (folders["calibrated"] if tuned is None else tuned) / PARAMETERS
        apply_parameters(self.placed, read_parameters(parameters))
        if tuned is not None:
            apply_weights(self.placed, load_file(tuned / WEIGHTS))
        return self.placed

    def calibration(self) -> Calibration:
        """How ranges are found."""
        section = self.resolved.recipe.calibration
        return Calibration(
            observer=observer_of(
                section.observer, Quantiles(*section.activation_quantiles), section.momentum
            ),
            weights=Quantiles(*section.weight_quantiles),
            clip_saturated=section.clip_saturated,
            input_ranges=tuple(
                None if i.data else RANGES.get(i.law) for i in self.resolved.generator.free_inputs
            ),
        )

    def input_names(self) -> list[str]:
        return [spec.name for spec in self.resolved.generator.free_inputs]

    def other_sizes(self, count: int, seed: int) -> list[dict[str, Samples]]:
        """Seeded inputs of another size, where sizes are free; else nothing."""
        multiple = self.resolved.recipe.size_multiple
        specs = self.resolved.generator.free_inputs
        return [] if multiple is None else [draw_other_sizes(specs, multiple, count, seed)]

    def feed(self, count: int, seed: int) -> dict[str, Samples]:
        """Seeded inputs by name; fewer than ``count`` where the user's files hold fewer."""
        return draw_inputs(self.resolved.generator.free_inputs, self.folder, count, seed)


def tensors_of(feed: dict[str, Samples]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(value) for value in feed.values())

"""`edgegan debug --against-engine`: where an engine leaves the exact simulation.

Rebuilds the graph from the bundle's resolved recipe, takes scales and zero points from the bundle's
own model, and compares the engine of this machine with the simulation, tensor by tensor. Needs torch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from edgegan.bundle import Bundle, first_executable
from edgegan.checks.parity import Parity, measure_parity
from edgegan.errors import BundleError
from edgegan.quantization.calibrate import (
    QuantizationParameters,
    apply_parameters,
    fit_weight,
    parameter_of,
)
from edgegan.quantization.observers import Quantiles
from edgegan.quantization.placement import QUANTIZERS, Placed
from edgegan.recipe import load_recipe, resolve
from edgegan.runtimes.find import runtime_for
from edgegan.simulation.processors import arithmetic_of
from edgegan.targets import find_target
from edgegan.workbench import Workbench


def compare_with_simulation(bundle: Bundle, generator: Path | None, samples: int) -> Parity:
    """Compare on ``samples`` seeded inputs.

    Args:
        generator: folder of one's own generator's weights and source; zoo models are found.

    Raises:
        BundleError: if the model's quantizers are not those of the recipe's graph, or its weights learned.
    """
    recipe, _ = load_recipe(str(bundle.path("recipe.resolved.yaml")))
    for section, learned in ((recipe.compress, "compressed"), (recipe.tune, "tuned")):
        if section is not None:
            raise BundleError(
                f"{bundle.folder}: its weights were {learned}, and the generator's own are not those of "
                "its model; compare without --against-engine, or export the recipe again, which "
                "measures parity."
            )
    resolved, folder = resolve(recipe, generator or bundle.folder)
    entry = first_executable(bundle)
    target = find_target(entry.name)
    bench = Workbench(resolved, folder, recipe.variant(target))
    model = bundle.path(entry.model)
    parameters = read_parameters(model, bench.placed)
    if set(parameters) != set(bench.placed.quantizers):
        raise BundleError(
            f"{bundle.folder}: its quantizers are not those that this edgegan places; it was made by "
            f"version {bundle.manifest.edgegan}, use that one."
        )
    apply_parameters(bench.placed, parameters | _codebooks(bench))
    return measure_parity(
        model,
        bench.placed.graph,
        bench.feed(samples, bundle.manifest.golden_seed),
        runtime_for(target),
        arithmetic_of(target),
    )


def _codebooks(bench: Workbench) -> dict[str, QuantizationParameters]:
    """Weights' codebooks, fitted again: a model holds their integers, not the thresholds between them."""
    levels = bench.resolved.recipe.calibration.weight_quantiles
    return {
        name: fit_weight(parameter_of(bench.placed, quantizer), quantizer, Quantiles(*levels))
        for name, quantizer in bench.placed.quantizers.items()
        if quantizer.codebook_bits is not None
    }


def read_parameters(model: Path, placed: Placed) -> dict[str, QuantizationParameters]:
    """Scale and zero point of every quantizer of ``placed`` that the ONNX model has.

    The scales of a stored kernel are repeated for its phases; the first ones are the kernel's.
    """
    proto = onnx.load(model)
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    found = {}
    for node in proto.graph.node:
        if node.op_type != "DequantizeLinear" or not node.input[1].startswith("quantizers."):
            continue
        name = node.input[1].removeprefix("quantizers.").partition(".scale")[0]
        if name not in placed.quantizers:
            continue
        scale, zero = (onnx.numpy_helper.to_array(constants[key]) for key in node.input[1:3])
        wanted = getattr(getattr(placed.graph, QUANTIZERS), name).scale.shape
        if wanted:
            scale = scale[: wanted[0]]
            zero = zero[: wanted[0]] if zero.ndim else zero
        zeros = np.broadcast_to(zero.astype(np.int64), scale.shape)
        found[name] = QuantizationParameters(np.asarray(scale, np.float32), np.array(zeros))
    return found

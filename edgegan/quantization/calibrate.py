"""The calibration stage: observes every quantizer's tensor and sets its scale and zero point."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from edgegan.errors import ModelError
from edgegan.lowering.expand_phases import stored_weight
from edgegan.lowering.graph import is_call, is_parameter, read_parameter
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE
from edgegan.quantization.grid import affine_parameters, symmetric_scales
from edgegan.quantization.observers import (
    Observer,
    Quantiles,
    tensor_quantiles,
)
from edgegan.quantization.placement import QUANTIZERS, WEIGHT_QUANTIZERS, Placed, Quantizer
from edgegan.quantization.placement_rules import LAYERS
from edgegan.quantization.weight_quantizers.choose import SYMMETRIC, fit_codebook
from edgegan.quantization.weight_quantizers.levels import Codebook

BIAS_LIMIT = 2.0**30
"""Largest integer that a bias may become; ONNX Runtime adds it to 32-bit accumulators."""


@dataclass(frozen=True)
class Calibration:
    """How ranges are found.

    Attributes:
        observer: makes one for an activation tensor.
        weights: quantile levels, of the weight quantizer ``quantile``.
        clip_saturated: whether ranges end where their readers saturate; see ``saturation_limit``.
        input_ranges: of the graph's inputs, in order; None where a range is to be observed. A latent's
            law is known: what one image shows of it (100 values) says little about its tails.
    """

    observer: Callable[[], Observer]
    weights: Quantiles
    clip_saturated: bool = True
    input_ranges: tuple[tuple[float, float] | None, ...] = ()


@dataclass(frozen=True)
class QuantizationParameters:
    """Scale and zero point of one quantizer, or its scale and codebook.

    Attributes:
        scale: float32, 0-d or ``[C]``, positive.
        zero_point: int64 of the same shape, on the grid.
        thresholds: float32 ``[L - 1]`` or ``[C, L - 1]``, in units of the scale; with a codebook.
        codebook: int64 ``[L]`` or ``[C, L]``; None where the grid is uniform.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    thresholds: NDArray[np.float32] | None = None
    codebook: NDArray[np.int64] | None = None

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What there is, by name."""
        return {key: value for key, value in vars(self).items() if value is not None}


class _Observing(fx.Interpreter):
    """Runs the float graph: quantizers let values through and show them to their observers."""

    def __init__(self, graph: fx.GraphModule, observers: dict[str, Observer]) -> None:
        super().__init__(graph)
        self.observers = observers
        self.extra_traceback = False

    def run_node(self, n: fx.Node) -> Any:
        if not is_call(n, *WEIGHT_QUANTIZERS):
            return super().run_node(n)
        value = self.env[n.args[0]]  # type: ignore[index]
        observer = self.observers.get(n.meta["quantizer"])
        if observer is not None:
            observer.observe(value.numpy())
        return value


@torch.no_grad()
def calibrate(
    placed: Placed,
    batches: Iterable[tuple[torch.Tensor, ...]],
    calibration: Calibration,
    report: Callable[[int], None] = lambda images: None,
) -> dict[str, QuantizationParameters]:
    """Find every quantizer's parameters and write them into the graph.

    Args:
        placed: its graph's parameters are set in place.
        batches: inputs; the result does not depend on how they are batched (but for float rounding).
        calibration: observer and quantiles.
        report: called with the number of images seen.

    Raises:
        ModelError: if a tensor is not finite, or there was no image.
    """
    observers = {
        name: calibration.observer()
        for name, quantizer in placed.quantizers.items()
        if quantizer.kind == "activation"
    }
    interpreter = _Observing(placed.graph, observers)
    seen = 0
    for batch in batches:
        interpreter.run(*batch)
        seen += len(batch[0])
        report(seen)
    if not seen:
        raise ModelError("calibration got no images; raise calibration.samples.")
    result = {}
    for name, quantizer in placed.quantizers.items():
        if quantizer.kind == "activation":
            result[name] = activation_parameters(quantizer, observers[name], calibration)
        elif quantizer.kind == "constant":
            result[name] = _constant(placed, quantizer)
        else:
            value = parameter_of(placed, quantizer)
            result[name] = fit_weight(value, quantizer, calibration.weights)
    result |= limit_biases(placed, result)
    apply_parameters(placed, result)
    return result


def apply_parameters(placed: Placed, parameters: dict[str, QuantizationParameters]) -> None:
    """Write scales, zero points and codebooks into the graph."""
    for name, value in parameters.items():
        holder: Any = getattr(getattr(placed.graph, QUANTIZERS), name)
        for key, array in value.tensors().items():
            if hasattr(holder, key):  # codebooks have no zero point
                getattr(holder, key).data = torch.from_numpy(np.array(array, np.float32))


def apply_weights(placed: Placed, weights: dict[str, NDArray[np.float32]]) -> None:
    """Write weights, by their names in the graph, into it."""
    for name, value in weights.items():
        placed.graph.get_parameter(name).data = torch.from_numpy(np.array(value))


def activation_parameters(
    quantizer: Quantizer, observer: Observer, calibration: Calibration
) -> QuantizationParameters:
    """Of an activation, from the range that its observer has found.

    Raises:
        ModelError: if that is not finite, or nothing was observed.
    """
    low, high = observer.low, observer.high
    if low is None or high is None or not np.isfinite([low, high]).all():
        raise ModelError(
            f"layer {quantizer.layer}: its activations are not finite during calibration; check the "
            "weights and the inputs' law."
        )
    known = calibration.input_ranges
    index = quantizer.input_index
    if index is not None and index < len(known):
        low, high = known[index] or (low, high)
    if quantizer.limit is not None and calibration.clip_saturated:
        low, high = max(low, -quantizer.limit), min(high, quantizer.limit)
    if quantizer.grid.signed:
        reach = symmetric_scales(np.array(low), np.array(high), quantizer.grid)
        return QuantizationParameters(reach, np.zeros((), np.int64))
    scale, zero_point = affine_parameters(low, high, quantizer.grid)
    return QuantizationParameters(np.asarray(scale), np.asarray(zero_point, np.int64))


def _constant(placed: Placed, quantizer: Quantizer) -> QuantizationParameters:
    """Its values are known: the grid spans them all."""
    value = parameter_of(placed, quantizer)
    low, high = float(value.min()), float(value.max())
    if quantizer.grid.signed:
        reach = symmetric_scales(np.array(low), np.array(high), quantizer.grid)
        return QuantizationParameters(reach, np.zeros((), np.int64))
    scale, zero_point = affine_parameters(low, high, quantizer.grid)
    return QuantizationParameters(np.asarray(scale), np.asarray(zero_point, np.int64))


def parameter_of(placed: Placed, quantizer: Quantizer) -> NDArray[np.float32]:
    """The parameter that a quantizer stands behind."""
    node = next(
        n for n in placed.graph.graph.nodes if is_parameter(n) and n.target == quantizer.parameter
    )
    value: NDArray[np.float32] = read_parameter(placed.graph, node).numpy()
    return value


def fit_weight(
    value: NDArray[np.float32], quantizer: Quantizer, levels: Quantiles
) -> QuantizationParameters:
    """Fit a weight's quantizer to its values; they alone decide.

    Args:
        value: of the weight, whose channels are its first axis.
        quantizer: its grid and method.
        levels: for ``quantile``.
    """
    assert quantizer.weights is not None, "activations are observed"
    grid, method = quantizer.grid, quantizer.weights.quantizer
    shape = (len(value),) if grid.axis is not None else ()
    rows = value.reshape(len(value) if shape else 1, -1)
    if quantizer.codebook_bits is not None:
        wide = rows.astype(np.float64)
        return _of_codebook(fit_codebook(method, wide, quantizer.codebook_bits, grid.bits), shape)
    if method in SYMMETRIC:
        high = SYMMETRIC[method](rows.astype(np.float64), grid)
        low = -high
    else:
        low, high = tensor_quantiles(rows, levels)
    scale = symmetric_scales(low, high, grid).reshape(shape)
    return QuantizationParameters(scale, np.zeros(shape, np.int64))


def _of_codebook(codebook: Codebook, shape: tuple[int, ...]) -> QuantizationParameters:
    return QuantizationParameters(
        codebook.scale.reshape(shape),
        np.zeros(shape, np.int64),
        codebook.thresholds.reshape(*shape, -1),
        codebook.integers.reshape(*shape, -1),
    )


def _widened(weight: QuantizationParameters, scale: NDArray[np.float32]) -> QuantizationParameters:
    """The same quantizer with a wider scale."""
    if weight.codebook is None or weight.thresholds is None:
        return QuantizationParameters(scale, weight.zero_point)
    rows = weight.scale.size
    narrow = Codebook(
        weight.scale.reshape(-1),
        weight.codebook.reshape(rows, -1),
        weight.thresholds.reshape(rows, -1),
    )
    return _of_codebook(narrow.widened(scale.reshape(-1)), scale.shape)


def limit_biases(
    placed: Placed, parameters: dict[str, QuantizationParameters]
) -> dict[str, QuantizationParameters]:
    """Widen weight scales whose bias, in units of s_x·s_w, would overflow 32 bits.

    Happens in dead channels: tiny weights, ordinary bias.
    """
    widened: dict[str, QuantizationParameters] = {}
    if all(quantizer.kind == "weight" for quantizer in placed.quantizers.values()):
        return widened  # no integer sums, so nothing to overflow
    for node in placed.graph.graph.nodes:
        weight_node = stored_weight(node.args[1]) if is_call(node, *LAYERS) else None
        if not is_call(weight_node, *WEIGHT_QUANTIZERS):
            continue
        bias = node.args[2] if len(node.args) > 2 else None
        if bias is None:
            continue
        name = weight_node.meta["quantizer"]  # type: ignore[union-attr]
        input_scale = float(parameters[_quantizer_of(node.args[0])].scale)
        weight = widened.get(name, parameters[name])
        reach = np.abs(read_parameter(placed.graph, bias).double().numpy())
        floor = (reach / (input_scale * BIAS_LIMIT)).astype(np.float32)
        phases = floor.reshape(-1, weight.scale.size) if weight.scale.ndim else floor
        floor = phases.max(0)
        if (weight.scale < floor).any():
            scale = np.maximum(weight.scale, floor)
            widened[name] = _widened(weight, scale)
    return widened


def _quantizer_of(node: fx.Node) -> str:
    """Name of the quantizer whose grid ``node``'s values are on."""
    while not is_call(node, FAKE_QUANTIZE):
        node = node.args[0]  # type: ignore[assignment]
    return str(node.meta["quantizer"])

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
from edgegan.quantization.placement import QUANTIZERS, Placed, Quantizer
from edgegan.quantization.placement_rules import LAYERS

BIAS_LIMIT = 2.0**30
"""Largest integer that a bias may become; ONNX Runtime adds it to 32-bit accumulators."""


@dataclass(frozen=True)
class Calibration:
    """How ranges are found.

    Attributes:
        observer: makes one for an activation tensor.
        weights: quantile levels.
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
    """Scale and zero point of one quantizer.

    Attributes:
        scale: float32, 0-d or ``[C]``, positive.
        zero_point: int64 of the same shape, on the grid.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]


class _Observing(fx.Interpreter):
    """Runs the float graph: quantizers let values through and show them to their observers."""

    def __init__(self, graph: fx.GraphModule, observers: dict[str, Observer]) -> None:
        super().__init__(graph)
        self.observers = observers
        self.extra_traceback = False

    def run_node(self, n: fx.Node) -> Any:
        if not is_call(n, FAKE_QUANTIZE):
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
            result[name] = _activation(quantizer, observers[name], calibration)
        elif quantizer.kind == "constant":
            result[name] = _constant(placed, quantizer)
        else:
            result[name] = _weight(placed, quantizer, calibration.weights)
    result |= _limit_biases(placed, result)
    apply_parameters(placed, result)
    return result


def apply_parameters(placed: Placed, parameters: dict[str, QuantizationParameters]) -> None:
    """Write scales and zero points into the graph."""
    for name, value in parameters.items():
        holder: Any = getattr(getattr(placed.graph, QUANTIZERS), name)
        holder.scale.data = torch.from_numpy(np.array(value.scale, np.float32))
        holder.zero_point.data = torch.from_numpy(np.array(value.zero_point, np.float32))


def _activation(
    quantizer: Quantizer, observer: Observer, calibration: Calibration
) -> QuantizationParameters:
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
    value = _value(placed, quantizer)
    low, high = float(value.min()), float(value.max())
    if quantizer.grid.signed:
        reach = symmetric_scales(np.array(low), np.array(high), quantizer.grid)
        return QuantizationParameters(reach, np.zeros((), np.int64))
    scale, zero_point = affine_parameters(low, high, quantizer.grid)
    return QuantizationParameters(np.asarray(scale), np.asarray(zero_point, np.int64))


def _value(placed: Placed, quantizer: Quantizer) -> NDArray[np.float32]:
    """The parameter that a quantizer stands behind."""
    node = next(
        n for n in placed.graph.graph.nodes if is_parameter(n) and n.target == quantizer.parameter
    )
    value: NDArray[np.float32] = read_parameter(placed.graph, node).numpy()
    return value


def _weight(placed: Placed, quantizer: Quantizer, levels: Quantiles) -> QuantizationParameters:
    value = _value(placed, quantizer)
    per_channel = quantizer.grid.axis is not None
    rows = value.reshape(len(value), -1) if per_channel else value.reshape(1, -1)
    low, high = tensor_quantiles(rows, levels)
    scale = symmetric_scales(low, high, quantizer.grid)
    scale = scale if per_channel else scale.reshape(())
    return QuantizationParameters(scale, np.zeros(scale.shape, np.int64))


def _limit_biases(
    placed: Placed, parameters: dict[str, QuantizationParameters]
) -> dict[str, QuantizationParameters]:
    """Widen weight scales whose bias, in units of s_x·s_w, would overflow 32 bits.

    Happens in dead channels: tiny weights, ordinary bias.
    """
    widened: dict[str, QuantizationParameters] = {}
    if all(quantizer.kind == "weight" for quantizer in placed.quantizers.values()):
        return widened  # no integer sums, so nothing to overflow
    for node in placed.graph.graph.nodes:
        if not is_call(node, *LAYERS) or not is_call(stored_weight(node.args[1]), FAKE_QUANTIZE):
            continue
        bias = node.args[2] if len(node.args) > 2 else None
        if bias is None:
            continue
        name = stored_weight(node.args[1]).meta["quantizer"]
        input_scale = float(parameters[_quantizer_of(node.args[0])].scale)
        weight = widened.get(name, parameters[name])
        reach = np.abs(read_parameter(placed.graph, bias).double().numpy())
        floor = (reach / (input_scale * BIAS_LIMIT)).astype(np.float32)
        phases = floor.reshape(-1, weight.scale.size) if weight.scale.ndim else floor
        floor = phases.max(0)
        if (weight.scale < floor).any():
            scale = np.maximum(weight.scale, floor)
            widened[name] = QuantizationParameters(scale, weight.zero_point)
    return widened


def _quantizer_of(node: fx.Node) -> str:
    """Name of the quantizer whose grid ``node``'s values are on."""
    while not is_call(node, FAKE_QUANTIZE):
        node = node.args[0]  # type: ignore[assignment]
    return str(node.meta["quantizer"])

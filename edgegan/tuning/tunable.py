"""A calibrated graph as a module that learns: weights, biases, scales and zero points.

Scales are learned in logarithms and zero points in shares of the grid's span: a step of Adam then moves
each range by the same share of itself, whatever its unit. (LSQ, Esser et al. 2020, arXiv 1902.08153, learns
the scale itself, whose size differs a thousandfold between the tensors of one generator.)
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn
from torch.func import functional_call

from edgegan.lowering.expand_phases import stored_weight
from edgegan.lowering.graph import is_call, is_parameter
from edgegan.quantization.calibrate import QuantizationParameters
from edgegan.quantization.placement import QUANTIZERS, WEIGHT_QUANTIZERS, Placed, Quantizer
from edgegan.quantization.placement_rules import LAYERS
from edgegan.tuning.wide_norms import widen_norms


@dataclass(frozen=True)
class Tuned:
    """What tuning gives.

    Attributes:
        parameters: scale and zero point of every quantizer.
        weights: by name in the graph, those that changed; float32.
    """

    parameters: dict[str, QuantizationParameters]
    weights: dict[str, NDArray[np.float32]]


class Tunable(nn.Module):
    """The graph, and what it is computed from.

    Args:
        placed: calibrated; left as it is.
        affine: whether activations may have zero points other than 0, which then are learned.

    Attributes:
        graph: its own parameters are the start, and are never changed.
        weights: of quantized layers, and their biases, by name in the graph.
        codebooks: thresholds and codebooks of the weights that have them; no gradient reaches them.
        log_scales: by quantizer.
        offsets: zero points, in spans of their grid, by quantizer of an affine activation that can be
            negative.
    """

    def __init__(self, placed: Placed, affine: bool) -> None:
        super().__init__()
        self.quantizers = placed.quantizers
        self.graph = copy.deepcopy(placed.graph).requires_grad_(False)
        widen_norms(self.graph)
        self.initial = dict(self.graph.named_parameters()) | dict(self.graph.named_buffers())
        self.weights = _Leaves({name: self.initial[name] for name in _learned(self.graph)})
        self.codebooks = _Leaves(
            {
                f"{name}.{key}": self.initial[f"{QUANTIZERS}.{name}.{key}"]
                for name, quantizer in placed.quantizers.items()
                if quantizer.codebook_bits is not None
                for key in ("thresholds", "codebook")
            }
        ).requires_grad_(False)
        moving = {n: q for n, q in placed.quantizers.items() if q.kind != "constant"}
        self.log_scales = _Leaves({name: self.initial[_scale(name)].log() for name in moving})
        self.offsets = _Leaves(
            {
                name: self.initial[_zero_point(name)] / _span(quantizer)
                for name, quantizer in moving.items()
                if affine and quantizer.kind == "activation" and not self._starts_at_zero(name)
            }
        )

    def _starts_at_zero(self, name: str) -> bool:
        """Whether a range holds nothing negative. It stays so: engines take a ReLU along only then."""
        return float(self.initial[_zero_point(name)]) <= self.quantizers[name].grid.low

    def moved(self, device: torch.device) -> Tunable:
        """Itself, on ``device``."""
        self.to(device)
        for node in self.graph.graph.nodes:
            if "device" in node.kwargs:
                node.kwargs = node.kwargs | {"device": device}
        self.graph.recompile()
        return self

    def values(self) -> dict[str, torch.Tensor]:
        """Every learned parameter of the graph, by name, as it stands."""
        found = dict(self.weights.named())
        found |= {f"{QUANTIZERS}.{name}": leaf for name, leaf in self.codebooks.named()}
        for name, log_scale in self.log_scales.named():
            found[_scale(name)] = log_scale.exp()
        for name, offset in self.offsets.named():
            found[_zero_point(name)] = offset * _span(self.quantizers[name])
        return found

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Images of ``inputs``; differentiable."""
        return first_of(functional_call(self.graph, self.values(), inputs))

    def value_of(self, name: str) -> torch.Tensor:
        """A parameter of the graph that is no range, as it stands."""
        return self.weights[name] if name in self.weights else self.initial[name]

    @torch.no_grad()
    def set_ranges(self, parameters: dict[str, QuantizationParameters]) -> None:
        """Take scales and zero points from elsewhere."""
        for name, value in parameters.items():
            self.log_scales[name].copy_(torch.from_numpy(np.asarray(np.log(value.scale))))
            for key in ("thresholds", "codebook"):
                if f"{name}.{key}" in self.codebooks:
                    leaf = self.codebooks[f"{name}.{key}"]
                    leaf.copy_(torch.from_numpy(np.asarray(value.tensors()[key], np.float32)))
            if name in self.offsets:
                zero = torch.from_numpy(np.asarray(value.zero_point, np.float32))
                self.offsets[name].copy_(zero / _span(self.quantizers[name]))

    @torch.no_grad()
    def tuned(self) -> Tuned:
        """As it stands, on the grids' integers."""
        values = dict(self.initial) | self.values()
        parameters = {}
        for name, quantizer in self.quantizers.items():
            scale = values[_scale(name)].numpy()
            if quantizer.codebook_bits is not None:
                thresholds, codebook = (
                    values[f"{QUANTIZERS}.{name}.{key}"] for key in ("thresholds", "codebook")
                )
                parameters[name] = QuantizationParameters(
                    scale,
                    np.zeros(scale.shape, np.int64),
                    thresholds.numpy(),
                    codebook.long().numpy(),
                )
                continue
            zero = values[_zero_point(name)].round().long()
            zero = zero.clamp(quantizer.grid.low, quantizer.grid.high)
            parameters[name] = QuantizationParameters(scale, zero.numpy())
        weights = {name: leaf.detach().numpy().copy() for name, leaf in self.weights.named()}
        return Tuned(parameters, weights)


class _Leaves(nn.Module):
    """Trainable tensors by any name; a module's own attributes cannot hold dots."""

    def __init__(self, start: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._places = {name: str(place) for place, name in enumerate(start)}
        self.leaves = nn.ParameterDict(
            {self._places[name]: nn.Parameter(value.clone()) for name, value in start.items()}
        )

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> torch.Tensor:
        leaf: torch.Tensor = self.leaves[self._places[name]]
        return leaf

    def named(self, names: Iterable[str] | None = None) -> Iterable[tuple[str, torch.Tensor]]:
        """Names and tensors, of all or of those of ``names`` that are here."""
        wanted = self._places if names is None else names
        return ((name, self[name]) for name in wanted if name in self._places)


def first_of(output: Any) -> torch.Tensor:
    """The first tensor of a graph's output: the image."""
    leaves, _ = torch.utils._pytree.tree_flatten(output)
    image: torch.Tensor = leaves[0]
    return image


def _learned(graph: fx.GraphModule) -> list[str]:
    """Names of the weights and biases of quantized layers, each once.

    Buffers are constants of an architecture (StyleGAN's blur), which its training did not move either.
    """
    found: dict[str, None] = {}
    parameters = dict(graph.named_parameters())
    for node in graph.graph.nodes:
        if not is_call(node, *LAYERS):
            continue
        weight = stored_weight(node.args[1])
        if is_call(weight, *WEIGHT_QUANTIZERS):
            found[str(weight.all_input_nodes[0].target)] = None
            bias = node.args[2] if len(node.args) > 2 else None
            if bias is not None and is_parameter(bias):
                found[str(bias.target)] = None
    return [name for name in found if name in parameters]


def _span(quantizer: Quantizer) -> float:
    return float(quantizer.grid.high - quantizer.grid.low)


def _scale(name: str) -> str:
    return f"{QUANTIZERS}.{name}.scale"


def _zero_point(name: str) -> str:
    return f"{QUANTIZERS}.{name}.zero_point"

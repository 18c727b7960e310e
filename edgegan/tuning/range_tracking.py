"""Ranges that follow what is observed while the weights learn.

MA-QAT, Andreev et al. 2021, section 3.6: ranges of activations are moving averages of the quantiles of each
batch, before it is quantized; those of weights are of the weights as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from edgegan.lowering.graph import is_call, is_parameter
from edgegan.quantization.calibrate import (
    Calibration,
    QuantizationParameters,
    activation_parameters,
    fit_weight,
)
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE
from edgegan.quantization.observers import MovingAverageQuantileObserver, Quantiles
from edgegan.training.processes import ALONE, Processes
from edgegan.tuning.tunable import Tunable, first_of


class RangeTracker:
    """Observes the tunable graph while it computes.

    Args:
        tunable: its ranges are set by every ``run``.
        calibration: the recipe's.
        quantiles: of activations.
        momentum: of their moving average.
        processes: that share a batch; all of it is observed.
    """

    def __init__(
        self,
        tunable: Tunable,
        calibration: Calibration,
        quantiles: Quantiles,
        momentum: float,
        processes: Processes = ALONE,
    ) -> None:
        self.tunable = tunable
        self.calibration = calibration
        self.processes = processes
        self.observers = {
            name: MovingAverageQuantileObserver(quantiles, momentum)
            for name, quantizer in tunable.quantizers.items()
            if quantizer.kind == "activation"
        }

    def run(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Images of ``inputs``; differentiable, but for the ranges."""
        tunable = self.tunable
        tunable.set_ranges(
            {
                name: fit_weight(
                    tunable.value_of(str(quantizer.parameter)).detach().cpu().numpy(),
                    quantizer,
                    self.calibration.weights,
                )
                for name, quantizer in tunable.quantizers.items()
                if quantizer.kind == "weight"
            }
        )
        interpreter = _Tracking(self)
        image = first_of(interpreter.run(*inputs))
        tunable.set_ranges(interpreter.found)
        return image

    def observe(self, name: str, value: torch.Tensor) -> QuantizationParameters:
        """Take in a batch as one observation; returns the range after it."""
        observer = self.observers[name]
        observer.observe(self.processes.together(value).float().reshape(1, -1).cpu().numpy())
        return activation_parameters(self.tunable.quantizers[name], observer, self.calibration)

    def state(self) -> dict[str, Any]:
        """The ranges, for a checkpoint."""
        return {name: [one.low, one.high] for name, one in self.observers.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo ``state``."""
        for name, (low, high) in state.items():
            self.observers[name].low, self.observers[name].high = low, high


class _Tracking(fx.Interpreter):
    """Runs the graph on the values of a ``Tunable``, quantizing by what it has just observed."""

    def __init__(self, tracker: RangeTracker) -> None:
        super().__init__(tracker.tunable.graph)
        self.tracker = tracker
        self.values = tracker.tunable.values()
        self.found: dict[str, QuantizationParameters] = {}
        self.extra_traceback = False

    def fetch_attr(self, target: str) -> Any:
        return self.values[target] if target in self.values else super().fetch_attr(target)

    def run_node(self, n: fx.Node) -> Any:
        if not is_call(n, FAKE_QUANTIZE) or is_parameter(n.args[0]):
            return super().run_node(n)
        name = n.meta["quantizer"]
        value: torch.Tensor = self.env[n.args[0]]  # type: ignore[index]
        found = self.found[name] = self.tracker.observe(name, value)
        scale = torch.tensor(float(found.scale), device=value.device)
        zero_point = torch.tensor(float(found.zero_point), device=value.device)
        return FAKE_QUANTIZE(value, scale, zero_point, *n.args[3:])

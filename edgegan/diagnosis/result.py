"""What a diagnosis says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_PARTS_BELOW_DB = 20.0


@dataclass(frozen=True)
class TensorDiagnosis:
    """One quantized tensor (or the phases of one layer, which share a grid).

    Attributes:
        layer: name of the quantizer, made from the user's module path.
        sqnr_db: accumulated signal to quantization noise.
        own_sqnr_db: of this quantizer alone.
        clipped_share: float values outside the grid's range (in front of a tanh, those that matter).
        grid_used: distinct integers that occur, as a share of the grid's.
        low, high: the grid's range.
        gain_db: PSNR of the image that keeping this layer in float would give back.
        histogram: counts of the float values over ``edges``.
        edges: of the histogram's bins.
    """

    layer: str
    sqnr_db: float
    own_sqnr_db: float
    clipped_share: float
    grid_used: float
    low: float
    high: float
    gain_db: float
    histogram: list[int]
    edges: list[float]


@dataclass(frozen=True)
class WeightDiagnosis:
    """One quantized weight.

    Attributes:
        name: of the weight.
        bits: its width.
        states: how often each integer occurs, from the lowest on.
        low: the lowest integer.
        states_used: integers that occur, as a share of all.
        sqnr_db: against the float weight.
    """

    name: str
    bits: int
    states: list[int]
    low: int
    states_used: float
    sqnr_db: float


@dataclass(frozen=True)
class Diagnosis:
    """All of it.

    Attributes:
        samples: inputs that were run.
        psnr_db: of the quantized image against the float image.
        tensors: in graph order.
        weights: in graph order.
    """

    samples: int
    psnr_db: float
    tensors: tuple[TensorDiagnosis, ...]
    weights: tuple[WeightDiagnosis, ...]

    def ranked(self) -> list[TensorDiagnosis]:
        """Layers by what keeping them in float would give back, most first."""
        return sorted(self.tensors, key=lambda tensor: -tensor.gain_db)

    @property
    def parts_at(self) -> str | None:
        """First layer whose accumulated ratio falls below 20 dB."""
        return next((t.layer for t in self.tensors if t.sqnr_db < _PARTS_BELOW_DB), None)

    def as_json(self) -> dict[str, Any]:
        def finite(value: Any) -> Any:
            if isinstance(value, float):
                return value if np.isfinite(value) else None
            if isinstance(value, dict):
                return {key: finite(inner) for key, inner in value.items()}
            return value

        return {
            "samples": self.samples,
            "psnr_db": finite(self.psnr_db),
            "parts_at": self.parts_at,
            "ranked": [tensor.layer for tensor in self.ranked()],
            "tensors": [finite(asdict(tensor)) for tensor in self.tensors],
            "weights": [finite(asdict(weight)) for weight in self.weights],
        }

"""What is searched: a choice of weights for each layer, under limits, for the least of one number."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgegan.errors import UsageError
from edgegan.quantization.weight_quantizers.names import WeightQuantizer
from edgegan.quantization.weights import FLOAT, Weights

Assignment = tuple[int, ...]
"""Of each layer, in order, the place of its choice."""

BUDGETS = ("size", "latency", "int8")


@dataclass(frozen=True)
class Measured:
    """One model.

    Attributes:
        loss: qFID (or FID) of the engine; less is better.
        bytes: of the ONNX file.
        size: bytes over those of the fp32 model.
        int8: MACs in int8 as a share of all; None where no budget asks for it.
        latency: p50 over that of the float model; None likewise.
    """

    loss: float
    bytes: int
    size: float
    int8: float | None = None
    latency: float | None = None

    def cost(self, budget: str) -> float:
        """Of a budget, so that less is better: the share of MACs that are *not* in int8."""
        value = {"size": self.size, "latency": self.latency, "int8": self.int8}[budget]
        assert value is not None, "it is measured where there is a budget of it"
        return 1.0 - value if budget == "int8" else value

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Problem:
    """A search, without its results.

    Attributes:
        layers: paths, in order.
        choices: what each layer may have; the first is where the search starts from.
        budgets: limits by name: at most so much ``size`` or ``latency``, at least so much ``int8``.
        most_loss: where set, the fewest bytes are searched, else the least loss.
        trials: models measured beyond uniform ones and sensitivities.
        seed: of the order among models that are expected to be equal.
    """

    layers: tuple[str, ...]
    choices: tuple[Weights, ...]
    budgets: Mapping[str, float]
    most_loss: float | None
    trials: int
    seed: int

    @property
    def base(self) -> Assignment:
        return (0,) * len(self.layers)

    def uniform(self) -> list[Assignment]:
        """All layers alike."""
        return [(choice,) * len(self.layers) for choice in range(len(self.choices))]

    def single(self, layer: int, choice: int) -> Assignment:
        """One layer other than the base."""
        return tuple(choice if at == layer else 0 for at in range(len(self.layers)))

    def singles(self) -> list[Assignment]:
        count, choices = len(self.layers), range(1, len(self.choices))
        return [self.single(layer, choice) for layer in range(count) for choice in choices]

    def first_trials(self) -> list[Assignment]:
        """What is measured before anything is chosen: uniform models and sensitivities."""
        return list(dict.fromkeys([*self.uniform(), *self.singles()]))

    def neighbours(self, of: Assignment) -> list[Assignment]:
        """All that differ from ``of`` in one layer or two."""
        found = []
        for count in (1, 2):
            for places in itertools.combinations(range(len(of)), count):
                for new in itertools.product(range(len(self.choices)), repeat=count):
                    changed = dict(zip(places, new, strict=True))
                    if all(of[place] != choice for place, choice in changed.items()):
                        found.append(tuple(changed.get(at, c) for at, c in enumerate(of)))
        return found

    def admits(self, measured: Measured) -> bool:
        """Whether a model keeps to the budgets."""
        return all(measured.cost(name) <= self.limit(name) for name in self.budgets)

    def limit(self, budget: str) -> float:
        """Of ``Measured.cost``."""
        return 1.0 - self.budgets[budget] if budget == "int8" else self.budgets[budget]

    def satisfies(self, measured: Measured) -> bool:
        """Whether a model keeps to the budgets and is good enough."""
        good = self.most_loss is None or measured.loss <= self.most_loss
        return good and self.admits(measured)

    def rank(self, measured: Measured) -> tuple[float, float]:
        """Less is better."""
        if self.most_loss is None:
            return measured.loss, measured.bytes
        return measured.bytes, measured.loss

    def name(self, assignment: Assignment) -> str:
        """Of a trial: unique, and fit for a file."""
        return "-".join(map(str, assignment))

    def as_json(self) -> dict[str, Any]:
        return {
            "layers": list(self.layers),
            "choices": [label(choice) for choice in self.choices],
            "budgets": dict(self.budgets),
            "most_loss": self.most_loss,
            "trials": self.trials,
            "seed": self.seed,
        }


def label(weights: Weights) -> str:
    """As the option ``--choices`` has it."""
    if weights.bits is None:
        return "float"
    return str(weights.bits) + ("" if weights.quantizer == "quantile" else f":{weights.quantizer}")


def read_choices(text: str, quantizer: str) -> tuple[Weights, ...]:
    """``8,4:mse,2:em,float`` as weights, the most bits first and float last.

    Args:
        quantizer: where none is named.

    Raises:
        UsageError: if it reads otherwise, or names fewer than two.
    """
    known = WeightQuantizer.__args__  # type: ignore[attr-defined]
    found = set()
    for part in (part.strip() for part in text.split(",")):
        bits, _, method = part.partition(":")
        if part == "float":
            found.add(FLOAT)
            continue
        if not bits.isdecimal() or not 1 <= int(bits) <= 8 or (method and method not in known):
            raise UsageError(
                f"--choices {part!r} must read BITS, BITS:QUANTIZER or float, with 1 to 8 bits and one of "
                f"{', '.join(known)}."
            )
        found.add(Weights(int(bits), method or quantizer))
    integers = [each for each in found if each.bits is not None]
    if not integers or len(found) < 2:
        raise UsageError("--choices needs at least two, one of them with bits, such as 8,4,2.")
    integers.sort(key=lambda each: (-(each.bits or 0), each.quantizer))
    return (*integers, *(found - {*integers}))


def read_budgets(texts: list[str]) -> dict[str, float]:
    """``size=0.08`` and others, by name.

    Raises:
        UsageError: if one reads otherwise.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if name not in BUDGETS or not 0 < number <= (1 if name == "int8" else float("inf")):
            raise UsageError(
                f"--budget {text!r} must read size=RATIO or latency=RATIO (of the float model's) or "
                "int8=SHARE (of the MACs), such as size=0.08."
            )
        found[name] = number
    return found

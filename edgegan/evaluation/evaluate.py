"""`edgegan evaluate`: opens what is named, measures, and judges."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.cache import StageCache
from edgegan.checks.check import Check, Limit
from edgegan.errors import LackingError, UsageError
from edgegan.evaluation.folders import real_pictures
from edgegan.evaluation.material import Material
from edgegan.evaluation.metrics import METRICS
from edgegan.evaluation.models import Contract, Model
from edgegan.evaluation.names import (
    METRIC_NAMES,
    NUMBER_NAMES,
    ON_PIXELS,
    metric_of,
)
from edgegan.evaluation.networks import Network, find_network
from edgegan.evaluation.score import Score
from edgegan.evaluation.sides import contract_of, open_side, pictures_of
from edgegan.progress import Listener
from edgegan.schema import unknown_name

SCHEMA = "edgegan.evaluate/1"
_ON_REQUEST = ("fid_infinity",)


@dataclass(frozen=True)
class Options:
    """How to evaluate.

    Attributes:
        metrics: which; None for all that the pictures at hand allow.
        real: folder of real pictures.
        split: ``train`` or ``test``, where that is a data set.
        samples: pictures of each side.
        real_samples: real pictures; as many as ``samples`` if None.
        seed: of inputs and choices.
        features: feature network; None for the model's own.
        weights: file of inception's or vgg16's weights.
        inputs: file or folder that takes the place of the drawn inputs.
        like: whose inputs and value range an ONNX file shares.
        target: which of a bundle's.
        limits: gates by number, see ``names.NUMBERS``.
        intervals: whether all intervals are wanted; those of gated numbers always are.
        replicates: of an interval.
    """

    metrics: tuple[str, ...] | None = None
    real: Path | None = None
    split: str = "train"
    samples: int = 2000
    real_samples: int | None = None
    seed: int = 1
    features: str | None = None
    weights: Path | None = None
    inputs: Path | None = None
    like: str | None = None
    target: str | None = None
    limits: dict[str, Limit] | None = None
    intervals: bool = False
    replicates: int = 100


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        material: of what.
        models: behind ``measured`` and ``original``, where they are none of folders.
        contract: of the models' inputs.
        scores: in the order of ``METRIC_NAMES``.
        left_out: why others were not measured, by metric.
        checks: of the gates.
    """

    material: Material
    models: tuple[Model, ...]
    contract: Contract | None
    scores: tuple[Score, ...]
    left_out: dict[str, str]
    checks: tuple[Check, ...]

    def as_json(self) -> dict[str, Any]:
        sides = (self.material.measured, self.material.original, self.material.real)
        names = ("measured", "original", "real")
        return {
            "schema": SCHEMA,
            **{
                name: None if side is None else {"label": side.label, "samples": side.count}
                for name, side in zip(names, sides, strict=True)
            },
            "metrics": [score.as_json() for score in self.scores],
            "checks": [check.as_json() for check in self.checks],
        }


def evaluate(
    measured: str,
    original: str | None,
    options: Options,
    cache: StageCache,
    listen: Listener = lambda event: None,
) -> Evaluation:
    """Measure pictures, beside those of an original where there is one.

    Args:
        measured, original: see ``open_model``, or a folder of pictures. A bundle alone is compared
            with the float model in it.

    Raises:
        EdgeganError: if something named cannot be used, or a metric asked for cannot be measured.
    """
    limits = options.limits or {}
    names = _wanted(options.metrics, limits)
    first = open_side(measured, options.target)
    second = None if original is None else open_side(original, options.target)
    if isinstance(first, Model) and second is None:
        second = first.original
    sides = (first,) if second is None else (first, second)
    contract = contract_of(sides, options.like, options.inputs)
    pictures = [pictures_of(side, contract, options.samples, options.seed) for side in sides]
    real = None
    if options.real is not None:
        count = options.real_samples or options.samples
        real = real_pictures(options.real, options.split, count, options.seed)
    material = Material(
        measured=pictures[0],
        original=pictures[1] if len(pictures) > 1 else None,
        real=real,
        network=_network(contract, options) if {*names} - {*ON_PIXELS} else None,
        cache=cache,
        seed=options.seed,
        intervals=NUMBER_NAMES if options.intervals else tuple(limits),
        replicates=options.replicates,
        listen=listen,
    )
    gated = {metric_of(number) for number in limits}
    optional = set() if options.metrics else {*METRIC_NAMES} - gated
    scores, left_out = measure(material, names, optional)
    by_number = {number: score for score in scores for number in score.numbers}
    checks = tuple(
        by_number[number].check(number, material.measured.label, limit)
        for number, limit in limits.items()
    )
    models = tuple(side for side in sides if isinstance(side, Model))
    return Evaluation(material, models, contract, scores, left_out, checks)


def measure(
    material: Material, names: Collection[str], optional: Collection[str] = ()
) -> tuple[tuple[Score, ...], dict[str, str]]:
    """The metrics ``names``, in the order of ``METRIC_NAMES``.

    Args:
        optional: those that are left out where the material does not allow them.

    Returns:
        The scores, and why others were left out, by metric.

    Raises:
        LackingError: if another one cannot be measured.
    """
    scores, left_out = [], {}
    for name in METRIC_NAMES:
        if name not in names:
            continue
        try:
            scores.append(METRICS[name](material))
        except LackingError as error:
            if name not in optional:
                raise
            left_out[name] = str(error)
    return tuple(scores), left_out


def _wanted(metrics: tuple[str, ...] | None, limits: dict[str, Limit]) -> tuple[str, ...]:
    """The metrics asked for (all, but for some, if None) and those of the gates.

    Raises:
        UsageError: if one is unknown.
    """
    for kind, given, known in (
        ("metric", metrics or (), METRIC_NAMES),
        ("gate", limits, NUMBER_NAMES),
    ):
        for name in given:
            if name not in known:
                raise UsageError(unknown_name(kind, name, known).message())
    usual = tuple(name for name in METRIC_NAMES if name not in _ON_REQUEST)
    return (*(usual if metrics is None else metrics), *(metric_of(number) for number in limits))


def _network(contract: Contract | None, options: Options) -> Network | None:
    """The one named, or the models' own; None where nothing names one."""
    if options.features is not None:
        return find_network(options.features, Path(), options.weights)
    if contract is None or contract.features is None:
        return None
    return find_network(contract.features, contract.folder, options.weights)

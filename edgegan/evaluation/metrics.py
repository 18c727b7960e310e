"""The metrics by name: from pictures and features to scores. The formulas are in ``edgegan.metrics``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from edgegan.errors import LackingError
from edgegan.evaluation.material import Features, Material
from edgegan.evaluation.names import NUMBERS
from edgegan.evaluation.pairs import PAIR_METRICS
from edgegan.evaluation.score import Interval, Number, Score
from edgegan.metrics.bootstrap import Draw, confidence_interval, half_samples, with_replacement
from edgegan.metrics.density_coverage import density_coverage
from edgegan.metrics.fid import bias_note, frechet_distance, frechet_feature_distance, qfid
from edgegan.metrics.fid_infinity import fid_infinity
from edgegan.metrics.inception_score import inception_score, softmax
from edgegan.metrics.kid import kernel_distance
from edgegan.metrics.precision_recall import precision_recall
from edgegan.metrics.realism import realism
from edgegan.metrics.statistics import FeatureStatistics, moments

_NORMAL = 1.96
"""Standard errors of a normal law to either side that hold 95 %."""
_SUBSET = 1000
_SPLITS = 10

Statistic = Callable[..., float]


def _interval(
    material: Material,
    name: str,
    statistic: Statistic,
    *sets: Features | NDArray[np.float64],
    draw: Draw = with_replacement,
    paired: bool = False,
) -> Interval | None:
    """Bootstrapped, where it is asked for."""
    if name not in material.intervals:
        return None
    found = confidence_interval(
        statistic, sets, draw, paired=paired, replicates=material.replicates, seed=material.seed
    )
    return (found.low, found.high)


def _fid(material: Material) -> Score:
    reference, against = _reference(material)
    made = material.features(material.measured)

    def distance(features: Features) -> float:
        return frechet_distance(moments(features), reference)

    original = None
    if material.original is not None:
        original = distance(material.features(material.original))
    if material.real is None:
        interval = _interval(material, "fid", distance, made)
    else:
        real = material.features(material.real)
        interval = _interval(material, "fid", frechet_feature_distance, made, real)
    numbers = {"fid": Number(distance(made), interval, original)}
    note = bias_note(min(len(made), reference.count), made.shape[1])
    return _of_features("fid", material, numbers, against, note)


def _fid_infinity(material: Material) -> Score:
    reference, against = _reference(material)
    made = material.features(material.measured)

    def distance(features: Features) -> float:
        return fid_infinity(features, reference, seed=material.seed).value

    original = None
    if material.original is not None:
        original = distance(material.features(material.original))
    number = Number(distance(made), _interval(material, "fid_infinity", distance, made), original)
    note = "FID extrapolated to infinitely many generated pictures"
    return _of_features("fid_infinity", material, {"fid_infinity": number}, against, note)


def _reference(material: Material) -> tuple[FeatureStatistics, str]:
    """Moments of the real pictures given, else those that the feature network brings."""
    if material.real is not None:
        return moments(material.features(material.real)), _real(material)
    network = material.need_network()
    shipped = network.reference("train")
    if shipped is None:
        raise LackingError(
            f"fid needs real pictures, as {network.description.network} brings no statistics of any; "
            "give --real FOLDER."
        )
    return shipped, f"the statistics of {shipped.count} train images"


def _qfid(material: Material) -> Score:
    original = material.need_original("qfid")
    before, after = material.features(original), material.features(material.measured)
    interval = _interval(material, "qfid", qfid, before, after, paired=True)
    numbers = {"qfid": Number(qfid(before, after), interval)}
    note = bias_note(len(after), after.shape[1])
    return _of_features("qfid", material, numbers, original.label, note)


def _kid(material: Material) -> Score:
    real = material.features(material.need_real("kid"))
    made = material.features(material.measured)
    size = min(_SUBSET, len(made) // 2, len(real) // 2)

    def measure(features: Features) -> tuple[float, float]:
        found = kernel_distance(features, real, subset_size=size, seed=material.seed)
        return found.value, found.standard_error

    value, error = measure(made)
    original = None
    if material.original is not None:
        original = measure(material.features(material.original))[0]
    interval = (value - _NORMAL * error, value + _NORMAL * error)
    note = f"100 subsets of {size}, standard error {error:.2g}"
    return _of_features(
        "kid", material, {"kid": Number(value, interval, original)}, _real(material), note
    )


def _inception_score(material: Material) -> Score:
    def score(probabilities: NDArray[np.float64]) -> float:
        return inception_score(probabilities, splits, material.seed).value

    made = softmax(material.logits(material.measured))
    splits = min(_SPLITS, len(made))
    found = inception_score(made, splits, material.seed)
    original = None
    if material.original is not None:
        original = score(softmax(material.logits(material.original)))
    number = Number(found.value, _interval(material, "is", score, made), original)
    note = f"{splits} splits, deviation {found.standard_deviation:.2g} among them"
    return _of_features("is", material, {"is": number}, "", note)


def _precision_recall(material: Material) -> Score:
    return _neighbours("prc", material, precision_recall, "k = 3")


def _density_coverage(material: Material) -> Score:
    return _neighbours("density_coverage", material, density_coverage, "k = 5")


def _realism(material: Material) -> Score:
    def medians(made: Features, real: Features) -> tuple[float, float]:
        scores = realism(made, real)
        return float(np.median(scores.precision)), float(np.median(scores.recall))

    note = "k = 3, medians: a mean follows single near copies"
    return _neighbours("realism", material, medians, note)


def _neighbours(
    metric: str, material: Material, measure: Callable[[Features, Features], object], note: str
) -> Score:
    """Numbers of both sets' neighbourhoods; their intervals draw without repetition."""
    real = material.features(material.need_real(metric))
    made = material.features(material.measured)
    before = None if material.original is None else material.features(material.original)

    def values(features: Features, reference: Features) -> tuple[float, ...]:
        found = measure(features, reference)
        return found if isinstance(found, tuple) else astuple(found)  # type: ignore[call-overload]

    ours = values(made, real)
    originals = None if before is None else values(before, real)
    numbers = {}
    for place, name in enumerate(NUMBERS[metric]):
        interval = _interval(
            material, name, lambda a, b, p=place: values(a, b)[p], made, real, draw=half_samples
        )
        numbers[name] = Number(
            ours[place], interval, None if originals is None else originals[place]
        )
    return _of_features(metric, material, numbers, _real(material), note)


def _real(material: Material) -> str:
    assert material.real is not None
    return f"{material.real.count} of {material.real.label}"


def _of_features(
    metric: str, material: Material, numbers: dict[str, Number], against: str, note: str
) -> Score:
    of, features = material.measured, material.recorded()
    return Score(metric, of.label, numbers, of.count, material.seed, against, features, note)


METRICS: dict[str, Callable[[Material], Score]] = {
    "fid": _fid,
    "qfid": _qfid,
    "kid": _kid,
    "is": _inception_score,
    "prc": _precision_recall,
    "density_coverage": _density_coverage,
    "realism": _realism,
    **PAIR_METRICS,
    "fid_infinity": _fid_infinity,
}
"""By name; each raises LackingError, before it computes, where the material lacks something."""

"""Pictures of an evaluation: where the models differ most, what looks least real, and walks between."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgegan.evaluation.evaluate import Evaluation
from edgegan.evaluation.models import Contract, Model
from edgegan.evaluation.pairs import squared_errors
from edgegan.evaluation.pictures import Pictures
from edgegan.generators import latents
from edgegan.generators.contract import InputSpec
from edgegan.generators.latents import Samples
from edgegan.metrics.extractor import Images
from edgegan.metrics.psnr import psnr_of_error
from edgegan.metrics.realism import realism_scores
from edgegan.metrics.worst_case import worst_cases
from edgegan.reports.gallery import Gallery, Section, Tile
from edgegan.reports.pictures import as_pixels, data_uri

_WORST = 16
_HARDEST, _NEIGHBOURS = 6, 7
_STRIPS, _STEPS = 3, 9
_CLASSES, _EACH = 12, 8

Row = tuple[str, tuple[Tile, ...]]


def gallery_of(evaluation: Evaluation) -> Gallery:
    """The sections that the pictures at hand allow; each flips between the two sides, where there are two.

    Pictures of neither one nor three channels are left out.
    """
    material = evaluation.material
    sides = [material.measured]
    if material.original is not None and material.original.inputs == material.measured.inputs:
        sides.insert(0, material.original)
    sections = []
    if len(sides) > 1:
        sections.append(_worst_pairs(sides))
    if material.real is not None and material.network is not None:
        sections.append(_least_real(evaluation, material.real))
    models, contract = evaluation.models[: len(sides)], evaluation.contract
    if contract is not None and len(models) == len(sides):
        ordered = models[::-1]
        sections += _strips(ordered, contract) + _class_grid(ordered, contract)
    return Gallery(
        title=material.measured.label,
        text=f"{material.measured.count} pictures, seed {material.seed}.",
        versions=_names([side.label for side in sides]),
        sections=tuple(section for section in sections if section.rows and section.rows[0][1]),
        shown=len(sides) - 1,
    )


def _names(labels: list[str]) -> tuple[str, ...]:
    """The labels without the words that all begin with, unless nothing is left of one."""
    words = [label.split() for label in labels]
    shared = 0
    while len(labels) > 1 and len({tuple(one[: shared + 1]) for one in words}) == 1:
        shared += 1
        if any(len(one) <= shared for one in words):
            return tuple(labels)
    return tuple(" ".join(one[shared:]) for one in words)


def _worst_pairs(sides: list[Pictures]) -> Section:
    original, measured = sides
    errors = np.concatenate(
        [squared_errors(a, b) for a, b in zip(measured.batches(), original.batches(), strict=True)]
    )
    cases = worst_cases(errors, _WORST, high_is_bad=True)
    chosen = np.array([case.index for case in cases])
    labels = [f"{psnr_of_error(case.score, measured.value_range):.1f} dB" for case in cases]
    tiles = _tiles([side.take(chosen) for side in sides], measured.value_range, labels)
    text = "The pictures that differ most, the worst first, with their PSNR."
    return Section("Worst pairs", text, (("", tiles),))


def _least_real(evaluation: Evaluation, real: Pictures) -> Section:
    """Generated pictures of the lowest realism, each before its nearest real ones."""
    material = evaluation.material
    made, reference = material.features(material.measured), material.features(real)
    cases = worst_cases(realism_scores(made, reference), _HARDEST)
    rows: list[Row] = []
    for case in cases:
        distances = np.linalg.norm(reference.astype(np.float64) - made[case.index], axis=1)
        nearest = np.argsort(distances)[:_NEIGHBOURS]
        first = material.measured.take(np.array([case.index]))
        tiles = _tiles([first], material.measured.value_range, [f"realism {case.score:.2f}"])
        tiles += _tiles(
            [real.take(nearest)], real.value_range, [f"{distances[i]:.3g} away" for i in nearest]
        )
        rows.append(("", tiles))
    text = (
        "Pictures of the lowest realism score, each before its nearest real ones in the features."
    )
    return Section("Least real, and nearest neighbours", text, tuple(rows))


def _strips(models: tuple[Model, ...], contract: Contract) -> list[Section]:
    """Walks between two latents; labels stay those of the first."""
    walked = [spec for spec in contract.inputs if spec.classes is None and spec.data is None]
    if not walked or any(spec.data is not None for spec in contract.inputs):
        return []
    rows: list[Row] = []
    for number in range(_STRIPS):
        feed = {spec.name: _walk(spec, number) for spec in contract.inputs}
        for model in models:
            rows.append((model.label, _tiles([model.run(feed)], contract.value_range)))
    text = "From one latent to another: a quantized model must walk as smoothly as its original."
    return [Section("Interpolation", text, tuple(rows), joined=True)]


def _walk(spec: InputSpec, number: int) -> Samples:
    """``_STEPS`` values from one sample to another: on a sphere for normal laws, else on a line."""
    ends = latents.draw(spec, 2 * (number + 1), 0)[-2:]
    if spec.classes is not None:
        return np.full((_STEPS, *ends.shape[1:]), ends[0], np.int64)
    first, last = ends.astype(np.float64)
    angle = _angle(first, last) if spec.law == "normal" else 0.0
    shares = np.linspace(0.0, 1.0, _STEPS).reshape(-1, *[1] * first.ndim)
    if math.sin(angle) < 1e-6:
        return np.asarray((1 - shares) * first + shares * last, np.float32)
    walk = np.sin((1 - shares) * angle) * first + np.sin(shares * angle) * last
    return np.asarray(walk / math.sin(angle), np.float32)


def _angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    cosine = float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))
    return math.acos(min(1.0, max(-1.0, cosine)))


def _class_grid(models: tuple[Model, ...], contract: Contract) -> list[Section]:
    """The same latents for every class."""
    labelled = [spec for spec in contract.inputs if spec.classes is not None]
    if len(labelled) != 1 or any(spec.data is not None for spec in contract.inputs):
        return []
    (spec,) = labelled
    rows: list[Row] = []
    drawn = {one.name: latents.draw(one, _EACH, 1) for one in contract.inputs}
    for label in range(min(spec.classes or 0, _CLASSES)):
        feed = drawn | {spec.name: np.full_like(drawn[spec.name], label)}
        name = spec.labels[label] if spec.labels else f"class {label}"
        rows.append((name, _tiles([model.run(feed) for model in models], contract.value_range)))
    text = "A row for each class, a column for each latent."
    return [Section("Classes", text, tuple(rows), joined=True)]


def _tiles(
    versions: list[Images], value_range: tuple[float, float], labels: list[str] | None = None
) -> tuple[Tile, ...]:
    """One tile a picture, which flips between the versions."""
    pixels = [as_pixels(images, value_range) for images in versions]
    known = [side for side in pixels if side is not None]
    if len(known) < len(versions):
        return ()
    names = labels or [""] * len(known[0])
    return tuple(
        Tile(tuple(data_uri(side[index]) for side in known), names[index])
        for index in range(len(names))
    )

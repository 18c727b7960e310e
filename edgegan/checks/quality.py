"""PSNR, qFID and FID of the engine's images, on the same inputs as the float model's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edgegan.metrics.features import FeatureNetwork
from edgegan.metrics.fid import frechet_distance
from edgegan.metrics.psnr import psnr_of_error
from edgegan.metrics.statistics import MomentAccumulator
from edgegan.runtimes.base import Engine, Tensors, first_output

_BATCH = 50


@dataclass(frozen=True)
class Distances:
    """Distances between sets of generated images.

    Attributes:
        qfid: between the float model's and the engine's images for the same inputs.
        fid_float, fid_quantized: of each to the real images' statistics; None without them.
        features: name of the feature network.
        reference: which real images, e.g. ``train (60000 images)``.
    """

    qfid: float
    fid_float: float | None
    fid_quantized: float | None
    features: str
    reference: str


@dataclass(frozen=True)
class Quality:
    """How the engine's images compare with the float model's.

    Attributes:
        samples: per set.
        psnr_db: over the value range; infinite when equal.
        distances: None without a feature network.
    """

    samples: int
    psnr_db: float
    distances: Distances | None


def measure_quality(
    engine: Engine,
    float_engine: Engine,
    inputs: Tensors,
    value_range: tuple[float, float],
    network: FeatureNetwork | None,
    report: Callable[[int], None] = lambda samples: None,
) -> Quality:
    """Generate with the engine and with the original float model, and compare.

    Args:
        engine, float_engine: give the image first.
        inputs: ``[N, ...]`` by input name.
        value_range: of the images.
        network: feature network; its shipped train statistics are the real images.
    """
    sets = None if network is None else [MomentAccumulator(network.spec.dimensions) for _ in "qf"]
    squares, pixels, count = 0.0, 0, 0
    for batch in _batches(inputs):
        image, original = first_output(engine.run(batch)), first_output(float_engine.run(batch))
        squares += float(np.square(image.astype(np.float64) - original).sum())
        pixels += image.size
        count += len(image)
        if network is not None and sets is not None:
            sets[0].add(network.extract(image))
            sets[1].add(network.extract(original))
        report(count)
    psnr = psnr_of_error(squares / pixels, value_range)
    if network is None or sets is None:
        return Quality(count, psnr, None)
    return Quality(count, psnr, _distances(network, *sets))


def _distances(
    network: FeatureNetwork, quantized: MomentAccumulator, original: MomentAccumulator
) -> Distances:
    real = network.reference("train")
    q, f = quantized.statistics(), original.statistics()
    return Distances(
        qfid=frechet_distance(f, q),
        fid_float=frechet_distance(f, real) if real else None,
        fid_quantized=frechet_distance(q, real) if real else None,
        features=network.name,
        reference=f"train ({real.count} images)" if real else "",
    )


def _batches(inputs: Tensors) -> Iterator[Tensors]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, _BATCH):
        yield {name: value[start : start + _BATCH] for name, value in inputs.items()}

"""qFID and FID of the engine's images, on the same latents as the float model's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgegan.metrics.features import FeatureNetwork
from edgegan.metrics.fid import frechet_distance
from edgegan.metrics.statistics import MomentAccumulator
from edgegan.runtimes.base import Engine, Runtime, first_output

_BATCH = 50


@dataclass(frozen=True)
class Quality:
    """Distances of generated images.

    Attributes:
        qfid: between the float model's and the engine's images for the same latents.
        fid_float, fid_quantized: of each to the real images' statistics; None without them.
        samples: per set.
        features: name of the feature network.
        reference: which real images, e.g. ``train (60000 images)``.
    """

    qfid: float
    fid_float: float | None
    fid_quantized: float | None
    samples: int
    features: str
    reference: str


def measure_quality(
    model: Path,
    reference: Path,
    inputs: dict[str, NDArray[np.float32]],
    network: FeatureNetwork,
    runtime: Runtime,
    report: Callable[[int], None] = lambda samples: None,
) -> Quality:
    """Generate with the engine and with the original float model, and compare.

    Args:
        model, reference: ONNX files.
        inputs: float32 ``[N, ...]`` by input name.
        network: feature network; its shipped train statistics are the real images.
    """
    quantized = MomentAccumulator(network.spec.dimensions)
    original = MomentAccumulator(network.spec.dimensions)
    engine, float_engine = runtime.load(model), runtime.load(reference)
    for batch in _batches(inputs):
        quantized.add(_features(engine, batch, network))
        original.add(_features(float_engine, batch, network))
        report(quantized.count)
    real = network.reference("train")
    q, f = quantized.statistics(), original.statistics()
    return Quality(
        qfid=frechet_distance(f, q),
        fid_float=frechet_distance(f, real) if real else None,
        fid_quantized=frechet_distance(q, real) if real else None,
        samples=q.count,
        features=network.name,
        reference=f"train ({real.count} images)" if real else "",
    )


def _features(
    engine: Engine, batch: dict[str, NDArray[np.float32]], network: FeatureNetwork
) -> NDArray[np.float32]:
    return network.extract(first_output(engine.run(batch)))


def _batches(inputs: dict[str, NDArray[np.float32]]) -> Iterator[dict[str, NDArray[np.float32]]]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, _BATCH):
        yield {name: value[start : start + _BATCH] for name, value in inputs.items()}

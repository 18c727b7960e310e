"""What a trained generator is worth: its results as they stand in the card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgegan.datasets.catalogue import ImageSet
from edgegan.errors import ModelError
from edgegan.generators import latents
from edgegan.generators.contract import GeneratorSpec
from edgegan.metrics.features import FeatureNetwork
from edgegan.metrics.fid import frechet_distance
from edgegan.metrics.statistics import MomentAccumulator

EVALUATION_SAMPLES = 10_000
EVALUATION_SEED = 1


def evaluate_generator(
    generator: nn.Module,
    spec: GeneratorSpec,
    network: FeatureNetwork,
    samples: int = EVALUATION_SAMPLES,
) -> dict[str, Any]:
    """FID against the train set's shipped statistics, the share of each class, and class accuracy.

    Classes are those that ``network`` sees; accuracy, how often that is the class that was asked for,
    is of class-conditional generators only.
    """
    moments = MomentAccumulator(network.spec.dimensions)
    seen: list[NDArray[np.int64]] = []
    inputs = [latents.draw(i, samples, EVALUATION_SEED) for i in spec.free_inputs]
    for batch in generate(generator, inputs):
        moments.add(network.extract(batch))
        seen.append(network.classify(batch))
    classes = np.concatenate(seen)
    shares = np.bincount(classes, minlength=len(network.spec.classes)) / samples
    results: dict[str, Any] = {
        "fid": _distance(moments, network) | {"seed": EVALUATION_SEED},
        "class_share": {
            name: round(float(share), 4)
            for name, share in zip(network.spec.classes, shares, strict=True)
        },
    }
    for value, item in zip(inputs, spec.free_inputs, strict=True):
        if item.classes is not None:
            results["class_accuracy"] = round(float((classes == value).mean()), 4)
    return results


def evaluate_translation(
    generator: nn.Module, sources: ImageSet, network: FeatureNetwork, target_class: int
) -> dict[str, Any]:
    """FID of translated pictures against real ones of the target kind, and how many pass as such.

    Args:
        generator: source pictures to target pictures.
        sources: the pictures to translate.
        network: its statistics are of the target kind.
        target_class: place of that kind among the network's classes.
    """
    moments = MomentAccumulator(network.spec.dimensions)
    translated, original = 0, 0
    pictures = sources.batch(np.arange(len(sources.images)))
    for batch in generate(generator, [pictures], 20):
        moments.add(network.extract(batch))
        translated += int((network.classify(batch) == target_class).sum())
    for start in range(0, len(pictures), 20):
        original += int((network.classify(pictures[start : start + 20]) == target_class).sum())
    count = len(pictures)
    return {
        "fid": _distance(moments, network),
        "recognised": {
            "pictures": count,
            "translated": round(translated / count, 4),
            "original": round(original / count, 4),
        },
    }


def _distance(moments: MomentAccumulator, network: FeatureNetwork) -> dict[str, Any]:
    real = network.reference("train")
    if real is None:
        raise ModelError(f"feature network {network.name} has no statistics of real images.")
    return {
        "value": round(frechet_distance(moments.statistics(), real), 3),
        "features": network.name,
        "samples": moments.count,
        "against": "train",
    }


@torch.no_grad()
def generate(
    generator: nn.Module, inputs: list[latents.Samples], batch_size: int = 125
) -> Iterator[NDArray[np.float32]]:
    """Images of the inputs ``[N, ...]``, in batches, float32 ``[batch, C, H, W]``."""
    for start in range(0, len(inputs[0]), batch_size):
        batch = (torch.from_numpy(value[start : start + batch_size]) for value in inputs)
        yield generator(*batch).contiguous().numpy()

"""Why is the realism score of Fashion-MNIST so unlike that of other data sets (Hötter et al. 2020, 5.3)?

    python -m benchmarks.realism --data FOLDER

Weights rounded to 8 to 3 bits by min-max, one scale a layer, as in that paper; 10,000 generated and
10,000 real images. FOLDER holds the data sets' folders, `fashion-mnist` and `mnist`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.results_file import write_result
from edgegan.card import Card, card_folder, load_card
from edgegan.datasets.catalogue import find_source
from edgegan.generators import latents
from edgegan.generators.load import load_module
from edgegan.metrics.features import FeatureNetwork, load_feature_network
from edgegan.metrics.neighbours import squared_radii
from edgegan.metrics.precision_recall import precision_recall
from edgegan.metrics.realism import realism
from edgegan.training.evaluation import generate

COMMAND = "python -m benchmarks.realism --data FOLDER"
MODELS = ("fashion-dcgan", "mnist-mlp")
BITS = (32, 8, 7, 6, 5, 4, 3)
COPIED, REAL = "32, one copied", "real"
"""The float model once more, one image of which is replaced by a near copy of a real one where real ones
are near each other; and other real images in the place of generated ones."""
SEED = 1
NEAR = 10.0
"""A score above this is one of an image that nearly repeats another."""

COLUMNS = {
    "model": "model", "features": "features", "bits": "bits", "precision": "precision",
    "recall": "recall", "mean_precision": "realism, mean", "mean_recall": "of recall",
    "median_precision": "median", "median_recall": "of recall ", "largest": "largest",
    "share": "its share of the mean", "near": "above 10", "same_pair": "same pair",
}  # fmt: skip


@torch.no_grad()
def rounded(module: nn.Module, bits: int) -> nn.Module:
    """The module with its weights on 2^bits levels from their minimum to their maximum."""
    for name, weight in module.named_parameters():
        if bits < 32 and weight.ndim > 1:
            low, high = weight.min(), weight.max()
            step = (high - low) / (2**bits - 1)
            weight.requires_grad_(False).copy_(((weight - low) / step).round() * step + low)
            assert len(weight.unique()) <= 2**bits, name
    return module


def generated(card: Card, bits: int, count: int) -> Iterator[NDArray[np.float32]]:
    spec = card.generator
    assert spec is not None
    weights = card_folder(card.name) / spec.weights
    module = rounded(load_module(spec.source, spec.arguments, weights), bits)
    yield from generate(module, [latents.draw(i, count, SEED) for i in spec.free_inputs])


def real_images(card: Card, data: Path, count: int, part: int = 0) -> Iterator[NDArray[np.float32]]:
    """A part of the shuffled train set: parts of one count share no image."""
    images = find_source(card.data.name).load(data / card.data.name, "train")
    order = np.random.default_rng(SEED).permutation(len(images.images))
    chosen = order[part * count : (part + 1) * count]
    for start in range(0, count, 250):
        yield images.batch(chosen[start : start + 250])


def near_copy(card: Card, data: Path, index: int) -> Iterator[NDArray[np.float32]]:
    """A real image, one pixel of which is one of 255 steps off."""
    image = np.concatenate(list(real_images(card, data, index + 1)))[index:].copy()
    image[0, 0, 16, 16] += 1 / 127.5
    yield image


def features(
    network: FeatureNetwork | None, images: Iterator[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Of a network, or the pixels themselves."""
    return np.concatenate(
        [x.reshape(len(x), -1) if network is None else network.extract(x) for x in images]
    )


def row(made: NDArray[np.float32], real: NDArray[np.float32]) -> dict[str, Any]:
    covered, scores = precision_recall(made, real), realism(made, real)
    finite = [side[np.isfinite(side)] for side in (scores.precision, scores.recall)]
    first, second = int(scores.precision.argmax()), int(scores.recall.argmax())
    between = np.linalg.norm(real.astype(np.float64) - made[first], axis=1)
    return {
        "precision": covered.precision,
        "recall": covered.recall,
        "mean_precision": float(finite[0].mean()),
        "mean_recall": float(finite[1].mean()),
        "median_precision": float(np.median(scores.precision)),
        "median_recall": float(np.median(scores.recall)),
        "largest": float(finite[0].max()),
        "share": float(finite[0].max() / finite[0].sum()),
        "near": int((scores.precision > NEAR).sum()),
        "same_pair": bool(between.argmin() == second),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    rows = []
    for name in MODELS:
        card = load_card(name)
        assert card.feature_network is not None
        for network in (load_feature_network(card.feature_network), None):
            real = features(network, real_images(card, given.data, given.count))
            label = "pixels" if network is None else network.name
            for kind in (*BITS, COPIED, REAL):
                if kind == REAL:
                    made = features(network, real_images(card, given.data, given.count, 1))
                else:
                    bits = kind if isinstance(kind, int) else BITS[0]
                    made = features(network, generated(card, bits, given.count))
                if kind == COPIED:
                    crowded = int(np.argsort(squared_radii(real, 3))[given.count // 10])
                    made[0] = features(network, near_copy(card, given.data, crowded))
                found = {"model": name, "features": label, "bits": kind} | row(made, real)
                rows.append(found)
                print(found, file=sys.stderr)
    note = (
        f"{given.count:,} generated and as many real images (train set), k = 3, seed {SEED}; weights on "
        "2^bits levels from minimum to maximum, one scale a layer. `above 10` counts generated images; "
        "`same pair`: the generated and the real image with the largest scores are each other's. `real`: "
        "other real images in the place of generated ones."
    )
    write_result("realism", COMMAND, rows, COLUMNS, note)


if __name__ == "__main__":
    main()

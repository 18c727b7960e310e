"""`edgegan zoo train`: makes the weights of a zoo model from its card and its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from edgegan.card import Card, FeatureSection
from edgegan.datasets.catalogue import ImageSet, find_source
from edgegan.errors import ModelError
from edgegan.generators import latents
from edgegan.generators.contract import GeneratorSpec
from edgegan.generators.load import build_module
from edgegan.metrics.features import (
    FeatureNetwork,
    feature_statistics,
    load_feature_network,
)
from edgegan.metrics.fid import frechet_distance
from edgegan.metrics.statistics import MomentAccumulator, save_statistics
from edgegan.training.adversarial import AdversarialTask, estimate_batch_norm
from edgegan.training.classifier import ClassifierTask
from edgegan.training.loop import Progress, Schedule, train

EVALUATION_SAMPLES = 10_000
EVALUATION_SEED = 1


@dataclass(frozen=True)
class ZooRun:
    """Where a training reads and writes.

    Attributes:
        data: folder with the data set's files.
        output: receives the weights, statistics and sample grid; with the card they make the model.
        work: receives checkpoint and log.
    """

    data: Path
    output: Path
    work: Path


def train_model(card: Card, run: ZooRun, report: Callable[[Progress], None]) -> dict[str, Any]:
    """Train (or resume) the card's model, write its files, and return its measured results."""
    source = find_source(card.data.name)
    images = source.load(run.data, "train")
    run.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(card.training.seed)
    if card.features is not None:
        test = source.load(run.data, "test")
        return _train_classifier(card, card.features, images, test, run, report)
    if card.generator is None:
        raise ModelError(f"card {card.name} has neither a generator nor a feature network.")
    return _train_generator(card, card.generator, images, run, report)


def _schedule(card: Card) -> Schedule:
    t = card.training
    return Schedule(t.epochs, t.batch_size, t.seed, t.checkpoint_steps)


def _train_classifier(
    card: Card,
    spec: FeatureSection,
    images: ImageSet,
    test: ImageSet,
    run: ZooRun,
    report: Callable[[Progress], None],
) -> dict[str, Any]:
    network = build_module(spec.network.source, spec.network.arguments)
    task = ClassifierTask(network, card.training.learning_rate)
    train(task, images, _schedule(card), run.work / "checkpoint.pt", run.work / "log.jsonl", report)
    network.eval()
    save_half(network, run.output / spec.network.weights)
    _load_half(network)
    features = FeatureNetwork(card.name, network, spec, run.output)
    splits = {
        "train": feature_statistics(features, _image_batches(images)),
        "test": feature_statistics(features, _image_batches(test)),
    }
    save_statistics(run.output / (spec.statistics or "statistics.safetensors"), splits)
    correct = np.concatenate([features.classify(batch) for batch in _image_batches(test)])
    return {"test_accuracy": round(float((correct == test.labels).mean()), 4)}


def _train_generator(
    card: Card,
    spec: GeneratorSpec,
    images: ImageSet,
    run: ZooRun,
    report: Callable[[Progress], None],
) -> dict[str, Any]:
    if card.discriminator is None or card.feature_network is None:
        raise ModelError(
            f"card {card.name} needs a discriminator and a feature network to be trained."
        )
    generator = build_module(spec.source, spec.arguments)
    discriminator = build_module(card.discriminator.source, card.discriminator.arguments)
    latent_size = spec.inputs[0].shape[0]
    task = AdversarialTask(generator, discriminator, latent_size, card.training.learning_rate)
    train(task, images, _schedule(card), run.work / "checkpoint.pt", run.work / "log.jsonl", report)
    average = task.average
    torch.manual_seed(card.training.seed)
    estimate_batch_norm(average, lambda: torch.randn(card.training.batch_size, latent_size))
    save_half(average, run.output / spec.weights)
    save_half(discriminator, run.output / card.discriminator.weights)
    _load_half(average)
    return evaluate_generator(average, spec, load_feature_network(card.feature_network))


def evaluate_generator(
    generator: nn.Module, spec: GeneratorSpec, network: FeatureNetwork
) -> dict[str, Any]:
    """FID against the train set's shipped statistics, and the share of each class, by ``network``."""
    moments = MomentAccumulator(network.spec.dimensions)
    classes = np.zeros(len(network.spec.classes), np.int64)
    for batch in generate(generator, spec, EVALUATION_SAMPLES, EVALUATION_SEED):
        moments.add(network.extract(batch))
        classes += np.bincount(network.classify(batch), minlength=len(classes))
    real = network.reference("train")
    if real is None:
        raise ModelError(f"feature network {network.name} has no statistics of real images.")
    fid = frechet_distance(moments.statistics(), real)
    shares = classes / EVALUATION_SAMPLES
    return {
        "fid": {
            "value": round(fid, 3),
            "features": network.name,
            "samples": EVALUATION_SAMPLES,
            "seed": EVALUATION_SEED,
            "against": "train",
        },
        "class_share": {
            name: round(float(share), 4)
            for name, share in zip(network.spec.classes, shares, strict=True)
        },
    }


@torch.no_grad()
def generate(
    generator: nn.Module, spec: GeneratorSpec, count: int, seed: int, batch_size: int = 125
) -> Iterator[NDArray[np.float32]]:
    """Images of ``count`` seeded latents, in batches, float32 ``[N, C, H, W]``."""
    inputs = [latents.draw(i, count, seed) for i in spec.free_inputs]
    for start in range(0, count, batch_size):
        batch = (torch.from_numpy(value[start : start + batch_size]) for value in inputs)
        yield generator(*batch).numpy()


def save_half(module: nn.Module, path: Path) -> None:
    """Write a state_dict as fp16 safetensors (integer buffers as they are)."""
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in module.state_dict().items()
    }
    save_file(state, path)


def _load_half(module: nn.Module) -> None:
    """Round the module's own weights to what ``save_half`` kept, so that results are of the file."""
    state = module.state_dict()
    module.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in state.items()}
    )


def _image_batches(images: ImageSet, size: int = 250) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(images.images), size):
        yield images.batch(np.arange(start, min(start + size, len(images.images))))

"""Feature networks of the zoo: trained as classifiers, or made of weights that others trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgegan.card import Card, FeatureSection
from edgegan.datasets.catalogue import ImageSet, find_source
from edgegan.errors import DataError
from edgegan.generators.load import build_module
from edgegan.metrics.features import FeatureNetwork, feature_statistics
from edgegan.metrics.squeezenet import state_from_arrays
from edgegan.metrics.statistics_file import save_statistics
from edgegan.training.classifier import ClassifierTask
from edgegan.training.half_weights import round_to_half, save_half
from edgegan.training.loop import LabelledImages, Progress, processor_hours, train
from edgegan.training.run import ZooRun
from edgegan.training.sections import ClassifierSection, PretrainedSection


def train_classifier(
    card: Card,
    spec: FeatureSection,
    options: ClassifierSection,
    run: ZooRun,
    report: Callable[[Progress], None],
) -> dict[str, Any]:
    """Train a classifier of the card's data; its statistics are of all images, its accuracy of test."""
    source = find_source(card.data.name)
    images, test = (source.load(run.data, split) for split in ("train", "test"))
    network = build_module(spec.network.source, spec.network.arguments)
    network = network.to(memory_format=torch.channels_last)
    task = ClassifierTask(network, options)
    train(task, LabelledImages(images), run.schedule(card), run.checkpoint, run.log, report)
    features = _keep(card, spec, network, run, images, test)
    correct = np.concatenate([features.classify(batch) for batch in _batches(test)]) == test.labels
    return {
        "test_accuracy": round(float(correct.mean()), 4),
        "processor_hours": round(processor_hours(run.log), 2),
    }


def adopt(
    card: Card, spec: FeatureSection, options: PretrainedSection, run: ZooRun
) -> dict[str, Any]:
    """Take over SqueezeNet's weights; the statistics are of the pictures of the data's last class."""
    source = find_source(card.data.name)
    last = len(source.classes) - 1
    images, test = (source.load(run.data, split).of_class(last) for split in ("train", "test"))
    network = build_module(spec.network.source, spec.network.arguments)
    path = run.data / options.file
    try:
        with np.load(path, allow_pickle=False) as arrays:
            network.load_state_dict(state_from_arrays(dict(arrays)))
    except (OSError, ValueError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:200]
        raise DataError(f"{path} does not hold the weights of {card.name} ({detail}).") from None
    features = _keep(card, spec, network, run, images, test)
    seen = np.concatenate([features.classify(batch) for batch in _batches(test)])
    return {"test_accuracy": round(float((seen == options.target_class).mean()), 4)}


def _keep(
    card: Card,
    spec: FeatureSection,
    network: nn.Module,
    run: ZooRun,
    images: ImageSet,
    test: ImageSet,
) -> FeatureNetwork:
    """Write weights and statistics; returns the network as it was written."""
    network.eval()
    save_half(network, run.output / spec.network.weights)
    round_to_half(network)
    features = FeatureNetwork(card.name, network, spec, run.output)
    splits = {
        "train": feature_statistics(features, _batches(images)),
        "test": feature_statistics(features, _batches(test)),
    }
    save_statistics(run.output / (spec.statistics or "statistics.safetensors"), splits)
    return features


def _batches(images: ImageSet, size: int = 250) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(images.images), size):
        yield images.batch(np.arange(start, min(start + size, len(images.images))))

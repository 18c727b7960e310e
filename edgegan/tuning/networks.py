"""The networks that judge images while a generator is tuned."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from edgegan.card import FeatureSection, NetworkSection
from edgegan.errors import RecipeError
from edgegan.generators.load import load_module
from edgegan.metrics.features import find_feature_network
from edgegan.tuning.perceptual import Stages
from edgegan.tuning.quantized_discriminator import QuantizedDiscriminator
from edgegan.tuning.sections import DistillationSection, TuneSection


def load_stages(
    section: TuneSection,
    features: str | FeatureSection | None,
    folder: Path,
    device: torch.device,
) -> Stages:
    """The perceptual network's stages: of the one that the recipe names, or of the feature network.

    Raises:
        RecipeError: if there is none, or it does not show its stages.
    """
    named = section.distillation and section.distillation.loss.perceptual
    chosen = named or features
    if chosen is None:
        raise RecipeError(
            "tune.distillation.loss: content and style need a network; name one of the zoo as "
            "`perceptual`, or set both to 0 and `pixel` above 0."
        )
    network = find_feature_network(chosen, folder)
    stages: Stages | None = getattr(network.module, "stages", None)
    if stages is None:
        raise RecipeError(
            f"tune.distillation.loss: {network.name} has no method `stages`, whose activations content "
            "and style compare; name another network as `perceptual`."
        )
    network.module.to(device)
    return stages


def load_discriminator(
    network: NetworkSection | None, folder: Path, section: DistillationSection
) -> nn.Module:
    """In training mode, its weights quantized where ``section`` says so.

    Raises:
        RecipeError: if the generator has none.
    """
    module = load_judge(network, folder, "tune.distillation")
    asked = section.discriminator_weights
    if asked is not None:
        module = QuantizedDiscriminator(module, asked.quantizer, asked.bits).train()
    return module.requires_grad_(True)


def load_judge(network: NetworkSection | None, folder: Path, where: str) -> nn.Module:
    """A float discriminator in training mode.

    Args:
        where: the recipe's section that asks for it.

    Raises:
        RecipeError: if the generator has none.
    """
    if network is None:
        raise RecipeError(
            f"{where}.loss.adversarial: the generator has no discriminator; give one as "
            f"`{where}.discriminator`, or set the weight to 0."
        )
    weights = folder / network.weights
    return load_module(network.source, network.arguments, weights, folder).train()

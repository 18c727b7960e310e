"""The card of a zoo model: what it is, where it comes from, how it was trained, what it scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from edgegan.errors import UsageError
from edgegan.generators.contract import GeneratorSpec, Size, Source
from edgegan.resources import model_names, resource_folder
from edgegan.schema import Strict, read_yaml, validate
from edgegan.training.sections import Count, TrainingSection


class DataSection(Strict):
    """The data set that the model was trained on, and its terms."""

    name: str
    license: str
    attribution: str


class NetworkSection(Strict):
    """A network that is not a generator: code, weights, and the method that is called."""

    source: Source
    arguments: dict[str, Any] = {}
    weights: str
    method: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] = "forward"


class FeatureSection(Strict):
    """A feature network and what it is fed.

    Attributes:
        network: its method maps images to features ``[N, dimensions]``.
        dimensions: length of a feature vector.
        channels, size: of its input images; images of another size are refused, never resized
            silently. Without ``size``, the network takes any (and resizes by itself, if it does).
        value_range: of its input.
        statistics: file of real images' feature statistics; without it there is qFID but no FID.
        classes: names of the classes of its logits, if it is a classifier.
    """

    network: NetworkSection
    dimensions: Count
    channels: Size
    size: tuple[Size, Size] | None = None
    value_range: tuple[float, float] = (-1.0, 1.0)
    statistics: str | None = None
    classes: tuple[str, ...] = ()


class Card(Strict):
    """A zoo model. Exactly one of ``generator`` and ``features`` is there."""

    schema_: Annotated[Literal["edgegan.card/1"], Field(alias="schema")]
    name: str
    summary: str
    license: str
    data: DataSection
    generator: GeneratorSpec | None = None
    discriminator: NetworkSection | None = None
    features: FeatureSection | None = None
    feature_network: str | None = None
    training: TrainingSection
    results: dict[str, Any] = {}


def card_folder(name: str) -> Path:
    """The folder of a zoo model.

    Raises:
        UsageError: if the zoo has no model of this name.
    """
    if name not in model_names():
        raise UsageError(f"the zoo has no model {name!r}; it has: {', '.join(model_names())}.")
    return resource_folder("models") / name


def load_card(name: str) -> Card:
    """Read a zoo model's card; see ``card_folder`` and ``schema.validate`` for errors."""
    path = card_folder(name) / "card.yaml"
    return validate(Card, read_yaml(path), str(path))

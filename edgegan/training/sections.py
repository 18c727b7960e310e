"""The sections of a card that say how a model is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegan.schema import Strict

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class ClassifierSection(Strict):
    """A classifier that becomes a feature network.

    Attributes:
        learning_rate: at the start.
        flip: whether mirrored images stay in their class.
        shift: largest random translation, in pixels.
    """

    learning_rate: Positive
    flip: bool = True
    shift: Annotated[int, Field(ge=0)] = 2


class AdversarialSection(Strict):
    """A generator from latents, and its discriminator.

    Attributes:
        loss: see ``losses``.
        learning_rate, discriminator_rate: of Adam; the discriminator's is the same unless given.
        betas: of Adam.
        critic_steps: discriminator steps a generator step.
        gradient_penalty: weight of WGAN-GP's penalty; 0 for none.
        r1: gamma of the R1 penalty; 0 for none.
        r1_every: discriminator steps from one R1 penalty to the next.
        average_decay: of the generator's moving average.
    """

    loss: Literal["non-saturating", "least-squares", "hinge", "wasserstein"] = "non-saturating"
    learning_rate: Positive
    discriminator_rate: Positive | None = None
    betas: tuple[Decay, Decay] = (0.5, 0.999)
    critic_steps: Count = 1
    gradient_penalty: Weight = 0.0
    r1: Weight = 0.0
    r1_every: Count = 16
    average_decay: Decay = 0.999


class TranslationSection(Strict):
    """A generator from pictures of the data's first class to pictures of its second.

    Attributes:
        learning_rate: of Adam.
        crop: side of the random squares that are trained on.
        cycle: weight of cycle consistency.
        identity: weight of the identity loss, as a share of ``cycle``.
        pool: images of the image pool.
        average_decay: of the generator's moving average.
        target_class: the second class's place among those of the feature network.
    """

    learning_rate: Positive
    crop: Count
    target_class: Annotated[int, Field(ge=0)]
    cycle: Weight = 10.0
    identity: Weight = 0.5
    pool: Count = 50
    average_decay: Decay = 0.999


class PretrainedSection(Strict):
    """Weights that others trained; the statistics are of the pictures of the data's last class.

    Attributes:
        file: an ``.npz`` in the data's folder, with the arrays of SqueezeNet 1.0.
        target_class: that class's place among those of the network.
    """

    file: str
    target_class: Annotated[int, Field(ge=0)]


class TrainingSection(Strict):
    """How `edgegan zoo train` makes the weights: exactly one of the four ways.

    Attributes:
        epochs: passes over the data.
        batch_size: images a step.
        seed: of everything random.
        checkpoint_steps: from one checkpoint to the next.
        precision: of convolutions and matrix products; weights stay float32.
    """

    epochs: Count = 1
    batch_size: Count = 64
    seed: int = 0
    checkpoint_steps: Count = 200
    precision: Literal["float32", "bfloat16"] = "float32"
    classifier: ClassifierSection | None = None
    adversarial: AdversarialSection | None = None
    translation: TranslationSection | None = None
    pretrained: PretrainedSection | None = None

    @model_validator(mode="after")
    def _one_way(self) -> TrainingSection:
        ways = (self.classifier, self.adversarial, self.translation, self.pretrained)
        if sum(way is not None for way in ways) != 1:
            raise ValueError(
                "must have exactly one of classifier, adversarial, translation and pretrained"
            )
        return self

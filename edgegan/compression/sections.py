"""The recipe's section ``compress``: how a generator becomes smaller before it is captured."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from edgegan.card import NetworkSection
from edgegan.generators.contract import GeneratorChoice, Source
from edgegan.schema import Strict

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class PruningSection(Strict):
    """Which channels go.

    Attributes:
        method: ``progressive``: masks of residual blocks that are learned (Vo et al., PPCD-GAN, section
            3.2); ``l1``: those whose weights are smallest (Li et al. 2017); ``slimming``: those whose
            norms' gains are, after a training that drives them to 0 (GAN Slimming, Wang et al. 2020).
        ratio: the share of channels that more than go (alpha).
        parameters: instead of ``ratio``: the share of parameters that at most stays.
        multiple: what stays is rounded up to a multiple of it.
        layers: shell patterns of the layers whose channels ``l1`` and ``slimming`` may take.
        stem: whether ``progressive`` prunes the first linear layer too.
        two_step: whether ``progressive`` prunes in the first half of the steps, and learns from the teacher
            in the second.
        deadline: the share of the pruning's steps after which the last of its masks is binarized in any
            case; the masks take turns.
    """

    method: Literal["progressive", "l1", "slimming"] = "l1"
    ratio: Share | None = None
    parameters: Share | None = None
    multiple: Annotated[int, Field(ge=1, le=256)] = 1
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    stem: bool = True
    two_step: bool = False
    deadline: Share = 0.25

    @model_validator(mode="after")
    def _one_size(self) -> PruningSection:
        if (self.ratio is None) == (self.parameters is None):
            raise ValueError("must have exactly one of ratio and parameters")
        if self.method == "progressive" and (self.ratio is None or self.layers != ("*",)):
            raise ValueError("progressive takes `ratio`, and neither `parameters` nor `layers`")
        if self.two_step and self.method != "progressive":
            raise ValueError("two_step is for progressive; the others prune first anyway")
        return self


class StudentSection(Strict):
    """A generator of another architecture, with random weights, in place of the original.

    It takes the same inputs.
    """

    source: Source
    arguments: dict[str, Any] = {}


class TeacherSection(GeneratorChoice):
    """Another generator than the original, of the same kinds of inputs.

    The weights of one's own lie beside those of the original.
    """


class CompressionLossSection(Strict):
    """Weights of a sum.

    Attributes:
        adversarial: of the GAN loss ``kind`` (see ``training.losses``).
        kind: ``non-saturating`` is the paper's equation 7.
        attention: of class-aware distillation (PPCD-GAN, equation 6), from a generator of residual blocks.
        output: of the mean absolute difference from the teacher's pictures (TinyGAN, section 3.1).
        pruning: of progressive masks (PPCD-GAN, equations 5 and 8).
        sparsity: of the absolute gains of norms, for ``slimming``.
    """

    adversarial: Weight = 0.0
    kind: Literal["non-saturating", "least-squares", "hinge"] = "hinge"
    attention: Weight = 0.0
    output: Weight = 1.0
    pruning: Weight = 0.01
    sparsity: Weight = 0.01

    @model_validator(mode="after")
    def _something(self) -> CompressionLossSection:
        if not (self.adversarial or self.attention or self.output):
            raise ValueError("one of adversarial, attention and output must be above 0")
        return self


class CompressSection(Strict):
    """How.

    Attributes:
        seed: of everything random.
        budget: what ``steps`` is multiplied by; stands beside every number made with it.
        pruning: None where nothing is pruned: a student may be smaller by itself.
        student: in place of the original.
        random: whether the original starts with random weights, as in the paper.
        teacher: by default the original.
        loss: what is minimized.
        real: what a discriminator takes for real: pictures of the ``teacher``, or ``data``.
        data: folder of real pictures or of a data set's files.
        discriminator: one's own; by default the zoo model's.
        images: inputs that are stored where they come from files; others are drawn anew for each step.
        steps: of the optimizer, all together.
        batch_size: images a step.
        learning_rate, discriminator_rate: of Adam; in the second half of the steps they fall to 0.
        mask_rate: of Adam for progressive masks; by default so that a channel that nothing speaks for is
            gone after a twentieth of the pruning's steps.
        betas: of Adam.
        average_decay: of the moving average of weights that is kept.
        precision: of convolutions and matrix products.
    """

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 3
    budget: Annotated[float, Field(gt=0, le=100)] = 1.0
    pruning: PruningSection | None = None
    student: StudentSection | None = None
    random: bool = False
    teacher: TeacherSection | None = None
    loss: CompressionLossSection = CompressionLossSection()
    real: Literal["teacher", "data"] = "teacher"
    data: str | None = None
    discriminator: NetworkSection | None = None
    images: Annotated[int, Field(ge=2)] = 10_000
    steps: Count = 4_000
    batch_size: Count = 64
    learning_rate: Positive = 2e-4
    mask_rate: Positive | None = None
    discriminator_rate: Positive = 2e-4
    betas: tuple[Decay, Decay] = (0.0, 0.9)
    average_decay: Decay = 0.999
    precision: Literal["float32", "bfloat16"] = "float32"

    @model_validator(mode="after")
    def _possible(self) -> CompressSection:
        if (self.real == "data") != (self.data is not None):
            raise ValueError("`real: data` and `data: FOLDER` go together")
        if (self.data or self.discriminator) and not self.loss.adversarial:
            raise ValueError("a discriminator counts only with `loss.adversarial` above 0")
        if self.on_graph and self.loss.attention:
            raise ValueError(
                "loss.attention sees residual blocks, which l1 and slimming do not leave; set it to 0, or "
                "prune by `progressive`"
            )
        if self.on_graph and (self.random or self.student):
            raise ValueError(
                "l1 and slimming choose by trained weights; leave out `random` and `student`"
            )
        if not (self.pruning or self.student or self.teacher):
            raise ValueError("nothing would become smaller; give `pruning` or a `student`")
        if self.pruning and self.pruning.two_step and not self.loss.adversarial:
            raise ValueError("two_step prunes by the GAN loss; set loss.adversarial above 0")
        if self.student and self.random:
            raise ValueError("a student has random weights anyway; leave out `random`")
        return self

    @property
    def on_graph(self) -> bool:
        """Whether the captured graph learns, and not the module."""
        return self.pruning is not None and self.pruning.method != "progressive"

    @property
    def all_steps(self) -> int:
        """Within the budget, at least 2."""
        return max(2, round(self.steps * self.budget))

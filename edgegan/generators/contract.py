"""What a generator must offer: its source, its weights, its inputs with their law, its output.

A generator is any ``nn.Module`` that ``torch.export`` captures. This file knows no torch: the
benchmark and the verification of a bundle read the same description.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from edgegan.schema import Strict


def _source(value: str) -> str:
    module, _, factory = value.partition(":")
    if not module or not factory or not all(part.isidentifier() for part in module.split(".")):
        raise ValueError("must read package.module:factory")
    return value


Source = Annotated[str, AfterValidator(_source)]
Size = Annotated[int, Field(ge=1, le=1 << 16)]


class InputSpec(Strict):
    """One input of the generator, without its batch axis.

    Attributes:
        name: its name in the exported model.
        shape: e.g. ``[100]``; of labels usually left out: one number a sample.
        law: what it is drawn from: ``normal`` (standard normal), ``uniform`` (on [-1, 1)), or
            ``classes``: int64 labels, uniform on 0 to ``classes - 1``.
        classes: number of classes, of labels only.
        labels: the classes' names, for people.
        data: instead of a law, the user's own samples: an ``.npz``, a folder of pictures, or of the data
            set in ``pictures_of``.
        pictures_of: ``DATA_SET/CLASS`` of the catalogue: what the generator was trained to take.
        value_range: what pictures' 0..255 are mapped to.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)] = "latent"
    shape: Annotated[tuple[Size, ...], Field(max_length=6)] = ()
    law: Literal["normal", "uniform", "classes"] = "normal"
    classes: Size | None = None
    labels: tuple[str, ...] | None = None
    data: str | None = None
    pictures_of: Annotated[str, Field(pattern=r"^[\w-]+/[\w-]+$")] | None = None
    value_range: tuple[float, float] = (-1.0, 1.0)

    @model_validator(mode="after")
    def _labelled(self) -> InputSpec:
        if (self.law == "classes") != (self.classes is not None):
            raise ValueError("`law: classes` and `classes: NUMBER` belong together")
        if self.law != "classes" and not self.shape:
            raise ValueError(
                "must have a shape, without the batch axis; only labels may do without"
            )
        if self.labels is not None and len(self.labels) != self.classes:
            raise ValueError(f"labels: {len(self.labels)} names for {self.classes or 'no'} classes")
        return self

    @property
    def is_picture(self) -> bool:
        """Whether it is ``[C, H, W]``."""
        return len(self.shape) == 3

    @property
    def dtype(self) -> Literal["float32", "int64"]:
        """Of its tensor in the model."""
        return "int64" if self.law == "classes" else "float32"


class ImageSpec(Strict):
    """The generator's output: float32 ``[N, C, H, W]`` in ``value_range``."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)] = "image"
    value_range: tuple[float, float] = (-1.0, 1.0)


class GeneratorSpec(Strict):
    """A generator: code, weights, inputs, output.

    Attributes:
        source: ``package.module:factory``; calling the factory with ``arguments`` gives the module.
            Loading it runs that code.
        weights: a ``.safetensors`` or ``.pt`` file with its state_dict, relative to the document
            that names it.
        inputs: of ``forward``, in order.
        fixed: inputs that become constants, by name: a class (its number or name), or a number for all
            elements. Other names are keyword arguments of ``forward``.
    """

    source: Source
    arguments: dict[str, Any] = {}
    weights: str
    inputs: Annotated[tuple[InputSpec, ...], Field(min_length=1, max_length=16)]
    output: ImageSpec = ImageSpec()
    fixed: dict[str, bool | int | float | str | None] = {}

    @model_validator(mode="after")
    def _fixable(self) -> GeneratorSpec:
        for spec in self.inputs:
            if spec.name in self.fixed:
                _check_fixed(spec, self.fixed[spec.name])
        if not self.free_inputs:
            raise ValueError("fixed: names every input; at least one must stay free")
        return self

    @property
    def free_inputs(self) -> tuple[InputSpec, ...]:
        """Those that the exported model has."""
        return tuple(spec for spec in self.inputs if spec.name not in self.fixed)


def _check_fixed(spec: InputSpec, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if spec.classes is None:
        if not number:
            raise ValueError(f"fixed: {spec.name}: {value!r} is no number")
    elif value not in (spec.labels or ()) and not (
        number and isinstance(value, int) and 0 <= value < spec.classes
    ):
        names = f" or one of {', '.join(spec.labels)}" if spec.labels else ""
        raise ValueError(
            f"fixed: {spec.name}: {value!r} is no class; give a number from 0 to {spec.classes - 1}{names}"
        )


class GeneratorChoice(Strict):
    """Either a model of the zoo, or one's own generator; exactly one of the two.

    Attributes:
        zoo: name of the model.
        own: recipes write its keys directly, without ``own``.
    """

    zoo: str | None = None
    own: GeneratorSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, data: Any) -> Any:
        return {"own": data} if isinstance(data, dict) and not {"zoo", "own"} & set(data) else data

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.zoo is None) == (self.own is None):
            raise ValueError("give either `zoo: NAME` or `source:`, `weights:` and `inputs:`")
        return self

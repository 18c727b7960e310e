"""The sides of a comparison: models and folders of pictures, and the inputs that the models share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgegan.bundle import MANIFEST
from edgegan.errors import UsageError
from edgegan.evaluation.folders import folder_pictures
from edgegan.evaluation.models import Contract, Model, open_model
from edgegan.evaluation.pictures import Pictures

Side = Model | Path


def open_side(name: str, target: str | None) -> Side:
    """A model, or a folder of pictures."""
    path = Path(name)
    if path.is_dir() and not (path / MANIFEST).is_file():
        return path
    return open_model(name, target)


def contract_of(sides: Sequence[Side], like: str | None, data: Path | None) -> Contract | None:
    """Inputs of the models, of the first that knows more than their shapes; None without models.

    Args:
        like: a model whose inputs and value range are taken instead.
        data: file or folder that takes the place of what would be drawn.

    Raises:
        UsageError: if there are models, and none of them tells.
    """
    models = [side for side in sides if isinstance(side, Model)]
    if not models:
        return None
    known = [] if like is None else [open_model(like).contract]
    known += [model.contract for model in models]
    found = [contract for contract in known if contract is not None]
    if not found:
        raise UsageError(
            f"{models[0].label} does not tell what its inputs are drawn from; give --like and a bundle, "
            "recipe or model of the zoo with the same inputs."
        )
    contract = min(found, key=lambda contract: contract.guessed)
    if data is None:
        return contract
    one, *others = contract.inputs
    if others and data.suffix != ".npz":
        raise UsageError("--inputs of several inputs is an .npz with an array for each, by name.")
    given = str(data.resolve())
    return replace(
        contract,
        inputs=tuple(spec.model_copy(update={"data": given}) for spec in (one, *others)),
    )


def pictures_of(side: Side, contract: Contract | None, samples: int, seed: int) -> Pictures:
    """The side's pictures, ``samples`` or as many as there are."""
    if isinstance(side, Path):
        return folder_pictures(side, samples)
    assert contract is not None, "there is one where there is a model"
    return side.pictures(contract, samples, seed).held()

"""Writing the hand-off folder.

| file | content |
|---|---|
| ``HANDOFF.md`` | all that must be known, on one page |
| ``generator.cpp``, ``Generator.kt``, ``Generator.swift`` | programs that run and check the model |
| ``golden/NAME.bin`` | inputs and images as raw little-endian float32, labels int64 |
| ``*.ort``, ``*.config`` | the model for ARM and its operators, where the format serves it |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from edgegan.errors import BundleError
from edgegan.generators.latents import Samples
from edgegan.handoff.description import Delivery, Description, describe
from edgegan.handoff.facts import read_facts, wants_ort
from edgegan.handoff.ort_format import OrtFiles, convert
from edgegan.handoff.providers import partitionings

_SAMPLES = 4
_TEMPLATES = ("HANDOFF.md", "generator.cpp", "Generator.kt", "Generator.swift")


def write_handoff(
    folder: Path, delivery: Delivery, model: Path, golden: Mapping[str, Samples]
) -> OrtFiles | None:
    """Fill an existing empty folder.

    Args:
        folder: the hand-off folder.
        delivery: what is handed over.
        model: the ONNX file itself, which ``delivery.model`` points to from ``folder``.
        golden: ``[N, *shape]`` of every input and of the output, by name; the first few
            samples are written.

    Returns:
        The converted model, or None where the ONNX file is what is handed over.

    Raises:
        BundleError: if a golden array is missing or has another shape.
        ModelError: if the model cannot be converted.
    """
    samples = min([_SAMPLES, *(len(array) for array in golden.values())])
    ort = convert(model, folder) if wants_ort(model) else None
    description = describe(delivery, read_facts(model), samples, ort, partitionings(model))
    _write_golden(folder / "golden", description, golden)
    for name, text in render(description).items():
        (folder / name).write_text(text, encoding="utf-8")
    return ort


def render(description: Description) -> dict[str, str]:
    """The texts, by file name."""
    environment = Environment(
        loader=PackageLoader("edgegan.handoff", "."),
        autoescape=False,  # plain text; names are identifiers, free text goes through `line`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["line"] = _line
    environment.filters["number"] = "{:.9g}".format
    environment.filters["megabytes"] = lambda count: f"{count / 1e6:.2f} MB"
    return {
        name: environment.get_template(f"{name}.jinja").render(d=description) for name in _TEMPLATES
    }


def _line(text: str) -> str:
    """Free text as one line that neither Markdown nor a ``//`` comment takes as markup."""
    return " ".join(text.replace("\\", "/").replace("<", "‹").replace("`", "'").split())


def _write_golden(folder: Path, description: Description, golden: Mapping[str, Samples]) -> None:
    folder.mkdir()
    for tensor in (*description.inputs, description.output):
        array = golden.get(tensor.name)
        if array is None or array.shape[1:] != tensor.shape[1:] or array.dtype != tensor.dtype:
            given = "missing" if array is None else f"{array.dtype} {array.shape[1:]}"
            raise BundleError(
                f"the golden samples of {tensor.name!r} are {given}; they must be "
                f"{tensor.dtype} {tensor.shape[1:]}."
            )
        (folder / f"{tensor.name}.bin").write_bytes(
            array[: description.samples].astype(array.dtype.newbyteorder("<")).tobytes()
        )

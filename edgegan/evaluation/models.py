"""Whatever computes pictures: bundles, ONNX files, engines, and modules of a recipe or the zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from edgegan.bundle import MANIFEST, Bundle, TargetEntry, open_bundle
from edgegan.cache import digest, file_digest
from edgegan.card import FeatureSection
from edgegan.devices import why_not_native
from edgegan.errors import BundleError, UnavailableError, UsageError
from edgegan.evaluation.onnx_features import SUFFIX
from edgegan.evaluation.pictures import Pictures
from edgegan.generators.contract import InputSpec
from edgegan.generators.inputs import data_files, draw_inputs
from edgegan.generators.latents import Samples
from edgegan.latency.environment import environment
from edgegan.metrics.extractor import Images
from edgegan.recipe import Recipe, load_recipe, resolve
from edgegan.resources import model_names, recipe_names
from edgegan.runtimes.base import Runtime, first_output
from edgegan.runtimes.find import runtime_for
from edgegan.runtimes.ort import OrtRuntime
from edgegan.runtimes.trt import ENGINE_SUFFIX, TensorRtRuntime
from edgegan.schema import validate
from edgegan.stage_runner import load_code
from edgegan.targets import find_target

_ORT_FORMAT = ".ort"


@dataclass(frozen=True)
class Contract:
    """What is fed to a model, and what its values mean.

    Attributes:
        inputs: in order.
        value_range: of its pictures.
        features: the feature network that measures its pictures, if it names one.
        folder: where relative paths start.
        guessed: whether only the shapes are known, and the laws the usual ones.
    """

    inputs: tuple[InputSpec, ...]
    value_range: tuple[float, float]
    features: str | FeatureSection | None
    folder: Path
    guessed: bool = False


@dataclass(frozen=True)
class Model:
    """Something that computes pictures.

    Attributes:
        label: for people.
        key: everything that its pictures depend on but the inputs.
        contract: None where only another model's can tell.
        run: inputs ``[N, ...]`` in order, with their names in the contract, to pictures ``[N, C, H, W]``.
        original: what a bundle's model was made from.
    """

    label: str
    key: Any
    contract: Contract | None
    run: Callable[[dict[str, Samples]], Images]
    original: Model | None = None

    def pictures(self, contract: Contract, count: int, seed: int) -> Pictures:
        """Pictures of ``count`` seeded inputs, or of as many as the user's files hold."""
        feed = draw_inputs(contract.inputs, contract.folder, count, seed)
        files = [path for spec in contract.inputs for path in data_files(spec, contract.folder)]
        inputs = [
            [spec.model_dump(mode="json") for spec in contract.inputs],
            len(next(iter(feed.values()))),
            seed,
            [file_digest(path) for path in files],
        ]
        labels = [feed[spec.name] for spec in contract.inputs if spec.classes is not None]
        return Pictures(
            label=self.label,
            key=[self.key, inputs],
            count=len(next(iter(feed.values()))),
            value_range=contract.value_range,
            take=lambda indices: self.run({name: feed[name][indices] for name in feed}),
            labels=labels[0].astype(np.int64).reshape(-1) if labels else None,
            inputs=digest(inputs),
        )


def open_model(name: str, target: str | None = None) -> Model:
    """A bundle's folder, an ONNX file, an engine, a recipe, or a model of the zoo.

    Args:
        target: which of a bundle's; else the first that runs here.

    Raises:
        EdgeganError: if it is none of these, or cannot be used here.
    """
    path = Path(name)
    if (path / MANIFEST).is_file():
        return _bundle(open_bundle(path), target)
    if path.suffix in (SUFFIX, _ORT_FORMAT):
        return _onnx(path)
    if path.suffix == ENGINE_SUFFIX:
        return _engine(path)
    if path.suffix in (".yaml", ".yml") or name in recipe_names():
        return _module(*load_recipe(name), path.stem)
    if name in model_names():
        data = {"schema": "edgegan.recipe/1", "name": name, "generator": {"zoo": name}}
        return _module(validate(Recipe, data, name), path, name)
    raise UsageError(
        f"{name!r} is no bundle, ONNX file ({SUFFIX}, {_ORT_FORMAT}), engine ({ENGINE_SUFFIX}), recipe, "
        f"folder of pictures or model of the zoo ({', '.join(model_names())})."
    )


def _bundle(bundle: Bundle, target: str | None) -> Model:
    entry, runtime, where = _executable(bundle, target)
    manifest, name = bundle.manifest, bundle.manifest.name
    recipe, _ = load_recipe(str(bundle.path("recipe.resolved.yaml")))
    features = recipe.checks.features
    if not isinstance(features, str) or features.endswith(SUFFIX):
        features = None  # of the user's own, which no bundle holds
    contract = Contract(manifest.inputs, manifest.output.value_range, features, bundle.folder)

    def model(file: str, label: str, runtime: Runtime, original: Model | None) -> Model:
        path = bundle.path(file)
        engine = runtime.load(path)
        key = [manifest.files[file].sha256, environment().key(), runtime.versions()]
        return Model(label, key, contract, lambda feed: first_output(engine.run(feed)), original)

    original = model(manifest.reference, f"{name} in float", OrtRuntime(), None)
    return model(entry.model, f"{name} {where}", runtime, original)


def _executable(bundle: Bundle, target: str | None) -> tuple[TargetEntry, Runtime, str]:
    """The target that is measured, what runs it, and where, for people.

    What is for another machine's ONNX Runtime is run by the one here.
    """
    entries = [entry for entry in bundle.manifest.targets if target in (None, entry.name)]
    if not entries:
        names = ", ".join(entry.name for entry in bundle.manifest.targets)
        raise UsageError(f"{bundle.folder} has no target {target!r}; it has: {names}.")
    reasons = []
    for entry in entries:
        known = find_target(entry.name)
        reason = why_not_native(known, environment())
        if not reason:
            return entry, runtime_for(known), f"on {entry.name}"
        if entry.runtime == "ort":
            return entry, OrtRuntime(), f"for {entry.name}, by ONNX Runtime here"
        reasons.append(f"{entry.name}: {reason}")
    raise UnavailableError(f"{bundle.folder}: no target runs here ({'; '.join(reasons)}).")


def _onnx(path: Path) -> Model:
    if not path.is_file():
        raise BundleError(f"{path} does not exist; check the path.")
    runtime = OrtRuntime()
    engine = runtime.load(path)
    names, contract = _described(path) if path.suffix == SUFFIX else (None, None)

    def run(feed: dict[str, Samples]) -> Images:
        if names is not None and len(names) != len(feed):
            raise UsageError(
                f"{path} takes {len(names)} inputs ({', '.join(names)}), and {len(feed)} are drawn "
                f"({', '.join(feed)}); compare models with the same inputs."
            )
        named = dict(zip(names, feed.values(), strict=True)) if names else feed
        return first_output(engine.run(named))

    key = [file_digest(path), environment().key(), runtime.versions()]
    return Model(path.name, key, contract, run)


def _described(path: Path) -> tuple[Sequence[str], Contract | None]:
    """Names of an ONNX file's inputs, and their law, where all are floats: standard normal."""
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except (DecodeError, OSError, ValueError) as error:
        raise BundleError(f"{path} is not an ONNX model ({error}).") from None
    constants = {tensor.name for tensor in graph.initializer}
    given = [value for value in graph.input if value.name not in constants]
    names = [value.name for value in given]
    inputs = []
    for place, value in enumerate(given):
        kind = value.type.tensor_type
        shape = tuple(dim.dim_value for dim in kind.shape.dim)[1:]
        if kind.elem_type != onnx.TensorProto.FLOAT or not shape or 0 in shape:
            return names, None
        inputs.append(InputSpec(name=f"input_{place}", shape=shape))
    return names, Contract(tuple(inputs), (-1.0, 1.0), None, path.parent, guessed=True)


def _engine(path: Path) -> Model:
    if not path.is_file():
        raise BundleError(f"{path} does not exist; check the path.")
    runtime = TensorRtRuntime()
    engine = runtime.load(path)
    key = [file_digest(path), environment().key(), runtime.versions()]
    return Model(path.name, key, None, lambda feed: first_output(engine.run(feed)))


def _module(recipe: Recipe, folder: Path, label: str) -> Model:
    resolved, weights = resolve(recipe, folder)
    spec = resolved.generator
    contract = Contract(spec.free_inputs, spec.output.value_range, resolved.features, weights)
    key, run = load_code("edgegan.evaluation.module").load_generator(spec, weights)
    return Model(label, key, contract, run)

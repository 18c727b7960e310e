"""The engines that `peers` compares: one generator's models for every runtime, and how each is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnx

from benchmarks import openvino_peer
from benchmarks.models import SOURCES, random_weights
from benchmarks.stock import quantize_static
from edgegan.errors import EdgeganError, UsageError
from edgegan.output_file import write_whole
from edgegan.runtimes.ort import OrtRuntime
from edgegan.stages import calibrate_ranges, capture_float, emit_quantized, lower_float
from edgegan.targets import find_target
from edgegan.workbench import Workbench

_FILES = {
    "ort-float": "float.onnx",
    "ort-quantize-static": "stock.onnx",
    "openvino-float": "float.onnx",
    "openvino-nncf-int8": "nncf.xml",
    "edgegan-int8-ort": "model.onnx",
    "edgegan-int8-openvino": "openvino/model.onnx",
    "edgegan-nncf-int8": "nncf-lowered.xml",
}
RUNTIMES = tuple(_FILES)

_OPENVINO = frozenset(
    {"openvino-float", "openvino-nncf-int8", "edgegan-int8-openvino", "edgegan-nncf-int8"}
)
_FLOAT32 = frozenset({"openvino-float", "edgegan-int8-openvino"})
_IMAGES, _FEW_IMAGES = 100, 8
"""To calibrate with; few for generators that take whole images. Speed does not depend on them."""


@dataclass(frozen=True)
class Prepared:
    """A family's models.

    Attributes:
        refusals: why a runtime has none, by its name.
    """

    bench: Workbench
    folder: Path
    refusals: dict[str, str]

    def load(
        self, threads: int, batch: int
    ) -> tuple[dict[str, Callable[[], object]], dict[str, str]]:
        """Calls that have run once, and the refusals with those that did not run, by runtime."""
        feed = self.bench.feed(batch, 0)
        calls: dict[str, Callable[[], object]] = {}
        refused = dict(self.refusals)
        for runtime in (name for name in RUNTIMES if name not in self.refusals):
            path = self.folder / _FILES[runtime]
            try:
                if runtime in _OPENVINO:
                    float32 = runtime in _FLOAT32
                    call = openvino_peer.load(path, feed, threads, float32=float32)
                else:
                    call = partial(OrtRuntime().load(path, threads).run, feed)
                call()
            except Exception as error:  # other projects' engines raise unrelated types
                refused[runtime] = sentence(error)
                continue
            calls[runtime] = call
        return calls, refused

    def forms(self) -> list[onnx.ModelProto]:
        """The original and the rewritten generator."""
        return [onnx.load(self.folder / _FILES[name]) for name in ("ort-float", "edgegan-int8-ort")]


def prepare(family: str, folder: Path) -> Prepared:
    """Make the family's models in ``folder``, or take those that are there.

    Raises:
        UsageError: if there is no such family.
        EdgeganError: if the generator cannot be exported; PyTorch's exporter has errors of its own.
    """
    if family not in SOURCES:
        raise UsageError(f"{family} is not among benchmarks.models.SOURCES.")
    folder.mkdir(parents=True, exist_ok=True)
    images = _FEW_IMAGES if len(SOURCES[family].input_shape) > 1 else _IMAGES
    bench = random_weights(family, folder, f"calibration.samples={images}")
    done = folder / "refusals.json"
    if not done.exists():
        refusals = _make(bench, folder, images)
        write_whole(done, json.dumps(refusals), "refusals")
    return Prepared(bench, folder, json.loads(done.read_text()))


def sentence(error: Exception) -> str:
    """An error in one line, with its type where it is not the product's own."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, EdgeganError) else f"{type(error).__name__}: {text}"


def _make(bench: Workbench, folder: Path, images: int) -> dict[str, str]:
    """Returns the other tools' refusals, by runtime; what we cannot export is an error."""
    capture_float(bench, folder)
    lower_float(bench, folder)
    calibrate_ranges(bench, folder, lambda done, total: None)
    emit_quantized(bench, folder, {"calibrated": folder})
    shipped = folder / "openvino"
    shipped.mkdir(exist_ok=True)
    variant = bench.resolved.recipe.variant(find_target("openvino-x86"))
    other = Workbench(bench.resolved, folder, variant)
    calibrate_ranges(other, shipped, lambda done, total: None)
    emit_quantized(other, shipped, {"calibrated": shipped})
    feed, nncf = bench.feed(images, 0), openvino_peer.quantize_nncf
    original, lowered = folder / "float.onnx", folder / "lowered.onnx"
    makers: dict[str, Callable[[Path], None]] = {
        "ort-quantize-static": lambda target: quantize_static(bench, original, target, images),
        "openvino-nncf-int8": lambda target: nncf(original, target, feed),
        "edgegan-nncf-int8": lambda target: nncf(lowered, target, feed),
    }
    refusals = {}
    for runtime, make in makers.items():
        try:
            make(folder / _FILES[runtime])
        except Exception as error:  # other projects' tools raise unrelated types
            refusals[runtime] = sentence(error)
    return refusals

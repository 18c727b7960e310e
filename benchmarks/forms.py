"""What each exact form of each layer costs: the measurements that `lowering/forms.py` is fitted to.

    python -m benchmarks.forms

Whole generators are timed with one layer's form changed at a time; all variants take turns.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.models import random_weights, shipped
from benchmarks.results_file import write_result
from edgegan.latency.measure import Effort, measure
from edgegan.lowering import forms
from edgegan.lowering.forms import Form
from edgegan.runtimes.ort import OrtRuntime
from edgegan.stages import calibrate_ranges, emit_quantized
from edgegan.workbench import Workbench

COMMAND = "python -m benchmarks.forms"
CANDIDATES = (Form(False), Form(False, (2, 2)), Form(False, (4, 4)), Form(True))
PASSES = ("image_convolution", "transposed_convolution", "upsample_convolution")


class _Choice:
    """Stands in for ``choose_form``: the model's own choice, but for one layer."""

    def __init__(self, layer: int | None, form: Form | None) -> None:
        self.layer, self.form = layer, form
        self.seen: list[tuple[Any, Form, int]] = []

    def __call__(self, shape: Any, height: Any, width: Any, groups: int, profile: Any) -> Form:
        own = forms.choose_form(shape, height, width, groups, profile)
        chosen = self.form if len(self.seen) == self.layer and self.form is not None else own
        self.seen.append((tuple(shape), chosen, len(height.taps) * len(width.taps)))
        return chosen


def build(bench: Workbench, choice: _Choice, folder: Path) -> Path:
    folder.mkdir()
    fresh = Workbench(bench.resolved, bench.folder, bench.variant)
    patches = [mock.patch(f"edgegan.lowering.{name}.choose_form", choice) for name in PASSES]
    for patch in patches:
        patch.start()
    try:
        calibrate_ranges(fresh, folder, lambda done, total: None)
        emit_quantized(fresh, folder, {"calibrated": folder})
    finally:
        for patch in patches:
            patch.stop()
    return folder / "model.onnx"


def rows(name: str, bench: Workbench, folder: Path) -> Iterator[dict[str, Any]]:
    own = _Choice(None, None)
    models = {("own", ""): build(bench, own, folder / "own")}
    for layer, (shape, chosen, phases) in enumerate(own.seen):
        for form in CANDIDATES:
            few = shape[0] <= forms.FEW_CHANNELS
            if (
                form == chosen
                or (form.pack != (1, 1) and not few)
                or (form.separate and phases == 1)
            ):
                continue
            key = (f"{layer}: {'x'.join(map(str, shape))}", f"{form} instead of {chosen}")
            path = folder / f"{layer}-{CANDIDATES.index(form)}"
            models[key] = build(bench, _Choice(layer, form), path)
    feed = bench.feed(1, 0)
    calls: dict[str, Any] = {}
    for key, path in models.items():
        engine = OrtRuntime().load(path)
        calls["|".join(key)] = partial(engine.run, feed)
    timings = measure(calls, Effort(seconds=1.5))
    base = timings["own|"].percentile(50)
    for key in models:
        p50 = timings["|".join(key)].percentile(50)
        yield {
            "model": name, "layer": key[0], "form": key[1],
            "p50_ms": p50, "relative": p50 / base,
        }  # fmt: skip


def main() -> None:
    result: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        quick = "calibration.samples=20"
        benches = {"fashion-dcgan (32x32)": shipped("fashion-dcgan-w8a8", quick)}
        for model in ("dcgan-64", "upsample-convolution-64-narrow"):
            (root / model).mkdir()
            benches[model] = random_weights(model, root / model)
        for model, bench in benches.items():
            folder = root / f"forms-{model}"
            folder.mkdir()
            result += list(rows(model, bench, folder))
    columns = {
        "model": "model", "layer": "layer: weight", "form": "form", "p50_ms": "p50 ms",
        "relative": "relative to own choice",
    }  # fmt: skip
    note = (
        "Batch 1, 1 thread, w8a8. Each row changes the form of one layer (weights as C_out x C_in x "
        "k x k) from what the cost model chooses; below 1 the model chose wrongly by that much."
    )
    write_result("forms", COMMAND, result, columns, note)


if __name__ == "__main__":
    main()

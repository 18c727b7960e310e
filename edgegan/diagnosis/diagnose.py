"""Why is it bad? Layer by layer, how far the quantized engine is from the float graph.

Reads a bundle's two models alone (no torch): the rewritten float graph and the quantized one, whose
nodes carry the same names. Both run on the same inputs with their inner tensors as outputs.

* Signal to quantization noise of each quantized tensor against its float original: accumulated (as it
  comes out of the engine) and own (the float tensor put on the grid).
* What keeping the layer in float would give back: the image's PSNR with this layer's weight and
  output unquantized, minus the PSNR of the model as it is. This ranks the layers: a tensor may have a
  low ratio and do no harm (in front of a tanh), or a high one and do much.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgegan.bundle import Bundle, first_executable
from edgegan.diagnosis.result import Diagnosis, TensorDiagnosis, WeightDiagnosis
from edgegan.diagnosis.surgery import (
    GridQuantizer,
    WeightTwin,
    constants,
    float_twin,
    grid_groups,
    saturation,
    weight_twins,
    without_layer,
)
from edgegan.errors import BundleError
from edgegan.generators import latents
from edgegan.metrics.psnr import psnr
from edgegan.runtimes.base import Runtime, first_output
from edgegan.runtimes.ort import OrtRuntime

BINS = 48
ELEMENTS = 40_000_000
"""Of all tensors that are held at once; each takes 5 to 20 bytes."""

_BATCH = 32


def diagnose(
    model: Path,
    lowered: Path,
    inputs: dict[str, NDArray[Any]],
    value_range: tuple[float, float],
    runtime: Runtime,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Diagnosis:
    """Compare the two models of a bundle.

    Args:
        model: quantized.
        lowered: the rewritten float graph that it was quantized from.
        inputs: ``[N, ...]`` by input name; of large models only as many as memory allows.
        value_range: of the image, for the PSNR.
        runtime: executes both.
        report: called with (layers done, layers).

    Raises:
        BundleError: if the models do not belong together.
    """
    quantized, original = onnx.load(model), onnx.load(lowered)
    groups = grid_groups(quantized)
    pairs = {q.tensor: float_twin(quantized, original, q) for group in groups for q in group}
    taps = [q.tensor for group in groups for q in group]
    inputs = _affordable(quantized, taps, inputs, runtime)
    integers = _run(quantized, taps, inputs, runtime)
    floats = _run(original, sorted(set(pairs.values())), inputs, runtime)
    image = first_output(floats)
    whole = psnr(first_output(integers), image, value_range)
    tensors = []
    for index, group in enumerate(groups):
        reach = saturation(quantized, group)
        changed = without_layer(quantized, original, group)
        gain = psnr(first_output(_run(changed, [], inputs, runtime)), image, value_range) - whole
        report(index + 1, len(groups))
        tensors.append(
            _tensor(
                group,
                np.concatenate([integers[q.tensor].ravel() for q in group]),
                np.concatenate([floats[pairs[q.tensor]].ravel() for q in group]).clip(
                    -reach, reach
                ),
                gain if np.isfinite(gain) else 0.0,
            )
        )
    count = len(next(iter(inputs.values())))
    weights = _weights(quantized, original, inputs, runtime)
    return Diagnosis(count, whole, tuple(tensors), tuple(weights))


def diagnose_bundle(bundle: Bundle, samples: int) -> Diagnosis:
    """Diagnose a bundle on ``samples`` inputs of its own law, or on its golden ones if it has none."""
    manifest = bundle.manifest
    seed = manifest.golden_seed
    if any(spec.data for spec in manifest.inputs):
        inputs: dict[str, NDArray[Any]] = dict(bundle.golden(manifest.golden_inputs))
    else:
        inputs = {i.name: latents.draw(i, samples, seed) for i in manifest.inputs}
    entry = first_executable(bundle)
    return diagnose(
        bundle.path(entry.model),
        bundle.path(entry.lowered),
        inputs,
        manifest.output.value_range,
        OrtRuntime(),  # executes every CPU's models, and lets each tensor be read
    )


def _affordable(
    model: onnx.ModelProto, taps: list[str], inputs: dict[str, NDArray[Any]], runtime: Runtime
) -> dict[str, NDArray[Any]]:
    """So many inputs that all tapped tensors together stay below ``ELEMENTS``."""
    one = {name: value[:1] for name, value in inputs.items()}
    elements = sum(value.size for value in _run(model, taps, one, runtime).values())
    count = max(2, ELEMENTS // elements)
    return {name: value[:count] for name, value in inputs.items()}


def _run(
    model: onnx.ModelProto, taps: list[str], inputs: dict[str, NDArray[Any]], runtime: Runtime
) -> dict[str, NDArray[Any]]:
    """The image first, then the tapped tensors (inputs are taps of themselves)."""
    tapped = onnx.ModelProto()
    tapped.CopyFrom(model)
    present = {value.name for value in tapped.graph.output} | set(inputs)
    for name in taps:
        if name not in present:
            tapped.graph.output.append(onnx.ValueInfoProto(name=name))
    engine = runtime.load(tapped.SerializeToString())
    count = len(next(iter(inputs.values())))
    parts = [
        engine.run({name: value[start : start + _BATCH] for name, value in inputs.items()})
        for start in range(0, count, _BATCH)
    ]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return joined | {name: inputs[name] for name in taps if name in inputs}


def _tensor(
    group: list[GridQuantizer], integers: NDArray[Any], values: NDArray[Any], gain: float
) -> TensorDiagnosis:
    q = group[0]
    if integers.size != values.size:
        raise BundleError(f"layer {q.name} has another shape in the float model.")
    scale = np.float32(q.scale)
    exact = values.astype(np.float64)
    dequantized = (integers.astype(np.float64) - q.zero_point) * q.scale
    own = np.clip(np.rint(values / scale) + q.zero_point, q.low, q.high) - q.zero_point
    low, high = ((end - q.zero_point) * q.scale for end in (q.low, q.high))
    outside = (exact < low - q.scale / 2) | (exact > high + q.scale / 2)
    histogram, edges = np.histogram(exact, BINS)
    return TensorDiagnosis(
        layer=q.name,
        sqnr_db=_sqnr(exact, dequantized),
        own_sqnr_db=_sqnr(exact, own.astype(np.float64) * q.scale),
        clipped_share=float(outside.mean()),
        grid_used=len(np.unique(integers)) / (q.high - q.low + 1),
        low=float(low),
        high=float(high),
        gain_db=float(gain),
        histogram=histogram.tolist(),
        edges=edges.tolist(),
    )


def _weights(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    inputs: dict[str, NDArray[Any]],
    runtime: Runtime,
) -> list[WeightDiagnosis]:
    """Every stored weight, once; errors are those of the weights that the layers really use."""
    known, floats = constants(quantized), constants(original)
    twins = weight_twins(quantized, original)
    one = {name: value[:1] for name, value in inputs.items()}
    read = [twin.dequantized for twin in twins]
    read += [twin.lookup[0] for twin in twins if twin.lookup]
    used = _run(quantized, read, one, runtime)
    found: dict[str, WeightDiagnosis] = {}
    for twin in twins:
        bits, low, integers = _states(twin, known, used)
        if bits is None or twin.stored in found:
            continue
        exact = onnx.numpy_helper.to_array(floats[twin.original]).astype(np.float64)
        states = np.bincount(integers.ravel() - low, minlength=1 << bits)
        found[twin.stored] = WeightDiagnosis(
            name=re.sub("_(integers|packed)$", "", twin.stored.removeprefix("lowered.")),
            bits=bits,
            states=states.tolist(),
            low=low,
            states_used=float((states > 0).mean()),
            sqnr_db=_sqnr(exact, used[twin.dequantized].astype(np.float64)),
        )
    return list(found.values())


def _states(
    twin: WeightTwin,
    known: dict[str, onnx.TensorProto],
    used: dict[str, NDArray[Any]],
) -> tuple[int | None, int, NDArray[np.int64]]:
    """Bits, lowest state and states of a weight: its integers, or the indices into its codebook."""
    if twin.lookup is not None:
        indices, codebook = twin.lookup
        return known[codebook].dims[-1].bit_length() - 1, 0, used[indices].astype(np.int64)
    tensor = known[twin.stored]
    bits = _WIDTHS.get(tensor.data_type)
    integers = onnx.numpy_helper.to_array(tensor).astype(np.int64)
    return bits, 0 if bits is None else -(1 << (bits - 1)), integers


_WIDTHS: dict[int, int] = {
    onnx.TensorProto.INT8: 8,
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.INT2: 2,
}


def _sqnr(exact: NDArray[np.float64], approximate: NDArray[np.float64]) -> float:
    noise = float(np.square(exact - approximate).sum())
    signal = float(np.square(exact).sum())
    if noise == 0.0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0.0 else float("-inf")

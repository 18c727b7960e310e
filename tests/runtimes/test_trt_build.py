"""Engines that TensorRT-RTX really builds; no GPU is needed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from edgegan.emit.half_precision import half_precision
from edgegan.errors import BundleError, ModelError
from edgegan.runtimes.trt import TensorRtRuntime
from edgegan.runtimes.trt_build import build_engine, build_engines
from edgegan.runtimes.trt_options import BatchProfile, BuildOptions
from tests.runtimes import trt_models

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorrt_rtx") is None,
        reason="TensorRT-RTX is not installed: pip install 'edgegan[tensorrt-rtx]'",
    ),
]
SM89 = BuildOptions(("sm89",))


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def test_one_engine_for_each_capability(tmp_path: Path) -> None:
    """Residual sum, pixel shuffle and all multiply in int8, but for Turing: there nothing does."""
    model = saved(trt_models.residual(), tmp_path)
    options = BuildOptions(("sm75", "sm86", "sm89", "sm120"), BatchProfile(1, 1, 8))
    engines = build_engines(model, options, tmp_path / "out").engines
    names = [f"model.{name}.engine" for name in options.capabilities]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(names)
    assert [engine.file.name for engine in engines] == names
    assert [engine.capability for engine in engines] == list(options.capabilities)
    assert all(engine.bytes == engine.file.stat().st_size > 0 for engine in engines)
    assert not any(engine.ran for engine in engines)
    assert [engine.execution.mac_share for engine in engines] == [0.0, 1.0, 1.0, 1.0]


def test_transposed_convolutions_stay_float(tmp_path: Path) -> None:
    """Why edgegan rewrites them for this target too."""
    engine = build_engine(saved(trt_models.transposed(), tmp_path), SM89, tmp_path / "e")
    assert [(e.kernel, e.precision) for e in engine.execution.layers] == [("deconv", "float")]


def test_a_refusal_for_turing_does_not_spoil_the_next_engine(tmp_path: Path) -> None:
    model = saved(trt_models.gemm(), tmp_path)
    with pytest.raises(ModelError, match="fc/Gemm: TensorRT-RTX has no matrix product"):
        build_engine(model, BuildOptions(("sm75",)), tmp_path / "out" / "e")
    assert list((tmp_path / "out").iterdir()) == []
    assert build_engine(model, SM89, tmp_path / "out" / "e").execution.mac_share == 1.0


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda: trt_models.residual(np.int8(5)),
            r"input/QuantizeLinear \(QuantizeLinear\): TensorRT-RTX takes int8 with zero point 0 only",
        ),
        (
            lambda: trt_models.residual(np.uint8(128)),
            "input/QuantizeLinear .* takes int8 with zero point 0 only",
        ),
        (
            lambda: trt_models.residual(np.uint8(0)),
            "input/QuantizeLinear .* would read uint8 as int8 and so change the numbers",
        ),
        (
            lambda: trt_models.convolution(kind=np.uint8),
            "body.weight/DequantizeLinear .* takes no uint8 weights",
        ),
        (
            lambda: trt_models.convolution(bias="int32"),
            "bias/DequantizeLinear .* takes no quantized bias; leave the bias in float",
        ),
        (
            lambda: trt_models.convolution(kind=TensorProto.INT4),
            "convolves with INT4 weights on float activations only",
        ),
    ],
)
def test_refusals_are_sentences_and_leave_nothing(
    tmp_path: Path, make: Callable[[], onnx.ModelProto], expected: str
) -> None:
    model = saved(make(), tmp_path)
    with pytest.raises(ModelError, match=expected) as caught:
        build_engine(model, SM89, tmp_path / "out" / "e")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_truncated_model_is_one_sentence(tmp_path: Path) -> None:
    data = trt_models.residual().SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match=r"model\.onnx"):
        build_engine(tmp_path / "model.onnx", SM89, tmp_path / "e")


def test_a_dynamic_picture_size_is_refused(tmp_path: Path) -> None:
    model = trt_models.weight_only(np.int8)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[2].dim_param = "height"
    with pytest.raises(ModelError, match="input x has dynamic axes besides the batch"):
        build_engine(saved(model, tmp_path), SM89, tmp_path / "e")


@pytest.mark.parametrize("kind", [np.int8, TensorProto.INT4])
def test_weights_may_be_stored_as_integers_alone(tmp_path: Path, kind: Any) -> None:
    engine = build_engine(saved(trt_models.weight_only(kind), tmp_path), SM89, tmp_path / "e")
    assert [e.precision for e in engine.execution.layers] == ["float"]


def test_float_and_half_build_beside_int8(tmp_path: Path) -> None:
    model = saved(trt_models.float_pair(), tmp_path)
    half = half_precision(model)
    onnx.save(half, tmp_path / "half.onnx")
    for path in (model, tmp_path / "half.onnx"):
        assert build_engine(path, SM89, tmp_path / "e").execution.mac_share == 0.0


def test_half_precision_against_float32(tmp_path: Path) -> None:
    """float16 has 11 bits; two convolutions of 72 products each lose a few of them."""
    model = saved(trt_models.float_pair(), tmp_path)
    half = half_precision(model)
    onnx.checker.check_model(half, full_check=True)
    feed = {"x": trt_models.images(2, 8, 8, 8)}
    expected, actual = (
        onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, feed)[0]
        for data in (model.read_bytes(), half.SerializeToString())
    )
    assert actual.dtype == np.float32
    error = np.abs(actual - expected).max() / np.abs(expected).max()
    assert 0 < error < 4e-3
    kinds = {t.name: t.data_type for t in half.graph.initializer if "weight" in t.name}
    assert set(kinds.values()) == {TensorProto.FLOAT16}


def test_the_runtime_explains_bytes(tmp_path: Path) -> None:
    runtime = TensorRtRuntime(options=SM89)
    data = trt_models.residual().SerializeToString()
    assert runtime.execution_map(data).mac_share == 1.0
    assert runtime.versions()["tensorrt-rtx"].startswith("1.")
    with pytest.raises(BundleError, match=r"^the model: input/QuantizeLinear"):
        runtime.execution_map(trt_models.residual(np.int8(5)).SerializeToString())

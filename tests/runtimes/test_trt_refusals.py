"""Sentences, from messages as TensorRT-RTX 1.7.1 gave them."""

from __future__ import annotations

import pytest

from edgegan.runtimes.trt_refusals import Refusal, sentence

ZERO_POINT = (
    "Assertion failed: shiftIsAllZeros(zeroPoint): Non-zero zero point is not supported. Please set "
    "kENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA to enable asymmetric quantization if it is on DLA."
)
INT32 = (
    "Invalid Node - body/bias\nITensor::getDimensions: Error Code 4: API Usage Error (body/bias: input has "
    "type Int32 but must have type FP8, FP4, Int4, Int8, or UInt8. In checkType at nodeBase.cpp:456)"
)
TURING = (
    "IBuilder::buildSerializedNetwork: Error Code 1: Myelin ([pass.cpp:337: check_turing_op_compatibility] "
    "Cannot compile operation 'fc/Gemm' for Turing (SM75): FP32 GEMM is not supported. In compileGraph)"
)
INITIALIZER = (
    "Failed to import initializer: In node -1 with name:  and operator:  (importInitializers): "
    "UNSUPPORTED_NODE: Assertion failed: ctx->getWeightsContext().convertOnnxWeights(initializer, "
    "&weights): Failed to import initializer: body.weight"
)
CAST = (
    "IBuilder::buildSerializedNetwork: Error Code 4: API Usage Error (Tensor body.weight_output has "
    "datatype Int4 but is not consumed by IPluginLayer, IDequantizeLayer. In network.cpp:271)"
)
W4A8 = "Myelin (MyelinCheckException: cudnn_impl.cpp:84: CHECK(dtype == W.type()) failed. In compileGraph)"


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (
            Refusal(ZERO_POINT, "in/QuantizeLinear", "QuantizeLinear"),
            "m.onnx: in/QuantizeLinear (QuantizeLinear): TensorRT-RTX takes int8 with zero point 0 only; "
            "quantize for a target of the grid symmetric-s8.",
        ),
        (
            Refusal(INT32, "body/bias", "DequantizeLinear"),
            "m.onnx: body/bias (DequantizeLinear): TensorRT-RTX takes no quantized bias; leave the bias in "
            "float.",
        ),
        (
            Refusal(TURING),
            "m.onnx: fc/Gemm: TensorRT-RTX has no matrix product in fp32 or int8 on Turing (SM75); write "
            "it as a 1x1 Conv, build the half precision model, or leave sm75 out.",
        ),
        (
            Refusal(INITIALIZER),
            "m.onnx: body.weight: TensorRT-RTX knows neither this tensor's type nor INT2, UINT4 or 16-bit "
            "integers; store int8 or INT4.",
        ),
        (
            Refusal(CAST),
            "m.onnx: body.weight: TensorRT-RTX takes INT4 only directly before DequantizeLinear; store "
            "int8, or remove what stands between.",
        ),
        (
            Refusal(W4A8),
            "m.onnx: TensorRT-RTX convolves with INT4 weights on float activations only; store the weights "
            "as int8, or leave the layer's input unquantized.",
        ),
    ],
)
def test_known_refusals_name_layer_rule_and_remedy(refusal: Refusal, expected: str) -> None:
    assert sentence("m.onnx", "TensorRT-RTX", refusal) == expected


def test_an_unknown_refusal_is_passed_on_in_one_line() -> None:
    text = sentence("m.onnx", "TensorRT", Refusal("First\n  line.\n" + "x" * 900, "a/Foo", "Foo"))
    assert text.startswith(
        "m.onnx: a/Foo (Foo): TensorRT cannot build an engine from it: First line. xx"
    )
    assert "\n" not in text
    assert len(text) < 400


def test_silence_is_said() -> None:
    assert sentence("m.onnx", "TensorRT", Refusal("")).endswith("from it: no reason given.")

"""Emission: graphs become ONNX files; quantizers become QuantizeLinear and DequantizeLinear."""

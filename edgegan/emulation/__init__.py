"""Emulation: the real ONNX Runtime of other processors, under QEMU's user mode."""

"""Runtimes: what executes a model. A runtime knows files and tensors, nothing of quantization."""

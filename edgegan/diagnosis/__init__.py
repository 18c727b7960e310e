"""Diagnosis: why a quantized model is worse than its float original, layer by layer. No torch."""

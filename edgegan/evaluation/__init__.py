"""Evaluation: whatever makes pictures, measured with every metric; what `edgegan evaluate` prints."""

"""Quantization: grids, the fake-quantize operator, placement on the graph, and calibration."""

"""Capture of a generator as one graph, and exact rewrites of that float graph."""

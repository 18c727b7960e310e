"""Measures of generated images: feature networks, and one file a metric. Knows no runtime."""

"""Latency: interleaved measurement, statistics with confidence, gates, and the environment."""

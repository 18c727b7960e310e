"""Benchmarks: each file is one command that writes one result under ``benchmarks/results``."""

"""Tuning: what a calibrated graph learns from its float original."""

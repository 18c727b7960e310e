"""Checks: measured values held against limits, each with a verdict."""

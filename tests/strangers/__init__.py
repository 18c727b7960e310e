"""Generators written in ways that the team's own are not."""

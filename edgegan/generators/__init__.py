"""Generators: what one must offer, where its inputs come from, and the architectures of the zoo."""

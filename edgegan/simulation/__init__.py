"""The engine's integer arithmetic, operator by operator: integers in, integers out, bit for bit."""

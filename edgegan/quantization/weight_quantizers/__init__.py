"""Weight quantizers: from a weight's values to the levels that stand for them, one method a file."""

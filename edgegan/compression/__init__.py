"""Smaller before quantized: channels that are pruned away, and students that learn from a teacher."""

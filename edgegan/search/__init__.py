"""The search for bits: how few each layer needs, under a budget of bytes, time or quality."""

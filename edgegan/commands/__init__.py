"""Commands that need a file of their own: each parses, calls, prints."""

"""Building blocks that several families share, one idea a file."""

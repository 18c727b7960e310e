"""``python -m edgegan``."""

from edgegan.cli import main

main()

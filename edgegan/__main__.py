"""Entry point of ``edgegan`` and ``python -m edgegan``; an interruption while modules load is one too."""

import sys

from edgegan.errors import EXIT_INTERRUPTED


def run() -> None:
    """Run the command line."""
    try:
        from edgegan.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    run()

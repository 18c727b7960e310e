"""Every error that edgegan raises on purpose, and the exit code that each one means.

    EdgeganError                1   something failed
    ├── UsageError              2   the command, the recipe or an option is wrong
    │   ├── RecipeError         2   the recipe cannot be read or does not fit its schema
    │   ├── OutputExistsError   2   the output is there already and --overwrite was not given
    │   └── LackingError        2   a metric needs more than was given
    ├── ModelError              1   the generator, its weights or its graph cannot be used
    ├── DataError               1   a data set, statistics or image file cannot be used
    ├── BundleError             1   a bundle cannot be read
    │   └── VerificationError   3   a bundle is readable but is not what its manifest says
    ├── GateError               3   a check was run and missed its limit
    └── UnavailableError        4   a target, tool or optional package is not there

A message is one sentence (or two) that names the thing, the rule and the remedy.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_GATE = 3
EXIT_UNAVAILABLE = 4
EXIT_INTERRUPTED = 130


class EdgeganError(Exception):
    """Base of all errors that are part of the product; ``exit_code`` is what the CLI returns."""

    exit_code: int = EXIT_FAILURE


class UsageError(EdgeganError):
    exit_code = EXIT_USAGE


class RecipeError(UsageError):
    pass


class OutputExistsError(UsageError):
    pass


class LackingError(UsageError):
    pass


class ModelError(EdgeganError):
    pass


class DataError(EdgeganError):
    pass


class BundleError(EdgeganError):
    pass


class VerificationError(BundleError):
    exit_code = EXIT_GATE


class GateError(EdgeganError):
    exit_code = EXIT_GATE


class UnavailableError(EdgeganError):
    exit_code = EXIT_UNAVAILABLE

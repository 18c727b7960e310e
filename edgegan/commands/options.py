"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

FailOnNoise = Annotated[bool, typer.Option("--fail-on-noise", help="Inconclusive gates fail.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]

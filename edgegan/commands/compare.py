"""``edgegan compare``: parses, calls, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgegan import terminal
from edgegan.checks.check import Verdict
from edgegan.commands.options import Json
from edgegan.comparison import COLUMNS, cells, compare, gallery_of
from edgegan.output_file import check_new, write_whole
from edgegan.reports.gallery import render_gallery


def compare_command(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles to compare.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Page with plots and pictures (.html).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page.")] = False,
    json: Json = False,
) -> None:
    """Show what bundles cost and what they lose, side by side.

    Example: edgegan compare out/w8a8 out/w4a8 -o compare.html
    """
    if output is not None:
        check_new(output, "--output", overwrite)
    comparison = compare(bundles)
    if output is not None:
        write_whole(output, render_gallery(gallery_of(comparison)), "--output")
    if json:
        terminal.print_json(comparison.as_json())
    else:
        terminal.print_rows(COLUMNS, [cells(row) for row in comparison.rows])
    if comparison.note:
        terminal.note(comparison.note)
    where = f"; the page is {output}" if output else ""
    terminal.verdict_line(Verdict.PASS, f"{len(bundles)} bundles compared{where}", json)

"""What the commands of this folder do alike: read the options, fill the tables, exit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

from benchmarks.literature.measure import Bench
from benchmarks.literature.options import Options, parsed
from benchmarks.literature.rows import Cell, Row, fill, recall


def execute(
    command: str,
    documentation: str | None,
    run: Callable[[Options, Bench], bool],
    *,
    tables: Sequence[str],
    models: Sequence[str],
    methods: Sequence[str],
    bits: Sequence[int],
    needs_data: bool = False,
) -> NoReturn:
    """Run a command on what its arguments ask for; exit with 1 if not all of it could be made.

    Args:
        documentation: of its module, whose first line describes it; the rest as of ``parsed``.
    """
    with parsed(
        command,
        (documentation or "").splitlines()[0],
        tables=tables,
        models=models,
        methods=methods,
        bits=bits,
        needs_data=needs_data,
    ) as options:
        complete = run(options, Bench(options.work / "stages", options.samples, options.data))
    sys.exit(0 if complete else 1)


def fill_tables(
    options: Options,
    cells: Mapping[str, Callable[[], Iterable[Cell]]],
    publish: Callable[[str, list[Row]], None],
    result: str,
) -> bool:
    """Make the rows of every table that is asked for, and publish it; whether all could be made.

    Args:
        result: name of the result file, with ``{table}`` where each table has its own.
    """
    complete = True
    # tables that share a result stay in it, whichever of them is asked for
    shared = [table for table in cells if table not in options.tables and "{table}" not in result]
    for table in (*options.tables, *shared):
        folder = options.work / "rows" / table
        held = options.out / f"{result.format(table=table)}.json"
        if not options.anew:
            recall(folder, held, table)
        _, faults = fill(folder, () if table in shared else cells[table]())
        recall(folder, held, table)  # with --anew too, what was not asked for stays
        rows, _ = fill(folder, ())
        complete = complete and not faults
        if rows:
            publish(table, rows)
    return complete

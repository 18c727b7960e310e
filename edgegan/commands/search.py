"""``edgegan search``: parses, calls, prints."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from edgegan import terminal
from edgegan.bundle import atomic_folder, check_output
from edgegan.cache import stage_cache
from edgegan.checks.check import Verdict, number
from edgegan.commands.options import Json, Quiet
from edgegan.errors import EXIT_GATE, EXIT_OK, UsageError
from edgegan.recipe import Recipe, load_recipe
from edgegan.search.problem import read_budgets, read_choices
from edgegan.stage_runner import load_code


def search_command(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped recipe.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of what is found.")],
    budget: Annotated[
        list[str] | None,
        typer.Option(help="size=RATIO, latency=RATIO or int8=SHARE; may be repeated."),
    ] = None,
    max_qfid: Annotated[
        float | None, typer.Option(min=0, help="Fewest bytes with at most this qFID.")
    ] = None,
    max_fid: Annotated[
        float | None, typer.Option(min=0, help="Likewise, of the FID to real pictures.")
    ] = None,
    choices: Annotated[
        str, typer.Option(help="What a layer may have: BITS, BITS:QUANTIZER, float.")
    ] = "8,4,2",
    trials: Annotated[
        int, typer.Option(min=0, help="Models measured beyond the sensitivities.")
    ] = 20,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the order among equals; checks.seed is the pictures'.")
    ] = 0,
    workers: Annotated[
        Path | None, typer.Option(help="Folder that several searches share their trials in.")
    ] = None,
    multi_precision: Annotated[
        bool,
        typer.Option(
            "--multi-precision", help="Fewest bits of discriminator, then generator, by training."
        ),
    ] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find how few bits each layer needs; writes a recipe, all trials, and a plot.

    Example: edgegan search fashion-dcgan-w8a8 --budget size=0.1 -o found
    """
    if max_qfid is not None and max_fid is not None:
        raise UsageError("--max-qfid and --max-fid exclude each other; give one.")
    name, most = ("qfid", max_qfid) if max_fid is None else ("fid", max_fid)
    limits = read_budgets(budget or [])
    loaded, folder = load_recipe(recipe, tuple(overrides or ()))
    check_output(output, overwrite=False)
    if multi_precision:
        if most is None or limits or workers is not None:
            raise UsageError(
                "--multi-precision takes --max-qfid or --max-fid, and neither --budget nor --workers."
            )
        _multi_precision(loaded, folder, output, name, most, json, quiet)
    if most is None and not limits:
        raise UsageError("search needs --budget, such as size=0.08, or --max-qfid.")
    searching, result = load_code("edgegan.search.search"), load_code("edgegan.search.result")
    options = searching.Options(
        choices=read_choices(choices, loaded.quantization.weight_quantizer),
        budgets=limits,
        most_loss=most,
        number=name,
        trials=trials,
        seed=seed,
        store=workers,
    )
    with terminal.pipeline_progress(quiet) as listen:
        found = searching.search(loaded, folder, options, stage_cache(), listen)
    with atomic_folder(output, False) as partial:
        result.write_result(found, folder, partial)
    if json:
        terminal.print_json(result.as_json(found))
    else:
        terminal.print_rows(result.COLUMNS, result.rows(found))
    if found.best is None:
        why = f"no model of {len(found.trials)} is within the limits; see {output / result.PAGE}"
        terminal.verdict_line(Verdict.FAIL, why, json)
        raise typer.Exit(EXIT_GATE)
    best = found.trials[found.best]
    why = (
        f"{best.size:.3g} of the float model's bytes at {name} {number(float(f'{best.loss:.4g}'))}; the "
        f"recipe is {output / result.RECIPE}"
    )
    terminal.verdict_line(Verdict.PASS, why, json)
    raise typer.Exit(EXIT_OK)


def _multi_precision(
    loaded: Recipe, folder: Path, output: Path, name: str, most: float, json: bool, quiet: bool
) -> NoReturn:
    searching = load_code("edgegan.search.multi_precision")
    result = load_code("edgegan.search.result")
    with terminal.pipeline_progress(quiet) as listen:
        found, recipe = searching.search_multi_precision(
            loaded, folder, name, most, stage_cache(), listen
        )
    document: dict[str, Any] = found.as_json() | {"number": name, "most_loss": most}
    with atomic_folder(output, False) as partial:
        (partial / result.DOCUMENT).write_text(json_module.dumps(document, indent=2) + "\n")
        if recipe is not None:
            result.write_recipe(recipe, folder, partial)
    if json:
        terminal.print_json(document)
    else:
        rows = [
            (str(t.discriminator), str(t.generator), number(float(f"{t.loss:.4g}")))
            for t in found.trials
        ]
        terminal.print_rows(("discriminator bits", "generator bits", name), rows)
    if recipe is None:
        which = "discriminator" if found.discriminator is None else "generator"
        why = f"no bits of the {which} keep {name} within {number(most)}"
        terminal.verdict_line(Verdict.FAIL, why, json)
        raise typer.Exit(EXIT_GATE)
    why = (
        f"{found.discriminator} bits of the discriminator, {found.generator} of the generator; the recipe "
        f"is {output / result.RECIPE}"
    )
    terminal.verdict_line(Verdict.PASS, why, json)
    raise typer.Exit(EXIT_OK)

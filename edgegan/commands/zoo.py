"""``edgegan zoo``: parses, calls, prints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from edgegan import terminal
from edgegan.cache import default_cache_folder
from edgegan.card import card_folder, load_card
from edgegan.checks.check import Verdict
from edgegan.commands.options import Json, Quiet
from edgegan.datasets.catalogue import find_source
from edgegan.errors import EXIT_GATE, EXIT_OK, UsageError
from edgegan.resources import model_names
from edgegan.stage_runner import load_code

zoo = typer.Typer(help="The models that ship with edgegan.", no_args_is_help=True)


@zoo.command("list")
def zoo_list(json: Json = False) -> None:
    """List the zoo's models."""
    cards = [load_card(name) for name in model_names()]
    if json:
        models = [card.model_dump(mode="json", by_alias=True) for card in cards]
        terminal.print_json({"schema": "edgegan.zoo/1", "models": models})
    else:
        rows = [
            (
                card.name,
                card.data.name,
                card.license,
                card.summary if card.results else f"not trained: {card.summary}",
            )
            for card in cards
        ]
        terminal.print_rows(("model", "data", "license", "summary"), rows)


@zoo.command("data")
def zoo_data(name: Annotated[str, typer.Argument(help="A data set.")], json: Json = False) -> None:
    """Say where to get a data set: URLs and checksums. Nothing is downloaded."""
    source = find_source(name)
    files = [vars(file) for file in dict.fromkeys((*source.train, *source.test))]
    if json:
        terminal.print_json(
            {"schema": "edgegan.data/1", "name": name, "license": source.license, "files": files}
        )
        return
    terminal.out().print(f"{source.title}; license {source.license}; {source.attribution}")
    for file in files:
        sum_ = f"sha256 {file['sha256']}" if file["sha256"] else "made from it: see docs/zoo.md"
        terminal.out().print(f"{file['name']}: {file['url']}\n  {sum_}", soft_wrap=True)


@zoo.command("train")
def zoo_train(
    name: Annotated[str, typer.Argument(help="A model of the zoo.")],
    data: Annotated[Path, typer.Option(help="Folder with the data set's files.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where weights go; default: the zoo.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Checkpoint and log; default: in the cache folder.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of PyTorch.")] = os.cpu_count() or 1,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Train from nothing, keep nothing; exit 3 if FID is 10 % worse."
        ),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a zoo model from its card; started again, it resumes at the last checkpoint.

    Example: edgegan zoo train fashion-dcgan --data ~/fashion-mnist
    """
    card = load_card(name)
    if check and (output or work):
        raise UsageError("--check keeps nothing; leave --output and --work out.")
    training = load_code("edgegan.training.zoo")
    load_code("torch").set_num_threads(threads)
    if check:
        with terminal.training_progress(quiet) as report:
            results, made = training.retrain(card, data, report)
        _print_training(name, results, json)
        why = terminal.explain([made], f"fid = {made.value} holds {made.limit}")
        terminal.verdict_line(made.verdict, why, json)
        raise typer.Exit(EXIT_GATE if made.verdict is Verdict.FAIL else EXIT_OK)
    folder = output or card_folder(name)
    run = training.ZooRun(data, folder, work or default_cache_folder() / "training" / name)
    with terminal.training_progress(quiet) as report:
        results = training.train_model(card, run, report)
    training.write_card(card_folder(name) / "card.yaml", results, folder / "card.yaml")
    _print_training(name, results, json)
    terminal.verdict_line(Verdict.PASS, f"{name} is in {folder}", json)


def _print_training(name: str, results: dict[str, Any], json: bool) -> None:
    document = {"schema": "edgegan.training/1", "model": name, "results": results}
    terminal.print_json(document) if json else terminal.print_results(results)

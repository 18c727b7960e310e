"""``edgegan evaluate``: parses, calls, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from edgegan import terminal
from edgegan.cache import stage_cache
from edgegan.checks.check import Limit, Verdict, number, overall
from edgegan.commands.options import FailOnNoise, Json, Quiet
from edgegan.errors import EXIT_GATE, EXIT_OK, UsageError
from edgegan.evaluation.evaluate import Evaluation, Options, evaluate
from edgegan.evaluation.gallery import gallery_of
from edgegan.evaluation.names import METRIC_NAMES
from edgegan.metrics.extractor import NO_RESIZE
from edgegan.output_file import check_new, write_whole
from edgegan.reports.gallery import render_gallery


def evaluate_command(
    measured: Annotated[
        str,
        typer.Argument(
            metavar="A", help="Bundle, ONNX file, engine, recipe, zoo model or folder of pictures."
        ),
    ],
    original: Annotated[
        str | None,
        typer.Argument(
            metavar="[B]", help="What A is compared with; of a bundle, its float model."
        ),
    ] = None,
    real: Annotated[
        Path | None, typer.Option(help="Folder of real pictures, or of a data set's files.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help=f"Of {','.join(METRIC_NAMES)}.", show_default="all that can be had"),
    ] = None,
    samples: Annotated[int, typer.Option(min=2, help="Pictures of each side.")] = 2000,
    real_samples: Annotated[
        int | None, typer.Option(min=2, help="Real pictures.", show_default="--samples")
    ] = None,
    split: Annotated[str, typer.Option(help="Of a data set: train or test.")] = "train",
    seed: Annotated[int, typer.Option(min=0, help="Of inputs and choices.")] = 1,
    features: Annotated[
        str | None,
        typer.Option(
            help="A network of the zoo, inception, vgg16, or an ONNX file.",
            show_default="the model's own",
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of inception or vgg16.")] = None,
    inputs: Annotated[
        Path | None, typer.Option(help=".npz or folder of pictures, instead of drawn inputs.")
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="Bundle, recipe or zoo model with the inputs of A and B.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Which of a bundle's targets.")] = None,
    minimum: Annotated[
        list[str] | None, typer.Option("--min", help="Gate: NUMBER=VALUE; may be repeated.")
    ] = None,
    maximum: Annotated[
        list[str] | None, typer.Option("--max", help="Gate: NUMBER=VALUE; may be repeated.")
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Confidence intervals of all numbers.")
    ] = False,
    replicates: Annotated[int, typer.Option(min=10, help="Resamplings of an interval.")] = 100,
    pictures: Annotated[
        Path | None, typer.Option(help="Page with worst pairs, neighbours, strips (.html).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page.")] = False,
    fail_on_noise: FailOnNoise = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure generated pictures, with any metric, on any engine.

    Example: edgegan evaluate out/fashion-dcgan --real ~/fashion-mnist
    """
    if split not in ("train", "test"):
        raise UsageError(f"--split is train or test, not {split!r}.")
    options = Options(
        metrics=tuple(part.strip() for part in metrics.split(",")) if metrics else None,
        real=real,
        split=split,
        samples=samples,
        real_samples=real_samples,
        seed=seed,
        features=features,
        weights=weights,
        inputs=inputs,
        like=like,
        target=target,
        limits=read_limits(minimum or [], maximum or []),
        intervals=intervals,
        replicates=replicates,
    )
    if pictures is not None:
        check_new(pictures, "--pictures", overwrite)
    cache = stage_cache()
    with terminal.pipeline_progress(quiet) as listen:
        result = evaluate(measured, original, options, cache, listen)
    if pictures is not None:
        write_whole(pictures, render_gallery(gallery_of(result)), "--pictures")
    verdict = overall([check.verdict for check in result.checks])
    failed = verdict is Verdict.FAIL or (verdict is Verdict.INCONCLUSIVE and fail_on_noise)
    if json:
        terminal.print_json(result.as_json() | {"verdict": str(verdict)})
    else:
        print_evaluation(result)
    if not quiet:
        for reason in dict.fromkeys(result.left_out.values()):
            terminal.note(reason)
    shown = Verdict.FAIL if failed else verdict
    count = len(result.checks)
    otherwise = (
        f"{count} gate{'' if count == 1 else 's'} held" if count else "measured; no gate given"
    )
    terminal.verdict_line(shown, terminal.explain(result.checks, otherwise), json)
    raise typer.Exit(EXIT_GATE if failed else EXIT_OK)


def read_limits(minimum: list[str], maximum: list[str]) -> dict[str, Limit]:
    """``NUMBER=VALUE`` of both options, by number.

    Raises:
        UsageError: if one reads otherwise, or a number's ends are crossed.
    """
    ends: dict[str, dict[str, float]] = {}
    for end, texts in (("min", minimum), ("max", maximum)):
        for text in texts:
            name, separator, value = text.partition("=")
            try:
                ends.setdefault(name.strip(), {})[end] = float(value)
            except ValueError:
                separator = ""
            if not separator:
                raise UsageError(f"--{end} {text!r} must read NUMBER=VALUE, such as fid=5.")
    try:
        return {name: Limit(**limit) for name, limit in ends.items()}
    except ValueError as error:
        raise UsageError(f"--min and --max: {error}.") from None


def print_evaluation(result: Evaluation) -> None:
    """The numbers, how they were measured, and the gates; 80 columns."""
    material = result.material
    title = f"{material.measured.label}, {material.measured.count} pictures, seed {material.seed}"
    terminal.out().print(title, style="bold", markup=False, soft_wrap=True)
    for name, what in _context(result).items():
        terminal.out().print(f"{name}: {what}", markup=False, soft_wrap=True)
    rows = []
    for score in result.scores:
        for name, found in score.numbers.items():
            interval = "" if found.interval is None else " to ".join(map(_short, found.interval))
            original = "" if found.original is None else _short(found.original)
            rows.append((name, _short(found.value), interval, original))
    terminal.print_rows(("metric", "value", "95 % interval", "original"), rows)
    for score in result.scores:
        if score.note:
            terminal.out().print(Text(f"{score.name}: {score.note}", "dim"))
    if result.checks:
        terminal.out().print()
        terminal.print_checks(result.checks)


def _context(result: Evaluation) -> dict[str, str]:
    """What the numbers have in common."""
    material, context = result.material, {}
    if material.original is not None:
        context["original"] = material.original.label
    if material.real is not None:
        context["real"] = f"{material.real.count} of {material.real.label}"
    elif any(score.name == "fid" for score in result.scores):
        context["real"] = next(s.against for s in result.scores if s.name == "fid")
    if material.network is not None:
        of = material.network.description
        resize = "" if of.resize == NO_RESIZE else f", {of.resize}"
        context["features"] = f"{of.network}, {of.dimensions} dimensions{resize}"
    return context


def _short(value: float) -> str:
    return number(float(f"{value:.4g}"))

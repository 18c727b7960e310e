"""What people see: tables on stdout, progress and messages on stderr. 80 columns are enough."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from edgegan.benchmark import Row
from edgegan.checks.check import Check, Verdict
from edgegan.checks.speed import Speed
from edgegan.diagnosis.result import Diagnosis
from edgegan.doctor import Finding
from edgegan.latency.environment import Environment
from edgegan.progress import Event

_STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.REPORTED: "dim",
}

_TIMES = ("p50 ms", "p95 ms", "p99 ms", "spread", "load ms", "speed")
_NUMBERS = frozenset(
    {"value", "original", *_TIMES, "peak MB", "bytes", "MACs", "qFID", "FID", "PSNR dB"}
)
"""Columns that are aligned to the right."""


def out() -> Console:
    return Console(file=sys.stdout, highlight=False)


def err() -> Console:
    return Console(file=sys.stderr, highlight=False)


def note(text: str) -> None:
    """One line on stderr that changes no verdict."""
    err().print(f"note: {text}", markup=False, soft_wrap=True)


def print_json(value: dict[str, Any]) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def print_checks(checks: tuple[Check, ...] | list[Check]) -> None:
    table = _table("check", "value", "limit", "verdict")
    several = len({check.target for check in checks}) > 1
    last = None
    for check in checks:
        if several and check.target != last:
            table.add_row(Text(check.target, "bold"))
            last = check.target
        verdict = Text(str(check.verdict), _STYLES[check.verdict])
        limit = str(check.limit) if check.limit else ""
        name = f"  {check.name}" if several else check.name
        table.add_row(name, _number(check.value), limit, verdict)
    out().print(table)


def print_details(checks: list[Check]) -> None:
    """How each check was made, for people."""
    for check in checks:
        err().print(f"{check.name}: {check.detail}", markup=False)


def print_benchmark(rows: list[Row]) -> None:
    for index, row in enumerate(rows):
        if index:
            out().print()
        if row.speed is None:
            title = f"{row.bundle} on {row.target}, emulated"
            out().print(title, style="bold", markup=False)
        else:
            _print_timings(row, row.speed)
        if row.checks:
            out().print()
            print_checks(row.checks)
        for check in row.checks:
            if check.verdict is Verdict.INCONCLUSIVE:
                out().print(Text(f"{check.name}: {check.detail}", "yellow"))


def _print_timings(row: Row, speed: Speed) -> None:
    threads = f"{speed.threads} thread{'s' if speed.threads > 1 else ''}"
    title = f"{row.bundle} on {row.target}, {threads}, batch {speed.batch}"
    out().print(title, style="bold", markup=False)
    table = _table("model", "p50 ms", "p95 ms", "p99 ms", "spread", "load ms", "peak MB")
    for name, timing in speed.timings.items():
        data = timing.as_json() | row.footprints[name].as_json()
        p95, p99 = (_number(data[tail]) if tail in data else "-" for tail in ("p95_ms", "p99_ms"))
        table.add_row(
            name,
            _number(data["p50_ms"]),
            p95,
            p99,
            f"{data['spread']:.0%}",
            f"{data['load_ms']:.0f}",
            f"{data['peak_bytes'] / 1e6:.1f}",
        )
    out().print(table)
    for name, ratio in (("float", speed.ratio), ("lowered float", speed.ratio_lowered)):
        out().print(
            f"{ratio.value:.2f}x the speed of {name} (95 %: {ratio.low:.2f} to {ratio.high:.2f})"
        )


def print_plans(plans: list[dict[str, Any]]) -> None:
    for plan in plans:
        out().print(f"{plan['name']} for {plan['target']}", style="bold", markup=False)
        table = _table("layer", "operator", "precision", "bits", "weights", "output")
        for layer in plan["layers"]:
            shape = "x".join(str(side) for side in layer["output"])
            bits, count = str(layer["weight_bits"]), f"{layer['parameters']:,}"
            table.add_row(layer["layer"], layer["operator"], layer["precision"], bits, count, shape)
        out().print(table)
        islands = [f"{item['operator']} ({item['layer']})" for item in plan["islands"]]
        out().print(f"float islands: {', '.join(islands) or 'none'}", markup=False)
        before, after = plan["float_bytes"], plan["quantized_bytes"]
        out().print(f"about {after:,} bytes of {before:,} ({after / before:.0%})")


def print_diagnosis(diagnosis: Diagnosis) -> None:
    out().print(f"PSNR {diagnosis.psnr_db:.2f} dB against float, {diagnosis.samples} samples")
    if diagnosis.parts_at:
        out().print(f"first layer below 20 dB: {diagnosis.parts_at}", markup=False)
    table = _table("layer", "in float +dB", "SQNR dB", "own dB", "clipped", "grid used")
    for tensor in diagnosis.ranked():
        table.add_row(
            tensor.layer,
            f"{tensor.gain_db:.2f}",
            f"{tensor.sqnr_db:.1f}",
            f"{tensor.own_sqnr_db:.1f}",
            f"{tensor.clipped_share:.2%}",
            f"{tensor.grid_used:.0%}",
        )
    out().print(table)
    table = _table("weight", "bits", "SQNR dB", "states used")
    for weight in diagnosis.weights:
        share = f"{weight.states_used:.0%}"
        table.add_row(weight.name, str(weight.bits), f"{weight.sqnr_db:.1f}", share)
    out().print(table)
    worst = diagnosis.ranked()[:1]
    if worst:
        text = f"most harm: {worst[0].layer}; in float it would give back {worst[0].gain_db:.2f} dB"
        out().print(text, markup=False)


def print_parity(parity: Any) -> None:
    table = _table("tensor", "LSB")
    for name, lsb in parity.tensors.items():
        table.add_row(name, str(lsb))
    out().print(table)
    first = parity.first_difference
    text = f"engine and simulation part at {first}" if first else "engine and simulation are equal"
    out().print(f"{text} ({parity.samples} samples)", markup=False)


def print_doctor(here: Environment, findings: list[Finding]) -> None:
    out().print(
        f"{here.cpu}, {here.cores} cores, {here.system}, Python {here.python}", markup=False
    )
    out().print(f"flags: {' '.join(here.flags) or 'none that matter'}", markup=False)
    table = _table("what", "works", "with, or why not")
    for finding in findings:
        works = Text("yes", "green") if finding.available else Text("no", "bold red")
        table.add_row(finding.name, works, Text(finding.detail))
    out().print(table)


def print_inspection(described: dict[str, Any]) -> None:
    model = described["model"]
    execution = model["execution"]
    out().print(f"{described['path']} ({described['kind']})", style="bold", markup=False)
    for way in ("inputs", "outputs"):
        for name, shape in model[way].items():
            out().print(f"{way[:-1]} {name}: {'x'.join(str(side) for side in shape)}", markup=False)
    parameters = ", ".join(f"{count} {kind}" for kind, count in model["parameters"].items())
    out().print(f"{model['bytes']} bytes; parameters: {parameters}", markup=False)
    table = _table("layer", "kernel here", "precision", "MACs")
    for layer in execution["layers"]:
        table.add_row(layer["layer"], layer["kernel"], layer["precision"], f"{layer['macs']:,}")
    out().print(table)
    out().print(f"{execution['int8_mac_share']:.2%} of the MACs run in int8")


def print_rows(title: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = _table(*title)
    for row in rows:
        table.add_row(*row)
    out().print(table)


def verdict_line(verdict: Verdict, why: str, to_stderr: bool) -> None:
    """The last line: PASS or FAIL and why."""
    word = {Verdict.FAIL: "FAIL", Verdict.INCONCLUSIVE: "PASS (inconclusive)"}.get(verdict, "PASS")
    console = err() if to_stderr else out()
    console.print(Text(word, _STYLES[verdict]).append(f": {why}", "default"), soft_wrap=True)


def explain(checks: tuple[Check, ...] | list[Check], otherwise: str) -> str:
    """Why the verdict is what it is: the failed checks, else the inconclusive ones."""
    for verdict, word in ((Verdict.FAIL, "missed"), (Verdict.INCONCLUSIVE, "could not be judged")):
        found = [check for check in checks if check.verdict is verdict]
        if found:
            return "; ".join(
                f"{c.name} = {_number(c.value)} {word}"
                + (f" {c.limit}" if c.limit else "")
                + (f" ({c.detail})" if c.detail else "")
                for c in found
            )
    return otherwise


def step_lines(quiet: bool) -> Callable[[str], None]:
    """Shows the steps of an installation, one line each."""
    console = err()
    return lambda line: None if quiet else console.print(line, markup=False, soft_wrap=True)


@contextmanager
def pipeline_progress(quiet: bool) -> Iterator[Callable[[Event], None]]:
    """Shows the pipeline's events: bars on a terminal, one line a stage elsewhere."""
    console = err()
    if quiet:
        yield lambda event: None
        return
    if not console.is_terminal:
        yield _plain_events(console)
        return
    with _bars(console) as bars:
        tasks: dict[str, Any] = {}

        def show(event: Event) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bars.add_task(event.stage, total=None, note="")
            task = tasks[event.stage]
            if event.seconds is not None:
                note = "cached" if event.cached else ""
                bars.update(task, total=1, completed=1, note=note)
            elif event.total:
                note = _losses(event.losses)
                bars.update(task, total=event.total, completed=event.done, note=note)

        yield show


@contextmanager
def training_progress(quiet: bool) -> Iterator[Callable[[Any], None]]:
    """Shows a training's steps and losses: a bar on a terminal, a line each twentieth elsewhere."""
    console = err()
    if quiet:
        yield lambda progress: None
        return
    if not console.is_terminal:
        line = _lines(console, 20)

        def plain(progress: Any) -> None:
            line("step", progress.step, progress.total_steps, _training(progress))

        yield plain
        return
    with _bars(console) as bars:
        task = bars.add_task("training", total=None, note="")

        def show(progress: Any) -> None:
            bars.update(
                task, total=progress.total_steps, completed=progress.step, note=_training(progress)
            )

        yield show


def _lines(console: Console, parts: int) -> Callable[[str, int, int, str], None]:
    """Prints where a thing stands, once for each of ``parts`` parts of its way, the first at once."""
    shown: dict[str, int] = {}

    def line(name: str, done: int, total: int, note: str) -> None:
        reached = parts * done // total
        if reached > shown.get(name, -1):
            shown[name] = reached
            console.print(f"{name} {done} of {total}: {note}", markup=False, soft_wrap=True)

    return line


def _training(progress: Any) -> str:
    return f"{_losses(progress.losses)}, {progress.images_per_second:.0f} images/s"


def _losses(losses: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in losses.items())


def print_results(results: dict[str, Any]) -> None:
    """A training's measured results, as they go into the card."""
    out().print(yaml.safe_dump(results, sort_keys=False), markup=False, end="")


def _plain_events(console: Console) -> Callable[[Event], None]:
    """A line at the end of each stage, and of one that learns a line each tenth."""
    line = _lines(console, 10)

    def show(event: Event) -> None:
        if event.seconds is not None:
            how = "from the cache" if event.cached else f"{event.seconds:.1f} s"
            console.print(f"{event.stage}: {how}")
        elif event.losses and 10 * event.done >= event.total:
            line(event.stage, event.done, event.total, _losses(event.losses))

    return show


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    return table


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"

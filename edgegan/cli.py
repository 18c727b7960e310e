"""The command line: parses, calls, prints. Exit codes: see ``edgegan.errors``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from edgegan import __version__, terminal
from edgegan.benchmark import SCHEMA as BENCHMARK_SCHEMA
from edgegan.benchmark import baseline_rows, benchmark
from edgegan.bundle import Bundle, first_executable, open_bundle
from edgegan.cache import stage_cache
from edgegan.checks.check import Verdict, overall
from edgegan.commands.compare import compare_command
from edgegan.commands.evaluate import evaluate_command
from edgegan.commands.options import FailOnNoise, Json, Quiet
from edgegan.commands.search import search_command
from edgegan.commands.zoo import zoo
from edgegan.diagnosis.diagnose import diagnose_bundle
from edgegan.doctor import as_json as doctor_json
from edgegan.doctor import diagnose
from edgegan.emulation.root import emulation_folder, install
from edgegan.errors import (
    EXIT_FAILURE,
    EXIT_GATE,
    EXIT_OK,
    EdgeganError,
    UsageError,
)
from edgegan.gates import default_gates, load_gates
from edgegan.inspection import inspect
from edgegan.latency.baseline import check_baseline_output, read_baseline
from edgegan.latency.baseline import save_baseline as write_baseline
from edgegan.latency.environment import environment
from edgegan.launch import is_first, launched
from edgegan.output_file import check_writable, write_whole
from edgegan.pipeline import export as run_export
from edgegan.pipeline import help_export, plan
from edgegan.recipe import load_recipe
from edgegan.reports.junit import junit_xml
from edgegan.stage_runner import load_code
from edgegan.targets import find_target
from edgegan.verification import verify

app = typer.Typer(
    help="Takes trained GAN generators to edge runtimes, and proves that they arrived.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(zoo, name="zoo")
setup = typer.Typer(help="What edgegan can fetch to do more.", no_args_is_help=True)
app.add_typer(setup, name="setup")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"edgegan {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of edgegan itself."""


@app.command()
def export(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped recipe.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the bundle.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a bundle that is there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan; calibrate and write nothing.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Quantize a generator and write a bundle.

    Example: edgegan export fashion-dcgan-w8a8 -o out/fashion-dcgan

    Several processes tune together: torchrun --nproc-per-node 2 -m edgegan export RECIPE -o OUT
    """
    loaded, folder = load_recipe(recipe, tuple(overrides or ()))
    if dry_run:
        if not is_first():
            return
        plans = plan(loaded, folder)
        terminal.print_json({"schema": plans[0]["schema"], "targets": plans}) if json else (
            terminal.print_plans(plans)
        )
        return
    if output is None:
        raise UsageError("export needs --output FOLDER (or --dry-run).")
    cache = stage_cache()
    together = load_code("edgegan.training.processes").joined() if launched() else nullcontext()
    with together:
        if not is_first():
            help_export(loaded, folder, cache)
            return
        with terminal.pipeline_progress(quiet) as listen:
            result = run_export(loaded, folder, output, cache, listen, overwrite)
    verdict = overall([check.verdict for check in result.checks])
    if json:
        terminal.print_json(result.report | {"bundle": str(result.bundle), "verdict": str(verdict)})
    else:
        terminal.print_checks(result.checks)
    gates = sum(check.limit is not None for check in result.checks)
    held = f"{gates} gate{'' if gates == 1 else 's'} held"
    why = terminal.explain(result.checks, f"{held}; the bundle is {result.bundle}")
    terminal.verdict_line(verdict, why, json)
    raise typer.Exit(EXIT_GATE if verdict is Verdict.FAIL else EXIT_OK)


@app.command("benchmark")
def benchmark_command(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles to time.")],
    gates: Annotated[Path | None, typer.Option(help="Gates file; options win over it.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the verdicts as JUnit XML.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="Threads of each model.", show_default="1")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Samples a run.", show_default="1")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.01, help="Least time in each model.", show_default="1")
    ] = None,
    runs: Annotated[
        int | None, typer.Option(min=10, help="Least runs of each model.", show_default="10")
    ] = None,
    max_p95_ms: Annotated[float | None, typer.Option(help="Gate: 95th percentile.")] = None,
    min_ratio: Annotated[
        float | None, typer.Option(help="Gate: float p50 / quantized p50.")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="Gate: medians of --save-baseline.")] = None,
    max_regression: Annotated[
        str | None, typer.Option(help="Allowed above the baseline.", show_default="5%")
    ] = None,
    min_delta_ms: Annotated[
        float | None, typer.Option(min=0, help="Smaller changes never count.", show_default="0.05")
    ] = None,
    save_baseline: Annotated[
        Path | None, typer.Option(help="Merge medians into this file or folder.")
    ] = None,
    fail_on_noise: FailOnNoise = False,
    json: Json = False,
) -> None:
    """Time bundles against their float originals; exit 3 if a gate is missed.

    Example: edgegan benchmark out/fashion-dcgan --gates gates.yaml
    """
    limits: dict[str, dict[str, Any]] = {}
    if max_p95_ms is not None:
        limits["latency.p95_ms"] = {"max": max_p95_ms}
    if min_ratio is not None:
        limits["latency.ratio"] = {"min": min_ratio}
    asked = (load_gates(gates) if gates else default_gates()).with_options(
        limits,
        threads=threads,
        batch=batch,
        seconds=seconds,
        runs=runs,
        baseline=baseline,
        max_regression=max_regression,
        min_delta_ms=min_delta_ms,
    )
    here, before = environment(), read_baseline(asked.baseline) if asked.baseline else None
    if junit:
        check_writable(junit, "--junit")
    if save_baseline:
        check_baseline_output(save_baseline, here.key())
    rows = benchmark(bundles, asked, here, before)
    if junit:
        write_whole(junit, junit_xml(rows, here, fail_on_noise), "--junit")
    if save_baseline:
        write_baseline(save_baseline, here.key(), baseline_rows(rows))
    for name in sorted(set(asked.bundles) - {row.bundle for row in rows}):
        terminal.note(f"{gates}: no bundle here is named {name!r}, so its gates held nothing.")
    checks = [check for row in rows for check in row.checks]
    verdict = overall([check.verdict for check in checks])
    failed = verdict is Verdict.FAIL or (verdict is Verdict.INCONCLUSIVE and fail_on_noise)
    if json:
        terminal.print_json(
            {
                "schema": BENCHMARK_SCHEMA,
                "environment": here.as_json(),
                "rows": [row.as_json() for row in rows],
                "verdict": str(verdict),
            }
        )
    else:
        terminal.print_benchmark(rows)
    shown = Verdict.FAIL if failed else verdict
    otherwise = (
        f"{len(checks)} gate{'' if len(checks) == 1 else 's'} held"
        if checks
        else "measured; no gate was given"
    )
    terminal.verdict_line(shown, terminal.explain(checks, otherwise), json)
    raise typer.Exit(EXIT_GATE if failed else EXIT_OK)


app.command("evaluate")(evaluate_command)
app.command("compare")(compare_command)
app.command("search")(search_command)


@app.command()
def debug(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    samples: Annotated[int, typer.Option(min=2, max=4096, help="Inputs to run.")] = 64,
    against_engine: Annotated[
        bool, typer.Option("--against-engine", help="Compare the engine with the exact simulation.")
    ] = False,
    generator: Annotated[
        Path | None, typer.Option(help="Folder of your generator, for --against-engine.")
    ] = None,
    json: Json = False,
) -> None:
    """Say which layers spoil the image, and what keeping them in float would give back.

    Example: edgegan debug out/fashion-dcgan
    """
    opened = open_bundle(bundle)
    if against_engine:
        parity = _simulated(opened, generator, samples)
        document = {"schema": "edgegan.parity/1", "samples": samples, "max_lsb": parity.max_lsb}
        document |= {"first_difference": parity.first_difference, "tensors": parity.tensors}
        terminal.print_json(document) if json else terminal.print_parity(parity)
        allowed = find_target(first_executable(opened).name).parity_lsb
        raise typer.Exit(EXIT_GATE if parity.max_lsb > allowed else EXIT_OK)
    diagnosis = diagnose_bundle(opened, samples)
    if json:
        terminal.print_json({"schema": "edgegan.debug/1"} | diagnosis.as_json())
    else:
        terminal.print_diagnosis(diagnosis)


def _simulated(bundle: Bundle, generator: Path | None, samples: int) -> Any:
    return load_code("edgegan.against_engine").compare_with_simulation(bundle, generator, samples)


@app.command("verify")
def verify_command(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")], json: Json = False
) -> None:
    """Check a bundle's files and that it computes here what it did there."""
    checks = verify(bundle)
    verdict = overall([check.verdict for check in checks])
    if json:
        document = {"schema": "edgegan.verify/1", "bundle": str(bundle)}
        terminal.print_json(
            document | {"checks": [c.as_json() for c in checks], "verdict": str(verdict)}
        )
    else:
        terminal.print_checks(checks)
        terminal.print_details(checks)
    terminal.verdict_line(verdict, terminal.explain(checks, "the bundle is whole"), json)
    raise typer.Exit(EXIT_GATE if verdict is Verdict.FAIL else EXIT_OK)


@app.command("inspect")
def inspect_command(
    path: Annotated[Path, typer.Argument(help="A bundle or an ONNX file.")], json: Json = False
) -> None:
    """Show what is in a bundle or model, and how its layers run here."""
    described = inspect(path)
    if json:
        terminal.print_json(described)
    else:
        terminal.print_inspection(described)


@app.command()
def doctor(json: Json = False) -> None:
    """Say what works on this machine, and why the rest does not."""
    here, findings = diagnose()
    if json:
        terminal.print_json(doctor_json(here, findings))
    else:
        terminal.print_doctor(here, findings)


@setup.command("arm64")
def setup_arm64(
    again: Annotated[bool, typer.Option("--again", help="Replace one that is there.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make an emulated arm64 machine with ONNX Runtime: 70 MB to download, 220 MB on disk.

    Needs Debian on x86-64 and a network; no root rights. EDGEGAN_EMULATION says where it goes.
    """
    machine = install(emulation_folder(), terminal.step_lines(quiet), again)
    if json:
        terminal.print_json({"schema": "edgegan.setup/1"} | machine.as_json())
    why = f"ONNX Runtime {machine.onnxruntime} for arm64 is in {machine.folder}"
    terminal.verdict_line(Verdict.PASS, why, json)


def main() -> None:
    """Entry point; turns errors into one sentence and their exit code."""
    try:
        app()
    except EdgeganError as error:
        if is_first():
            terminal.err().print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(EXIT_FAILURE)

"""From recipe to bundle: the variants that its targets need, the targets, and the bundle.

This file and the runs behind it know no torch: an export whose stages are all in the cache never loads
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgegan.assembly import write_bundle
from edgegan.bundle import atomic_folder, check_output
from edgegan.cache import StageCache
from edgegan.checks.check import Check
from edgegan.generators.identity import generator_digest
from edgegan.progress import Listener
from edgegan.recipe import Recipe, ResolvedRecipe, resolve
from edgegan.reports.report import collect_checks, make_report
from edgegan.stage_runner import COMPUTES, load_code
from edgegan.target_run import TargetRun
from edgegan.targets import Variant, find_target
from edgegan.variant_run import VariantRun


@dataclass(frozen=True)
class ExportResult:
    """A finished export.

    Attributes:
        bundle: its folder.
        report: contents of ``report.json``.
        checks: what was checked.
    """

    bundle: Path
    report: dict[str, Any]
    checks: tuple[Check, ...]


def export(
    recipe: Recipe,
    recipe_folder: Path,
    output: Path,
    cache: StageCache,
    listen: Listener = lambda event: None,
    overwrite: bool = False,
) -> ExportResult:
    """Run a recipe from generator to bundle.

    The bundle is written even when a check fails: its report says so, and the caller's exit code does.

    Raises:
        EdgeganError: see ``edgegan.errors``; no half-written bundle is left behind.
    """
    check_output(output, overwrite)
    resolved, folder = resolve(recipe, recipe_folder)
    targets = [find_target(name) for name in recipe.targets]
    variants = _variant_runs(recipe, resolved, folder, cache, listen)
    for run in variants.values():
        run.finish()
    results = [
        TargetRun(
            variants[recipe.variant(target)], target, target.name if len(targets) > 1 else ""
        ).finish()
        for target in targets
    ]
    checks = tuple(check for result in results for check in collect_checks(result))
    report = make_report(recipe.name, results, checks, ("edgegan", *COMPUTES))
    with atomic_folder(output, overwrite) as bundle:
        write_bundle(bundle, folder, results, report)
    return ExportResult(output, report, checks)


def help_export(recipe: Recipe, recipe_folder: Path, cache: StageCache) -> None:
    """Take a further process's share of ``export``: of tuning, and of nothing else.

    Raises:
        EdgeganError: see ``edgegan.errors``.
    """
    resolved, folder = resolve(recipe, recipe_folder)
    for run in _variant_runs(recipe, resolved, folder, cache, lambda event: None).values():
        run.help()


def _variant_runs(
    recipe: Recipe, resolved: ResolvedRecipe, folder: Path, cache: StageCache, listen: Listener
) -> dict[Variant, VariantRun]:
    wanted = tuple(dict.fromkeys(recipe.variant(find_target(name)) for name in recipe.targets))
    return {
        variant: VariantRun(
            resolved,
            folder,
            variant,
            cache,
            listen,
            qualifier=variant.grid.name if len(wanted) > 1 else "",
            first=variant == wanted[0],
        )
        for variant in wanted
    }


def plan(recipe: Recipe, recipe_folder: Path) -> list[dict[str, Any]]:
    """What ``export`` would do, one document a target; nothing is calibrated or written.

    Raises:
        EdgeganError: as ``export``, for everything that can be known beforehand.
    """
    resolved, folder = resolve(recipe, recipe_folder)
    generator_digest(resolved.generator, folder)
    planner, workbench = load_code("edgegan.plan"), load_code("edgegan.workbench")
    benches: dict[Variant, Any] = {}
    documents = []
    for name in recipe.targets:
        variant = recipe.variant(find_target(name))
        if variant not in benches:
            benches[variant] = workbench.Workbench(resolved, folder, variant)
        documents.append(planner.plan(benches[variant], name))
    return documents

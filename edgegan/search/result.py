"""What a search leaves: the recipe that was found, all models measured, and a page with their front.

recipe.yaml   complete, for ``edgegan export``
search.json   every model measured, what was searched, and what was found
pareto.html   loss against bytes
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from edgegan.checks.check import number
from edgegan.generators.contract import GeneratorSpec
from edgegan.recipe import Recipe
from edgegan.reports.gallery import Gallery, Table, render_gallery
from edgegan.reports.trade_off import Point, trade_off_svg
from edgegan.search.problem import Assignment, Problem, label
from edgegan.search.search import Found

SCHEMA = "edgegan.search/1"
RECIPE, DOCUMENT, PAGE = "recipe.yaml", "search.json", "pareto.html"
COLUMNS = ("model", "bytes", "size", "loss")


def write_recipe(recipe: Recipe, recipe_folder: Path, output: Path) -> None:
    """Write a recipe where its files' paths hold, and the code of one's own generator beside it.

    Args:
        recipe_folder: what its paths start from.
        output: a folder.
    """
    (output / RECIPE).write_text(_as_yaml(recipe, recipe_folder), encoding="utf-8")
    _bring_code(recipe.generator.own, recipe_folder, output)


def write_result(found: Found, recipe_folder: Path, output: Path) -> None:
    """Write the three files; see ``write_recipe``."""
    if found.recipe is not None:
        write_recipe(found.recipe, recipe_folder, output)
    document = json.dumps(as_json(found), indent=2, allow_nan=False)
    (output / DOCUMENT).write_text(document + "\n", encoding="utf-8")
    (output / PAGE).write_text(render_gallery(_gallery(found)), encoding="utf-8")


def as_json(found: Found) -> dict[str, Any]:
    """The document: the problem, every model measured, and the best."""
    problem = found.problem
    return {
        "schema": SCHEMA,
        "problem": problem.as_json(),
        "number": found.number,
        "how": found.how,
        "trials": [
            {"weights": _widths(problem, assignment), **measured.as_json()}
            for assignment, measured in sorted(found.trials.items())
        ],
        "best": None
        if found.best is None
        else {"weights": _widths(problem, found.best), **found.trials[found.best].as_json()},
        "best_uniform": None if (same := best_uniform(found)) is None else _one(problem, same),
    }


def best_uniform(found: Found) -> Assignment | None:
    """The best model of one width that is within the limits; None if none is."""
    problem, trials = found.problem, found.trials
    within = [a for a in problem.uniform() if a in trials and problem.satisfies(trials[a])]
    return min(within, key=lambda a: problem.rank(trials[a]), default=None)


def rows(found: Found) -> list[tuple[str, ...]]:
    """Models that no other beats in bytes and loss, and the uniform ones; see ``COLUMNS``."""
    problem, trials = found.problem, found.trials
    shown = {*problem.uniform()} & {*trials} | {*_front(found)}
    return [
        (
            ("found: " if a == found.best else "") + _title(problem, a),
            f"{trials[a].bytes:,}",
            number(float(f"{trials[a].size:.3g}")),
            number(float(f"{trials[a].loss:.4g}")),
        )
        for a in sorted(shown, key=lambda a: (trials[a].bytes, trials[a].loss))
    ]


def _front(found: Found) -> list[Assignment]:
    best: list[Assignment] = []
    for a in sorted(found.trials, key=lambda a: (found.trials[a].bytes, found.trials[a].loss)):
        if not best or found.trials[a].loss < found.trials[best[-1]].loss:
            best.append(a)
    return best


def _title(problem: Problem, assignment: Assignment) -> str:
    """``all 4``, or each layer's choice in order."""
    names = [label(problem.choices[choice]) for choice in assignment]
    return f"all {names[0]}" if len({*names}) == 1 else " ".join(names)


def _widths(problem: Problem, assignment: Assignment) -> dict[str, str]:
    pairs = zip(problem.layers, assignment, strict=True)
    return {layer: label(problem.choices[choice]) for layer, choice in pairs}


def _one(problem: Problem, assignment: Assignment) -> str:
    return label(problem.choices[assignment[0]])


def _gallery(found: Found) -> Gallery:
    problem, trials = found.problem, found.trials
    named = {a: _title(problem, a) for a in problem.uniform()}
    if found.best is not None:
        named[found.best] = f"found: {_title(problem, found.best)}"
    loss = "qFID" if found.number == "qfid" else "FID"
    points = [Point(named.get(a, ""), m.bytes / 1e3, m.loss) for a, m in sorted(trials.items())]
    layers = ", ".join(problem.layers)
    return Gallery(
        title="Bits for each layer",
        text=f"{len(trials)} models; {loss} of {found.how}; less is better. Layers, in order: {layers}.",
        versions=(),
        sections=(),
        table=Table((*COLUMNS[:3], loss), tuple(rows(found))),
        plots=(trade_off_svg(points, "size in kB", loss),),
    )


def _as_yaml(recipe: Recipe, folder: Path) -> str:
    """The recipe with a name of its own, and absolute paths of the files that it names."""
    document = recipe.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["name"] = f"{recipe.name[:90]}-searched"

    def absolute(section: Any, *keys: str) -> None:
        *inner, last = keys
        for key in inner:
            section = section.get(key) or {}
        if isinstance(section.get(last), str):
            section[last] = str((folder / section[last]).resolve())

    own = document["generator"].pop("own", None)
    if own is not None:
        document["generator"] = own
        absolute(own, "weights")
        for item in own["inputs"]:
            absolute(item, "data")
    absolute(document, "checks", "real")
    absolute(document, "tune", "distillation", "data")
    absolute(document, "tune", "distillation", "discriminator", "weights")
    features = document.get("checks", {}).get("features")
    if isinstance(features, dict):
        absolute(features, "network", "weights")
        absolute(features, "statistics")
    elif isinstance(features, str) and features.endswith(".onnx"):
        absolute(document, "checks", "features")
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _bring_code(spec: GeneratorSpec | None, folder: Path, output: Path) -> None:
    """Copy the module that lies beside the searched recipe, with what it may import from there."""
    top = "" if spec is None else spec.source.partition(":")[0].partition(".")[0]
    if (folder / top / "__init__.py").is_file() and top:
        shutil.copytree(folder / top, output / top, ignore=shutil.ignore_patterns("__pycache__"))
    elif (folder / f"{top}.py").is_file():
        for path in folder.glob("*.py"):
            shutil.copy(path, output / path.name)

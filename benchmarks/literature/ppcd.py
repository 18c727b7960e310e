"""PPCD-GAN, Vo et al. 2021: tables 1-3 and figure 4, on a student and a teacher of ours.

    python -m benchmarks.literature.ppcd --data FOLDER [--tables ablation ratios composed] [--work FOLDER]

The discriminator sees the pictures of the student's data set, in ``--data``. ``composed`` are shipped
recipes that compress and then tune at 4 bits, as they are. What the tables measure is said in their note;
``README.md`` says what of the paper is not run, and why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.literature.command import execute, fill_tables
from benchmarks.literature.measure import TARGET, Bench, Measured, usable
from benchmarks.literature.options import UNTRAINED, Options
from benchmarks.literature.pictures import data_folder
from benchmarks.literature.ppcd_tables import publish
from benchmarks.literature.rows import Cell, Row
from edgegan.latency.environment import environment

COMMAND = "python -m benchmarks.literature.ppcd"
STUDENT, TEACHER = "fashion-sagan", "fashion-biggan"
METHODS = ("original", "ppcd", "no-pruning", "no-distillation", "two-step", "l1")
COMPARED = ("ppcd", "two-step", "l1")
"""The methods of figure 4."""
ABLATED, FURTHER = 0.5, (0.6, 0.7, 0.8)
"""Ratios: of the ablation, and what figure 4 has beside it."""
COMPOSED = {
    "fashion-sagan-ppcd-w4a8": STUDENT,
    "horse2zebra-cyclegan-half-w4a8": "horse2zebra-cyclegan",
}
"""Recipes, and the models that they make smaller."""
TABLES = ("ablation", "ratios", "composed")
STEPS = 20_000

KEPT = {0.5: 0.429, 0.6: 0.339, 0.7: 0.248, 0.8: 0.162}
"""Share of the student's parameters that progressive pruning leaves at each ratio, and L1 pruning gets."""


class Tables:
    """The cells of every table.

    Args:
        data: folder of the student's data set.
    """

    def __init__(self, options: Options, bench: Bench, data: Path) -> None:
        self.options = options
        self.bench = bench
        self.data = data

    def ablation(self) -> Iterator[Cell]:
        """Tables 1 and 3: what each part of the method is worth, at one ratio."""
        for seed, method in product(self.options.seeds, self.options.methods):
            yield self._cell(method, ABLATED, seed)

    def ratios(self) -> Iterator[Cell]:
        """Figure 4: FID at the ratios that the ablation does not have."""
        methods = [method for method in self.options.methods if method in COMPARED]
        for seed, method, ratio in product(self.options.seeds, methods, FURTHER):
            yield self._cell(method, ratio, seed)

    def composed(self, models: list[str]) -> Iterator[Cell]:
        """Recipes from compression to 4 bits, with latencies that are worth comparing."""
        for recipe, model in COMPOSED.items():
            if model in models:
                labels = {
                    "model": model,
                    "method": recipe,
                    "ratio": None,
                    "composed": True,
                    "seed": 0,
                }
                scale = {"budget": 1.0, "precision": "recipe's", "samples": self.options.samples}
                yield Cell(labels | scale, partial(self._composed, recipe, model))

    def _composed(self, recipe: str, model: str) -> Row:
        found = self.bench.of(model, recipe, 0, {"checks.latency_seconds": 2.0})
        original, *_, engine = (row["p50_ms"][TARGET] for row in found.models)
        times = {"original_p50_ms": original, "engine_p50_ms": engine}
        return _row(found) | times | {"latency_ratio": original / engine}

    def _cell(self, method: str, ratio: float, seed: int) -> Cell:
        prunes = method not in ("original", "no-pruning")
        labels = {"model": STUDENT, "method": method, "ratio": ratio if prunes else None}
        scale = self.options.scale | (UNTRAINED if method == "original" else {})
        labels |= {"seed": seed, **scale}
        return Cell(labels, self._maker(method, ratio, seed))

    def _maker(self, method: str, ratio: float, seed: int) -> Callable[[], Row]:
        settings = _settings(method, ratio)
        if settings:
            settings |= {
                "compress.real": "data",
                "compress.data": str(self.data.resolve()),
                "compress.steps": STEPS,
                "compress.precision": self.options.precision,
                "compress.budget": self.options.budget,
                "compress.seed": 10 * seed + 3,
            }
        return lambda: _row(self.bench.of(STUDENT, "fashion-dcgan-w8a8", seed, settings))


def _settings(method: str, ratio: float) -> dict[str, Any]:
    """The recipe's section ``compress``; nothing of the original."""
    progressive: dict[str, Any] = {"method": "progressive", "ratio": ratio}
    learned = {"adversarial": 1.0, "attention": 1.0, "output": 0.0}
    alone = learned | {"attention": 0.0}
    teacher = {"compress.teacher": {"zoo": TEACHER}}
    sections: dict[str, dict[str, Any]] = {
        "original": {},
        "ppcd": teacher | {"compress.pruning": progressive, "compress.loss": learned},
        "no-pruning": teacher | {"compress.loss": learned},
        "no-distillation": {"compress.pruning": progressive, "compress.loss": alone},
        "two-step": teacher
        | {"compress.pruning": progressive | {"two_step": True}, "compress.loss": learned},
        "l1": {
            "compress.pruning": {"method": "l1", "parameters": KEPT[ratio]},
            "compress.loss": alone,
        },
    }
    return sections[method]


def _row(found: Measured) -> Row:
    models = {row["model"]: row for row in found.models}
    numbers: dict[str, Any] = {
        "fid": found.values.get("fid"),
        "qfid": found.values["qfid"],
        "fid_original": found.originals.get("fid"),
        "size_ratio": found.size_ratio,
        "batch_ms": found.batch_ms,
    }
    if models:
        numbers |= {
            "parameters": models["compressed"]["parameters"],
            "parameters_original": models["original"]["parameters"],
            "macs": models["compressed"]["macs"],
            "macs_original": models["original"]["macs"],
            "fid_compressed": models["compressed"]["fid"],
        }
    return numbers | found.common() | {"measured_on": environment().cpu}


def run(options: Options, bench: Bench) -> bool:
    """Make the rows and write the result; whether all that was wanted could be made."""
    _, missing = usable((STUDENT, TEACHER), options.data)
    models, left_out = usable(options.models, options.data)
    assert options.data is not None
    data = data_folder(options.data, STUDENT)
    if data is None:
        missing.append(f"the data set of {STUDENT} is not in --data.")
    for reason in dict.fromkeys((*missing, *left_out)):
        print(reason, file=sys.stderr)
    if missing or data is None:
        return False
    tables = Tables(options, bench, data)
    rows: dict[str, list[Row]] = {}
    cells = {
        "ablation": tables.ablation,
        "ratios": tables.ratios,
        "composed": partial(tables.composed, models),
    }
    complete = fill_tables(options, cells, rows.__setitem__, "ppcd")
    if rows:
        publish(COMMAND, rows, options.out, COMPARED)
    return complete and not left_out


def main() -> None:
    execute(
        COMMAND,
        __doc__,
        run,
        tables=TABLES,
        models=tuple(COMPOSED.values()),
        methods=METHODS,
        bits=(8,),
        needs_data=True,
    )


if __name__ == "__main__":
    main()

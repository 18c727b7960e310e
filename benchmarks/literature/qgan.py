"""QGAN, Wang et al. 2019 (arXiv 1901.08263): tables 1-3, figures 1-3, and the search of section 4.2.

    python -m benchmarks.literature.qgan [--tables table2 ...] [--models ...] [--work FOLDER]

What each table measures is said in its note; ``README.md`` says what of the paper is not run, and why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

from benchmarks.literature.command import execute, fill_tables
from benchmarks.literature.measure import Bench, Measured, usable
from benchmarks.literature.options import UNTRAINED, Options
from benchmarks.literature.published import QGAN_MULTI_PRECISION
from benchmarks.literature.qgan_tables import publish
from benchmarks.literature.rows import Cell, Row
from edgegan.quantization.weight_quantizers.names import FEWEST_BITS
from edgegan.search.multi_precision import fewest_bits

COMMAND = "python -m benchmarks.literature.qgan"
MODELS = ("cifar10-dcgan", "cifar10-wgan-gp", "cifar10-lsgan")
TABLE3_ALONE = frozenset(MODELS[1:])
METHODS = ("min-max", "log", "tanh", "em")
TABLE2_BITS, FIGURE2_BITS = (1, 2, 3, 4), (3, 4, 5)
TABLES = ("table2", "figure2", "table3", "multi-precision")
CALIBRATED, TRAINED = "fashion-dcgan-w4a8", "fashion-dcgan-w4a8-lsq"
CASE = "log"
"""The method of figure 2."""
WIDTHS, WORSE = (1, 2, 3, 4, 5, 6, 7, 8), (1.1, 1.5)
"""Of the search: bits of either network; FID that is good enough, in those of the float generator."""


class Tables:
    """The cells of every table."""

    def __init__(self, options: Options, bench: Bench) -> None:
        self.options = options
        self.bench = bench

    def table2(self, models: list[str]) -> Iterator[Cell]:
        """Both networks quantized to the same bits; before and after fine-tuning."""
        asked = self.options
        own = [model for model in models if model not in TABLE3_ALONE]
        bits_asked = [bits for bits in asked.bits if bits in TABLE2_BITS]
        for seed, model, method, bits in product(asked.seeds, own, asked.methods, bits_asked):
            if bits < FEWEST_BITS[method][0]:
                continue
            labels = {"model": model, "method": method, "bits": bits}
            settings = _weights(method, bits)
            yield Cell(
                labels | {"fine_tuned": False, "seed": seed, **asked.scale, **UNTRAINED},
                self._calibrated(model, seed, settings),
            )
            judge = {_JUDGE: {"quantizer": method, "bits": bits}}
            yield Cell(
                labels | {"fine_tuned": True, "seed": seed, **asked.scale},
                self._trained(model, seed, settings | judge),
            )

    def figure2(self, models: list[str]) -> Iterator[Cell]:
        """Which of the networks is quantized; a generator that is not has 8 bits."""
        asked = self.options
        own = [model for model in models if model not in TABLE3_ALONE]
        bits_asked = [bits for bits in asked.bits if bits in FIGURE2_BITS]
        for seed, model, which, bits in product(
            asked.seeds, own, ("D", "D and G", "G"), bits_asked
        ):
            settings = _weights(CASE, bits) if "G" in which else _weights("quantile", 8)
            if "D" in which:
                settings |= {_JUDGE: {"quantizer": CASE, "bits": bits}}
            labels = {"model": model, "quantized": which, "method": CASE, "bits": bits}
            yield Cell(
                labels | {"seed": seed, **asked.scale},
                self._trained(model, seed, settings),
            )

    def table3(self, models: list[str]) -> Iterator[Cell]:
        """The pairs of widths that the paper found, with EM."""
        asked = self.options
        own = [model for model in models if model in QGAN_MULTI_PRECISION]
        for seed, model in product(asked.seeds, own):
            d_bits, g_bits, *_ = QGAN_MULTI_PRECISION[model]
            judge = {_JUDGE: {"quantizer": "em", "bits": d_bits}}
            labels = {"model": model, "d_bits": d_bits, "g_bits": g_bits}
            yield Cell(
                labels | {"seed": seed, **asked.scale},
                self._trained(model, seed, _weights("em", g_bits) | judge),
            )

    def multi_precision(self, models: list[str]) -> Iterator[Cell]:
        """The paper's search, with EM; all its trainings, and what it finds."""
        for seed, model, worse in product(self.options.seeds, models, WORSE):
            labels = {"model": model, "worse": worse, "seed": seed, **self.options.scale}
            yield Cell(labels, partial(self._search, model, seed, worse))

    def _search(self, model: str, seed: int, worse: float) -> Row:
        rows: dict[tuple[int, int], Row] = {}

        def train(judge: int, made: int) -> float:
            settings = _weights("em", made) | {_JUDGE: {"quantizer": "em", "bits": judge}}
            row = rows[judge, made] = self._trained(model, seed, settings)()
            return float(row["fid"] / row["fid_float"])

        found = fewest_bits(train, WIDTHS, WIDTHS, worse)
        trials = [
            {"d_bits": judge, "g_bits": made, **{key: row[key] for key in ("is", "fid", "qfid")}}
            for (judge, made), row in rows.items()
        ]
        kept = rows.get((found.discriminator or 0, found.generator or 0), {})
        widths = {"d_bits": found.discriminator, "g_bits": found.generator}
        numbers = {key: kept.get(key) for key in ("is", "fid", "qfid")}
        *_, last = rows.values()
        of_generators = (*numbers, "states_used", "last_layer_states")
        shared = {key: value for key, value in last.items() if key not in of_generators}
        return widths | numbers | {"trials": trials} | shared

    def _calibrated(self, model: str, seed: int, settings: dict[str, Any]) -> Callable[[], Row]:
        return lambda: _row(self.bench.of(model, CALIBRATED, seed, settings))

    def _trained(self, model: str, seed: int, settings: dict[str, Any]) -> Callable[[], Row]:
        own = settings | _ANEW | {"tune.distillation.precision": self.options.precision}
        return lambda: _row(self.bench.of(model, TRAINED, seed, own, self.options.budget))


_JUDGE = "tune.distillation.discriminator_weights"
_ANEW = {"tune.distillation.observe": 1.0, "tune.distillation.learn_ranges": False}
"""Levels are fitted to the weights at every step, as the paper's are; none are learned."""


def _weights(method: str, bits: int) -> dict[str, Any]:
    """Weights per tensor; activations, which the paper leaves in float, in 8 bits of their whole range."""
    return {
        "quantization.weight_quantizer": method,
        "quantization.weight_bits": bits,
        "quantization.per_channel": False,
        "calibration.activation_quantiles": [0.0, 1.0],
        "calibration.weight_quantiles": [0.0001, 0.9999],
        "checks.metrics": ["is"],
    }


def _row(found: Measured) -> Row:
    used = [weight["states_used"] for weight in found.weights]
    numbers = {
        "is": found.values["is"],
        "fid": found.values.get("fid"),
        "qfid": found.values["qfid"],
        "is_float": found.originals["is"],
        "fid_float": found.originals.get("fid"),
        "states_used": sum(used) / len(used),
        "last_layer_states": found.weights[-1]["states"],
    }
    return numbers | found.common()


def run(options: Options, bench: Bench) -> bool:
    """Make the rows and write the results; whether all that was wanted could be made."""
    models, left_out = usable(options.models, options.data)
    for reason in left_out:
        print(reason, file=sys.stderr)
    tables = Tables(options, bench)
    cells = {
        "table2": partial(tables.table2, models),
        "figure2": partial(tables.figure2, models),
        "table3": partial(tables.table3, models),
        "multi-precision": partial(tables.multi_precision, models),
    }

    def published(table: str, rows: list[Row]) -> None:
        publish(table, COMMAND, rows, left_out, options.out)

    return fill_tables(options, cells, published, "qgan-{table}")


def main() -> None:
    execute(
        COMMAND,
        __doc__,
        run,
        tables=TABLES,
        models=MODELS,
        methods=METHODS,
        bits=sorted({*TABLE2_BITS, *FIGURE2_BITS}),
    )


if __name__ == "__main__":
    main()

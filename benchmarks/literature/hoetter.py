"""Hötter, Real-Enríquez and Wenck 2020, "Post-Training Quantization of GANs": figures 2-5.

    python -m benchmarks.literature.hoetter --data FOLDER [--models ...] [--bits ...] [--work FOLDER]

One set of rows serves all four figures. ``--data`` is a folder with the models' data sets, each in a folder
of its own or all in one; real pictures are half of what precision, recall and realism are measured on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.literature.command import execute
from benchmarks.literature.hoetter_figures import publish
from benchmarks.literature.measure import Bench, usable
from benchmarks.literature.options import Options
from benchmarks.literature.pictures import data_folder
from benchmarks.literature.rows import Cell, Row, fill
from edgegan.evaluation.folders import real_pictures
from edgegan.metrics.extractor import Images
from edgegan.reports.pictures import as_pixels, data_uri

COMMAND = "python -m benchmarks.literature.hoetter"
MODELS = ("mnist-mlp", "mnist-cnn", "fashion-cnn", "cifar10-dcgan")
METHODS = ("min-max",)
BITS = (8, 7, 6, 5, 4, 3, 2, 1)
TABLES = ("figures",)
NUMBERS = {
    "is": "is",
    "precision": "prc.precision",
    "recall": "prc.recall",
    "realism_precision": "realism.precision",
    "realism_recall": "realism.recall",
    "fid": "fid",
}
"""By name in a row, the metric's number."""
SHOWN = 2
"""Pictures of each model and width in figure 2."""


def figures(
    options: Options, bench: Bench, models: list[str], real: dict[str, Path]
) -> Iterator[Cell]:
    """One row for each model and width: vanilla min-max quantization of weights, per tensor."""
    for seed, model, method, bits in product(options.seeds, models, options.methods, options.bits):
        labels = {"model": model, "method": method, "bits": bits, "seed": seed}
        labels["samples"] = options.samples
        yield Cell(labels, _maker(bench, model, method, bits, seed, real[model]))


def _maker(
    bench: Bench, model: str, method: str, bits: int, seed: int, real: Path
) -> Callable[[], Row]:
    settings = {
        "quantization.weight_quantizer": method,
        "quantization.weight_bits": bits,
        "quantization.per_channel": False,
        "calibration.activation_quantiles": [0.0, 1.0],
        "checks.metrics": ["is", "prc", "realism"],
        "checks.real": str(real.resolve()),
    }

    def make() -> Row:
        found = bench.of(model, "fashion-dcgan-w8a8", seed, settings)
        row: Row = {name: found.values[number] for name, number in NUMBERS.items()}
        row |= {f"{name}_float": found.originals[number] for name, number in NUMBERS.items()}
        pictures = real_pictures(real, "train", SHOWN, seed)
        row["pictures"] = {
            "quantized": _strip(found.images, found.value_range),
            "float": _strip(found.float_images, found.value_range),
            "real": _strip(pictures.take(np.arange(SHOWN)), pictures.value_range),
        }
        return row | found.common()

    return make


def _strip(images: Images, value_range: tuple[float, float]) -> str:
    """The first pictures, one below the other, as a PNG in a data address."""
    pixels = as_pixels(images[:SHOWN], value_range)
    assert pixels is not None, "these models draw pictures"
    return data_uri(np.concatenate(list(pixels)))


def run(options: Options, bench: Bench) -> bool:
    """Make the rows and write the results; whether all that was wanted could be made."""
    models, left_out = usable(options.models, options.data)
    assert options.data is not None
    found = {model: data_folder(options.data, model) for model in models}
    left_out += [
        f"the data set of {model} is not in --data." for model in models if not found[model]
    ]
    real = {model: folder for model, folder in found.items() if folder is not None}
    for reason in left_out:
        print(reason, file=sys.stderr)
    cells = figures(options, bench, list(real), real)
    rows, faults = fill(options.work / "rows" / "figures", cells)
    if rows:
        publish(COMMAND, rows, left_out, options.out)
    return not faults


def main() -> None:
    execute(
        COMMAND,
        __doc__,
        run,
        tables=TABLES,
        models=MODELS,
        methods=METHODS,
        bits=BITS,
        needs_data=True,
    )


if __name__ == "__main__":
    main()

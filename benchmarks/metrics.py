"""Do the metrics agree with their references, and how fast are they on the same features?

    python -m benchmarks.metrics

Needs the extra `test`. The two sides of a row take turns in one process. `--small` tries everything on
small sets and writes nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.random_inception import random_inception
from benchmarks.results_file import write_result
from edgegan.evaluation.folders import folder_pictures
from edgegan.metrics.density_coverage import density_coverage
from edgegan.metrics.extractor import collect_features
from edgegan.metrics.features import find_feature_network
from edgegan.metrics.fid import frechet_distance, frechet_feature_distance
from edgegan.metrics.inception_score import inception_score, softmax
from edgegan.metrics.kid import kernel_distance
from edgegan.metrics.lpips import PerceptualDistance
from edgegan.metrics.precision_recall import precision_recall
from edgegan.metrics.psnr import psnr_per_image
from edgegan.metrics.realism import realism_scores
from edgegan.metrics.ssim import ssim
from edgegan.metrics.statistics import moments

COMMAND = "python -m benchmarks.metrics"
RANGE = (-1.0, 1.0)
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """One row: the same numbers from us and from the reference."""

    metric: str
    data: str
    reference: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]


def features(seed: int, count: int, dimensions: int) -> NDArray[np.float32]:
    """Not negative, correlated, with a spectrum that falls, as features of networks are."""
    mixing = np.random.default_rng(99).standard_normal((dimensions, dimensions), np.float32)
    mixing *= np.logspace(0, -2, dimensions, dtype=np.float32)[:, None] / np.float32(4)
    random = np.random.default_rng(seed)
    values = random.standard_normal((count, dimensions), np.float32) @ mixing
    return np.maximum(values + np.float32(0.02 * seed), 0)


def images(seed: int, count: int, side: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).uniform(-1, 1, (count, 3, side, side))
    smooth = sum(np.roll(noise, shift, axis) for shift in range(5) for axis in (2, 3)) / 5
    return np.clip(smooth, *RANGE).astype(np.float32)


def frechet(count: int, dimensions: int) -> Comparison:
    from pytorch_fid.fid_score import calculate_frechet_distance

    a, b = (moments(features(seed, count, dimensions)) for seed in (1, 2))
    return Comparison(
        "FID", f"{count} x {dimensions}", "pytorch-fid",
        lambda: frechet_distance(a, b),
        lambda: calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance),
    )  # fmt: skip


@contextmanager
def whole_path(count: int, side: int) -> Iterator[Comparison]:
    """From two folders of PNG files to the number, through an Inception of random weights."""
    from pytorch_fid.fid_score import calculate_fid_given_paths

    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name, random_inception(Path(name) / "w.pth"):
        folders = [Path(name) / str(number) for number in range(2)]
        for number, folder in enumerate(folders):
            folder.mkdir()
            pixels = random.integers(0, 256 - 60 * number, (count, side, side, 3), np.uint8)
            for index, picture in enumerate(pixels):
                Image.fromarray(picture).save(folder / f"{index}.png")

        def ours() -> float:
            network = find_feature_network("inception", Path(name))
            sides = (
                collect_features(network, folder_pictures(folder).batches()) for folder in folders
            )
            return frechet_feature_distance(*sides)

        yield Comparison(
            "FID, whole path", f"2 folders of {count} PNG of {side}x{side}", "pytorch-fid", ours,
            lambda: calculate_fid_given_paths(
                [str(folder) for folder in folders], 50, torch.device("cpu"), 2048, num_workers=0
            ),
        )  # fmt: skip


def kernel(count: int, dimensions: int, subsets: int, size: int) -> Comparison:
    from torch_fidelity.metric_kid import kid_features_to_metric

    a, b = (features(seed, count, dimensions).astype(np.float64) for seed in (1, 2))
    settings = {"kid_subsets": subsets, "kid_subset_size": size, "rng_seed": 0, "verbose": False}

    def ours() -> list[float]:
        found = kernel_distance(a, b, subsets, size)
        return [found.value, found.standard_deviation]

    return Comparison(
        "KID", f"{count} x {dimensions}, {subsets} subsets of {size}", "torch-fidelity", ours,
        lambda: list(
            kid_features_to_metric(torch.from_numpy(a), torch.from_numpy(b), **settings).values()
        ),
    )  # fmt: skip


def score(count: int, classes: int) -> Comparison:
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = 3 * np.random.default_rng(0).standard_normal((count, classes))

    def ours() -> list[float]:
        found = inception_score(softmax(logits))
        return [found.value, found.standard_deviation]

    return Comparison(
        "IS", f"{count} x {classes}", "torch-fidelity", ours,
        lambda: list(isc_features_to_metric(torch.from_numpy(logits), 10, True, 0).values()),
    )  # fmt: skip


def neighbours(count: int, dimensions: int) -> Comparison:
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    a, b = (features(seed, count, dimensions) for seed in (1, 2))

    def ours() -> list[float]:
        found = precision_recall(a, b)
        return [found.precision, found.recall]

    return Comparison(
        "PRC", f"{count} x {count} x {dimensions}", "torch-fidelity", ours,
        lambda: calculate_precision_recall_full(torch.from_numpy(a), torch.from_numpy(b), 3),
    )  # fmt: skip


def squares(a: NDArray[np.floating], b: NDArray[np.floating]) -> Values:  # type: ignore[type-arg]
    x, y = a.astype(np.float64), b.astype(np.float64)
    return np.stack([np.square(row - y).sum(1) for row in x])


def brute_force(count: int, dimensions: int) -> list[Comparison]:
    a, b = (features(seed, count, dimensions) for seed in (1, 2))

    def radii(x: NDArray[np.float32], k: int) -> Values:
        return np.sort(squares(x, x), axis=1)[:, k]

    def theirs(k: int) -> list[float]:
        return [float((squares(x, y) <= radii(y, k)).any(1).mean()) for x, y in ((a, b), (b, a))]

    def ours() -> list[float]:
        found = precision_recall(a, b)
        return [found.precision, found.recall]

    def density() -> list[float]:
        found = density_coverage(a, b)
        return [found.density, found.coverage]

    def their_density() -> list[float]:
        inside = squares(a, b) <= radii(b, 5)
        return [float(inside.sum() / (5 * len(a))), float(inside.any(0).mean())]

    def their_realism() -> Values:
        reach = radii(b, 3)
        kept = reach <= np.median(reach)
        return np.sqrt((reach[kept] / squares(a, b[kept])).max(1))

    data, name = f"{count} x {count} x {dimensions}", "brute force, float64"
    return [
        Comparison("PRC", data, name, ours, lambda: theirs(3)),
        Comparison("density, coverage", data, name, density, their_density),
        Comparison("realism", data, name, lambda: realism_scores(a, b), their_realism),
    ]


def pictures(count: int, side: int) -> list[Comparison]:
    import lpips
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    a = images(1, count, side)
    b = (0.9 * a + 0.1 * images(2, count, side)).astype(np.float32)
    wide = [(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(a, b, strict=True)]
    options = {
        "data_range": 2.0, "channel_axis": 0, "gaussian_weights": True, "sigma": 1.5,
        "use_sample_covariance": False,
    }  # fmt: skip
    network = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    weights = [layer.model[-1].weight.detach().numpy().reshape(-1) for layer in network.lins]
    distance = PerceptualDistance(
        "squeeze", lambda x: list(network.net(network.scaling_layer(x))), weights
    )

    def their_distance() -> Values:
        with torch.no_grad():
            pairs = zip(torch.from_numpy(a).split(32), torch.from_numpy(b).split(32), strict=True)
            return np.concatenate([network(x, y).flatten().numpy() for x, y in pairs])

    data = f"{count} pairs of 3x{side}x{side}"
    return [
        Comparison(
            "SSIM", data, "scikit-image", lambda: ssim(a, b, RANGE),
            lambda: [structural_similarity(x, y, **options) for x, y in wide],
        ),
        Comparison(
            "PSNR", data, "scikit-image", lambda: psnr_per_image(a, b, RANGE),
            lambda: [peak_signal_noise_ratio(y, x, data_range=2.0) for x, y in wide],
        ),
        Comparison(
            "LPIPS (random trunk)", data, "lpips", lambda: distance.pairs(a, b), their_distance
        ),
    ]  # fmt: skip


def compare(comparison: Comparison, rounds: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    values = {}
    for _ in range(rounds):
        for side in seconds:
            start = time.perf_counter()
            values[side] = np.asarray(getattr(comparison, side)(), np.float64)
            seconds[side].append(time.perf_counter() - start)
    ours, theirs = values["ours"], values["theirs"]
    own, other = median(seconds["ours"]), median(seconds["theirs"])
    print(
        f"{comparison.metric}: {own:.3g} s, {comparison.reference} {other:.3g} s", file=sys.stderr
    )
    return {
        "metric": comparison.metric,
        "data": comparison.data,
        "reference": comparison.reference,
        "value": float(ours.mean()),
        "difference": float((np.abs(ours - theirs) / np.abs(theirs)).max()),
        "seconds": own,
        "reference_seconds": other,
        "ratio": other / own,
    }


def peak(count: int, dimensions: int) -> float:
    """MB that precision and recall take above what is there with the features loaded."""
    a, b = (
        np.random.default_rng(seed).standard_normal((count, dimensions), np.float32)
        for seed in (1, 2)
    )
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    before = _status("VmRSS")
    precision_recall(a, b)
    return (_status("VmHWM") - before) / 1e3


def _status(name: str) -> float:
    """A line of this process's status in kB, which Linux counts as 1024 bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(name + ":")]
    return int(line.split()[1]) * 1.024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="try it out; writes nothing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak", nargs=2, type=int, metavar=("COUNT", "DIMENSIONS"))
    given = parser.parse_args()
    if given.peak:
        print(peak(*given.peak))
        return
    size = 20 if given.small else 1
    makers: list[Callable[[], Comparison | list[Comparison]]] = [
        lambda: frechet(5000 // size, 2048 // size),
        lambda: frechet(256 // size, 2048 // size),
        lambda: kernel(5000 // size, 2048 // size, 100 // size, 1000 // size),
        lambda: score(50_000 // size, 1000 // size),
        lambda: neighbours(10_000 // size, 512 // size),
        lambda: brute_force(2000 // size, 512 // size),
        lambda: pictures(100 // size, 64),
    ]
    rows = []
    for maker in makers:
        made = maker()
        for comparison in made if isinstance(made, list) else [made]:
            rows.append(compare(comparison, given.rounds))
    with whole_path(max(100 // size, 4), 32) as comparison:
        rows.insert(0, compare(comparison, 1))
    shape = (10_000 // size, 512 // size)
    command = [sys.executable, "-m", "benchmarks.metrics", "--peak", *map(str, shape)]
    above = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    note = (
        "Same features or images on both sides, in turns, medians of "
        f"{given.rounds} rounds, {torch.get_num_threads()} threads. `difference` is the largest relative "
        "one of all values of the row. KID and IS were given to torch-fidelity in float64, PRC in "
        "float32. The whole path ran once, through an Inception of random weights. "
        "`256 x 2048` has covariances without full rank. Precision and recall on "
        f"{shape[0]} x {shape[0]} x {shape[1]} took {above:.0f} MB above a process that holds the features."
    )
    columns = {
        "metric": "metric", "data": "data", "reference": "reference", "value": "value",
        "difference": "difference", "seconds": "seconds", "reference_seconds": "reference's seconds",
        "ratio": "times as fast",
    }  # fmt: skip
    if given.small:
        print(note, *rows, sep="\n")
        return
    packages = ("pytorch-fid", "torch-fidelity", "scikit-image", "lpips", "scipy")
    write_result("metrics", COMMAND, rows, columns, note, packages=packages)


if __name__ == "__main__":
    main()

"""Every metric on a bundle, an engine's ONNX file and folders of pictures; directions; gates."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgegan.cache import StageCache
from edgegan.checks.check import Limit, Verdict
from edgegan.errors import LackingError, UsageError
from edgegan.evaluation.evaluate import Evaluation, Options, evaluate
from edgegan.evaluation.models import open_model
from edgegan.evaluation.names import METRIC_NAMES, NUMBERS
from edgegan.pipeline import export
from edgegan.progress import Event, Listener
from edgegan.recipe import load_recipe
from tests.evaluation.made import save_feature_network, save_pictures

Images = NDArray[np.float32]
COUNT = 60
USUAL = METRIC_NAMES[:-1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of fashion-dcgan, pictures of it with other latents, and worse ones."""
    folder = tmp_path_factory.mktemp("evaluate")
    quick = ("calibration.samples=20", "checks.samples=20", "checks.parity_samples=8")
    recipe, base = load_recipe("fashion-dcgan-w8a8", (*quick, "checks.latency_seconds=0.02"))
    export(recipe, base, folder / "bundle", StageCache(folder / "stages"))
    model = open_model("fashion-dcgan")
    assert model.contract is not None
    made = [model.pictures(model.contract, 2 * COUNT, seed).held() for seed in (5, 6)]
    real, good = (np.concatenate(list(pictures.batches())) for pictures in made)
    save_pictures(folder / "real", real)
    save_pictures(folder / "good", good)
    noise = np.random.default_rng(0).normal(0, 0.5, good.shape)
    save_pictures(folder / "noise", (good + noise).clip(-1, 1).astype(np.float32))
    save_pictures(folder / "blur", _blurred(good))
    save_pictures(folder / "dropped", good[np.arange(len(good)) % 4])
    return folder


def _blurred(images: Images) -> Images:
    for _ in range(4):
        for axis in (2, 3):
            images = (np.roll(images, 1, axis) + images + np.roll(images, -1, axis)) / np.float32(3)
    return images


def run(place: Path, measured: str, original: str | None = None, **options: Any) -> Evaluation:
    asked = Options(**({"samples": COUNT, "real": place / "real"} | options))
    names = [name if "/" in name or name == "fashion-dcgan" else str(place / name)
             for name in (measured, original) if name is not None]  # fmt: skip
    cache = StageCache(place / "features")
    return evaluate(names[0], names[1] if original else None, asked, cache)


@pytest.mark.parametrize(
    ("measured", "original"),
    [
        ("bundle", None),
        ("bundle/model.onnx", "bundle/reference/float.onnx"),
        ("fashion-dcgan", "bundle/model.onnx"),
        ("bundle", "fashion-dcgan"),
        ("noise", "good"),
    ],
)
def test_every_metric_on_whatever_makes_pictures(
    place: Path, measured: str, original: str | None
) -> None:
    measured = str(place / measured) if "/" in measured else measured
    original = str(place / original) if original and "/" in original else original
    result = run(place, measured, original, features="fashion-features")
    assert [score.name for score in result.scores] == list(USUAL)
    assert result.left_out == {}
    for score in result.scores:
        assert tuple(score.numbers) == NUMBERS[score.name]
        assert all(math.isfinite(number.value) for number in score.numbers.values())
        assert score.samples == COUNT
        if score.name not in ("psnr", "ssim"):
            assert score.features is not None
            assert score.features["network"] == "fashion-features"
            assert len(score.features["digest"]) == 64
            assert score.features["resize"] == "none"
            assert score.features["value_range"] == (-1.0, 1.0)
    document = result.as_json()
    assert document["schema"] == "edgegan.evaluate/1"
    assert json.loads(json.dumps(document, allow_nan=False))["metrics"][0]["name"] == "fid"


@pytest.mark.parametrize("model", ["bundle", "fashion-dcgan"])
def test_a_model_is_itself(place: Path, model: str) -> None:
    result = run(place, model, model, metrics=("qfid", "psnr", "ssim", "lpips"))
    values = {score.name: score.value for score in result.scores}
    assert abs(values["qfid"]) <= 1e-6
    assert values["psnr"] == math.inf
    assert values["ssim"] == pytest.approx(1.0, abs=1e-12)
    assert values["lpips"] == 0.0
    assert json.loads(json.dumps(result.as_json(), allow_nan=False))["metrics"][2]["value"] is None


def test_an_engine_computes_what_its_bundle_does(place: Path) -> None:
    result = run(place, str(place / "bundle/model.onnx"), "bundle", metrics=("psnr",))
    assert result.scores[0].value == math.inf


def test_what_is_for_another_machine_says_so(place: Path) -> None:
    copied = place / "arm64"
    shutil.copytree(place / "bundle", copied)
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["targets"][0]["name"] = "ort-arm64"
    (copied / "manifest.json").write_text(json.dumps(manifest))
    result = run(place, "arm64", metrics=("psnr",))
    assert result.material.measured.label.endswith("for ort-arm64, by ONNX Runtime here")


@pytest.mark.parametrize("worse", ["noise", "blur", "dropped"])
def test_directions(place: Path, worse: str) -> None:
    """Against the good pictures of the same latents, and against real ones."""
    options: dict[str, Any] = {"features": "fashion-features", "samples": 2 * COUNT}
    numbers = {
        name: number
        for score in run(place, worse, "good", **options).scores
        for name, number in score.numbers.items()
    }
    for name in ("fid", "kid"):
        original = numbers[name].original
        assert original is not None and numbers[name].value > 1.5 * original, name
    assert numbers["qfid"].value > 1.0
    fallen = ("prc.recall", "realism.recall", "density_coverage.coverage")
    fallen += () if worse == "dropped" else ("prc.precision", "realism.precision")
    for name in fallen:
        original = numbers[name].original
        assert original is not None and numbers[name].value < 0.95 * original, name
    assert numbers["psnr"].value < 25 and numbers["ssim"].value < 0.8
    assert numbers["lpips"].value > 0.1


def test_features_from_an_onnx_file(place: Path) -> None:
    network = save_feature_network(place / "own.onnx", 32)
    result = run(place, "bundle", features=str(network))
    assert {score.name for score in result.scores} == {*USUAL} - {"lpips"}
    assert "shows none" in result.left_out["lpips"]
    assert result.scores[0].features is not None
    assert result.scores[0].features["value_range"] == (0.0, 1.0)
    assert result.scores[0].against == "60 of real"


def test_fid_needs_no_real_pictures_where_statistics_ship(place: Path) -> None:
    result = run(place, "bundle", real=None, metrics=("fid",))
    assert result.scores[0].against == "the statistics of 60000 train images"
    assert "60 samples do not span 128 features" in result.scores[0].note


def _ends(cached: list[bool]) -> Listener:
    """Notes of each stage's end whether its result was there."""

    def listen(event: Event) -> None:
        if event.seconds is not None:
            cached.append(event.cached)

    return listen


def test_features_are_kept(place: Path) -> None:
    options = Options(metrics=("fid",), samples=COUNT, seed=77)
    seen: list[list[bool]] = []
    for _ in range(2):
        cached: list[bool] = []
        evaluate("fashion-dcgan", None, options, StageCache(place / "kept"), _ends(cached))
        seen.append(cached)
    assert seen == [[False], [True]]


def test_gates_and_their_intervals(place: Path) -> None:
    limits = {
        "qfid": Limit(max=50),
        "prc.recall": Limit(max=0.01),
        "ssim": Limit(min=0.5),
    }
    result = run(place, "bundle", limits=limits, metrics=("psnr",))
    verdicts = {check.name: check.verdict for check in result.checks}
    assert verdicts == {
        "qfid": Verdict.PASS,
        "prc.recall": Verdict.FAIL,
        "ssim": Verdict.PASS,
    }
    (qfid,) = (check for check in result.checks if check.name == "qfid")
    assert qfid.interval is not None and qfid.interval[0] < qfid.value < qfid.interval[1]
    close = {"qfid": Limit(max=qfid.value * 1.0001)}
    result = run(place, "bundle", limits=close, metrics=("qfid",))
    assert result.checks[0].verdict is Verdict.INCONCLUSIVE
    assert "straddles the limit" in result.checks[0].detail


def test_intervals_of_all_numbers(place: Path) -> None:
    scores = run(place, "bundle", intervals=True, replicates=10).scores
    without = {"lpips.worst", "lpips.diversity", "psnr.worst", "ssim.worst"}
    for score in scores:
        for name, number in score.numbers.items():
            assert (number.interval is None) == (name in without), name


def test_fid_infinity_on_request(place: Path) -> None:
    options: dict[str, Any] = {"metrics": ("fid_infinity", "fid"), "samples": 300, "real": None}
    fid, infinity = run(place, "fashion-dcgan", **options).scores
    assert infinity.value < fid.value


@pytest.mark.parametrize(
    ("sides", "options", "match"),
    [
        (("fashion-dcgan",), {"metrics": ("qfid",)}, "give a second model"),
        (("fashion-dcgan", "good"), {"metrics": ("psnr",)}, "same inputs"),
        (("fashion-dcgan",), {"metrics": ("kid",), "real": None}, "--real"),
        (("good",), {"metrics": ("fid",)}, "--features"),
        (("good",), {"limits": {"is": Limit(min=2)}}, "--features"),
    ],
)
def test_what_is_lacking_is_a_sentence(
    place: Path, sides: tuple[str, ...], options: dict[str, Any], match: str
) -> None:
    with pytest.raises(LackingError, match=match):
        run(place, *sides, **options)


def test_what_is_unknown(place: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'fid'"):
        run(place, "bundle", metrics=("fdi",))
    with pytest.raises(UsageError, match=r"did you mean 'prc.recall'"):
        run(place, "bundle", limits={"prc.recal": Limit(min=0)})
    with pytest.raises(UsageError, match="has no target 'tensorrt'"):
        run(place, "bundle", target="tensorrt")
    with pytest.raises(UsageError, match="is no bundle, ONNX file"):
        run(place, "nothing")

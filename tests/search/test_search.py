"""The whole search on a small generator: what is measured, what is found, and what it exports to."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from typer.testing import CliRunner

from edgegan.cache import StageCache
from edgegan.cli import app
from edgegan.errors import ModelError, OutputExistsError, UsageError
from edgegan.pipeline import export
from edgegan.progress import Event
from edgegan.quantization.weights import FLOAT, Weights
from edgegan.recipe import load_recipe
from edgegan.search.candidates import loss_of, with_weights
from edgegan.search.problem import read_budgets, read_choices
from edgegan.search.result import as_json, rows, write_result
from edgegan.search.search import Found, Options, search
from tests.evaluation.made import save_feature_network
from tests.models import write_own_generator

CHECKS = {
    "features": "net.onnx", "parity_samples": 20, "samples": 60, "latency_seconds": 0.02,
    "gates": {"parity.max_lsb": {"max": 0}},
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    write_own_generator(folder / "own", checks=CHECKS)
    save_feature_network(folder / "own" / "net.onnx", 8)
    return folder


@pytest.fixture(scope="module")
def found(place: Path) -> Found:
    recipe, base = load_recipe(str(place / "own" / "recipe.yaml"))
    options = Options((Weights(8), Weights(2, "em")), {}, most_loss=1e9, trials=1)
    return search(recipe, base, options, StageCache(place / "cache" / "stages"))


@pytest.mark.slow
def test_the_problem_is_the_generator(found: Found) -> None:
    assert found.problem.layers == ("project", "up.0", "up.3")
    assert len(found.trials) == 2 + 3  # all 8, all 2, and each layer alone: nothing is left to try
    assert all(measured.loss >= 0 for measured in found.trials.values())


@pytest.mark.slow
def test_bytes_add_up(found: Found) -> None:
    """What the integer programme relies on: each layer's bytes are its own."""
    trials, problem = found.trials, found.problem
    saved = [
        trials[problem.base].bytes - trials[problem.single(layer, 1)].bytes for layer in range(3)
    ]
    every = trials[problem.base].bytes - trials[(1, 1, 1)].bytes
    assert abs(every - sum(saved)) <= 0.01 * trials[problem.base].bytes


@pytest.mark.slow
def test_the_recipe_exports_to_what_was_measured(place: Path, found: Found, tmp_path: Path) -> None:
    """Anywhere: paths hold, and the generator's code came along."""
    assert found.best is not None
    write_result(found, place / "own", tmp_path)
    recipe, base = load_recipe(str(tmp_path / "recipe.yaml"))
    assert recipe.name == "tiny-w8a8-searched"
    assert set(yaml.safe_load((tmp_path / "recipe.yaml").read_text())) == {
        "schema", "name", "generator", "calibration", "quantization", "checks",
    }  # fmt: skip
    cache = StageCache(place / "cache" / "stages")
    result = export(recipe, base, tmp_path / "bundle", cache)
    values = {check.name: check.value for check in result.checks}
    best = found.trials[found.best]
    assert values["parity.max_lsb"] == 0
    assert values["qfid"] == best.loss and values["size.ratio"] == best.size
    document = json.loads((tmp_path / "search.json").read_text())
    assert document == json.loads(json.dumps(as_json(found)))
    assert document["best"]["bytes"] == min(trial["bytes"] for trial in document["trials"])
    page = (tmp_path / "pareto.html").read_text()
    assert page.count("<circle") == len(found.trials) and "all 2:em" in page
    assert any(row[0].startswith("found: ") for row in rows(found))


@pytest.mark.slow
def test_a_repeated_search_measures_nothing(place: Path, found: Found) -> None:
    recipe, base = load_recipe(str(place / "own" / "recipe.yaml"))
    options = Options((Weights(8), Weights(2, "em")), {}, most_loss=1e9, trials=1)
    cache = StageCache(place / "cache" / "stages")

    def never(*_: object) -> None:
        raise AssertionError("measured again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgegan.search.candidates.Candidates.measure", never)
        again = search(recipe, base, options, cache)
    assert again == found


@pytest.mark.slow
def test_the_command(place: Path, found: Found, tmp_path: Path) -> None:
    """The same search by the command, which recalls it; a limit that nothing keeps to; no overwriting."""
    environment = {"EDGEGAN_CACHE": str(place / "cache")}
    recipe = str(place / "own" / "recipe.yaml")

    def invoke(*options: str) -> Any:
        arguments = ["search", recipe, "--choices", "8,2:em", "--trials", "1", "--json", "--quiet"]
        return CliRunner().invoke(app, [*arguments, *options], env=environment)

    result = invoke("--max-qfid", "1e9", "-o", str(tmp_path / "a"))
    assert result.exit_code == 0 and json.loads(result.stdout) == json.loads(
        json.dumps(as_json(found))
    )
    assert "PASS" in result.stderr and (tmp_path / "a" / "recipe.yaml").is_file()
    again = invoke("--max-qfid", "1e9", "-o", str(tmp_path / "a"))
    assert isinstance(again.exception, OutputExistsError)
    none = invoke("--budget", "size=0.0001", "-o", str(tmp_path / "b"))
    assert none.exit_code == 3 and "no model of 5 is within the limits" in none.stderr
    assert not (tmp_path / "b" / "recipe.yaml").exists()
    assert json.loads((tmp_path / "b" / "search.json").read_text())["best"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "search needs --budget"),
        (("--max-qfid", "1", "--max-fid", "1"), "exclude each other"),
        (("--multi-precision",), "--multi-precision takes --max-qfid or --max-fid"),
        (("--multi-precision", "--max-qfid", "1"), "needs a recipe that trains with a discriminator"),
    ],
)  # fmt: skip
def test_what_the_command_refuses(
    place: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    arguments = ["search", str(place / "own" / "recipe.yaml"), "-o", str(tmp_path / "x"), *options]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UsageError) and message in str(result.exception)


def test_rules_name_layers_exactly(place: Path) -> None:
    recipe, _ = load_recipe(str(place / "own" / "recipe.yaml"))
    layers = ("project", "up.0", "up.3")
    made = with_weights(recipe, layers, (Weights(4), FLOAT, Weights(4)))
    assert made.quantization.default == Weights(4)
    assert [(rule.match, rule.weights) for rule in made.quantization.rules] == [("up.0", FLOAT)]
    starred = with_weights(recipe, ("a[0]", "b"), (Weights(2), Weights(8)))
    assert starred.quantization.rules[0].matches("a[0]")
    assert with_weights(recipe, layers, (FLOAT,) * 3).quantization.rules[0].weights == FLOAT


@pytest.mark.slow
def test_a_pruned_generator_is_searched_smaller(tmp_path: Path) -> None:
    """Compressed once and in front; what is measured, and exported, has 3 channels of 8."""
    pruned = {"pruning": {"ratio": 0.5}, "steps": 8, "batch_size": 8, "images": 32}
    learned = {"distillation": {"steps": 4, "images": 32, "loss": {"pixel": 1.0, "content": 0.0}}}
    path = write_own_generator(
        tmp_path / "own", "own_searched", checks=CHECKS, compress=pruned, tune=learned
    )
    save_feature_network(tmp_path / "own" / "net.onnx", 8)
    recipe, base = load_recipe(str(path))
    cache, events = StageCache(tmp_path / "cache" / "stages"), list[Event]()
    options = Options((Weights(8), Weights(2, "em")), {}, most_loss=1e9, trials=0)
    found = search(recipe, base, options, cache, events.append)
    names = list(dict.fromkeys(event.stage for event in events))
    assert names == ["captured", "compressed", "lowered", "trials"]
    assert any(event.losses for event in events if event.stage == "compressed")

    (tmp_path / "found").mkdir()
    write_result(found, base, tmp_path / "found")
    recipe, base = load_recipe(str(tmp_path / "found" / "recipe.yaml"), ("tune=null",))
    events.clear()
    result = export(recipe, base, tmp_path / "bundle", cache, events.append)
    cached = {event.stage: event.cached for event in events if event.seconds is not None}
    assert cached["compressed"] and cached["lowered"] and cached["emitted"] and cached["quality"]
    assert found.best is not None
    best = found.trials[found.best]
    values = {check.name: check.value for check in result.checks}
    assert (values["qfid"], values["size.ratio"]) == (best.loss, best.size)
    assert values["parity.max_lsb"] == 0
    model = onnx.load(tmp_path / "bundle" / "reference" / "lowered.onnx")
    sizes = {math.prod(tensor.dims) for tensor in model.graph.initializer}
    assert 6 * 12 in sizes and 6 * 32 not in sizes, "the linear layer"


def test_a_choice_that_a_target_does_not_take(place: Path) -> None:
    data = yaml.safe_load((place / "own" / "recipe.yaml").read_text()) | {"targets": ["tensorrt"]}
    (place / "own" / "trt.yaml").write_text(yaml.safe_dump(data))
    recipe, base = load_recipe(str(place / "own" / "trt.yaml"))
    with pytest.raises(UsageError, match="tensorrt takes weights of 8 or 7 or 6 or 5 bits"):
        search(
            recipe, base, Options((Weights(8), Weights(4)), {"size": 1}), StageCache(place / "x")
        )


def test_without_a_feature_network(place: Path) -> None:
    recipe, base = load_recipe(str(place / "own" / "recipe.yaml"), ("checks.features=null",))
    with pytest.raises(UsageError, match="needs a feature network"):
        search(
            recipe, base, Options((Weights(8), Weights(4)), {"size": 1}), StageCache(place / "x")
        )


def test_numbers_that_are_none() -> None:
    with pytest.raises(ModelError, match="fid could not be measured"):
        loss_of({"scores": [{"numbers": {"psnr": {"value": 3.0}}}]}, "fid")


def test_choices() -> None:
    assert read_choices("2:em,8, 4,float", "mse") == (
        Weights(8, "mse"), Weights(4, "mse"), Weights(2, "em"), FLOAT,
    )  # fmt: skip
    for text in ("9,4", "8,4:kmeans", "eight,4", "8", "float", ""):
        with pytest.raises(UsageError, match="--choices"):
            read_choices(text, "quantile")


def test_budgets() -> None:
    assert read_budgets(["size=0.08", "int8=0.9"]) == {"size": 0.08, "int8": 0.9}
    for text in ("size", "size=0", "int8=1.5", "bytes=5", "latency=fast"):
        with pytest.raises(UsageError, match="--budget"):
            read_budgets([text])


@pytest.mark.slow
def test_budgets_of_time_and_integers(place: Path) -> None:
    """A float layer takes its multiplications out of int8; time is measured beside the float model."""
    recipe, base = load_recipe(str(place / "own" / "recipe.yaml"))
    budgets = {"int8": 0.5, "latency": 1000.0}
    options = Options((Weights(8), FLOAT), budgets, trials=0)
    found = search(recipe, base, options, StageCache(place / "cache" / "stages"))
    shares = {assignment: measured.int8 for assignment, measured in found.trials.items()}
    assert shares[(0, 0, 0)] == 1.0 and shares[(1, 1, 1)] == 0.0
    # of 192, 9,216 and 3,200 multiplications
    assert shares[(0, 0, 1)] == pytest.approx(1 - 3200 / 12608)
    assert shares[(1, 0, 0)] == pytest.approx(1 - 192 / 12608)
    assert all((measured.latency or 0.0) > 0 for measured in found.trials.values())
    assert found.best is not None and (shares[found.best] or 0.0) >= 0.5

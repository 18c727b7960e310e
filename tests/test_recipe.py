"""Recipes: strict, with a suggestion; overrides; resolution."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edgegan.card import load_card
from edgegan.errors import RecipeError, UsageError
from edgegan.recipe import Recipe, load_recipe, resolve
from edgegan.resources import recipe_names
from edgegan.schema import parse_yaml, validate
from tests.models import write_own_generator

BASE = {"schema": "edgegan.recipe/1", "name": "n", "generator": {"zoo": "fashion-dcgan"}}


def check(**changes: object) -> Recipe:
    return validate(Recipe, BASE | changes, "r.yaml")


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_load_and_resolve(name: str) -> None:
    recipe, folder = load_recipe(name)
    assert recipe.name == name
    if any(spec.is_picture for spec in load_card(str(recipe.generator.zoo)).generator.inputs):  # type: ignore[union-attr]
        recipe, folder = load_recipe(name, ("generator.data=horses",))
    resolved, weights = resolve(recipe, folder)
    assert (weights / resolved.generator.weights).is_file()
    assert resolved.features == load_card(str(recipe.generator.zoo)).feature_network


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"calibraton": {}}, "unknown key 'calibraton'; did you mean 'calibration'"),
        ({"calibration": {"sample": 3}}, "'calibration.sample'; did you mean 'samples'"),
        ({"quantization": {"weight_bits": 9}}, "quantization.weight_bits"),
        ({"quantization": {"weight_quantizer": "kmeans"}}, "quantization.weight_quantizer"),
        ({"targets": ["ort-x87"]}, "known targets: ort-x86"),
        ({"calibration": {"activation_quantiles": [0.9, 0.1]}}, "0 <= low < high <= 1"),
        ({"calibration": {"samples": "many"}}, "calibration.samples"),
        ({"checks": {"gates": {"parity.lsb": {"max": 0}}}}, "'parity.lsb' is unknown"),
        ({"checks": {"gates": {"qfid": {}}}}, "must have min or max"),
        ({"generator": {}}, "generator"),
        ({"generator": {"source": "no-colon", "weights": "w", "inputs": [{"shape": [1]}]}},
         "generator.source: must read package.module:factory"),
        ({"generator": {"source": "a:b", "weights": "w", "inputs": []}}, "generator.inputs"),
        ({"schema": "edgegan.recipe/9"}, "schema"),
        ({"name": "../up"}, "name"),
    ],
)  # fmt: skip
def test_faults_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError) as error:
        check(**changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\t", "1: 2", "&a [*a]"])
def test_broken_yaml(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_yaml(text, "r.yaml")


def test_overrides(tmp_path: Path) -> None:
    path = write_own_generator(tmp_path)
    recipe, _ = load_recipe(
        str(path),
        (
            "quantization.weight_bits=4",
            "calibration.weight_quantiles=[0.01, 0.99]",
            "checks.gates.latency.ratio.min=1.5",
        ),
    )
    assert recipe.quantization.weight_bits == 4
    assert recipe.calibration.weight_quantiles == (0.01, 0.99)
    assert recipe.checks.gates["latency.ratio"].min == 1.5
    for bad in ("nothing", "name.deep=1", "quantization.bits=4", "calibration.samples=["):
        with pytest.raises(RecipeError):
            load_recipe(str(path), (bad,))


def test_a_missing_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(RecipeError, match="fashion-dcgan-w8a8"):
        load_recipe("nothing")


def test_a_model_of_pictures_is_given_some(tmp_path: Path) -> None:
    taking = check(generator={"zoo": "horse2zebra-cyclegan"})
    with pytest.raises(RecipeError, match=r"takes pictures \(horse2zebra/horse\); name a folder"):
        resolve(taking, tmp_path)
    given = check(generator={"zoo": "horse2zebra-cyclegan", "data": "horses"})
    (picture,) = resolve(given, tmp_path)[0].generator.inputs
    assert picture.data == str(tmp_path / "horses")
    drawing = check(generator={"zoo": "fashion-dcgan", "data": "horses"})
    with pytest.raises(RecipeError, match="fashion-dcgan takes no pictures"):
        resolve(drawing, tmp_path)


def test_an_unknown_zoo_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"it has: .*fashion-dcgan"):
        resolve(check(generator={"zoo": "fashion-dcgann"}), tmp_path)


def test_the_resolved_recipe_is_a_recipe() -> None:
    recipe, folder = load_recipe("fashion-dcgan-w8a8")
    resolved, _ = resolve(recipe, folder)
    again = validate(Recipe, yaml.safe_load(resolved.as_yaml()), "resolved")
    assert again.generator.zoo == "fashion-dcgan"
    assert again.quantization == recipe.quantization
    assert again.checks.features == "fashion-features"


def test_ones_own_generator_is_resolved_whole(tmp_path: Path) -> None:
    recipe, folder = load_recipe(str(write_own_generator(tmp_path)))
    resolved, _ = resolve(recipe, folder)
    again = validate(Recipe, yaml.safe_load(resolved.as_yaml()), "resolved")
    assert again.generator.own == resolved.generator

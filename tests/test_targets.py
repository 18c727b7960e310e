"""Target profiles: which combinations there are, and what targets share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgegan.errors import UsageError
from edgegan.quantization.grid import IntegerGrid
from edgegan.quantization.weights import FLOAT, Weights
from edgegan.recipe import load_recipe
from edgegan.targets import AFFINE_U8_NARROW, TARGETS, find_target, variant_of, why_inexact
from tests.models import write_own_generator


def test_targets_of_one_grid_and_lowering_share_a_variant() -> None:
    variants = {name: variant_of(target, [Weights(8)]) for name, target in TARGETS.items()}
    assert variants["ort-x86"] == variants["ort-arm64"]
    assert variants["tensorrt"] == variants["tensorrt-rtx"]
    assert len(set(variants.values())) == 4
    names = [variant.grid.name for variant in set(variants.values())]
    assert len(set(names)) == 4  # files in a bundle are named by grid


def test_pairs_of_narrow_products_fit_16_bits() -> None:
    """What a CPU without VNNI does: two u8 x s8 products added in 16 bits, saturating."""
    for stored, limit in ((bits, 32767) for bits in range(2, 9)):
        grid = IntegerGrid(AFFINE_U8_NARROW.width(stored), True)
        assert 2 * 255 * -grid.low <= limit + 1
    assert 2 * 255 * 128 > 32768


@pytest.mark.parametrize(
    ("width", "flags", "exact"),
    [(8, ("avx2",), False), (8, ("avx2", "avx_vnni"), True), (8, ("asimd",), True),
     (7, ("avx2",), True), (4, (), True)],
)  # fmt: skip
def test_where_integers_are_exact(width: int, flags: tuple[str, ...], exact: bool) -> None:
    assert (why_inexact(width, flags) == "") is exact


def test_opset_follows_the_storage_type() -> None:
    target = find_target("ort-x86")
    assert [variant_of(target, [Weights(bits)]).opset for bits in (8, 4, 2)] == [21, 21, 25]
    assert variant_of(target, [Weights(2, "em")]).opset == 21  # packed in bytes
    assert variant_of(target, [Weights(8), Weights(2)]).opset == 25


def test_the_narrowest_storage_that_holds_them() -> None:
    assert [Weights(bits).stored_bits for bits in (8, 5, 4, 3, 2)] == [8, 8, 4, 4, 2]
    assert [Weights(bits, "em").stored_bits for bits in (5, 3, 2, 1)] == [8, 4, 2, 1]
    assert FLOAT.stored_bits == 32


def test_codebooks_use_the_kernels_whole_width() -> None:
    """Their integers are wide however few there are: without VNNI they must stay within 7 bits."""
    widths = [
        variant_of(find_target(name), [Weights(2, "em")]).weight_width
        for name in ("ort-x86", "ort-x86-avx2")
    ]
    assert widths == [8, 7]


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        ("ort-x86", {"weights": [Weights(1)]}, "quantile needs at least 2 bits .*take em"),
        ("ort-x86", {"weights": [Weights(1, "log")]}, "log needs at least 2 bits"),
        ("ort-x86", {"weights": [Weights(2), Weights(4, "em")], "site": "kernel"}, "codebooks of em"),
        ("tensorrt", {"weights": [Weights(8), Weights(4, "em")]}, "takes codebooks of 8 or 7 or 6 or 5"),
        ("tensorrt", {"weights": [Weights(4, "em")], "activations": False},
         "takes codebooks of 8 or 7 or 6 or 5 bits beside float"),
    ],
)  # fmt: skip
def test_what_a_weight_quantizer_cannot_be(
    target: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        variant_of(find_target(target), **arguments)


def test_kernels_are_a_grid_of_their_own() -> None:
    target = find_target("ort-x86")
    four = [Weights(4)]
    phases, kernel = variant_of(target, four), variant_of(target, four, "kernel")
    assert phases.grid.name != kernel.grid.name and phases.lowering.name != kernel.lowering.name
    with pytest.raises(UsageError, match="8-bit taps do not fit int8"):
        variant_of(target, [Weights(2), Weights(8)], "kernel")


@pytest.mark.parametrize("target", ["tensorrt", "tensorrt-rtx", "openvino-x86"])
def test_impossible_combinations_fail_before_a_model_loads(tmp_path: Path, target: str) -> None:
    recipe = write_own_generator(tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    overrides = (f"targets=[ort-x86, {target}]", "quantization.weight_bits=4")
    with pytest.raises(
        UsageError, match=rf"{target} takes weights of 8 or 7 or 6 or 5 bits .* not 4"
    ):
        load_recipe(str(recipe), overrides)


def test_a_target_twice(tmp_path: Path) -> None:
    recipe = write_own_generator(tmp_path)
    with pytest.raises(UsageError, match="different from each other"):
        load_recipe(str(recipe), ("targets=[ort-x86, ort-x86]",))


def test_the_closest_gate_wins(tmp_path: Path) -> None:
    gates = {
        "size.ratio": {"max": 1},
        "cost.ratio": {"min": 2},
        "ort-arm64/cost.ratio": {"min": 3},
        "ort-arm64@cortex-a53/cost.ratio": {"min": 1},
    }
    recipe, _ = load_recipe(str(write_own_generator(tmp_path, checks={"gates": gates})))
    limit = recipe.checks.gate
    found = [limit(name, "cost.ratio") for name in ("ort-arm64@cortex-a53", "ort-arm64@i8mm", "x")]
    assert [None if one is None else one.min for one in found] == [1, 3, 2]
    assert limit("ort-x86", "qfid") is None


def test_weights_alone_are_for_tensorrt() -> None:
    made_for = variant_of(find_target("tensorrt"), [Weights(4)], activations=False)
    assert not made_for.grid.activations and made_for.grid.width(4) == 4
    with pytest.raises(UsageError, match="activations: float is for TensorRT"):
        variant_of(find_target("ort-arm64"), [Weights(4)], activations=False)
    with pytest.raises(UsageError, match="5 or 4 bits beside float activations, not 2"):
        variant_of(find_target("tensorrt-rtx"), [Weights(2)], activations=False)

"""Where quantizers stand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import fx, nn

from edgegan.errors import RecipeError
from edgegan.generators.dcgan import Generator
from edgegan.lowering.capture import capture
from edgegan.lowering.graph import is_call
from edgegan.lowering.lower import lower
from edgegan.quantization.calibrate import Calibration, calibrate
from edgegan.quantization.fake_quantize import FAKE_QUANTIZE
from edgegan.quantization.observers import Quantiles, observer_of
from edgegan.quantization.placement import Placed
from edgegan.targets import AFFINE_U8, ORT_LOWERING, SYMMETRIC_8, SYMMETRIC_S8, Grid
from tests.attention import SelfAttention
from tests.placing import place_alike

aten = torch.ops.aten


def placed(module: nn.Module, shape: tuple[int, ...], **options: object) -> Placed:
    example = (torch.randn(2, *shape),)
    graph = lower(capture(module.eval(), example), ORT_LOWERING, example, example).graph
    arguments = {"grid": AFFINE_U8, "weight_bits": 8, "per_channel": True} | options
    return place_alike(graph, **arguments)  # type: ignore[arg-type]


def grid_of(node: fx.Node) -> str:
    """The quantizer whose grid a tensor is on, through data movement."""
    while node.target is not FAKE_QUANTIZE:
        node = node.args[0]
    return node.meta["quantizer"]


def test_dcgan() -> None:
    """Input, one behind each ReLU, one in front of the tanh; one a weight."""
    result = placed(Generator(8, (16, 8), 1), (8,))
    activations = [q.name for q in result.quantizers.values() if q.kind == "activation"]
    weights = [q.name for q in result.quantizers.values() if q.kind == "weight"]
    assert activations == ["latent", "main_2", "main_5", "main_6"]
    assert weights == ["main_0_weight", "main_3_weight", "main_6_weight"]


def test_layers_read_and_write_quantized_tensors() -> None:
    result = placed(Generator(8, (16, 8), 1), (8,))
    for node in result.graph.graph.nodes:
        if node.target in (aten.conv2d.default, aten.linear.default):
            assert node.args[1].target is FAKE_QUANTIZE
            assert len(node.users) == 1
            reader = next(iter(node.users))
            assert reader.target in (FAKE_QUANTIZE, aten.relu.default)


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, 1, 1)
        self.second = nn.Conv2d(4, 4, 3, 1, 1)
        self.last = nn.Conv2d(8, 3, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = torch.relu(self.first(x))
        b = torch.relu(self.second(a))
        return self.last(torch.cat([a, b], 1)) + x


def test_concatenated_tensors_keep_their_grids() -> None:
    """On one grid, the ReLU's zero point would not be 0, and the ReLU would not be absorbed."""
    result = placed(Skip(), (3, 6, 6))
    cat = next(n for n in result.graph.graph.nodes if n.target is aten.cat.default)
    behind = next(iter(cat.users))
    assert len({grid_of(node) for node in [*cat.args[0], behind]}) == 3


def test_phases_of_one_layer_share_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegan.lowering.forms.CALL", 0.0)
    layer = nn.Sequential(nn.ConvTranspose2d(64, 64, 4, 2, 1), nn.ReLU()).requires_grad_(False)
    result = placed(layer, (64, 2, 2))
    cat = next(n for n in result.graph.graph.nodes if n.target is aten.cat.default)
    behind = next(iter(cat.users))
    assert len({grid_of(node) for node in [*cat.args[0], behind]}) == 1


def test_residual_addition_is_quantized() -> None:
    result = placed(Skip(), (3, 6, 6))
    add = next(n for n in result.graph.graph.nodes if n.target is aten.add.Tensor)
    assert len({grid_of(a) for a in add.args}) == 2
    assert next(iter(add.users)).target is FAKE_QUANTIZE


def test_keep_float() -> None:
    result = placed(Skip(), (3, 6, 6), keep_float=("sec*",))
    assert result.kept_float == ("second",)
    assert "second_weight" not in result.quantizers


def test_keep_float_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(RecipeError, match=r"matches no layer; the layers are: .*second"):
        placed(Skip(), (3, 6, 6), keep_float=("nothing",))


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.relu(self.conv(x)))


def test_a_shared_weight_has_one_quantizer() -> None:
    result = placed(Shared(), (3, 20, 20))
    weights = [q for q in result.quantizers.values() if q.kind == "weight"]
    parameters = {q.parameter for q in weights}
    assert len(weights) == len(parameters)


def test_a_tanh_limits_the_range_in_front_of_it() -> None:
    """tanh(limit) is 1/64 of an 8-bit level below 1; a tensor that something else reads has no limit."""
    result = placed(Generator(8, (16, 8), 1), (8,))
    limits = {q.name: q.limit for q in result.quantizers.values() if q.limit is not None}
    assert list(limits) == ["main_6"]
    assert math.tanh(limits["main_6"]) == pytest.approx(1 - 2 / 255 / 64)
    layer = nn.Sequential(nn.Conv2d(3, 20, 3), nn.Sigmoid())
    (limit,) = {q.limit for q in placed(layer, (3, 6, 6)).quantizers.values()} - {None}
    assert 1 / (1 + math.exp(-limit)) == pytest.approx(1 - 1 / 255 / 64)


def test_sums_that_a_softmax_reads_leave_the_integers() -> None:
    """Both inputs of both products are quantized; of the results only the second."""
    result = placed(SelfAttention(16, True), (16, 6, 6))
    products = [n for n in result.graph.graph.nodes if n.target is aten.bmm.default]
    grids = [grid_of(operand) for product in products for operand in product.args]
    assert len(set(grids)) == 4
    first, second = products
    assert {user.target for user in first.users} == {aten.softmax.int}
    assert {user.target for user in second.users} == {FAKE_QUANTIZE}


def test_a_sigmoid_is_quantized_where_it_is_a_factor() -> None:
    gate = placed(nn.Sequential(nn.Conv2d(3, 20, 3), nn.SiLU(), nn.Conv2d(20, 20, 1)), (3, 6, 6))
    image = placed(nn.Sequential(nn.Conv2d(3, 20, 3), nn.Sigmoid()), (3, 6, 6))
    for result, readers in ((gate, {FAKE_QUANTIZE}), (image, {"output"})):
        (sigmoid,) = (n for n in result.graph.graph.nodes if n.target is aten.sigmoid.default)
        assert {user.target for user in sigmoid.users} == readers


class Constants(nn.Module):
    """A table, a noise map beside an activation, pixel norm."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(3, 4)
        self.register_buffer("noise", torch.tensor([-1.0, 0.5, 0.25, 3.0]).view(1, 1, 2, 2))
        self.project = nn.Linear(6, 16)
        self.last = nn.Conv2d(4, 4, 1)

    def forward(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        z = z * torch.rsqrt((z * z).mean(1, keepdim=True) + 1e-8)
        x = self.project(z).view(-1, 4, 2, 2) * self.table(y)[:, :, None, None]
        return self.last(x + self.noise)


def test_positive_values_are_unsigned_and_a_leaky_relu_belongs_to_its_layer() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.LeakyReLU(0.2), nn.Conv2d(5, 6, 1)
    )
    found = {
        grid.name: {
            name: quantizer.grid.signed
            for name, quantizer in placed(module, (3, 4, 4), grid=grid).quantizers.items()
            if quantizer.kind == "activation"
        }
        for grid in (AFFINE_U8, SYMMETRIC_8)
    }
    assert found == {
        "affine-u8": {"input": False, "1": False, "2": False, "3": False, "4": False},
        "symmetric-8": {"input": True, "1": False, "3": True, "4": True},
    }


@pytest.mark.parametrize("grid", [AFFINE_U8, SYMMETRIC_S8], ids=lambda grid: grid.name)
def test_constants_and_tables_are_quantized_once(grid: Grid) -> None:
    torch.manual_seed(0)
    module = Constants().eval().requires_grad_(False)
    example = (torch.randn(2, 6), torch.tensor([0, 2]))
    placed = place_alike(
        lower(capture(module, example), ORT_LOWERING, example, example).graph, grid, 8, True
    )
    constants = {n: q for n, q in placed.quantizers.items() if q.kind == "constant"}
    assert {q.parameter for q in constants.values()} == {"table.weight", "noise"}
    found = calibrate(
        placed,
        [example],
        Calibration(observer_of("moving-average", Quantiles(0, 1), 0.99), Quantiles(0, 1)),
    )
    name = next(n for n, q in constants.items() if q.parameter == "noise")
    reach = 3 / 127 if grid.signed else 4 / 255
    assert float(found[name].scale) == pytest.approx(reach)
    assert int(found[name].zero_point) == (0 if grid.signed else 64)
    kinds = [q.layer for q in placed.quantizers.values() if q.kind == "activation"]
    assert "z" not in kinds  # the pixel norm reads it in float, and is quantized behind
    targets = [n.args[0].target for n in placed.graph.graph.nodes if is_call(n, FAKE_QUANTIZE)]
    assert torch.ops.aten.mean.dim not in targets and torch.ops.aten.rsqrt.default not in targets
    assert targets.count(torch.ops.aten.mul.Tensor) == 2

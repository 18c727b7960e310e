from __future__ import annotations

import pytest
import torch
from torch import nn

from edgegan.card import card_folder, load_card
from edgegan.tuning.networks import load_discriminator
from edgegan.tuning.quantized_discriminator import QuantizedDiscriminator
from edgegan.tuning.sections import DistillationSection


def _inner() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 1))


def test_weights_of_two_values_stay_what_they_are_at_one_bit() -> None:
    float_one = _inner()
    with torch.no_grad():
        for value in float_one.parameters():
            if value.ndim > 1:
                value.copy_(torch.where(value > 0, 0.5, -0.25))
    pictures = torch.randn(3, 1, 4, 4)
    expected = float_one.eval()(pictures)
    # levels are int8 multiples of a scale: within half a step of 0.5 / 127 for each of 16 and 9 products
    found = QuantizedDiscriminator(float_one, "em", 1).eval()(pictures)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_a_weight_has_as_many_values_as_states(bits: int) -> None:
    found = QuantizedDiscriminator(_inner(), "min-max", bits)
    seen: list[torch.Tensor] = []
    layer = found.inner.get_submodule("0")
    layer.register_forward_pre_hook(lambda module, inputs: seen.append(module.weight.detach()))
    found(torch.randn(2, 1, 4, 4))
    assert len(seen[0].unique()) == 2**bits
    assert len(layer.weight.unique()) == layer.weight.numel()  # type: ignore[union-attr]


def test_gradients_pass_straight_through() -> None:
    linear = nn.Linear(2, 1, bias=False)
    linear.load_state_dict({"weight": torch.tensor([[0.2, 0.9]])})
    found = QuantizedDiscriminator(linear, "em", 1)
    found(torch.tensor([[3.0, 5.0]])).sum().backward()
    assert linear.weight.grad is not None
    assert linear.weight.grad.tolist() == [[3.0, 5.0]]


def test_levels_follow_the_weights_when_they_are_fitted_anew() -> None:
    linear = nn.Linear(2, 1, bias=False)
    linear.load_state_dict({"weight": torch.tensor([[0.25, 0.75]])})
    found = QuantizedDiscriminator(linear, "min-max", 1)
    with torch.no_grad():
        linear.weight.mul_(4.0)
    ones = torch.eye(2)
    assert found(ones).flatten().tolist() == pytest.approx([0.75, 0.75], rel=0.01)
    found.fit()
    assert found(ones).flatten().tolist() == pytest.approx([1.0, 3.0], rel=0.01)


def test_a_checkpoint_keeps_levels_and_learned_weights() -> None:
    found = QuantizedDiscriminator(_inner(), "em", 2)
    with torch.no_grad():
        for value in found.parameters():
            value += 0.05 * torch.randn_like(value)
    other = QuantizedDiscriminator(_inner(), "log", 2)
    other.load_state_dict(found.state_dict())
    pictures = torch.randn(2, 1, 4, 4)
    assert torch.equal(found.eval()(pictures), other.eval()(pictures))
    assert torch.equal(found.get_buffer("levels_0"), other.get_buffer("levels_0"))


def test_a_recipe_quantizes_the_models_own() -> None:
    weights = {"quantizer": "em", "bits": 2}
    section = DistillationSection.model_validate(
        {"discriminator_weights": weights, "loss": {"adversarial": 1}}
    )
    named = load_card("fashion-dcgan").discriminator
    found = load_discriminator(named, card_folder("fashion-dcgan"), section)
    assert isinstance(found, QuantizedDiscriminator)
    assert found.training
    known = dict(found.inner.named_parameters())
    assert found.names and all(known[name].ndim == 4 for name in found.names)
    found(torch.randn(2, 1, 32, 32)).sum().backward()
    assert all(value.grad is not None for value in found.parameters())
    assert all(len(found.get_buffer(f"levels_{i}").unique()) == 4 for i in range(len(found.names)))

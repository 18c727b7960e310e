"""Compression by recipe: every method, its phases, an interruption, what is stored, and what is refused."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import fx

from edgegan.compression.channels import simplified
from edgegan.compression.compress import Compressed, Compression
from edgegan.compression.graph_student import GraphStudent
from edgegan.compression.masks import kept_count
from edgegan.compression.structure import rebuild, save
from edgegan.compression.teacher import adapted
from edgegan.errors import EdgeganError
from edgegan.generators import cyclegan, dcgan
from edgegan.generators.contract import InputSpec
from edgegan.lowering.capture import capture
from edgegan.recipe import load_recipe, resolve
from edgegan.targets import find_target
from edgegan.workbench import Workbench
from tests.compression.conditional import PPCD, write_conditional
from tests.evaluation.made import save_pictures
from tests.models import write_own_generator


def bench_of(path: Path, *overrides: str) -> Workbench:
    recipe, base = load_recipe(str(path), overrides)
    resolved, folder = resolve(recipe, base)
    return Workbench(resolved, folder, recipe.variant(find_target("ort-x86")))


def compress(bench: Workbench, work: Path, report: Any = lambda *_: None) -> Compressed:
    return Compression(bench.resolved, bench.folder, bench.inputs, work, report).run()


def changed(**keys: Any) -> dict[str, Any]:
    """``PPCD`` with other keys, those of sections joined with theirs."""
    section = copy.deepcopy(PPCD)
    for name, value in keys.items():
        both = isinstance(value, dict) and isinstance(section.get(name), dict)
        section[name] = section[name] | value if both else value
    return section


def shapes_of(graph: fx.GraphModule) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in graph.state_dict().items()}


def losses(result: Compressed, phase: str) -> set[str]:
    return set().union(*result.history[phase]) - {"step"}


def test_ppcd_removes_just_more_than_its_ratio(tmp_path: Path) -> None:
    bench = bench_of(write_conditional(tmp_path / "own", PPCD))
    seen: list[tuple[int, int]] = []
    result = compress(bench, tmp_path / "work", lambda done, total, _: seen.append((done, total)))
    widths = {
        "project": 16, "blocks.0.conv1": 16, "blocks.0.conv2": 16,
        "blocks.1.conv1": 8, "blocks.1.conv2": 8,
    }  # fmt: skip
    assert {n: len(k) for n, k in result.kept.items()} == {
        name: kept_count(width, 0.5) for name, width in widths.items()
    }
    assert result.masked_error <= 1e-5
    assert list(result.history) == ["training"] and seen[-1] == (12, 12)
    assert losses(result, "training") == {
        "adversarial", "attention", "pruning", "discriminator", "binary_masks",
    }  # fmt: skip
    first = result.history["training"][0]
    assert first["step"] == 1
    expected = 0.01 * 1.01 * (16 + 16 + 16 + 8 + 8) / 5  # equations 2, 5 and 8, where it starts
    assert first["pruning"] == pytest.approx(expected, rel=1e-5)
    before, after = result.parameters
    assert after == sum(p.numel() for p in result.graph.parameters()) < 0.6 * before
    shapes = shapes_of(result.graph)
    assert shapes["blocks.1.transition.weight"] == (8, 3, 1, 1), "the channels of the stream stay"
    assert shapes["blocks.0.norm2.gain.weight"] == (3, 7)
    assert shapes_of(bench.outlined().captured) == shapes
    assert not any("mask" in name for name in shapes)


@pytest.mark.slow
def test_what_is_stored_makes_the_same_graph(tmp_path: Path) -> None:
    bench = bench_of(write_conditional(tmp_path / "own", PPCD))
    result = compress(bench, tmp_path / "work")
    (tmp_path / "stored").mkdir()
    save(tmp_path / "stored", result.graph, result.kept, {})
    assert {p.name for p in (tmp_path / "stored").iterdir()} == {
        "compressed.json", "weights.safetensors",
    }  # fmt: skip
    section, example = bench.resolved.recipe.compress, bench.inputs(2, 5)
    assert section is not None

    def again() -> Any:
        return rebuild(
            section, bench.resolved.generator, bench.folder, tmp_path / "stored", example
        )

    found, made = again(), result.graph.state_dict()
    assert all(torch.equal(value, made[name]) for name, value in found.state_dict().items())
    assert torch.allclose(found(*example), result.graph(*example), atol=1e-6)
    path = tmp_path / "stored" / "compressed.json"
    document = json.loads(path.read_text())
    document["kept"]["project"].pop()
    path.write_text(json.dumps(document))
    with pytest.raises(EdgeganError, match=r"must have the shape .*compress the generator again"):
        again()


@pytest.mark.slow
def test_a_killed_compression_goes_on(tmp_path: Path) -> None:
    """Bit for bit, from the checkpoint of an epoch's end (24 pictures, 3 steps)."""
    bench = bench_of(write_conditional(tmp_path / "own", PPCD))
    expected = compress(bench, tmp_path / "whole")

    def kill(done: int, total: int, _: Any) -> None:
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress(bench, tmp_path / "killed", kill)
    resumed: list[int] = []
    found = compress(bench, tmp_path / "killed", lambda done, *_: resumed.append(done))
    assert resumed[0] == 7
    assert found.kept == expected.kept
    for name, value in expected.graph.state_dict().items():
        assert torch.equal(found.graph.state_dict()[name], value), name


@pytest.mark.slow
def test_two_steps_prune_first(tmp_path: Path) -> None:
    section = changed(pruning={"two_step": True})
    result = compress(bench_of(write_conditional(tmp_path / "own", section)), tmp_path / "work")
    assert losses(result, "pruning") == {
        "adversarial", "pruning", "discriminator", "binary_masks",
    }  # fmt: skip
    assert losses(result, "training") == {"adversarial", "attention", "discriminator"}
    assert len(result.kept["project"]) == 7 and result.masked_error <= 1e-5
    assert [history[-1]["step"] for history in result.history.values()] == [6, 6]


@pytest.mark.slow
def test_the_ablations(tmp_path: Path) -> None:
    """Without distillation, without pruning (the structure is the original's), from random weights."""
    alone = compress(
        bench_of(write_conditional(tmp_path / "a", changed(loss={"attention": 0.0}))),
        tmp_path / "1",
    )
    assert "attention" not in losses(alone, "training") and len(alone.kept["project"]) == 7
    whole = compress(
        bench_of(write_conditional(tmp_path / "b", changed(pruning=None, random=True))),
        tmp_path / "2",
    )
    assert whole.kept == {} and whole.parameters[0] == whole.parameters[1]
    assert losses(whole, "training") == {"adversarial", "attention", "discriminator"}


@pytest.mark.slow
def test_a_depthwise_student_learns_from_pictures_alone(tmp_path: Path) -> None:
    """TinyGAN's black-box distillation, pruned besides."""
    student = {
        "source": "edgegan.generators.tinygan:Generator",
        "arguments": {
            "width": 4, "blocks": 2, "latent_size": 8, "classes": 3, "embedding_size": 4,
            "upsampling": "nearest", "image_channels": 1,
        },
    }  # fmt: skip
    loss = {"adversarial": 1.0, "attention": 0.0, "output": 1.0}
    section = changed(student=student, loss=loss, real="teacher", data=None, teacher=None, steps=4)
    result = compress(bench_of(write_conditional(tmp_path / "own", section)), tmp_path / "work")
    assert "output" in losses(result, "training")
    assert result.masked_error <= 1e-5, "biases of depthwise convolutions do not come back"
    assert result.graph(*bench_of(tmp_path / "own" / "recipe.yaml").inputs(3, 0)).shape == (
        3,
        1,
        16,
        16,
    )


def test_a_student_of_fewer_blocks_sees_where_its_teacher_looks(tmp_path: Path) -> None:
    """Its only block, of 16x16, against the teacher's second."""
    student = {
        "source": "edgegan.generators.sngan:Generator",
        "arguments": {
            "latent_size": 8, "channels": [6, 4], "classes": 3, "start": 8, "image_channels": 1,
        },
    }  # fmt: skip
    section = changed(student=student, steps=4)
    result = compress(bench_of(write_conditional(tmp_path / "own", section)), tmp_path / "work")
    assert "attention" in losses(result, "training")
    assert len(result.kept["blocks.0.conv1"]) == 1


@pytest.mark.parametrize("method", ["l1", "slimming"])
def test_chosen_channels_of_any_generator(tmp_path: Path, method: str) -> None:
    section = {
        "pruning": {"method": method, "ratio": 0.5},
        "steps": 40,
        "batch_size": 16,
        "images": 64,
    }
    bench = bench_of(write_own_generator(tmp_path / "own", f"own_{method}", compress=section))
    result = compress(bench, tmp_path / "work")
    assert result.masked_error <= 1e-5
    last = result.history["training"]
    assert last[-1]["output"] < last[0]["output"]
    if method == "l1":
        assert {n: len(k) for n, k in result.kept.items()} == {"project": 3, "up.0": 3}
        assert list(result.history) == ["training"]
    else:  # the linear layer has no norm, so it has no gains to choose by
        assert {n: len(k) for n, k in result.kept.items()} == {"up.0": 3}
        assert losses(result, "pruning") == {"output", "sparsity"}


@pytest.mark.parametrize(
    "pruning",
    [
        {"method": "l1", "ratio": 0.6},
        {"method": "l1", "parameters": 0.5},
        {"method": "slimming", "ratio": 0.6},
    ],
    ids=str,
)
def test_the_outline_has_the_shapes_of_what_learns(tmp_path: Path, pruning: dict[str, Any]) -> None:
    section = {"pruning": pruning, "steps": 4, "batch_size": 4, "images": 8}
    bench = bench_of(write_own_generator(tmp_path / "own", "own_outlined", compress=section))
    shapes = shapes_of(compress(bench, tmp_path / "work").graph)
    assert shapes_of(bench.outlined().captured) == shapes
    original = bench.original.state_dict()
    assert sum(map(math.prod, shapes.values())) < 0.9 * sum(v.numel() for v in original.values())


def test_l1_keeps_the_largest_filters(tmp_path: Path) -> None:
    """Li et al., section 3.1: by the sum of absolute weights; ``layers`` chooses where."""
    section = {
        "pruning": {"ratio": 0.7, "layers": ["up.*"]},
        "steps": 2,
        "batch_size": 2,
        "images": 4,
    }
    bench = bench_of(write_own_generator(tmp_path / "own", "own_largest", compress=section))
    kernel = bench.original.state_dict()["up.0.weight"]  # [inputs, outputs, 4, 4]
    largest = kernel.abs().sum((0, 2, 3)).argsort(descending=True)[:2]
    assert compress(bench, tmp_path / "work").kept == {"up.0": tuple(sorted(largest.tolist()))}


def test_as_few_parameters_as_asked(tmp_path: Path) -> None:
    section = {"pruning": {"parameters": 0.4}, "steps": 2, "batch_size": 2, "images": 4}
    path = write_own_generator(tmp_path / "own", "own_few", compress=section)
    before, after = compress(bench_of(path), tmp_path / "work").parameters
    assert 0.2 * before < after <= 0.4 * before
    with pytest.raises(EdgeganError, match=r"more than 0.01 of the generator; raise it to 0\.\d\d"):
        compress(bench_of(path, "compress.pruning.parameters=0.01"), tmp_path / "other")


@pytest.mark.slow
def test_pictures_to_pictures(tmp_path: Path) -> None:
    """CycleGAN on pictures of a folder, which are stored: inner layers and streams lose half."""
    images = np.random.default_rng(0).uniform(-1, 1, (12, 3, 8, 8))
    save_pictures(tmp_path / "own" / "pictures", images.astype(np.float32))
    source = {
        "source": "edgegan.generators.cyclegan:Generator",
        "arguments": {"width": 4, "blocks": 1},
        "weights": "weights.safetensors",
        "inputs": [{"name": "picture", "shape": [3, 8, 8], "data": "pictures"}],
    }
    section = {"pruning": {"ratio": 0.5, "multiple": 2}, "steps": 20, "batch_size": 4, "images": 12}
    path = write_own_generator(tmp_path / "own", generator=source, compress=section)
    save_file(cyclegan.Generator(4, 1).state_dict(), tmp_path / "own" / "weights.safetensors")
    result = compress(bench_of(path), tmp_path / "work")
    assert {n: len(k) for n, k in result.kept.items()} == {
        "model.1": 2, "model.4": 4, "model.7": 8, "model.10.body.1": 8, "model.11": 4, "model.14": 2,
    }  # fmt: skip
    learned = result.history["training"]
    assert learned[-1]["output"] < learned[0]["output"]


TEACHERS = (
    "compress.teacher: it takes latent .*, and the student latent .*; a teacher must take the same"
)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["compress.pruning.ratio=null"], "exactly one of ratio and parameters"),
        (["compress.pruning.method=l1"], "loss.attention sees residual blocks"),
        (["compress.real=teacher"], "`real: data` and `data: FOLDER` go together"),
        (["compress.pruning.layers=[project]"], "progressive takes `ratio`"),
        (["compress.los.adversarial=1"], "did you mean 'loss'"),
        (["compress.loss={output: 0}"], "one of adversarial, attention and output"),
        (["compress.pruning=null", "compress.teacher=null"], "nothing would become smaller"),
        (
            [
                "compress.pruning.two_step=true",
                "compress.loss.adversarial=0",
                "compress.data=null",
                "compress.real=teacher",
                "compress.discriminator=null",
            ],
            "two_step prunes by the GAN loss",
        ),
        (["compress.discriminator=null"], "the generator has no discriminator"),
        (["compress.teacher={zoo: fashion-features}"], "is a feature network; name a generator"),
        (["compress.teacher={zoo: mnist-mlp}"], TEACHERS),
        (["generator.fixed={label: 1}"], "label must stay free while a generator is compressed"),
        (["compress.data=nowhere"], "is no folder"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, overrides: list[str], said: str) -> None:
    path = write_conditional(tmp_path / "own", PPCD)
    with pytest.raises(EdgeganError, match=said):
        compress(bench_of(path, *overrides), tmp_path / "work")


@pytest.mark.parametrize(
    ("pruning", "said"),
    [
        ({"method": "progressive", "ratio": 0.5}, "Tiny has no `blocks`"),
        ({"ratio": 0.5, "layers": ["down.*"]}, r"no layer of down.\* .*layers: project, up.0"),
    ],
)
def test_what_cannot_be_pruned_is_said(tmp_path: Path, pruning: dict[str, Any], said: str) -> None:
    path = write_own_generator(
        tmp_path / "own", "own_said", compress={"pruning": pruning, "steps": 2}
    )
    with pytest.raises(EdgeganError, match=said):
        compress(bench_of(path), tmp_path / "work")


def test_a_graph_trains_as_the_module_does() -> None:
    """Its batch norms see the batch and follow its statistics; in eval mode it is the graph."""
    torch.manual_seed(0)
    module = dcgan.Generator(8, (6, 4), 1)
    inputs, example = torch.randn(5, 8), (torch.randn(2, 8),)
    student = GraphStudent(simplified(capture(copy.deepcopy(module), example), example))
    assert torch.allclose(student.train()(inputs), module.train()(inputs), atol=1e-6)
    state, own = student.graph.state_dict(), module.state_dict()
    for name in ("main.1.running_mean", "main.4.running_var"):
        assert torch.allclose(state[name], own[name], atol=1e-6)
        assert state[name].abs().max() > 0
    assert torch.allclose(student.eval()(inputs), module.eval()(inputs), atol=1e-6)
    assert len(student.gains()) == 2


def test_a_teacher_sees_the_beginning_of_a_longer_latent() -> None:
    own = (InputSpec(shape=(5,)), InputSpec(name="label", law="classes", classes=3))
    theirs = (InputSpec(shape=(2,)), InputSpec(name="y", law="classes", classes=3))
    seen: list[torch.Tensor] = []

    class Teacher(torch.nn.Module):
        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            seen.extend(inputs)
            return inputs[0]

    latent, label = torch.arange(10.0).reshape(2, 5), torch.tensor([2, 1])
    adapted(Teacher(), own, theirs)(latent, label)
    assert seen[0].tolist() == [[0.0, 1.0], [5.0, 6.0]] and seen[1].tolist() == [2, 1]
    with pytest.raises(EdgeganError, match=r"takes label 3, latent \[5\], .* latent \[2\], y 3;"):
        adapted(Teacher(), theirs, own[::-1])

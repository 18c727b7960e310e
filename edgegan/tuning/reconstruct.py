"""Block reconstruction: each block of the quantized graph learns to give what the float one gives.

Andreev et al. 2021, section 3.5, equation 3 (AR-BRECQ and STE-BRECQ), after BRECQ (Li et al. 2021, arXiv
2102.05426). Blocks are taken in order; behind a finished one go its quantized outputs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx
from torch.func import functional_call

from edgegan.lowering.graph import is_call, is_parameter
from edgegan.progress import Report
from edgegan.quantization.placement import WEIGHT_QUANTIZERS, Placed
from edgegan.training.checkpoint import load_checkpoint, save_checkpoint
from edgegan.tuning.adaptive_rounding import AdaptiveRounding, annealed_beta
from edgegan.tuning.blocks import Block, extract, find_blocks
from edgegan.tuning.history import append
from edgegan.tuning.sections import ReconstructionSection
from edgegan.tuning.tunable import Tunable, first_of

_ROUNDING_WEIGHT = 0.01
"""Of the regularizer of adaptive rounding, beside an error that is summed over channels (BRECQ)."""

_BATCH = 32
_LOGGED = 100

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Effort:
    """How a block learns.

    Attributes:
        section: the recipe's.
        steps: within the budget.
        seed: of the images of each step.
    """

    section: ReconstructionSection
    steps: int
    seed: int


def reconstruct(
    placed: Placed,
    inputs: tuple[torch.Tensor, ...],
    affine: bool,
    effort: Effort,
    work: Path,
    log: Path,
    report: Report,
) -> Tunable:
    """Tune ``placed``, block after block.

    A run that is killed goes on with the block that it was in and ends the same.

    Args:
        placed: calibrated; left as it is.
        inputs: of the images that are learned from.
        affine: see ``Tunable``.
        work: receives a checkpoint.
        log: receives the mean loss now and then; every block has losses of its own size.
        report: called with steps done, all steps, and that loss.
    """
    tunable = Tunable(placed, affine)
    original = without_quantizers(tunable.graph)
    blocks = find_blocks(tunable.graph)
    done = _restore(tunable, work)
    names = [node.name for node in tunable.graph.graph.nodes if node.op == "placeholder"]
    quantized = dict(zip(names, inputs, strict=True))
    exact = dict(quantized)
    for place, block in enumerate(blocks):
        targets = _run(original, block, exact, {})
        if place >= done:
            given = quantized if effort.section.inputs == "quantized" else exact
            weights = _importance(tunable, blocks, place, given, targets, effort)

            def count(step: int, loss: float, place: int = place) -> None:
                done = place * effort.steps + step
                append(log, {"step": done, "block": blocks[place].name, "loss": loss})
                report(done, len(blocks) * effort.steps, {"loss": loss})

            _learn(tunable, block, given, targets, weights, effort, place, count)
            save_checkpoint(work / "blocks.pt", {"done": place + 1, "state": tunable.state_dict()})
        quantized |= _run(tunable.graph, block, quantized, _detached(tunable))
        exact |= targets
        read = {name for later in blocks[place + 1 :] for name in later.inputs}
        quantized = {name: value for name, value in quantized.items() if name in read}
        exact = {name: value for name, value in exact.items() if name in read}
    return tunable


def without_quantizers(graph: fx.GraphModule) -> fx.GraphModule:
    """The float graph with the node names of the quantized one: quantizers let values through."""
    plain = copy.deepcopy(graph)
    _open(plain, [node for node in plain.graph.nodes if is_call(node, *WEIGHT_QUANTIZERS)])
    return plain


def _learn(
    tunable: Tunable,
    block: Block,
    inputs: Tensors,
    targets: Tensors,
    importance: Tensors,
    effort: Effort,
    place: int,
    count: Callable[[int, float], None],
) -> None:
    section = effort.section
    part = extract(tunable.graph, block.inputs, block.outputs)
    roundings = _roundings(tunable, part) if section.rounding == "adaptive" else {}
    if roundings:
        # these weights come quantized
        learned = (node for node in part.graph.nodes if _quantizes_weight(node))
        _open(part, [node for node in learned if str(node.args[0].target) in roundings])
    shaping, ranges = _leaves(tunable, part, roundings)
    optimizer = torch.optim.Adam(
        [
            {"params": shaping, "lr": section.rate_over(effort.steps)},
            {"params": ranges, "lr": section.quantizer_rate},
        ]
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, effort.steps)
    random = torch.Generator().manual_seed(effort.seed * 1_000_003 + place)
    images = len(next(iter(targets.values())))
    read = _read_by(part)
    often, losses = max(1, min(_LOGGED, effort.steps // 20)), []
    for step in range(effort.steps):
        index = torch.randint(images, (min(section.batch_size, images),), generator=random)
        values = tunable.values() | {name: r.soft() for name, r in roundings.items()}
        outputs = functional_call(
            part, _of(values, read), tuple(inputs[n][index] for n in block.inputs)
        )
        loss = torch.zeros(())
        for name, output in zip(block.outputs, outputs, strict=True):
            error = (output - targets[name][index]).square()
            if name in importance:
                error = error * importance[name][index]
            loss = loss + (error.sum(1).mean() if error.ndim > 1 else error.mean())
        beta = annealed_beta(step, effort.steps, section.warmup)
        if beta is not None:
            for rounding in roundings.values():
                loss = loss + _ROUNDING_WEIGHT * rounding.regularizer(beta)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
        if len(losses) == often or step + 1 == effort.steps:
            count(step + 1, float(torch.stack(losses).mean()))
            losses = []
    with torch.no_grad():
        for name, rounding in roundings.items():
            tunable.weights[name].copy_(rounding.hard())


def _roundings(tunable: Tunable, part: fx.GraphModule) -> dict[str, AdaptiveRounding]:
    """Of every quantized weight of ``part``, by its name in the graph."""
    values = tunable.values()
    return {
        str(node.args[0].target): AdaptiveRounding(
            values[str(node.args[0].target)].detach(),
            values[str(node.args[1].target)].detach(),
            tunable.quantizers[node.meta["quantizer"]].grid,
        )
        for node in part.graph.nodes
        if _quantizes_weight(node) and str(node.args[0].target) in tunable.weights
    }


def _open(graph: fx.GraphModule, quantizers: Iterable[fx.Node]) -> None:
    """Let values through ``quantizers``, which keep their names."""
    for node in quantizers:
        node.target, node.args = torch.ops.aten.alias.default, node.args[:1]
    graph.recompile()


def _quantizes_weight(node: fx.Node) -> bool:
    return is_call(node, *WEIGHT_QUANTIZERS) and is_parameter(node.args[0])


def _leaves(
    tunable: Tunable, part: fx.GraphModule, roundings: dict[str, AdaptiveRounding]
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """What a block learns: that which makes its weights, and its scales and zero points.

    With adaptive rounding the weights' scales stay, as the roundings are between two of their steps.
    """
    quantizers = [n for n in part.graph.nodes if is_call(n, *WEIGHT_QUANTIZERS)]
    names = dict.fromkeys(node.meta["quantizer"] for node in quantizers)
    ranges = [
        leaf for leaves in (tunable.log_scales, tunable.offsets) for _, leaf in leaves.named(names)
    ]
    if roundings:
        return [rounding.logits for rounding in roundings.values()], ranges
    return [leaf for _, leaf in tunable.weights.named(_read_by(part))], ranges


def _importance(
    tunable: Tunable,
    blocks: list[Block],
    place: int,
    inputs: Tensors,
    targets: Tensors,
    effort: Effort,
) -> Tensors:
    """Squared gradients of the image's mean squared error at the block's float outputs.

    BRECQ, equation 10: the diagonal of the Fisher information; of mean 1 over the images, so that the
    regularizer keeps its weight. The image's error is that of the quantized blocks behind this one.
    """
    later = blocks[place + 1 :]
    if not effort.section.gradient_weighting or not later:
        return {}
    rest = extract(tunable.graph, _crossing(later, inputs, targets), _image(tunable.graph))
    original = without_quantizers(rest)
    values = _of(_detached(tunable), _read_by(rest))
    known = inputs | targets
    names = [node.name for node in rest.graph.nodes if node.op == "placeholder"]
    found: dict[str, list[torch.Tensor]] = {name: [] for name in targets if name in names}
    for start in range(0, len(next(iter(targets.values()))), _BATCH):
        batch = {name: known[name][start : start + _BATCH] for name in names}
        leaves = {name: batch[name].clone().requires_grad_() for name in found}
        image = first_of(functional_call(rest, values, tuple((batch | leaves).values())))
        with torch.no_grad():
            aim = first_of(original(*batch.values()))
        error = (image - aim).square().flatten(1).mean(1).sum()
        for name, gradient in zip(
            found, torch.autograd.grad(error, list(leaves.values())), strict=True
        ):
            found[name].append(gradient.square())
    joined = {name: torch.cat(parts) for name, parts in found.items()}
    return {name: value / value.mean().clamp_min(1e-30) for name, value in joined.items()}


def _crossing(later: list[Block], inputs: Tensors, targets: Tensors) -> tuple[str, ...]:
    known = inputs | targets
    return tuple(dict.fromkeys(n for block in later for n in block.inputs if n in known))


def _image(graph: fx.GraphModule) -> tuple[str, ...]:
    (output,) = (node for node in graph.graph.nodes if node.op == "output")
    return (output.all_input_nodes[0].name,)


@torch.no_grad()
def _run(graph: fx.GraphModule, block: Block, known: Tensors, values: Tensors) -> Tensors:
    """The block's outputs on all images."""
    part = extract(graph, block.inputs, block.outputs)
    values = _of(values, _read_by(part))
    count = len(known[block.inputs[0]])
    found: list[tuple[torch.Tensor, ...]] = []
    for start in range(0, count, _BATCH):
        batch = tuple(known[name][start : start + _BATCH] for name in block.inputs)
        found.append(functional_call(part, values, batch))
    return {
        name: torch.cat(parts)
        for name, parts in zip(block.outputs, zip(*found, strict=True), strict=True)
    }


def _read_by(part: fx.GraphModule) -> dict[str, None]:
    """Names of the parameters that ``part`` reads, in order."""
    return dict.fromkeys(str(node.target) for node in part.graph.nodes if is_parameter(node))


def _of(values: Tensors, read: Container[str]) -> Tensors:
    return {name: value for name, value in values.items() if name in read}


def _detached(tunable: Tunable) -> Tensors:
    return {name: value.detach() for name, value in tunable.values().items()}


def _restore(tunable: Tunable, work: Path) -> int:
    saved = load_checkpoint(work / "blocks.pt")
    if saved is None:
        return 0
    tunable.load_state_dict(saved["state"])
    return int(saved["done"])

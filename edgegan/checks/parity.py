"""Parity: the engine computes, bit for bit, what the exact simulation says.

Every quantized tensor is compared. The engine is tapped for that (``tapped_engine.py``); the tapped one
must compute what the shipped one does, or the check fails.

Where a float operator stands between the quantizers (an island: instance norm, softmax), machines
differ in its last bits. Parity is therefore measured region by region: behind an island the
simulation goes on with the engine's own integers. An integer region owes 0 steps; an island owes at
most 1, a rounding that fell the other way.

Where the engine's arithmetic is not known to the last bit, every tensor is a region of its own. Tensors
that exist within a kernel alone cannot be tapped: what is computed from them shows whether they were right.
Those that a kernel does not round are not rounded in the simulation. Those whose last bits decide to which
side they are rounded may be rounded to either: a step of theirs can be several of a tensor behind them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import fx

from edgegan.checks.tapped_engine import TappedEngine
from edgegan.quantization.placement import quantized_nodes
from edgegan.runtimes.base import Runtime, Tensors
from edgegan.simulation.exact import simulate
from edgegan.simulation.portions import portion_after
from edgegan.simulation.processors import ORT_X86, Arithmetic

_Integers = dict[str, torch.Tensor]
_MOST = 32

_TIE = 2.0**-12
"""Steps by which unknown last bits move a value in front of a rounding: 16 ulp of the largest, 255."""


@dataclass(frozen=True)
class Parity:
    """How far engine and simulation are apart.

    Attributes:
        samples: inputs compared.
        tensors: worst difference of each quantized tensor that the engine stores from the simulation of
            its region, in steps of its grid (LSB), in graph order.
        islands: those of ``tensors`` that come from a float operator.
        end_to_end_lsb: worst difference of any tensor from a simulation that saw nothing of the
            engine.
        tapped_as_shipped: whether the tapped engine computes what the shipped one does.
    """

    samples: int
    tensors: dict[str, int]
    islands: tuple[str, ...]
    end_to_end_lsb: int
    tapped_as_shipped: bool

    @property
    def max_lsb(self) -> int:
        """The worst of all regions and islands."""
        return max(self.tensors.values(), default=0)

    @property
    def integer_lsb(self) -> int:
        """The worst of the integer regions."""
        inner = (lsb for name, lsb in self.tensors.items() if name not in self.islands)
        return max(inner, default=0)

    @property
    def first_difference(self) -> str | None:
        """The first tensor, in graph order, where they part."""
        return next((name for name, lsb in self.tensors.items() if lsb), None)


def measure_parity(
    model: Path,
    graph: fx.GraphModule,
    inputs: Tensors,
    runtime: Runtime,
    arithmetic: Arithmetic = ORT_X86,
    report: Callable[[int], None] = lambda samples: None,
) -> Parity:
    """Compare engine and simulation on the same inputs.

    Args:
        model: the emitted model; its quantized tensors are named as the graph's quantizer nodes.
        graph: the quantized graph that ``model`` was emitted from.
        inputs: ``[N, ...]`` by input name, in the graph's order.
        runtime: executes ``model``.
        arithmetic: of the runtime.
        report: called with the number of samples done.
    """
    tapped = TappedEngine(model, quantized_nodes(graph), runtime)
    unrounded = tapped.execution.unrounded
    hidden = tapped.execution.fused - unrounded
    worst = dict.fromkeys(tapped.names, 0)
    islands: frozenset[str] = frozenset()
    end_to_end = 0
    count = len(next(iter(inputs.values())))
    done, portion = 0, 1
    while done < count:
        batch = {name: value[done : done + portion] for name, value in inputs.items()}
        engine = {name: torch.from_numpy(value) for name, value in tapped.read(batch).items()}
        tensors = tuple(torch.from_numpy(v) for v in batch.values())
        regional = simulate(graph, tensors, arithmetic, engine, unrounded)
        islands = regional.islands
        sides = [regional.integers]
        if not arithmetic.exact and _worst(engine, sides, worst) > 1:
            for by in (_TIE, -_TIE):
                nudged = dict.fromkeys(hidden, by)
                other = simulate(graph, tensors, arithmetic, engine, unrounded, nudged)
                sides.append(other.integers)
        by_itself = not islands and arithmetic.exact
        whole = regional if by_itself else simulate(graph, tensors, arithmetic, None, unrounded)
        for name in worst:
            worst[name] = max(worst[name], _difference(engine, sides, name))
        end_to_end = max(end_to_end, _worst(engine, [whole.integers], worst))
        images = len(tensors[0])
        done, portion = done + images, min(portion_after(regional, images), _MOST)
        report(done)
    inside = tuple(name for name in worst if name in islands)
    return Parity(count, worst, inside, end_to_end, tapped.as_shipped)


def worst_of(parities: Iterable[Parity]) -> Parity:
    """One verdict on several runs of one model, as on pictures of several sizes."""
    runs = list(parities)
    return Parity(
        samples=sum(run.samples for run in runs),
        tensors={name: max(run.tensors[name] for run in runs) for name in runs[0].tensors},
        islands=runs[0].islands,
        end_to_end_lsb=max(run.end_to_end_lsb for run in runs),
        tapped_as_shipped=all(run.tapped_as_shipped for run in runs),
    )


def _worst(engine: _Integers, sides: Sequence[_Integers], names: Iterable[str]) -> int:
    return max((_difference(engine, sides, name) for name in names), default=0)


def _difference(engine: _Integers, sides: Sequence[_Integers], name: str) -> int:
    """Steps from the nearest of ``sides``, at the value that is farthest."""
    if not engine[name].numel():
        return 0
    apart = [(engine[name] - side[name]).abs() for side in sides]
    return int(functools.reduce(torch.minimum, apart).max())

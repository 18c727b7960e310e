"""From a generator to a smaller one, by the recipe's section ``compress``."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import fx, nn

from edgegan.compression.attention import tap_student, tap_teacher
from edgegan.compression.channels import Channels, Kept
from edgegan.compression.examples import Examples, Inputs
from edgegan.compression.graph_student import GraphStudent
from edgegan.compression.masks import WAY
from edgegan.compression.networks import (
    find_teacher,
    load_discriminator,
    load_generator,
    load_pictures,
)
from edgegan.compression.progressive import masks_of
from edgegan.compression.removal import TOLERANCE, mask_channels, remove_channels
from edgegan.compression.sections import CompressionLossSection, CompressSection
from edgegan.compression.selection import choose, parameters_left
from edgegan.compression.structure import (
    build_student,
    captured_channels,
    find_hidden,
    refuse_fixed,
)
from edgegan.compression.task import CompressionTask, Judges
from edgegan.compression.teacher import adapted
from edgegan.errors import ModelError
from edgegan.lowering.graph import EXAMPLE_BATCH
from edgegan.lowering.lower import relative_error
from edgegan.progress import Report
from edgegan.recipe import ResolvedRecipe
from edgegan.training.average import settle
from edgegan.training.loop import Progress, Schedule, train
from edgegan.training.processes import Processes, here
from edgegan.tuning.history import Record, read_history

_SETTLING = 100
_UNDEFENDED = 0.05
"""Share of the steps after which a channel is gone that only its sparsity moves: docs/compression.md."""

_PRUNING, _TRAINING = "pruning", "training"


@dataclass(frozen=True)
class Compressed:
    """What came out.

    Attributes:
        graph: smaller, of all inputs; simplified.
        kept: channels that stayed.
        parameters: of the graph before and after removal.
        masked_error: largest difference of the smaller graph from the masked one, relative to the output's
            range, when the channels were removed.
        history: of each phase, see ``tuning.history``.
    """

    graph: fx.GraphModule
    kept: Kept
    parameters: tuple[int, int]
    masked_error: float
    history: dict[str, list[Record]]


@dataclass
class Compression:
    """One run of it.

    Attributes:
        resolved: the recipe.
        folder: where the generator's files lie.
        inputs: makes so many inputs from a seed, or takes them from files.
        work: receives checkpoints and logs; a run that is killed goes on from there.
        report: called with steps done, all steps, and the losses.
    """

    resolved: ResolvedRecipe
    folder: Path
    inputs: Callable[[int, int], Inputs]
    work: Path
    report: Report
    history: dict[str, list[Record]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        section = self.resolved.recipe.compress
        assert section is not None
        self.section: CompressSection = section
        self.spec = self.resolved.generator
        refuse_fixed(self.spec)
        self.example = self.inputs(EXAMPLE_BATCH, 0)
        self.labels = tuple(i for i, item in enumerate(self.spec.inputs) if item.classes)
        self.device = here().device

    def run(self) -> Compressed:
        """Compress.

        Raises:
            EdgeganError: if the generator cannot be pruned so, or a network is missing.
        """
        torch.manual_seed(self.section.seed)
        return self._on_graph() if self.section.on_graph else self._on_module()

    def _on_module(self) -> Compressed:
        section, pruning = self.section, self.section.pruning
        student = build_student(section, self.spec, self.folder).requires_grad_(True)
        student.to(memory_format=torch.channels_last)
        loss, steps = section.loss, section.all_steps
        if pruning is not None and pruning.two_step:
            alone = loss.model_copy(update={"attention": 0.0, "output": 0.0})
            student = self._learn(_PRUNING, student, alone, steps // 2)
            student = self._learn(_TRAINING, student, loss, steps - steps // 2, steps // 2)
        else:
            student = self._learn(_TRAINING, student, loss, steps)
        return self._removed(*find_hidden(student.cpu(), self.example))

    def _on_graph(self) -> Compressed:
        section, pruning = self.section, self.section.pruning
        assert pruning is not None
        graph, channels = captured_channels(load_generator(self.spec, self.folder), self.example)
        steps, first = section.all_steps, 0
        if pruning.method == "slimming":
            first = steps // 2
            student = GraphStudent(graph)
            if not student.gains():
                choose(graph, channels, pruning)  # says so
            graph = self._learn(_PRUNING, student, section.loss, first).graph  # type: ignore[assignment]
        kept = choose(graph, channels, pruning)
        masked = mask_channels(graph, channels, kept)
        removed = self._removed(graph, channels, kept, masked)
        student = GraphStudent(removed.graph)
        learned = self._learn(_TRAINING, student, section.loss, steps - first, first).graph
        assert isinstance(learned, fx.GraphModule)
        return replace(removed, graph=learned)

    def _removed(
        self, graph: fx.GraphModule, channels: Channels, kept: Kept, masked: fx.GraphModule
    ) -> Compressed:
        smaller = remove_channels(graph, channels, kept, self.example)
        error = relative_error(masked, smaller, self.example)
        if not error <= TOLERANCE:
            raise ModelError(
                f"without its hidden channels the generator differs by {error:.1e} (limit "
                f"{TOLERANCE:.0e}): something gives back what a mask hides. Please report the "
                "generator's source."
            )
        parameters = (parameters_left(graph, channels, {}), parameters_left(graph, channels, kept))
        return Compressed(smaller, kept, parameters, error, self.history)

    def _learn(
        self,
        name: str,
        student: nn.Module,
        loss: CompressionLossSection,
        steps: int,
        before: int = 0,
    ) -> nn.Module:
        """One phase; returns the average of the weights, with statistics of its own."""
        section, pruning = self.section, self.section.pruning
        examples, student = self._examples(loss), student.to(self.device).requires_grad_(True)
        for mask in masks_of(student):
            mask.follow_state()
        average = copy.deepcopy(student)  # before features are tapped
        deadline = 1.0 if pruning is None else pruning.deadline
        mask_rate = section.mask_rate or WAY / max(1.0, _UNDEFENDED * steps)
        task = CompressionTask(
            student,
            average,
            section,
            loss,
            self._judges(name, student, loss),
            self.labels,
            len(self.spec.inputs),
            deadline,
            mask_rate,
        )
        batch = min(section.batch_size, len(examples))
        schedule = Schedule(
            steps / (len(examples) // batch), batch, section.seed, precision=section.precision
        )

        def report(progress: Progress) -> None:
            self.report(before + progress.step, section.all_steps, progress.losses)

        alone = Processes(device=self.device)
        log, often = self.work / f"{name}.jsonl", max(1, min(50, steps // 20))
        train(task, examples, schedule, self.work / f"{name}.pt", log, report, often, None, alone)
        self.history[name] = read_history(log)
        torch.manual_seed(section.seed)
        for mask in masks_of(average):
            assert pruning is not None and pruning.ratio is not None
            mask.binarize(pruning.ratio, at_last=True)
        settle(average, lambda: self._moved(examples.draw(batch)), _SETTLING)
        return average.cpu().requires_grad_(False)

    def _moved(self, inputs: Inputs) -> Inputs:
        return tuple(value.to(self.device) for value in inputs)

    def _judges(self, name: str, student: nn.Module, loss: CompressionLossSection) -> Judges:
        section, pruning = self.section, self.section.pruning
        teacher, taps, discriminator = None, None, None
        if loss.attention or loss.output or (loss.adversarial and section.real == "teacher"):
            spec, folder = find_teacher(section, self.spec, self.folder)
            module = load_generator(spec, folder).to(self.device)
            teacher = adapted(module, self.spec.inputs, spec.inputs)
            if loss.attention:
                taps = (tap_student(student), tap_teacher(module))
        if loss.adversarial:
            discriminator = load_discriminator(section, self.resolved, self.folder).to(self.device)
        slimming = pruning is not None and pruning.method == "slimming" and name == _PRUNING
        gains = student.gains if slimming and isinstance(student, GraphStudent) else None
        return Judges(
            teacher,
            taps,
            discriminator,
            [mask for mask in masks_of(student) if not mask.binary],
            *([gains] if gains else []),
        )

    def _examples(self, loss: CompressionLossSection) -> Examples:
        section, specs = self.section, self.spec.inputs
        files = any(item.data for item in specs)
        stored = self.inputs(section.images, section.seed) if files else None
        real = load_pictures(section, self.resolved) if loss.adversarial else None
        count = section.images if real is None else real.count
        return Examples(specs, count if stored is None else len(stored[0]), stored, real)

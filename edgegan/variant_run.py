"""All stages that the targets of one variant share: from the generator to the measured QDQ model.

captured   float.onnx              the generator as it is
compressed weights.safetensors     smaller, with compressed.json, compressed.onnx; if the recipe compresses
lowered    lowered.onnx            after the exact rewrites
calibrated parameters.safetensors  scales and zero points
tuned      weights.safetensors     weights that learned, with parameters.safetensors; if the recipe tunes
emitted    model.onnx              QDQ
golden     outputs.npz             images of a few inputs, with inputs.npz
quality    quality.json            PSNR, qFID, FID and further metrics of the engine
diagnosis  diagnosis.json          layer by layer, against the float graph
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgegan.cache import StageCache, digest, file_digest
from edgegan.card import FeatureSection, card_folder
from edgegan.checks.speed import LOWERED, QUANTIZED
from edgegan.compression.identity import compression_key
from edgegan.compression.sections import CompressSection
from edgegan.diagnosis.diagnose import diagnose
from edgegan.errors import ModelError
from edgegan.evaluation.folders import real_pictures
from edgegan.generators.identity import generator_digest, source_files_digest
from edgegan.generators.inputs import draw_inputs
from edgegan.latency.environment import environment
from edgegan.launch import launched
from edgegan.progress import Listener
from edgegan.recipe import ResolvedRecipe
from edgegan.results import VariantResults
from edgegan.runtimes.find import executor_of
from edgegan.runtimes.ort import OrtRuntime
from edgegan.stage_runner import StageRunner, code, load_code
from edgegan.targets import Variant
from edgegan.tuning.sections import TuneSection

DIAGNOSIS_SAMPLES = 64


class VariantRun:
    """The stages of one variant.

    Attributes:
        runner: holds their folders and keys.
        bench: the graphs, built when a stage first needs them.
    """

    def __init__(
        self,
        resolved: ResolvedRecipe,
        folder: Path,
        variant: Variant,
        cache: StageCache,
        listen: Listener,
        qualifier: str,
        first: bool,
    ) -> None:
        self.first = first
        self.resolved = resolved
        self.folder = folder
        self.variant = variant
        self.runner = StageRunner(cache, listen, qualifier)
        self._bench: Any = None
        self._like: VariantRun | None = None

    @property
    def bench(self) -> Any:
        if self._bench is None:
            self._bench = (
                load_code("edgegan.workbench").Workbench(
                    self.resolved, self.folder, self.variant, self.runner.folders.get("compressed")
                )
                if self._like is None
                else self._like.bench.requantized(self.resolved, self.variant)
            )
        return self._bench

    @property
    def stages(self) -> Any:
        """The stages' code; loaded when a result is not in the cache."""
        return load_code("edgegan.stages")

    def finish(self) -> VariantResults:
        """Run or recall every stage."""
        runner = self.runner
        self._until_emitted()
        engine = self._engine()
        runner.run(
            "golden",
            [engine, self.resolved.recipe.name],
            lambda out: self.stages.make_golden(self.bench, out, runner.folders),
        )
        self._quality(engine)
        runner.run(
            "diagnosis",
            [engine, code("diagnosis", "metrics/psnr.py")],
            lambda out: self._diagnosis(out, runner.progress("diagnosis")),
        )
        return self.results()

    def judged(self) -> VariantResults:
        """Run or recall what tells size and quality, and nothing else."""
        self._until_emitted()
        self._quality(self._engine())
        return self.results()

    def until_lowered(self) -> None:
        """Run or recall what comes before quantization, a compression in particular."""
        recipe, runner, lowering = self.resolved.recipe, self.runner, self.variant.lowering
        generator = generator_digest(self.resolved.generator, self.folder)
        runner.run(
            "captured",
            [generator, code("workbench.py", "stages.py", "targets.py", "lowering", "emit")],
            lambda out: self.stages.capture_float(self.bench, out),
        )
        smaller = "captured"
        if recipe.compress is not None:
            self._compress(recipe.compress)
            smaller = "compressed"
        runner.run(
            "lowered",
            [runner.keys[smaller], lowering.name, lowering.kernel_bits],
            lambda out: self.stages.lower_float(self.bench, out),
        )

    def requantized(
        self, resolved: ResolvedRecipe, variant: Variant, listen: Listener
    ) -> VariantRun:
        """Of the same generator, quantized otherwise; graphs that do not depend on it are shared.

        To be called after ``until_lowered``.
        """
        runner = self.runner
        other = VariantRun(
            resolved, self.folder, variant, runner.cache, listen, runner.qualifier, self.first
        )
        other._like = self
        return other

    def help(self) -> None:
        """Take a share of the tuning, while the first process does all else."""
        section = self.resolved.recipe.tune
        if section is None or section.distillation is None:
            return  # block reconstruction is the work of one
        if not self._processes().heard(False):
            return
        self._until_calibrated()
        work = self.runner.work_folder("tuned", self._tuned_key(section))
        self.stages.help_tuning(self.bench, self.runner.folders, work)

    def _engine(self) -> list[Any]:
        """What every number of the engine depends on."""
        runtime = executor_of(self.variant.grid)
        return [
            self.runner.keys["emitted"],
            environment().key(),
            None if runtime is None else runtime.versions(),
            code("runtimes", "simulation"),
        ]

    def _until_emitted(self) -> None:
        recipe, runner = self.resolved.recipe, self.runner
        self._until_calibrated()
        quantized = "calibrated"
        if recipe.tune is not None:
            self._tune(recipe.tune)
            quantized = "tuned"
        runner.run(
            "emitted",
            [runner.keys[quantized], self.variant.opset],
            lambda out: self.stages.emit_quantized(self.bench, out, runner.folders),
        )

    def _until_calibrated(self) -> None:
        recipe, runner, variant = self.resolved.recipe, self.runner, self.variant
        self.until_lowered()
        runner.run(
            "calibrated",
            [
                runner.keys["lowered"],
                variant.grid.name,
                recipe.quantization.model_dump(mode="json"),
                recipe.calibration.model_dump(mode="json"),
                code("quantization", "generators/latents.py", "generators/inputs.py"),
            ],
            lambda out: self.stages.calibrate_ranges(
                self.bench, out, runner.progress("calibrated")
            ),
        )

    def results(self) -> VariantResults:
        return VariantResults(self.resolved, self.variant, self.first, self.runner.folders)

    def _compress(self, section: CompressSection) -> None:
        runner = self.runner
        key = [
            runner.keys["captured"],
            compression_key(self.resolved, section, self.folder),
            code("compression", "training", "tuning/networks.py", "evaluation/pictures.py"),
        ]
        runner.run(
            "compressed",
            key,
            lambda out: self.stages.compress_generator(
                self.bench,
                out,
                runner.work_folder("compressed", key),
                runner.progress("compressed"),
            ),
        )
        self._bench = None  # its graphs are the original's

    def _tune(self, section: TuneSection) -> None:
        runner, key = self.runner, self._tuned_key(section)
        if launched() and section.distillation is not None:
            self._processes().heard(not runner.is_known("tuned", key))
        runner.run(
            "tuned",
            key,
            lambda out: self.stages.tune_model(
                self.bench,
                out,
                runner.folders,
                runner.work_folder("tuned", key),
                runner.progress("tuned"),
            ),
        )

    def _tuned_key(self, section: TuneSection) -> Any:
        resolved, training = self.resolved, section.distillation
        networks: list[Any] = []
        if training is not None and resolved.discriminator is not None:
            networks.append(file_digest(self.folder / resolved.discriminator.weights))
        if training is not None:
            judges = (training.loss.perceptual, resolved.features)
            networks += [None if n is None else _features_digest(n, self.folder) for n in judges]
            if resolved.tuning_data is not None:
                data = real_pictures(resolved.tuning_data, "train", training.images, section.seed)
                networks.append(data.key)
        return [
            self.runner.keys["calibrated"],
            section.model_dump(mode="json"),
            networks,
            code("tuning", "training", "metrics", "evaluation/pictures.py"),
        ]

    @staticmethod
    def _processes() -> Any:
        return load_code("edgegan.training.processes").here()

    def _quality(self, engine: Any) -> None:
        resolved, checks = self.resolved, self.resolved.recipe.checks
        features, real = resolved.features, resolved.real
        samples = checks.samples if features is not None else checks.parity_samples
        self.runner.run(
            "quality",
            [
                engine,
                samples,
                checks.seed,
                sorted(checks.asked),
                checks.gated,
                None if features is None else _features_digest(features, self.folder),
                None if real is None else real_pictures(real, "train", samples, checks.seed).key,
                code("checks", "metrics", "evaluation"),
            ],
            lambda out: self.stages.check_quality(
                self.bench,
                out,
                self.runner.folders,
                self.runner.cache,
                self.runner.progress("quality"),
            ),
        )

    def _diagnosis(self, out: Path, report: Callable[[int, int], None]) -> None:
        models, generator = self.results().models(), self.resolved.generator
        seed = self.resolved.recipe.checks.seed
        inputs = draw_inputs(generator.free_inputs, self.folder, DIAGNOSIS_SAMPLES, seed)
        diagnosis = diagnose(
            models[QUANTIZED],
            models[LOWERED],
            inputs,
            generator.output.value_range,
            OrtRuntime(),
            report,
        )
        (out / "diagnosis.json").write_text(json.dumps(diagnosis.as_json(), allow_nan=False) + "\n")


def _features_digest(features: str | FeatureSection, folder: Path) -> str:
    """Digest of a feature network: of a zoo model's files, or of one's own source and weights."""
    if features in ("inception", "vgg16"):  # their one file is checked when it is loaded
        return str(features)
    if isinstance(features, str) and features.endswith(".onnx"):
        if not Path(features).is_file():
            raise ModelError(f"feature network {features} does not exist; check `checks.features`.")
        return file_digest(Path(features))
    if isinstance(features, str):
        return digest([file_digest(path) for path in sorted(card_folder(features).iterdir())])
    files = [features.network.weights, *([features.statistics] if features.statistics else [])]
    source = source_files_digest(features.network.source, folder)
    return digest(
        [features.model_dump(mode="json"), source, [file_digest(folder / f) for f in files]]
    )

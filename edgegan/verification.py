"""`edgegan verify`: a bundle is what its manifest says, and computes here what it did there.

Runs without torch. Files are checked by size and SHA-256; then the golden inputs go through the
engine, which must give the golden images bit for bit where the CPU has the instructions that parity
was proven with, and within a stated tolerance elsewhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgegan.bundle import Bundle, TargetEntry, damaged_files, open_bundle
from edgegan.checks.check import Check, Limit, Verdict, judge
from edgegan.errors import BundleError
from edgegan.latency.environment import environment
from edgegan.runtimes.base import first_output
from edgegan.runtimes.find import runtime_for
from edgegan.targets import find_target


def verify(folder: Path) -> list[Check]:
    """Check a bundle.

    Returns:
        One check for the files, then for each target the golden difference, in units of the output.

    Raises:
        BundleError: if the folder is not a readable bundle.
    """
    bundle = open_bundle(folder)
    faults = damaged_files(bundle)
    whole = Check(
        name="files.damaged",
        target="bundle",
        value=float(len(faults)),
        limit=Limit(max=0),
        verdict=judge(len(faults), Limit(max=0)),
        detail="; ".join(faults) or f"{len(bundle.manifest.files)} files",
    )
    if faults:
        return [whole]
    return [whole, *(_golden(bundle, entry) for entry in bundle.manifest.targets)]


def _golden(bundle: Bundle, entry: TargetEntry) -> Check:
    runtime = runtime_for(find_target(entry.name))
    inputs, outputs = bundle.golden("inputs"), bundle.golden("outputs")
    name = bundle.manifest.output.name
    if name not in outputs:
        raise BundleError(f"{bundle.folder}: the golden outputs have no {name!r}.")
    image = first_output(runtime.load(bundle.path(entry.model)).run(inputs))
    if image.shape != outputs[name].shape:
        raise BundleError(
            f"{bundle.folder}: the engine gives {image.shape}, the golden image is {outputs[name].shape}."
        )
    difference = float(np.abs(image - outputs[name]).max())
    limit = Limit(max=0.0)
    verdict, detail = judge(difference, limit), f"{len(image)} golden samples"
    reason = _why_not_exact(entry)
    if reason:
        detail = f"{detail}; {reason}"
        verdict = Verdict.INCONCLUSIVE if verdict is Verdict.FAIL else verdict
    return Check("golden.max_difference", entry.name, difference, limit, verdict, detail)


def _why_not_exact(entry: TargetEntry) -> str:
    """Why bit-equality is not owed on this machine; empty where it is."""
    target, here = find_target(entry.name), environment()
    if not set(target.exact_cpu_flags) & set(here.flags):
        needed = " or ".join(target.exact_cpu_flags)
        return f"this CPU has no {needed}: its 8-bit products saturate, so results differ"
    proven = entry.proven_with.get("onnxruntime")
    running = here.packages.get("onnxruntime")
    if proven != running:
        return f"parity was proven with ONNX Runtime {proven}, here is {running}"
    return ""

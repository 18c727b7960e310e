"""Result files: JSON with the command and the environment that made it, and a Markdown table beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgegan.latency.environment import environment, package_versions

FOLDER = Path(__file__).parent / "results"


def write_result(
    name: str, command: str, rows: list[dict[str, Any]], columns: dict[str, str], note: str
) -> None:
    """Write ``results/NAME.json`` and ``results/NAME.md``.

    Args:
        columns: row key to table heading; numbers are shown with four digits.
        note: what a reader must know to read the numbers.
    """
    here = environment()
    packages = here.packages | package_versions("torch", "onnxscript", "onnx-ir")
    document = {
        "command": command,
        "note": note,
        "environment": here.as_json() | {"packages": packages},
        "rows": rows,
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(key)) for key in columns) + " |" for row in rows]
    versions = ", ".join(f"{k} {v}" for k, v in sorted(packages.items()))
    text = [f"# {name}", "", f"`{command}`", "", note, "", *lines, "", f"{here.cpu}; {versions}"]
    (FOLDER / f"{name}.md").write_text("\n".join(text) + "\n")
    print("\n".join(lines))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

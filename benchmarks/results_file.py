"""Result files: JSON with the command and the environment that made it, and a Markdown table beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgegan.latency.environment import environment, package_versions

FOLDER = Path(__file__).parent / "results"


def write_result(
    name: str,
    command: str,
    rows: list[dict[str, Any]],
    columns: dict[str, str],
    note: str,
    table: list[dict[str, Any]] | None = None,
    packages: tuple[str, ...] = (),
    folder: Path = FOLDER,
) -> None:
    """Write ``NAME.json`` and ``NAME.md`` into ``folder``.

    Args:
        columns: row key to table heading; numbers are shown with four digits.
        note: what a reader must know to read the numbers.
        table: rows of the Markdown table, where they are not those of the JSON file.
        packages: what else took part, for their versions.
    """
    here = environment()
    versions = here.packages | package_versions("torch", "onnxscript", "onnx-ir", *packages)
    document = {
        "command": command,
        "note": note,
        "environment": here.as_json() | {"packages": versions},
        "rows": rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    shown = rows if table is None else table
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(key)) for key in columns) + " |" for row in shown]
    made_with = ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))
    text = [f"# {name}", "", f"`{command}`", "", note, "", *lines, "", f"{here.cpu}; {made_with}"]
    (folder / f"{name}.md").write_text("\n".join(text) + "\n")
    print("\n".join(lines))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""What was measured once, at full scale and in hours, and is only shown by the chapters: rows in JSON beside this file.

`make results`, `make race` and `make record` write them; each row names the machine that it was measured on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Return what `name`.json holds, or an empty dict if nothing was measured yet.

    Example:
        >>> read("results")["lenet"]["epochs"]
        10
    """
    file = folder / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def write(name: str, rows: dict[str, Any], folder: Path = FOLDER) -> None:
    """Replace `name`.json in one step, one line for each row, so that a diff shows which row changed."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
    temporary = folder / f"{name}.json.part"
    temporary.write_text("{\n" + lines + "\n}\n", encoding="utf-8", newline="\n")
    temporary.replace(folder / f"{name}.json")

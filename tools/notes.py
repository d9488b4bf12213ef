"""The code blocks of the five study notes: found in the notes, checked against a list, changed where they are wrong.

The notes are no part of the course. Where they lie beside it (or COURSE_NOTES names their folder) the tests run every
block; docs/notes_blocks.csv says which blocks are meant, docs/notes_changes.toml what is changed, supplied and called.

    python -m tools.notes            # writes the tables of docs/running_the_notes.md anew
"""

from __future__ import annotations

import csv
import hashlib
import re
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import chapters

ROOT = chapters.ROOT
BLOCKS, CHANGES, PAGE = (
    ROOT / "docs" / name for name in ("notes_blocks.csv", "notes_changes.toml", "running_the_notes.md")
)
KINDS = {"code": "code", "fragment": "part of another block, or a pattern", "text": "printed output or prose"}
_FENCE = re.compile(r"^\s*(`{3,})\s*\w*\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced block of the notes.

    Attributes:
        number: 1 to 178, over all notes in order.
        note: first three digits of the note's file name.
        line: line of the opening fence in its note, from 1.
        code: what stands between the fences, its common indent removed.
    """

    number: int
    note: str
    line: int
    code: str

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that depend on the code, not on spaces at the ends of lines."""
        lines = [line.rstrip() for line in self.code.strip("\n").splitlines()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def find(folder: Path) -> list[Block]:
    """Return all fenced blocks of the notes in a folder, in order.

    A closing fence counts also with text behind it, and a fence counts below any line: two of the notes' blocks are
    lost to a Markdown parser for lack of that.
    """
    blocks: list[Block] = []
    for path in sorted(folder.glob("[0-9][0-9][0-9]_*")):
        fence, start, inside = "", 0, []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not fence:
                opening = _FENCE.match(line)
                if opening:
                    fence, start, inside = opening[1], number, []
            elif line.strip().startswith(fence):
                code = textwrap.dedent("\n".join(inside)) + "\n"
                blocks.append(Block(len(blocks) + 1, path.name[:3], start, code))
                fence = ""
            else:
                inside.append(line)
    return blocks


def listed() -> list[dict[str, str]]:
    """Return the rows of the committed list: number, note, kind, digest."""
    with BLOCKS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def changes() -> dict[str, list[dict]]:
    """Return what is done to blocks: `corrections`, `fixtures` (before a block) and `calls` (after one)."""
    return tomllib.loads(CHANGES.read_text(encoding="utf-8"))


def corrected(block: Block, entries: Sequence[dict]) -> str:
    """Return the block's code after its corrections.

    Raises:
        ValueError: if a text to replace does not stand exactly once in the block.
    """
    code = block.code
    for entry in entries:
        if entry["block"] != block.number:
            continue
        if code.count(entry["old"]) != 1:
            raise ValueError(
                f"block {block.number}: expected {entry['old']!r} once, found it {code.count(entry['old'])} times. "
                f"Fix: the note has changed, look at {CHANGES.name}."
            )
        code = code.replace(entry["old"], entry["new"])
    return code


def runnable(code: str) -> str:
    """Return code as a script: lines with IPython's magics become comments."""
    return re.sub(r"^(\s*)%", r"\1# %", code, flags=re.MULTILINE)


def tables() -> dict[str, str]:
    """Return the tables of the page by the name of their marker."""
    entries = changes()
    rows = listed()
    counts = [
        f"| {note} | "
        + " | ".join(str(sum(r["note"] == note and r["kind"] == k for r in rows)) for k in KINDS)
        + " |"
        for note in sorted({row["note"] for row in rows})
    ]
    return {
        "counts": _table(["note", *(f"{kind}: {what}" for kind, what in KINDS.items())], counts),
        "corrections": _table(
            ["block", "as written", "corrected", "why"],
            [_row(e["block"], _code(e["old"]), _code(e["new"]), e["why"]) for e in entries["corrections"]],
        ),
        "fixtures": _table(
            ["before block", "supplied", "why"],
            [_row(e["block"], _code(e["code"]), e["why"]) for e in entries["fixtures"]],
        ),
        "calls": _table(
            ["after block", "called"], [_row(e["block"], _code(e["code"])) for e in entries["calls"]]
        ),
    }


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *rows])


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _code(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return "<br>".join("`" + line.replace("|", "\\|") + "`" for line in lines)


def page() -> str:
    """Return the page with its tables written anew."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        text = re.sub(
            f"{re.escape(start)}.*?{re.escape(end)}", lambda _, t=table, s=start, e=end: f"{s}\n\n{t}\n\n{e}", text,
            flags=re.DOTALL,
        )  # fmt: skip
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")

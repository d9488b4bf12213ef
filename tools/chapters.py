"""Chapters as files: finding, choosing, reading, fingerprinting, tidying and writing notebooks."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
_NAME = re.compile(r"\d\d_[a-z0-9_]+\.ipynb")
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def all_chapters(folder: Path = NOTEBOOKS) -> list[Path]:
    """Notebooks named NN_name.ipynb in `folder`, in order; an empty list if there are none."""
    return sorted(path for path in folder.glob("*.ipynb") if _NAME.fullmatch(path.name))


def number(path: Path) -> str:
    """`06` of `06_softmax_regression.ipynb`."""
    return path.name[:2]


def choose(wanted: str, *, folder: Path = NOTEBOOKS) -> list[Path]:
    """Chapters named by number or file name in a blank- or comma-separated text; all if it is empty.

    Raises:
        ValueError: if a name fits no chapter; it lists those that exist.
    """
    present = all_chapters(folder)
    if not present:
        raise ValueError(f"there are no chapters in {folder}")
    names = re.split(r"[\s,]+", wanted.strip()) if wanted.strip() else []
    chosen = []
    for name in names:
        key = f"{int(name):02d}" if name.isdigit() else name.removesuffix(".ipynb")
        fits = [path for path in present if key in (number(path), path.stem)]
        if not fits:
            raise ValueError(f"no chapter {name!r}; there are {' '.join(number(path) for path in present)}")
        chosen += fits
    return sorted(set(chosen)) or present


def read(path: Path) -> NotebookNode:
    """Notebook in format 4."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Code cells that hold something to run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def digest(notebook: NotebookNode) -> str:
    """SHA-256 over the code cells: stored beside the outputs, it tells whether they belong to this code."""
    return hashlib.sha256("\0".join(cell.source for cell in code_cells(notebook)).encode()).hexdigest()


def tidy(notebook: NotebookNode, *, minutes: float | None = None) -> NotebookNode:
    """Keep what a reader sees and what a diff should show, in place: ids c01.., tags, outputs, course metadata.

    `minutes` is the measured time of a run that has just filled the outputs: it is noted with the fingerprint
    of the code. A time within a fifth of the stored one keeps the stored one, or every run would be a diff.
    """
    for index, cell in enumerate(notebook.cells, start=1):
        cell.id = f"c{index:02d}"
        tags = list(dict.fromkeys(cell.metadata.get("tags", [])))
        cell.metadata = NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = [_clean(output) for output in cell.outputs if not _is_empty_stream(output)]
            if not cell.source.strip():
                cell.execution_count = None
    course = notebook.metadata.get("course", NotebookNode())
    if minutes is not None:
        course.executed = digest(notebook)
        rounded, stored = max(0.1, round(minutes, 1)), course.get("minutes")
        close = (
            isinstance(stored, int | float) and stored > 0 and abs(rounded - stored) <= max(0.1, stored / 5)
        )
        course.minutes = stored if close else rounded
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNELSPEC),
        language_info={"name": "python"},
        **({"course": course} if course else {}),
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _is_empty_stream(output: NotebookNode) -> bool:
    return output.output_type == "stream" and not output.text.strip()


def _clean(output: NotebookNode) -> NotebookNode:
    """Drop what differs from run to run without meaning anything."""
    output.pop("transient", None)
    if "metadata" in output:
        output.metadata.pop("execution", None)
    return output


def write(notebook: NotebookNode, path: Path) -> None:
    """Write whole or not at all: a notebook is an author's work, a crash must not cost it."""
    text = nbformat.writes(notebook, version=4).rstrip("\n") + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def headline(notebook: NotebookNode) -> str:
    """The chapter's result in a few words: the last output with metadata {"course": {"headline": ...}}, or ''."""
    found = ""
    for cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            found = output.get("metadata", {}).get("course", {}).get("headline", found)
    return found


def title(notebook: NotebookNode) -> str:
    """Text of the first heading, without its mark; '' if there is none."""
    for cell in notebook.cells:
        found = re.search(r"^#\s+(.+)$", cell.source, flags=re.M) if cell.cell_type == "markdown" else None
        if found:
            return found.group(1).strip()
    return ""

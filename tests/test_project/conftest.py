"""Tiny chapters to try the machinery on: a good one, and whatever a test makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import chapters, home

NAME = "07_tiny.ipynb"


def stored(source: str, text: str, count: int, tags: list[str]) -> NotebookNode:
    """A code cell with a printed output."""
    cell = new_code_cell(source, execution_count=count, metadata={"tags": tags} if tags else {})
    cell.outputs = [new_output("stream", name="stdout", text=text)] if text else []
    return cell


def _make_good() -> NotebookNode:
    """A chapter in which nothing is wrong, with stored outputs."""
    cells = [
        new_markdown_cell(f"# 7. Tiny\n\nA formula: $x^2$.\n\n{home.badge(NAME)}"),
        stored(home.bootstrap(), "", 1, []),
        stored("import dive_into_vision  # makes `utils` the course's own package\nimport utils", "", 2, []),
        stored("print(6 * 7)", "42\n", 3, ["nbval-check-output"]),
        stored("print('end')", "end\n", 4, ["nbval-check-output"]),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata.course = NotebookNode(topics=["T064"], minutes=0.1, data="none", device="any")
    notebook.metadata.course.executed = chapters.digest(notebook)
    return chapters.tidy(notebook)


@pytest.fixture
def good() -> NotebookNode:
    """A fresh, flawless chapter named 07_tiny.ipynb."""
    return _make_good()


@pytest.fixture(scope="session")
def make_good() -> Callable[[], NotebookNode]:
    """Makes fresh, flawless chapters, for fixtures that live longer than one test."""
    return _make_good


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """`save(notebook)` writes it to a folder of its own, under the name it may claim."""

    def write(notebook: NotebookNode, name: str = NAME) -> Path:
        chapters.write(notebook, tmp_path / "notebooks" / name)
        return tmp_path / "notebooks" / name

    return write


def code(source: str, *, tags: list[str] | None = None) -> NotebookNode:
    """A code cell that has not run."""
    return new_code_cell(source, metadata={"tags": tags} if tags else {})


@pytest.fixture
def chapter_of(save: Callable[..., Path]) -> Callable[..., Path]:
    """`chapter_of("a = 1", "a + 1", name=...)` saves a chapter of these code cells."""

    def make(*sources: str, name: str = NAME) -> Path:
        cells = [new_markdown_cell("# Tiny"), *(code(source) for source in sources)]
        return save(new_notebook(cells=cells), name)

    return make

"""What a chapter's file must look like. Every check yields sentences; no sentence, no problem.

python -m tools.nbcheck            # all chapters
python -m tools.nbcheck 06         # some
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools import chapters, home, links

MAX_BYTES, MAX_CELL_LINES, MAX_IMPORT_LINES, MIN_COMPARED = 500_000, 25, 8, 2
COMPARED, RAISES = "nbval-check-output", "raises-exception"
_LEDGER_KEYS = {"topic", "claim", "verdict", "shown"}


def tags(cell: NotebookNode) -> list[str]:
    """Tags of a cell."""
    return cell.metadata.get("tags", [])


def size(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Under 500 kB, or GitHub stops showing it and diffs stop being read."""
    if path.stat().st_size >= MAX_BYTES:
        yield f"{path.stat().st_size // 1000} kB, expected under {MAX_BYTES // 1000} kB: fewer or smaller figures"


def form(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Tidy metadata: what `make execute` writes."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"format {notebook.nbformat}.{notebook.nbformat_minor}, expected 4.5"
    extra = set(notebook.metadata) - {"kernelspec", "language_info", "course"}
    if extra:
        yield f"notebook metadata holds {', '.join(sorted(extra))}: make execute strips it"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "kernelspec is not python3"
    for index, cell in enumerate(notebook.cells, start=1):
        if cell.get("id") != f"c{index:02d}":
            yield f"cell {index} has id {cell.get('id')!r}, expected c{index:02d}: run make execute"
        if set(cell.metadata) - {"tags"}:
            yield f"cell {index} has metadata {sorted(set(cell.metadata) - {'tags'})}, only tags are kept"


def layout(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Title, badge, first cell, import cell, short cells."""
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not re.match(r"# \S", first.source):
        yield "the first cell is not a heading (# ...)"
    if home.badge(path.name) not in first.source:
        yield f"the first cell lacks its badge {home.badge(path.name)}: python -m tools.home apply"
    code = chapters.code_cells(notebook)
    if not code or code[0].source != home.bootstrap():
        yield "the first code cell is not the bootstrap cell: python -m tools.home apply"
    imports = code[1].source if len(code) > 1 else ""
    if not imports.startswith("import dive_into_vision"):
        yield "the second code cell does not start with `import dive_into_vision`"
    if len(imports.splitlines()) > MAX_IMPORT_LINES:
        yield f"the import cell has {len(imports.splitlines())} lines, at most {MAX_IMPORT_LINES}"
    for cell in notebook.cells:
        lines = len(cell.source.splitlines())
        if cell.cell_type == "code" and not lines:
            yield f"cell {cell.id} is empty"
        if cell.cell_type == "code" and lines > MAX_CELL_LINES:
            yield f"cell {cell.id} has {lines} lines, at most {MAX_CELL_LINES}"


def outputs(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Stored outputs belong to the code, ran in order, without errors, and figures have words."""
    if notebook.metadata.get("course", {}).get("executed") != chapters.digest(notebook):
        yield "stored outputs are older than the code: make execute CHAPTERS=" + path.name[:2]
    counts = [cell.execution_count for cell in chapters.code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        never = sum(count is None for count in counts)
        yield f"execution counts are not 1 to {len(counts)} in order ({never} cells never ran): run make execute"
    for cell in chapters.code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error" and RAISES not in tags(cell):
                yield f"cell {cell.id} holds an error ({output.ename}) without the tag {RAISES}"
            data = output.get("data", {})
            if any("widget" in kind for kind in data):
                yield f"cell {cell.id} holds a widget, which is empty for a reader without a kernel"
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if "image/png" in data and not alt.strip():
                yield f"cell {cell.id} shows a figure without text: utils.plot's functions give it one (alt)"


def compared(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """At least two cells have outputs that `make test` compares with a fresh run."""
    marked = [cell for cell in chapters.code_cells(notebook) if COMPARED in tags(cell)]
    if len(marked) < MIN_COMPARED:
        yield f"{len(marked)} cells tagged {COMPARED}, at least {MIN_COMPARED}"
    for cell in marked:
        if not cell.outputs:
            yield f"cell {cell.id} is tagged {COMPARED} but has no output to compare"


def imports(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Code parses; d2l comes through utils, which knows its pitfalls."""
    plain = TransformerManager()
    for cell in chapters.code_cells(notebook):
        try:
            tree = ast.parse(plain.transform_cell(cell.source))
        except SyntaxError as error:
            if RAISES not in tags(cell):
                yield f"cell {cell.id} does not parse: {error.msg}"
            continue
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.split(".")[0] == "d2l" for name in names):
                yield f"cell {cell.id} imports d2l itself: from utils import d2l"


def course(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """metadata.course: topics, minutes, data, device, and a well-formed ledger."""
    stored = notebook.metadata.get("course", {})
    topics, minutes = stored.get("topics"), stored.get("minutes")
    if not isinstance(topics, list) or not topics or not all(re.fullmatch(r"T\d{3}", str(t)) for t in topics):
        yield f"metadata.course.topics is {topics!r}, expected a list like ['T053', 'T054']"
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or minutes <= 0:
        yield f"metadata.course.minutes is {minutes!r}, expected a number above 0"
    for key in ("data", "device"):
        if not isinstance(stored.get(key), str) or not stored[key].strip():
            yield f"metadata.course.{key} is {stored.get(key)!r}, expected a few words"
    for entry in stored.get("ledger", []):
        if set(entry) != _LEDGER_KEYS or not all(isinstance(entry[key], str) and entry[key] for key in entry):
            yield f"ledger entry {dict(entry)!r}, expected texts for {sorted(_LEDGER_KEYS)}"
        elif entry["topic"] not in (topics or []):
            yield f"ledger entry on {entry['topic']}, which the chapter does not claim"


def link_targets(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Relative links and addresses of the home lead to files that exist."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield from links.broken(cell.source, page=path, root=path.parent.parent, home=home.slug())


CHECKS: tuple[Callable[[NotebookNode, Path], Iterator[str]], ...] = (
    size,
    form,
    layout,
    outputs,
    compared,
    imports,
    course,
    link_targets,
)


def problems(path: Path) -> list[str]:
    """All that is wrong with one chapter."""
    notebook = chapters.read(path)
    return [sentence for check in CHECKS for sentence in check(notebook, path)]


def planned_topics(root: Path = chapters.ROOT) -> dict[str, str]:
    """Topic id -> chapter number, from docs/topics.csv."""
    with (root / "docs" / "topics.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["chapter"] for row in csv.DictReader(file)}


def topic_problems(claims: dict[str, list[str]], planned: dict[str, str]) -> list[str]:
    """`claims`: chapter file -> topic ids. Each id is known, claimed once, and none of a present chapter is left."""
    said, holder = [], {}
    for name, ids in claims.items():
        for topic in ids:
            if topic not in planned:
                said.append(f"{name} claims {topic}, which docs/topics.csv does not know")
            if topic in holder:
                said.append(f"{topic} is claimed by {holder[topic]} and {name}")
            holder[topic] = name
    present = {name[:2] for name in claims}
    left = [topic for topic, chapter in planned.items() if chapter in present and topic not in holder]
    return said + [f"{topic} of chapter {planned[topic]} is claimed by no chapter" for topic in left]


def all_claims(paths: list[Path]) -> dict[str, list[str]]:
    """Chapter file -> topic ids it claims."""
    return {
        path.name: list(chapters.read(path).metadata.get("course", {}).get("topics", [])) for path in paths
    }


def main(arguments: list[str]) -> int:
    """Print the problems of the chosen chapters; 1 if there are any."""
    try:
        paths = chapters.choose(" ".join(arguments))
    except ValueError as error:
        print(error)
        return 2
    said = [f"{path.name}: {sentence}" for path in paths for sentence in problems(path)]
    if not arguments:
        said += topic_problems(all_claims(paths), planned_topics())
    print("\n".join(said) or f"{len(paths)} chapters are in order.")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The HTML site: chapters with their stored outputs, and the pages of docs/, whole without a network.

Pages are gathered in build/docs-src, the site goes to build/site. Links that lead out of the site lead to the home.
"""

from __future__ import annotations

import csv
import hashlib
import importlib
import json
import posixpath
import shutil
import subprocess
import sys
import time
from binascii import a2b_base64
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools import chapters, home, links
from utils import measured

ROOT = chapters.ROOT
SOURCE, OUT, DOCTREES = (ROOT / "build" / name for name in ("docs-src", "site", "doctrees"))
# What stands in a page, and the module that makes a table of what was measured.
MEASURED = {
    "<!-- results -->": "tools.results",
    "<!-- race -->": "benchmarks.race",
    "<!-- record -->": "benchmarks.record",
}
# First chapter of each part.
PARTS = {
    0: "Tensors and gradients",
    5: "Learning from data",
    12: "Building and running models",
    15: "Convolution",
    19: "Modern networks",
    25: "Vision",
}


def place(path: str) -> str | None:
    """Where a file of the repository stands in the site's sources; None if it is no part of the site."""
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/") and path.endswith((".md", ".png", ".svg", ".jpg", ".webp")):
        return path.removeprefix("docs/")
    return path if path.startswith("notebooks/") and path.endswith(".ipynb") else None


def redirect(page: str) -> Callable[[str], str]:
    """Turns link targets of the repository's `page` into targets of the same page in the site."""

    def change(target: str) -> str:
        path, mark, heading = target.partition("#")
        if not path or not links.is_relative(target):
            return target
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        found = place(wanted)
        if found and (ROOT / wanted).exists():
            return links.between(place(page) or page, found) + mark + heading
        return f"https://github.com/{home.slug()}/blob/main/{wanted}{mark}{heading}"

    return change


def chapter_page(notebook: NotebookNode, name: str) -> str:
    """A chapter as the site shows it: without the cell that installs the course, links redirected."""
    change = redirect(f"notebooks/{name}")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = links.rewrite(cell.source, change)
        elif cell.source == home.bootstrap():
            cell.metadata["tags"] = ["remove-cell"]
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    return nbformat.writes(notebook, version=4)


def chapter_table(present: Sequence[Path]) -> str:
    """Markdown table of the chapters: title, minutes, data."""
    rows = ["| | chapter | minutes | data |", "|---|---|---|---|"]
    for path in present:
        notebook = chapters.read(path)
        course = notebook.metadata.get("course", {})
        # From docs/, where the page stands in the repository.
        link = f"[{_cell(chapters.title(notebook) or path.stem)}](../notebooks/{path.name})"
        rows.append(
            f"| {path.name[:2]} | {link} | {course.get('minutes', '')} | {_cell(course.get('data', ''))} |"
        )
    return "\n".join(rows)


def ledger_table(present: Sequence[Path]) -> str:
    """Markdown table of what the notes claim and what running it shows, from the chapters' metadata."""
    with (ROOT / "docs" / "topics.csv").open(encoding="utf-8", newline="") as file:
        titles = {row["id"]: row["title"] for row in csv.DictReader(file)}
    rows = ["| topic | claim | what running it shows | verdict | chapter |", "|---|---|---|---|---|"]
    entries = [
        (entry["topic"], entry, path)
        for path in present
        for entry in chapters.read(path).metadata.get("course", {}).get("ledger", [])
    ]
    for topic, entry, path in sorted(entries, key=lambda found: found[0]):
        shown = [f"{topic} {titles.get(topic, '')}".strip(), entry["claim"], entry["shown"], entry["verdict"]]
        link = f"[{path.name[:2]}](../notebooks/{path.name})"
        rows.append(f"| {' | '.join(map(_cell, shown))} | {link} |")
    return "\n".join(rows) if entries else "No chapter has an entry yet."


def _cell(text: str) -> str:
    """Text that cannot break out of a table cell."""
    return " ".join(str(text).split()).replace("|", "\\|")


def toctrees(present: Sequence[Path], pages: Sequence[str]) -> str:
    """The sidebar: chapters by part, then the other pages."""
    blocks, starts = [], sorted(PARTS)
    for start, end in zip(starts, [*starts[1:], 100], strict=True):
        names = [path.stem for path in present if start <= int(path.name[:2]) < end]
        if names:
            blocks.append((PARTS[start], [f"notebooks/{name}" for name in names]))
    blocks.append(("Reference", list(pages)))
    fences = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *names, "```"])
        for title, names in blocks
    ]
    return "\n\n".join(fences)


def gather(source: Path, *, executed: Sequence[str] = ()) -> None:
    """Write every source of the site below `source`, leave what is unchanged, remove what is no longer there.

    Chapters named in `executed` come from build/notebooks, all others from notebooks/.
    """
    fresh = ROOT / "build" / "notebooks"
    present = [
        fresh / path.name if path.name in executed else path
        for path in chapters.all_chapters(ROOT / "notebooks")
    ]
    docs = sorted((ROOT / "docs").glob("*.md"))
    files: dict[str, bytes] = {}
    for path in present:
        files[f"notebooks/{path.name}"] = chapter_page(chapters.read(path), path.name).encode()
        files[f"_extra/downloads/{path.name}"] = path.read_bytes()
    pages = [path.stem for path in docs if path.stem != "index"]
    for path in docs:
        text = path.read_text(encoding="utf-8")
        text = text.replace("<!-- chapters -->", chapter_table(present)).replace(
            "<!-- ledger -->", ledger_table(present)
        )
        for mark, module in MEASURED.items():
            if mark in text:
                table = importlib.import_module(module)  # here, since only these pages need torch
                text = text.replace(mark, table.table(measured.read(table.NAME)))
        text = links.rewrite(text, redirect(f"docs/{path.name}"))
        files[path.name] = (
            text + ("\n\n" + toctrees(present, pages) + "\n" if path.stem == "index" else "")
        ).encode()
    for path in (ROOT / "docs" / "_static").rglob("*"):
        if path.is_file() and path.suffix in (".png", ".svg", ".jpg", ".webp"):
            files[path.relative_to(ROOT / "docs").as_posix()] = path.read_bytes()
    _update(source, files)


def _update(folder: Path, files: dict[str, bytes]) -> None:
    """Make `folder` hold exactly these files; an unchanged file keeps its time, so Sphinx skips its page."""
    for old in [path for path in folder.rglob("*") if path.is_file()]:
        if old.relative_to(folder).as_posix() not in files:
            old.unlink()
    for name, data in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def figure_texts(source: Path) -> dict[str, str]:
    """Hash of a stored figure (myst-nb names its file so) -> its text equivalent."""
    found = {}
    for path in sorted((source / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                image = output.get("data", {}).get("image/png")
                text = output.get("metadata", {}).get("image/png", {}).get("alt", "")
                if image and text:
                    data = a2b_base64("".join(image))
                    found[hashlib.sha256(data).hexdigest()] = text
    return found


def build(
    *, executed: Sequence[str] = (), source: Path = SOURCE, out: Path = OUT, doctrees: Path = DOCTREES
) -> bool:
    """Gather and build; True if Sphinx had nothing to complain about, else its warnings are printed."""
    started = time.monotonic()
    print(
        f"Building the site from {len(chapters.all_chapters(ROOT / 'notebooks'))} chapters (under a minute) ...",
        flush=True,
    )
    gather(source, executed=executed)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-c", str(ROOT / "docs"), "-d", str(doctrees), str(source), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
    if done.returncode:
        shutil.rmtree(
            doctrees, ignore_errors=True
        )  # or pages with warnings would be skipped, and pass, next time
        print(f"The site has faults:\n{done.stdout}{done.stderr}")
        return False
    print(f"Site: {out / 'index.html'} ({time.monotonic() - started:.0f} s)")
    return True


if __name__ == "__main__":
    sys.exit(0 if build() else 1)

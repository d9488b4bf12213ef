"""The course's home: one address in pyproject.toml, written into every badge, first cell and page.

python -m tools.home set https://github.com/me/dive-into-vision    # `make set-home URL=...`
python -m tools.home apply     # give new chapters their badge and first cell
python -m tools.home check     # on GitHub: does the home agree with the repository that runs this?
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tools import chapters

UNSET = "OWNER/dive-into-vision"
_URL = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")
_COLAB = re.compile(r"\[Open in Colab\]\([^)]*\)")
_BOOTSTRAP_START = "import importlib.util, os; home ="


def slug(root: Path = chapters.ROOT) -> str:
    """`owner/name` of the home in pyproject.toml.

    Raises:
        ValueError: if pyproject.toml has no GitHub address under [project.urls] Home.
    """
    found = re.search(r'^Home = "([^"]*)"', (root / "pyproject.toml").read_text(encoding="utf-8"), flags=re.M)
    match = _URL.fullmatch(found.group(1)) if found else None
    if not match:
        raise ValueError('pyproject.toml needs Home = "https://github.com/owner/name" under [project.urls]')
    return match.group(1)


def bootstrap(root: Path = chapters.ROOT) -> str:
    """Source of the first code cell of every chapter, for the present home."""
    template = (root / "tools" / "bootstrap_cell.txt").read_text(encoding="utf-8").rstrip("\n")
    return re.sub(r"(https://github\.com/)[\w.-]+/[\w.-]+", lambda m: m.group(1) + slug(root), template)


def badge(name: str, *, root: Path = chapters.ROOT) -> str:
    """Markdown link that opens the chapter `name` (a file name) in Colab."""
    where = f"https://colab.research.google.com/github/{slug(root)}/blob/main/notebooks/{name}"
    return f"[Open in Colab]({where})"


def apply(notebook: NotebookNode, name: str, *, root: Path = chapters.ROOT) -> bool:
    """Give the notebook its badge and first code cell, in place; True if anything changed.

    Stored outputs stay fresh: the first cell does nothing where outputs are made, so the fingerprint moves along.
    """
    before, fresh = [cell.source for cell in notebook.cells], _is_fresh(notebook)
    first = notebook.cells[0]
    if _COLAB.search(first.source):
        first.source = _COLAB.sub(lambda _: badge(name, root=root), first.source)
    else:
        first.source = first.source.rstrip() + "\n\n" + badge(name, root=root)
    code = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    if code is not None and code.source.startswith(_BOOTSTRAP_START):
        code.source = bootstrap(root)
    else:
        notebook.cells.insert(1, new_code_cell(bootstrap(root)))
    changed = before != [cell.source for cell in notebook.cells]
    if changed and fresh:
        notebook.metadata.course.executed = chapters.digest(notebook)
    return changed


def _is_fresh(notebook: NotebookNode) -> bool:
    return notebook.metadata.get("course", {}).get("executed") == chapters.digest(notebook)


def apply_all(root: Path = chapters.ROOT) -> list[str]:
    """`apply` to every chapter; the names of those that changed."""
    changed = []
    for path in chapters.all_chapters(root / "notebooks"):
        notebook = chapters.read(path)
        if apply(notebook, path.name, root=root):
            chapters.write(notebook, path)
            changed.append(path.name)
    return changed


def set_home(url: str, *, root: Path = chapters.ROOT) -> list[str]:
    """Write `url` into pyproject.toml, README, docs, first cells and badges; the names of the changed files.

    Raises:
        ValueError: if it is not a GitHub address (Colab opens notebooks from there).
    """
    match = _URL.fullmatch(url.strip())
    if not match:
        raise ValueError(
            f"URL is {url!r}, expected https://github.com/owner/name: make set-home URL=https://..."
        )
    old, new = slug(root), match.group(1)
    named = re.compile(rf"(github\.com/|/github/){re.escape(old)}(?![\w-])")
    pages = ["pyproject.toml", "README.md", "CONTRIBUTING.md", "tools/bootstrap_cell.txt"]
    changed = []
    for path in [root / page for page in pages] + sorted((root / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        replaced = named.sub(lambda m: m.group(1) + new, text)
        if replaced != text:
            path.write_text(replaced, encoding="utf-8", newline="\n")
            changed.append(path.relative_to(root).as_posix())
    return changed + apply_all(root)


def check(repository: str, *, root: Path = chapters.ROOT) -> str:
    """'' if `repository` (GitHub's owner/name) is the home, else what to do."""
    if repository.lower() == slug(root).lower():
        return ""
    return (
        f"This repository is {repository}, but its badges and first cells point to {slug(root)}. "
        f"Run: make set-home URL=https://github.com/{repository}   and commit the result."
    )


def main(arguments: list[str]) -> int:
    """Command line."""
    command, *rest = arguments or ["help"]
    try:
        if command == "set" and len(rest) == 1:
            changed = set_home(rest[0])
            print(f"Home is {slug()}; {len(changed)} files changed.")
        elif command == "apply" and not rest:
            print("Changed: " + (", ".join(apply_all()) or "nothing"))
        elif command == "check" and not rest:
            wrong = check(os.environ.get("GITHUB_REPOSITORY", ""))
            print(wrong or f"Home agrees: {slug()}")
            return int(bool(wrong))
        else:
            print(__doc__)
            return 2
    except ValueError as error:
        print(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

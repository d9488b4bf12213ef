"""The chapter table of README.md, from the chapters themselves: `python -m tools.readme`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools import chapters, home

START, END = "<!-- chapters: python -m tools.readme -->", "<!-- end of chapters -->"


def table(root: Path = chapters.ROOT) -> str:
    """Markdown rows: chapter with a link, minutes at scale sample, data, Colab."""
    rows = ["| chapter | minutes | data | |", "|---|---|---|---|"]
    for path in chapters.all_chapters(root / "notebooks"):
        notebook = chapters.read(path)
        course = notebook.metadata.get("course", {})
        title = chapters.title(notebook).replace("|", "\\|") or path.stem
        data = " ".join(str(course.get("data", "")).replace("|", "\\|").split())
        link, badge = f"[{title}](notebooks/{path.name})", home.badge(path.name, root=root)
        rows.append(f"| {link} | {course.get('minutes', '')} | {data} | {badge} |")
    return "\n".join(rows)


def fill(text: str, rows: str) -> str:
    """`text` with what stands between the marks replaced.

    Raises:
        ValueError: if the marks are not there, or not once.
    """
    if text.count(START) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md needs the two lines {START} and {END}, once")
    return re.sub(
        f"{re.escape(START)}.*?{re.escape(END)}", lambda _: f"{START}\n\n{rows}\n\n{END}", text, flags=re.S
    )


def main(root: Path = chapters.ROOT) -> int:
    """Write the table; 0 if it worked."""
    page = root / "README.md"
    try:
        page.write_text(fill(page.read_text(encoding="utf-8"), table(root)), encoding="utf-8", newline="\n")
    except ValueError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

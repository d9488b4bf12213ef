"""Relative links in Markdown pages and notebooks: finding them, and telling where they lead."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

# Code shows links without being one; only what stands outside of it counts.
_CODE = re.compile(r"(```.*?```|~~~.*?~~~|``.*?``|`[^`\n]*`|\$\$.*?\$\$)", flags=re.S)
_TARGET = re.compile(r"""(\]\(|(?:src|href)=["'])([^)\s"']+)""")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", flags=re.I)


def rewrite(text: str, change: Callable[[str], str]) -> str:
    """Text with every link target replaced by `change(target)`; code and formulas stay as they are."""
    parts = _CODE.split(text)
    parts[::2] = [_TARGET.sub(lambda m: m.group(1) + change(m.group(2)), part) for part in parts[::2]]
    return "".join(parts)


def targets(text: str) -> list[str]:
    """Link targets of a Markdown text, outside code, in order."""
    found: list[str] = []
    rewrite(text, lambda target: found.append(target) or target)
    return found


def is_relative(target: str) -> bool:
    """Whether the target names a file of this repository (or a heading of this page)."""
    return not _ELSEWHERE.match(target) and not target.startswith("/")


def anchors(text: str) -> set[str]:
    """Names of a page's headings as GitHub makes them: lower case, blanks to hyphens, signs dropped."""
    found: set[str] = set()
    for heading in re.findall(r"^#+\s+(.+?)\s*$", _fences_removed(text), flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return (
        found
        | set(re.findall(r'(?:id|name)="([^"]+)"', text))
        | set(re.findall(r"^\(([\w-]+)\)=", text, re.M))
    )


def _fences_removed(text: str) -> str:
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.S | re.M)


def broken(text: str, *, page: Path, root: Path, home: str) -> Iterator[str]:
    """What is wrong with the links of a page: missing files, missing headings, paths of the home that do not exist.

    `home` is `owner/name`; an address below it, in Colab too, must name a file of this checkout.
    """
    ours = re.compile(
        rf"https://(?:github\.com|colab\.research\.google\.com/github)/{re.escape(home)}/blob/main/(.+)"
    )
    for target in targets(text):
        path, _, heading = target.partition("#")
        if match := ours.fullmatch(path):
            if not (root / unquote(match.group(1))).exists():
                yield f"{target} names no file of this repository"
            continue
        if not is_relative(target) or path.startswith("attachment:"):
            continue
        file = (page.parent / unquote(path)) if path else page
        if not file.exists():
            yield f"{target} leads nowhere"
        elif heading and file.suffix == ".md" and heading not in anchors(file.read_text(encoding="utf-8")):
            yield f"{target}: {file.name} has no heading #{heading}"


def between(source: str, target: str) -> str:
    """Relative path from the page `source` to the file `target`, both given from the same root."""
    return posixpath.relpath(target, posixpath.dirname(source) or ".")

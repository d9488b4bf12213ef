"""`python -m utils.datasets` prints what there is; `python -m utils.datasets fetch [NAME ...]` fetches it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from utils.datasets.download import downloads_folder, fetch, find_present
from utils.datasets.generate import is_whole
from utils.datasets.progress import megabytes, note
from utils.datasets.registry import REGISTRY, RealSet, lookup
from utils.settings import settings

# Sets that are composed for scale `sample`, by the modules of the same names.
GENERATED = ("hotdog", "bananas", "catdog", "cifar10", "cifar10-tiny", "dogs", "houses", "voc")
LAID_OUT = ("cifar10-competition",)  # files of a real set in another layout, at scale `full`
_SEE = "see data/README.md"


class Row(NamedTuple):
    """One line of the table."""

    name: str
    scale: str
    present: str
    size: str
    license: str


def rows() -> list[Row]:
    """Return the table: what is committed, what is composed at first use, then the real sets."""
    root = settings.sample_root
    committed = [path for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []
    found = [Row(path.name, "sample", "yes", _on_disk(path), _SEE) for path in committed]
    found += [_generated_row(name, "sample", "composed at first use") for name in GENERATED]
    found += [_generated_row(name, "full", "laid out at first use") for name in LAID_OUT]
    return found + [_real_row(entry) for entry in REGISTRY.values()]


def _generated_row(name: str, scale: str, absent: str) -> Row:
    # The newest version counts; a set that is being made has a hidden folder.
    whole = [path for path in sorted(settings.generated_root.glob(f"{name}-[0-9]*")) if is_whole(path)]
    size = _on_disk(whole[-1]) if whole else absent
    return Row(name, scale, "yes" if whole else "no", size, _SEE)


def _real_row(entry: RealSet) -> Row:
    present = find_present(entry) is not None
    size = _on_disk(settings.full_root / entry.name) if present else f"{megabytes(entry.size)} to fetch"
    return Row(entry.name, "full", "yes" if present else "no", size, entry.license)


def _on_disk(folder: Path) -> str:
    return megabytes(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


def format_table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return the lines as text in columns; without lines, the header alone.

    Example:
        >>> print(format_table(("name", "size"), [("hotdog", "1 MB")]))
        name    size
        hotdog  1 MB
    """
    table = [tuple(header), *map(tuple, lines)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def fetch_all(names: Sequence[str]) -> int:
    """Fetch sets one after the other, listing sizes and licences first; return how many failed."""
    entries = [lookup(name) for name in names] if names else list(REGISTRY.values())
    lines = [(row.name, row.present, row.size, row.license) for row in map(_real_row, entries)]
    print(format_table(("name", "present", "size", "licence"), lines), flush=True)
    failed = 0
    for entry in entries:
        try:
            print(f"{entry.name}: {fetch(entry.name)}", flush=True)
        except (ValueError, FileNotFoundError) as error:
            failed += 1
            note(f"error: {entry.name}: {error}")
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 fine, 1 something failed, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.datasets", description="The data sets of the course."
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="print the table (the default)")
    command = commands.add_parser("fetch", help="fetch real sets")
    command.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(REGISTRY)}; none means all")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "fetch":
            return int(fetch_all(chosen.names) > 0)
    except ValueError as error:
        note(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        note(f"stopped; what has come is in {downloads_folder()}, call again to go on")
        return 130
    print(format_table(("name", "scale", "present", "size", "licence"), rows()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

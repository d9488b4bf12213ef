"""What has nothing to be compared with: composing each sample set from nothing, and executing the whole course.

python -m benchmarks.bench_course --only composing
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import Case, main
from tools import chapters

SETS = ("hotdog", "bananas", "catdog", "cifar10", "cifar10-tiny", "dogs", "houses", "voc")


def folder_of(name: str) -> Callable[[], Path]:
    """The function that composes a set where it is missing, and returns its folder."""
    from importlib import import_module

    module = import_module(f"utils.datasets.{name.split('-')[0]}")
    return module.tiny_root if name.endswith("tiny") else module.root


def compose(name: str) -> int:
    """Compose the set in an empty folder; the number of its files."""
    before = os.environ.get("COURSE_DATA")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_DATA"] = folder
        try:
            return sum(path.is_file() for path in folder_of(name)().rglob("*"))
        finally:
            if before is None:
                del os.environ["COURSE_DATA"]
            else:
                os.environ["COURSE_DATA"] = before


def execute() -> bool:
    """Run every chapter, two at a time, without storing anything; True if all ended well."""
    command = [sys.executable, "-m", "tools.execute", "--jobs", "2"]
    return subprocess.run(command, cwd=chapters.ROOT, stdout=subprocess.DEVNULL).returncode == 0


def course() -> None:
    """`execute`, or an error: a course that fails has no time."""
    if not execute():
        raise RuntimeError("a chapter failed. Fix: make run, whose table names it")


def cases() -> Iterator[Case]:
    """The sets, then the course."""
    for name in SETS:
        sizes = f"{compose(name):,} files"
        yield Case(f"composing {name}", sizes, partial(compose, name), None, lambda: True, rounds=2)
    count = len(chapters.all_chapters())
    yield Case(
        "executing the course", f"{count} chapters, two at a time", course, None, lambda: True, rounds=1
    )


if __name__ == "__main__":
    main(cases)

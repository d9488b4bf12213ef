"""`make bench`: run every script of benchmarks/ named bench_*.py, alone; writes docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tools import chapters

PAGE = chapters.ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Each row times two ways to do one thing in turns, after it has seen that their results agree. Times are
milliseconds: least, median and most of the rounds. The ratio is theirs over ours, median over median; a floor is what
the course promises to keep. Theirs is d2l 0.17.0 unless the row says otherwise; rows
without it are times only. Where memory matters, in training, each side has a process of its own, and the last column
says how much it held (ours / theirs); the losses of the first three steps must agree. `make bench` writes this page.
"""


def scripts(folder: Path) -> list[Path]:
    """Benchmarks in order of their names; an empty list if the folder is missing or holds none."""
    return sorted(folder.glob("bench_*.py"))


def main(folder: Path = chapters.ROOT / "benchmarks", page: Path = PAGE) -> int:
    """0 if every script ended well, and then the page is written anew; 1 after naming those that did not."""
    found, failed, reports = scripts(folder), [], []
    if not found:
        print("Nothing to compare yet: benchmarks/ holds no bench_*.py.")
        return 0
    print(f"{len(found)} benchmarks, about 20 minutes in all; close other programs.", flush=True)
    path = os.pathsep.join(filter(None, [str(chapters.ROOT), os.environ.get("PYTHONPATH", "")]))
    results = chapters.ROOT / "build" / "bench"
    results.mkdir(parents=True, exist_ok=True)
    for script in found:
        print(f"\n== {script.stem}", flush=True)
        started, report = time.monotonic(), results / f"{script.stem}.json"
        report.unlink(missing_ok=True)
        code = subprocess.run(
            [sys.executable, str(script), "--json", str(report)],
            cwd=folder.parent,
            env={**os.environ, "PYTHONPATH": path},
        ).returncode
        print(f"== {script.stem}: {time.monotonic() - started:.0f} s", flush=True)
        failed += [script.stem] if code else []
        reports += [json.loads(report.read_text(encoding="utf-8"))] if report.is_file() else []
    if failed:
        print(f"\nFailed: {', '.join(failed)}; {page.name} stays as it was.")
        return 1
    if reports:
        page.write_text(text(reports), encoding="utf-8", newline="\n")
        print(f"\nWritten: {page}")
    return 0


def text(reports: Sequence[dict]) -> str:
    """The page: what the machine is, then a table of all rows."""
    machine = reports[0]["machine"]
    where = ", ".join(f"{key} {value}" for key, value in machine.items() if key not in _EACH)
    peaks = max(report["machine"]["peak memory MiB"] for report in reports)
    lines = [
        HEAD,
        f"Measured on {date.today():%d %B %Y}: {where}. Highest memory of a process: {peaks:,} MiB.\n",
        "| case | size | ours, ms | theirs, ms | ratio | floor | peak memory, MiB |",
        "|" + "---|" * 7,
    ]
    lines += [_row(row) for report in reports for row in report["rows"]]
    return "\n".join(lines) + "\n"


_EACH = ("peak memory MiB", "load at the start")  # these belong to one script, not to the machine


def _row(row: dict) -> str:
    sides = [row["ours"], row["theirs"] or ()]
    ours, theirs = (", ".join(_number(value) for value in side) for side in sides)
    floor = "" if row["floor"] is None else f"{row['floor']:g}"
    missed = row["floor"] and row["ratio"] < row["floor"]
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f}" + " (missed)" * bool(missed)
    memory = " / ".join(f"{value:,}" for value in row["memory"] or ())
    return f"| {row['name']} | {row['sizes']} | {ours} | {theirs} | {ratio} | {floor} | {memory} |"


def _number(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


if __name__ == "__main__":
    sys.exit(main())

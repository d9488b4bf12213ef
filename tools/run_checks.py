"""`make test`: style and import rules, unit tests, and every chapter against its stored outputs.

python -m tools.run_checks                  # all three
python -m tools.run_checks --only lint      # or tests, or chapters
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import alone, chapters

CODE = ["utils", "tests", "tools", "benchmarks", "docs", "data", "dive_into_vision.py"]
PHASES = {
    "lint": "style and import rules, some seconds",
    "tests": "unit tests, about 3 minutes on two cores",
    "chapters": "every chapter in an empty folder with only the wheel, about 7 minutes on two cores",
}
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")


def follow(command: list[str], *, cwd: Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command, showing its output as it comes; its exit code and its last line that counts tests."""
    last = ""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    with process:
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                if " in " in line and _COUNT.search(line):
                    last = line
        except BaseException:
            process.terminate()
            raise
    return process.returncode, last


def counts(summary: str) -> dict[str, int]:
    """Passed, failed, skipped of pytest's closing line; an error counts as a failure."""
    found = {"passed": 0, "failed": 0, "skipped": 0}
    for number, kind in _COUNT.findall(summary):
        key = {"error": "failed", "errors": "failed", "xpassed": "failed", "xfailed": "passed"}.get(
            kind, kind
        )
        found[key] += int(number)
    return found


def lint() -> tuple[bool, dict[str, int]]:
    """Ruff on code and notebooks, import-linter on the dependency directions."""
    present = [name for name in CODE if (chapters.ROOT / name).exists()]
    ruff = [sys.executable, "-m", "ruff"]
    linter = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    commands = [
        [*ruff, "check", "--quiet", *present, "notebooks"],
        [*ruff, "format", "--check", "--quiet", *present],
        [sys.executable, "-c", linter],
    ]
    passed = True
    for command in commands:
        done = subprocess.run(command, cwd=chapters.ROOT, capture_output=True, text=True, errors="replace")
        if done.returncode:
            print(done.stdout + done.stderr)
        passed = passed and not done.returncode
    return passed, counts("")


def tests(jobs: int) -> tuple[bool, dict[str, int]]:
    """Unit tests, one thread each so that two workers do not fight for the cores."""
    command = [sys.executable, "-m", "pytest", "-n", str(jobs), "--dist", "loadscope"]
    code, summary = follow(command, cwd=chapters.ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return code == 0, counts(summary)


def run_chapters(jobs: int) -> tuple[bool, dict[str, int]]:
    """nbval on copies of all chapters."""
    paths = chapters.all_chapters()
    if not paths:
        print("There are no chapters yet.")
        return True, counts("")
    with tempfile.TemporaryDirectory(prefix="course-alone-") as folder:
        try:
            place = alone.prepare(Path(folder), paths)
        except RuntimeError as error:
            print(error)
            return False, counts("1 failed")
        code, summary = follow(alone.nbval_command(jobs), cwd=place.notebooks, env=place.environment())
    return code == 0, counts(summary)


def main(arguments: list[str] | None = None) -> int:
    """0 if every phase passed; the closing line adds up what pytest counted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(PHASES), help="one phase")
    parser.add_argument("--jobs", default="2", help="tests and chapters at a time")
    options = parser.parse_args(arguments)
    if not options.jobs.isdigit() or int(options.jobs) < 1:
        print(f"JOBS is {options.jobs!r}, expected 1 or more")
        return 2
    jobs, total, failed = int(options.jobs), counts(""), []
    steps = {"lint": lint, "tests": lambda: tests(jobs), "chapters": lambda: run_chapters(jobs)}
    for phase, what in PHASES.items():
        if options.only not in (None, phase):
            continue
        print(f"\n== {phase}: {what}", flush=True)
        started = time.monotonic()
        passed, found = steps[phase]()
        total = {key: total[key] + found[key] for key in total}
        failed += [] if passed else [phase]
        print(f"== {phase}: {'ok' if passed else 'FAILED'} in {time.monotonic() - started:.0f} s", flush=True)
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll in order.")
    if options.only != "lint":
        missed = max(total["failed"], len(failed))
        print(f"{total['passed']} passed, {missed} failed, {total['skipped']} skipped")
    return int(bool(failed))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped.")
        sys.exit(130)

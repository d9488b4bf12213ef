"""`make bench`: run every script of benchmarks/ named bench_*.py, one after the other, alone on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tools import chapters


def scripts(folder: Path) -> list[Path]:
    """Benchmarks in order of their names; an empty list if the folder is missing or holds none."""
    return sorted(folder.glob("bench_*.py"))


def main(folder: Path = chapters.ROOT / "benchmarks") -> int:
    """0 if every script ended well; 1 after naming those that did not."""
    found, failed = scripts(folder), []
    if not found:
        print("Nothing to compare yet: benchmarks/ holds no bench_*.py.")
        return 0
    print(f"{len(found)} benchmarks, some minutes; close other programs.", flush=True)
    path = os.pathsep.join(filter(None, [str(chapters.ROOT), os.environ.get("PYTHONPATH", "")]))
    for script in found:
        print(f"\n== {script.stem}", flush=True)
        started = time.monotonic()
        code = subprocess.run(
            [sys.executable, str(script)], cwd=folder.parent, env={**os.environ, "PYTHONPATH": path}
        )
        print(f"== {script.stem}: {time.monotonic() - started:.0f} s", flush=True)
        failed += [script.stem] if code.returncode else []
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

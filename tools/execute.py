"""Run chapters, a few at a time: progress, a table of results, what failed and why.

python -m tools.execute --jobs 2 --chapters "06 18" --site     # `make run`: into build/notebooks and build/site
python -m tools.execute --in-place                             # `make execute`: store outputs in notebooks/
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from tools import chapters, progress
from utils.settings import settings

BUILD = chapters.ROOT / "build"


class ThisPython(KernelSpecManager):
    """Kernels run the Python that runs this module, whatever kernels the reader has registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        command += ["--IPKernelApp.log_level=ERROR"]  # a warning about its sockets is of no use here
        return KernelSpec(argv=command, display_name="Python 3 (ipykernel)", language="python")


class Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to asyncio, which cancels everything.

    nbclient would take it for itself, and then stop the kernel of one chapter only. Selector, because zmq
    cannot work with the loop that Windows has by default.
    """

    def add_signal_handler(self, *_: object) -> None:
        raise RuntimeError("signals stay with asyncio.Runner")

    def remove_signal_handler(self, *_: object) -> bool:
        raise RuntimeError("signals stay with asyncio.Runner")


@dataclass
class Run:
    """One chapter on its way: what the progress line and the table show."""

    path: Path
    total: int = 0
    cell: int = 0
    started: float = 0.0
    seconds: float = 0.0
    entries: list[float] = field(default_factory=list)
    status: str = "waiting"
    headline: str = ""
    why: list[str] = field(default_factory=list)

    def cell_seconds(self) -> list[float]:
        """What each code cell took, in order; a cell without code in it counts for none."""
        ends = [*self.entries[1:], self.started + self.seconds]
        return [end - start for start, end in zip(self.entries, ends, strict=True)] if self.entries else []

    def spent(self) -> tuple[float, float, int, float]:
        """Seconds until the first cell, of the imports (the first two cells), and number and seconds of the slowest
        cell after them; zeros for what did not run."""
        cells = self.cell_seconds()
        start = self.entries[0] - self.started if cells else 0.0
        slowest = max(range(2, len(cells)), key=cells.__getitem__) if len(cells) > 2 else None
        return start, sum(cells[:2]), *((slowest + 1, cells[slowest]) if slowest is not None else (0, 0.0))


def kernel_environment(jobs: int) -> dict[str, str]:
    """Environment of a kernel: it finds this checkout's utils, and shares the cores with the others."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    path = os.pathsep.join(filter(None, [str(chapters.ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}


def explain(error: BaseException, notebook: NotebookNode, run: Run) -> list[str]:
    """Where and why a chapter stopped: cell number, its first line, the end of the error."""
    cells = chapters.code_cells(notebook)
    failed = cells[run.cell - 1] if 0 < run.cell <= len(cells) else None
    first = failed.source.splitlines()[0] if failed else "(before the first cell)"
    lines = [f"cell {run.cell} of {run.total}: {first}"]
    if isinstance(error, DeadKernelError):
        return [*lines, "the kernel died: out of memory, or killed from outside"]
    text = str(error)
    if isinstance(error, CellExecutionError):
        text = f"{error.traceback}"
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip().splitlines()
    return lines + (plain[-8:] or [type(error).__name__])


async def execute(run: Run, notebook: NotebookNode, *, jobs: int, folder: Path) -> None:
    """Run the notebook in its own kernel, filling it with outputs; `run` follows. Never raises but on Ctrl-C."""
    run.total, run.started, run.status = len(chapters.code_cells(notebook)), time.monotonic(), "running"
    numbers = {id(cell): place for place, cell in enumerate(chapters.code_cells(notebook), start=1)}

    def entered(cell: NotebookNode, cell_index: int) -> None:
        run.cell = numbers.get(id(cell), run.cell)
        if id(cell) in numbers:
            run.entries.append(time.monotonic())

    manager = AsyncKernelManager(kernel_spec_manager=ThisPython())
    client = NotebookClient(
        notebook, km=manager, timeout=None, coalesce_streams=True, on_cell_execute=entered
    )
    client.log.disabled = True  # what it would say is in the report
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    try:
        await client.async_execute(cwd=str(folder), env=kernel_environment(jobs))
        run.status, run.headline = "ok", chapters.headline(notebook)
    except (CellExecutionError, DeadKernelError, RuntimeError, TimeoutError, OSError) as error:
        run.status, run.why = "FAILED", explain(error, notebook, run)
    finally:
        run.seconds = time.monotonic() - run.started
        if client.kc is not None:
            client.kc.stop_channels()
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)


async def execute_all(
    paths: list[Path], *, jobs: int, on_done: Callable[[Run, NotebookNode], None], show: progress.Progress
) -> list[Run]:
    """Run the chapters, `jobs` at a time, in order; `on_done` stores each as it ends."""
    runs, slots = [Run(path) for path in paths], asyncio.Semaphore(jobs)

    async def one(run: Run) -> None:
        async with slots:
            notebook = chapters.read(run.path)
            show.line(f"{run.path.stem}: started")
            await execute(run, notebook, jobs=jobs, folder=run.path.parent)
            on_done(run, notebook)
            ending = run.headline if run.status == "ok" else run.why[0]
            show.line(
                f"{run.path.stem}: {run.status} in {run.seconds:.0f} s  {ending}".rstrip(), lasting=True
            )

    async def watch() -> None:
        while True:
            show.update(runs)
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    try:
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(one(run))
    finally:
        watching.cancel()
        show.clear()
    return runs


def run_all(
    paths: list[Path], *, jobs: int, on_done: Callable[[Run, NotebookNode], None], show: progress.Progress
) -> list[Run]:
    """`execute_all` from the outside; Ctrl-C ends every kernel and raises KeyboardInterrupt."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(execute_all(paths, jobs=jobs, on_done=on_done, show=show))


def table(runs: list[Run]) -> str:
    """Chapter, status, seconds, where they went (kernel start, imports, slowest cell), headline; then the sums."""
    width = max(len(run.path.stem) for run in runs)
    rows = [f"{'chapter':{width}}  status  seconds  kernel  imports  slowest cell  result"]
    for run in runs:
        kernel, imports, number, slowest = run.spent()
        where = f"{kernel:6.1f}  {imports:7.1f}  " + (
            f"no. {number:2} {slowest:5.1f}" if number else " " * 12
        )
        rows.append(
            f"{run.path.stem:{width}}  {run.status:6}  {run.seconds:7.1f}  {where}  {run.headline}".rstrip()
        )
    kernel, imports = (sum(column) for column in list(zip(*(run.spent() for run in runs), strict=True))[:2])
    total = sum(run.seconds for run in runs)
    rows.append(f"{'in all':{width}}          {total:7.1f}  {kernel:6.1f}  {imports:7.1f}")
    return "\n".join(rows)


def failures(runs: list[Run]) -> str:
    """For each failed chapter the cell and the end of its error; '' if there is none."""
    blocks = [
        "\n    ".join([f"{run.path.name} failed in {run.why[0]}", *run.why[1:]])
        for run in runs
        if run.status == "FAILED"
    ]
    return "\n\n".join(blocks)


def storing(in_place: bool) -> Callable[[Run, NotebookNode], None]:
    """Where a finished chapter goes: back into notebooks/ if it succeeded, or into build/notebooks in any case."""

    def store(run: Run, notebook: NotebookNode) -> None:
        if in_place and run.status != "ok":
            return
        chapters.tidy(notebook, minutes=run.seconds / 60 if run.status == "ok" else None)
        chapters.write(notebook, run.path if in_place else BUILD / "notebooks" / run.path.name)

    return store


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chapters", default="", help='numbers or names, as in "06 18"; default all')
    parser.add_argument("--jobs", default="2", help="chapters at a time")
    parser.add_argument("--in-place", action="store_true", help="store outputs in notebooks/")
    parser.add_argument("--site", action="store_true", help="then build the site from what ran")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """0 if every chapter ran (and the site was built), 1 if one failed, 2 for a wrong request."""
    options = parse(arguments)
    try:
        scale, paths = settings.scale, chapters.choose(options.chapters)
        if not options.jobs.isdigit() or int(options.jobs) < 1:
            raise ValueError(f"JOBS is {options.jobs!r}, expected 1 or more")
        if options.in_place and scale != "sample":
            raise ValueError("outputs are stored at scale sample: unset COURSE_SCALE or SCALE")
    except ValueError as error:
        print(error)
        return 2
    jobs, started = min(int(options.jobs), len(paths)), time.monotonic()
    stored = sum(chapters.read(path).metadata.get("course", {}).get("minutes", 0) for path in paths)
    guess = (
        f"about {max(0.1, stored / jobs):.1f} minutes on two cores"
        if scale == "sample"
        else "hours, by the GPU"
    )
    print(f"Running {len(paths)} chapters at scale {scale}, {jobs} at a time: {guess}.", flush=True)
    try:
        store, show = storing(options.in_place), progress.Progress()
        runs = run_all(paths, jobs=jobs, on_done=store, show=show)
    except KeyboardInterrupt:
        print("\nStopped. Chapters that had ended are stored; nothing else was touched.")
        return 130
    work, wall = sum(run.seconds for run in runs), time.monotonic() - started
    print(f"\n{table(runs)}\n{work:.0f} s of chapters in {wall:.0f} s")
    failed = failures(runs)
    if failed:
        print(f"\n{failed}")
    if options.site:
        from tools import site  # needs sphinx, which running alone does not

        built = site.build(executed=[run.path.name for run in runs if run.status == "ok"])
        return int(bool(failed) or not built)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

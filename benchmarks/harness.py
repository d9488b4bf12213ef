"""Side-by-side timing: ours and theirs take turns in one process, and must agree before a clock starts.

A benchmark module has `cases()`, which yields `Case`s, and ends with `main(cases)`:

    python -m benchmarks.bench_detection --only nms --rounds 9 --json rows.json
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from multiprocessing import get_context, get_start_method, set_start_method
from pathlib import Path

import torch


@dataclass(frozen=True)
class Case:
    """Two ways to do one thing.

    Attributes:
        name: what is measured.
        sizes: on how much, in words.
        ours: our way, without arguments.
        theirs: the way to compare with, or None where there is none; then only a time is shown.
        check: says whether the results agree; called once before timing.
        floor: the ratio that was promised, or None.
        rounds: how many timings of each side; None takes the command line's.
    """

    name: str
    sizes: str
    ours: Callable[[], object]
    theirs: Callable[[], object] | None
    check: Callable[[], bool]
    floor: float | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Row:
    """The timings of one case in milliseconds: (least, median, most) of each side, and the ratio of the medians.

    Without another way to do it `theirs` and `ratio` are None. `memory` is the most that each side held, in MiB, and
    None where the two share a process.
    """

    name: str
    sizes: str
    ours: tuple[float, float, float]
    theirs: tuple[float, float, float] | None
    ratio: float | None
    floor: float | None
    rounds: int
    agrees: bool
    memory: tuple[int, ...] | None = None


def main(cases: Callable[[], Iterable[Case]]) -> None:
    """Run the cases that the command line asks for; exit with 1 if the results of any disagree."""
    parser = argparse.ArgumentParser(description="Compare our code with theirs, interleaved in one process.")
    parser.add_argument("--only", default="", help="run the cases with this text in their name")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each side (default 7)")
    parser.add_argument(
        "--threads", type=int, default=None, help="threads of torch (default: as torch chooses)"
    )
    parser.add_argument(
        "--json", type=Path, default=None, help="also write machine, versions and rows to this file"
    )
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    where = machine()
    print("\n".join(f"{key}: {value}" for key, value in where.items()), end="\n\n")
    print(f"{'case':<40} {'ours ms: least median most':>30} {'theirs ms':>32} {'ratio':>8} {'floor':>6}")
    rows = []
    for case in cases():
        if options.only in case.name:
            rows.append(run(case, rounds=case.rounds or options.rounds))
            print(line(rows[-1]), flush=True)
    where["peak memory MiB"] = peak_memory()
    print(f"\npeak memory of this process: {where['peak memory MiB']} MiB")
    if options.json:
        options.json.write_text(
            json.dumps({"machine": where, "rows": [asdict(row) for row in rows]}, indent=1) + "\n"
        )
    sys.exit(0 if rows and all(row.agrees for row in rows) else 1)


def run(case: Case, *, rounds: int) -> Row:
    """Check that both sides agree, then time them in turns; nothing is timed where they do not agree."""
    sides = [side for side in (case.ours, case.theirs) if side]
    with quiet():
        if not case.check():
            return Row(case.name, case.sizes, (0, 0, 0), (0, 0, 0), 0.0, case.floor, 0, False)
        if rounds > 1:  # what is timed once, because it takes minutes, is not warmed up either
            for function in sides:
                function()
        times: list[list[float]] = [[] for _ in sides]
        for _ in range(rounds):
            for side, function in zip(times, sides, strict=True):
                side.append(milliseconds(function))
    ours, *theirs = (summary(side) for side in times)
    ratio = theirs[0][1] / ours[1] if theirs else None
    memory = tuple(side.peak_memory() for side in sides if isinstance(side, Apart)) or None
    return Row(
        case.name, case.sizes, ours, theirs[0] if theirs else None, ratio, case.floor, rounds, True, memory
    )


def milliseconds(function: Callable[[], object]) -> float:
    """Time one call, repeated if it is too short for the clock, without garbage collection in between."""
    repeats, elapsed = 1, 0.0
    gc.collect()
    gc.disable()
    try:
        while True:
            start = time.perf_counter()
            for _ in range(repeats):
                function()
            elapsed = time.perf_counter() - start
            if elapsed > 2e-2:
                return 1e3 * elapsed / repeats
            repeats *= 4
    finally:
        gc.enable()


def summary(times: list[float]) -> tuple[float, float, float]:
    """Least, median and most."""
    return min(times), statistics.median(times), max(times)


def line(row: Row) -> str:
    """One row of the printed table."""
    what = f"{row.name}, {row.sizes}"
    if not row.agrees:
        return f"{what:<40} RESULTS DISAGREE, not timed"
    ours = " ".join(f"{value:9.3f}" for value in row.ours)
    if row.theirs is None:
        return f"{what:<40} {ours:>30}"
    theirs = " ".join(f"{value:9.3f}" for value in row.theirs)
    floor = "" if row.floor is None else f"{row.floor:5.1f}"
    missed = " (missed)" if row.floor is not None and row.ratio < row.floor else ""
    memory = f"  {' / '.join(map(str, row.memory))} MiB" if row.memory else ""
    return f"{what:<40} {ours:>30} {theirs:>32} {row.ratio:7.1f}x {floor:>6}{missed}{memory}"


def machine() -> dict[str, object]:
    """What a timing depends on: processor, threads, load and versions."""
    names = ("torch", "torchvision", "d2l", "numpy")
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "load at the start": load(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
    }


def processor() -> str:
    """The name of the processor, as far as the system tells."""
    try:
        rows = Path("/proc/cpuinfo").read_text().splitlines()
        return next(row.split(":", 1)[1].strip() for row in rows if row.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def load() -> str:
    """How many processes wanted the processor during the last minute: above the number of cores, times are doubtful."""
    try:
        return Path("/proc/loadavg").read_text().split()[0]
    except OSError:
        return "unknown"


def peak_memory() -> int:
    """The most memory this process has held so far, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux's rusage also counts what the parent held when it started this process
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) // 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)


class Apart:
    """A function in a process of its own, where its memory is not shared with the side it is compared with.

    In one process the side with the usual allocator would find the memory that the other has kept, and both would be
    as fast as the faster one. `Apart(make, *arguments)` calls `make(*arguments)` once over there (all must be
    picklable); a call of the object calls what that returned. The process has as many threads of torch as this one.
    """

    def __init__(self, make: Callable[..., Callable], *arguments: object) -> None:
        self._pool = ProcessPoolExecutor(
            1,
            get_context("spawn"),
            _Side.prepare,
            (torch.get_num_threads(), get_start_method(), make, arguments),
        )

    def __call__(self, *arguments: object) -> object:
        return self._pool.submit(_Side.call, arguments).result()

    def peak_memory(self) -> int:
        """The most memory that its process has held, in MiB."""
        return self._pool.submit(peak_memory).result()

    def close(self) -> None:
        """End the process and give its memory back."""
        self._pool.shutdown()


class _Side:
    """What `Apart` keeps in the other process."""

    function: Callable

    @classmethod
    def prepare(cls, threads: int, method: str, make: Callable[..., Callable], arguments: tuple) -> None:
        torch.set_num_threads(threads)
        set_start_method(method, force=True)  # the workers of a loader start as they do anywhere else
        with quiet():
            cls.function = staticmethod(make(*arguments))

    @classmethod
    def call(cls, arguments: tuple) -> object:
        with quiet():
            return cls.function(*arguments)


@contextmanager
def quiet() -> Iterator[None]:
    """Their warnings would be printed between the rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

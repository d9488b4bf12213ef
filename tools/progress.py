"""Progress of chapters under way: one line that changes on a terminal, plain lines in a log."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import Protocol, TextIO


class Moving(Protocol):
    """What is shown of a chapter; `tools.execute.Run` is one."""

    path: object
    total: int
    cell: int
    started: float
    status: str


class Progress:
    """Writes to `stream`; in a log (no terminal) the state appears at most every `pause` seconds."""

    def __init__(self, stream: TextIO | None = None, *, pause: float = 20.0) -> None:
        self.stream = stream or sys.stdout
        self.live = self.stream.isatty()
        self.pause, self.shown = pause, time.monotonic()
        self.begun = time.monotonic()

    def state(self, runs: Sequence[Moving]) -> str:
        """`[35 s] 2 of 6 done; 06 cell 4 of 17, 18 cell 2 of 20`."""
        now = time.monotonic()
        done = sum(run.status in ("ok", "FAILED") for run in runs)
        moving = ", ".join(
            f"{run.path.stem[:2]} cell {run.cell} of {run.total} ({now - run.started:.0f} s)"
            for run in runs
            if run.status == "running"
        )
        return f"[{now - self.begun:.0f} s] {done} of {len(runs)} done; {moving}".rstrip("; ")

    def update(self, runs: Sequence[Moving]) -> None:
        """Show the state if it is time to."""
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r\033[K{self.state(runs)[:width]}")
        elif time.monotonic() - self.shown >= self.pause:
            self.shown = time.monotonic()
            self._write(self.state(runs) + "\n")

    def line(self, text: str, *, lasting: bool = False) -> None:
        """A line of its own; on a terminal only a `lasting` one, the changing line shows the rest."""
        if lasting or not self.live:
            self.clear()
            self._write(text + "\n")

    def clear(self) -> None:
        """Remove the changing line."""
        if self.live:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

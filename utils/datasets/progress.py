"""How far a download is: a bar on a terminal, a plain line now and then everywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType


def megabytes(size: int | None) -> str:
    """Return a size for people; `?` if it is not known.

    Example:
        >>> megabytes(170_498_071), megabytes(29_515), megabytes(None)
        ('170.5 MB', '29.5 kB', '?')
    """
    if size is None:
        return "?"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def note(text: str, *, progress: bool = True) -> None:
    """Print one line to the error stream, which keeps it out of what a program prints."""
    if progress:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """Counts bytes. On a terminal with tqdm installed it draws a bar; else it prints a line every 10 %.

    Example:
        >>> with Progress("hotdog.zip", total=10, enabled=False) as progress:
        ...     progress.move_to(10)
    """

    def __init__(self, label: str, *, total: int | None, enabled: bool = True, pause: float = 2.0) -> None:
        self.label, self.total, self.enabled = label, total, enabled
        self._pause, self._next_share, self._last = pause, 0.1, time.monotonic()
        self._bar = self._make_bar() if enabled and sys.stderr.isatty() else None

    def _make_bar(self) -> object | None:
        try:
            from tqdm import tqdm
        except ImportError:
            return None
        return tqdm(total=self.total, desc=self.label, unit="B", unit_scale=True, leave=True)

    def move_to(self, position: int) -> None:
        """Show that `position` bytes are there; may go back if a download starts anew."""
        if self._bar is not None:
            self._bar.update(position - self._bar.n)
        elif self.enabled:
            self._print(position)

    def _print(self, position: int) -> None:
        now = time.monotonic()
        share = position / self.total if self.total else 0.0
        # The pause keeps a fast download quiet, the share keeps a slow one from filling the screen.
        if now - self._last < self._pause or (self.total and share < self._next_share):
            return
        of = f" of {megabytes(self.total)} ({share:.0%})" if self.total else ""
        note(f"{self.label}: {megabytes(position)}{of}")
        self._last, self._next_share = now, share + 0.1

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

"""Training curves that grow while the loop runs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure

from utils.history import History, Record
from utils.plot.figures import bundle, draw_lines, figure


class LivePlot:
    """Training curves that grow while the loop runs: one panel for loss, one for accuracy, and so on.

    for record in fit(...):
        plot.update(record)

    The figure is replaced in place, at most twice a second, and drawn a last time when the cell ends, also after
    Stop or an error. Its text equivalent is the newest record; outside Jupyter that text is printed.

    Args:
        title: heading of the figure.
        epochs: expected number of epochs, for the horizontal axis; None lets it grow.
        ylim: limits by quantity, such as `{"loss": (0, 2)}`.
    """

    MIN_SECONDS = 0.5

    def __init__(
        self,
        title: str = "",
        *,
        epochs: int | None = None,
        ylim: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.title, self.epochs, self.ylim = title, epochs, dict(ylim or {})
        self.history = History()
        self._handle = None
        self._drawn_at, self._pending = -math.inf, False

    def update(self, record: Record) -> None:
        """Add a record; redraw if the last drawing is old enough."""
        self.history.append(record)
        shell = get_ipython()
        if shell is None:
            print(record)
            return
        if not self._pending:
            shell.events.register("post_run_cell", self._finish)
            self._pending = True
        if time.monotonic() - self._drawn_at >= self.MIN_SECONDS:
            self._draw()

    def follow(self, records: Iterable[Record]) -> History:
        """Consume an iterable of records, drawing as they come, and return the history."""
        for record in records:
            self.update(record)
        return self.history

    def _finish(self, *_: Any) -> None:
        get_ipython().events.unregister("post_run_cell", self._finish)
        self._pending = False
        self._draw()

    def _draw(self) -> None:
        fig = self._figure()
        seen = f"{self.title}. " if self.title else ""
        data, metadata = bundle(fig, f"{seen}Training curves. {_progress(self.history)}")
        if self._handle is None:
            self._handle = display(data, raw=True, metadata=metadata, display_id=True)
        else:
            self._handle.update(data, raw=True, metadata=metadata)
        self._drawn_at = time.monotonic()

    def _figure(self) -> Figure:
        panels: dict[str, dict] = {}
        for name in self.history.names:
            split, _, quantity = name.partition(" ")
            panels.setdefault(quantity or name, {})[split] = self.history.series(name)
        fig, axes = figure(3.4 * len(panels), 2.8, columns=len(panels), squeeze=False)
        for ax, (quantity, lines) in zip(axes[0], panels.items(), strict=True):
            draw_lines(ax, lines, markers=True)
            limits = {"ylim": self.ylim[quantity]} if quantity in self.ylim else {}
            last = max(self.epochs or 2, self.history.last.epoch)
            ax.set(xlabel="epoch", title=quantity, xlim=(0.8, last + 0.2), **limits)
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.legend() if len(lines) > 1 else None
        if self.title:
            fig.suptitle(self.title, x=0.01, ha="left", fontsize=11)
        return fig


def _progress(history: History) -> str:
    first, last = history[0], history.last
    parts = [
        f"{name} {first.metrics.get(name, math.nan):.3f} to {value:.3f}"
        for name, value in last.metrics.items()
    ]
    return f"Epoch {first.epoch} to {last.epoch}: " + ", ".join(parts) + f"; {history.seconds:.1f} s in all."

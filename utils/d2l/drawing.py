"""What the book draws: picture grids, boxes, and curves that grow while a loop runs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import matplotlib_inline.backend_inline
from IPython import get_ipython
from IPython.display import display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from utils.d2l.installed import book
from utils.plot.figures import as_numpy, bundle

__all__ = ["Animator", "bbox_to_rect", "show_bboxes", "show_images", "use_svg_display"]


def use_svg_display() -> None:
    """Draw in SVG, as the book does; in a plain script do nothing. IPython no longer has what the book calls for it."""
    # Without a shell the call would start one, and everything after would think it runs in Jupyter.
    if get_ipython() is not None:
        matplotlib_inline.backend_inline.set_matplotlib_formats("svg")


class Animator:
    """The book's growing curves: `add(x, y)` takes one point of every line, None for a line that has none.

    Unlike the book's it redraws at most twice a second, and once more when the cell ends; outside Jupyter it draws
    nothing. `X` and `Y` hold the points, line by line.

    Args:
        legend: names of the lines.
        nrows, ncols: panels of `fig`; lines go to the first, `axes[0]`.
        figsize: inches.
    """

    MIN_SECONDS = 0.5

    def __init__(
        self,
        xlabel: str | None = None,
        ylabel: str | None = None,
        legend: Sequence[str] | None = None,
        xlim: Sequence[float] | None = None,
        ylim: Sequence[float] | None = None,
        xscale: str = "linear",
        yscale: str = "linear",
        fmts: Sequence[str] = ("-", "m--", "g-.", "r:"),
        nrows: int = 1,
        ncols: int = 1,
        figsize: tuple[float, float] = (3.5, 2.5),
    ) -> None:
        # A plain figure: one of pyplot's would be shown a second time when the cell ends.
        self.fig = Figure(figsize=figsize, layout="constrained")
        axes = self.fig.subplots(nrows, ncols)
        self.axes = [axes] if nrows * ncols == 1 else axes
        self.legend, self.fmts = list(legend or []), fmts
        self.config_axes = lambda: book.set_axes(
            self.axes[0], xlabel, ylabel, xlim, ylim, xscale, yscale, self.legend
        )
        self.X: list[list[float]] | None = None
        self.Y: list[list[float]] | None = None
        self._handle, self._drawn_at, self._pending = None, -math.inf, False

    def add(self, x: Any, y: Any) -> None:
        """Add a point to every line: numbers, or one number a line; None is left out."""
        y = y if hasattr(y, "__len__") else [y]
        x = x if hasattr(x, "__len__") else [x] * len(y)
        if not self.X:
            self.X, self.Y = [[] for _ in y], [[] for _ in y]
        for line, (a, b) in enumerate(zip(x, y, strict=False)):
            if a is not None and b is not None:
                self.X[line].append(a)
                self.Y[line].append(b)
        shell = get_ipython()
        if shell is None:
            return
        if not self._pending:
            shell.events.register("post_run_cell", self._finish)
            self._pending = True
        if time.monotonic() - self._drawn_at >= self.MIN_SECONDS:
            self._draw()

    def _finish(self, *_: Any) -> None:
        get_ipython().events.unregister("post_run_cell", self._finish)
        self._pending = False
        self._draw()

    def _draw(self) -> None:
        self.axes[0].cla()
        for x, y, form in zip(self.X, self.Y, self.fmts, strict=False):
            self.axes[0].plot(x, y, form)
        self.config_axes()
        data, metadata = bundle(self.fig, f"Training curves. {self._ends()}")
        if self._handle is None:
            self._handle = display(data, raw=True, metadata=metadata, display_id=True)
        else:
            self._handle.update(data, raw=True, metadata=metadata)
        self._drawn_at = time.monotonic()

    def _ends(self) -> str:
        names = self.legend + [f"line {line + 1}" for line in range(len(self.legend), len(self.Y))]
        parts = [f"{name} {y[0]:.3f} to {y[-1]:.3f}" for name, y in zip(names, self.Y, strict=False) if y]
        return ", ".join(parts) + "."


def show_images(
    imgs: Sequence[Any],
    num_rows: int,
    num_cols: int,
    titles: Sequence[str] | None = None,
    scale: float = 1.5,
):
    """Draw pictures in a grid and return its axes, `(num_rows * num_cols,)`; a single cell works too.

    Args:
        imgs: PIL pictures, arrays, or tensors `(H, W)` or `(H, W, 3)` on any device.
    """
    _, axes = plt.subplots(num_rows, num_cols, figsize=(num_cols * scale, num_rows * scale), squeeze=False)
    axes = axes.flatten()
    for i, (ax, img) in enumerate(zip(axes, imgs, strict=False)):
        ax.imshow(img.detach().cpu().numpy() if isinstance(img, Tensor) else img)
        ax.get_xaxis().set_visible(False)
        ax.get_yaxis().set_visible(False)
        if titles:
            ax.set_title(titles[i])
    return axes


def bbox_to_rect(bbox: Any, color: str):
    """Return matplotlib's rectangle of corners `(x1, y1, x2, y2)`, a tensor on any device or four numbers."""
    x1, y1, x2, y2 = (float(value) for value in bbox)
    return plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=2)


def show_bboxes(axes: Any, bboxes: Any, labels: Any = None, colors: Any = None) -> None:
    """Draw corners `(N, 4)` in the axes' unit, with labels at their upper left corners; none draws nothing."""
    labels = [] if labels is None else labels if isinstance(labels, (list, tuple)) else [labels]
    colors = ["b", "g", "r", "m", "c"] if colors is None else colors
    colors = colors if isinstance(colors, (list, tuple)) else [colors]
    for i, bbox in enumerate(as_numpy(bboxes)):
        color = colors[i % len(colors)]
        rect = book.bbox_to_rect(bbox, color)
        axes.add_patch(rect)
        if i < len(labels):
            axes.text(
                *rect.xy, labels[i], va="center", ha="center", fontsize=9,
                color="k" if color == "w" else "w", bbox={"facecolor": color, "lw": 0},
            )  # fmt: skip

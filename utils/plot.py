"""Everything that is drawn: one style, PNG, white ground, colours for the colour-blind, text beside each figure.

The only user of matplotlib and IPython. Figures are plain `matplotlib.figure.Figure` objects, so nothing is left
open and no global setting is touched; outside Jupyter the text equivalent is printed in place of the picture.
"""

from __future__ import annotations

import base64
import io
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from utils.history import History, Record

# Okabe and Ito's palette, darkest first: tellable apart with any colour vision and in grey.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=COLORS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E0E0E0",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "font.size": 10,
    "figure.facecolor": "white",
}
_DPI = 96


def figure(width: float = 6.4, height: float = 3.2, *, rows: int = 1, columns: int = 1, **options: Any):
    """Return `(figure, axes)` in the course's style: one Axes, or an array of them for several rows or columns.

    Args:
        width, height: inches.
        options: handed to `Figure.subplots`, such as `sharey=True`.
    """
    with matplotlib.rc_context(_STYLE):
        fig = Figure(figsize=(width, height), layout="constrained")
        return fig, fig.subplots(rows, columns, **options)


def show(fig: Figure, text: str) -> None:
    """Display a figure as PNG with its text equivalent, which screen readers and terminals get.

    Args:
        text: what a reader who cannot see the picture must know: what is drawn and what it shows.

    Raises:
        ValueError: if the text is empty.
    """
    if not text.strip():
        raise ValueError("a figure needs a text equivalent, got an empty one. Fix: say what it shows.")
    if get_ipython() is None:
        print(text)
        return
    data, metadata = _bundle(fig, text)
    display(data, raw=True, metadata=metadata)


def _bundle(fig: Figure, text: str) -> tuple[dict, dict]:
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        fig.savefig(buffer, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    text = " ".join(text.split())
    return {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": text}, {
        "image/png": {"alt": text}
    }


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    text: str = "",
    markers: bool = False,
    **axes_options: Any,
) -> None:
    """Draw lines by name, each `(x values, y values)`, told apart by colour and dash; show them.

    Args:
        text: what to see; ends of the lines are appended to it in numbers.
        markers: mark the points as well.
        axes_options: handed to `Axes.set`, such as `ylim=(0, 1)` or `yscale="log"`.
    """
    fig, ax = figure()
    _draw_lines(ax, lines, markers=markers)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, **axes_options)
    if len(lines) > 1:
        ax.legend()
    show(fig, " ".join(filter(None, (title and f"{title}.", text, f"{ylabel} by {xlabel}:", _ends(lines)))))


def _draw_lines(ax, lines, *, markers: bool) -> None:
    for i, (name, (x, y)) in enumerate(lines.items()):
        ax.plot(
            _array(x), _array(y), label=name, color=COLORS[i % len(COLORS)], linestyle=DASHES[i % len(DASHES)],
            marker=MARKERS[i % len(MARKERS)] if markers or len(x) == 1 else None, markersize=4,
        )  # fmt: skip


def _ends(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    parts = []
    for name, (_, y) in lines.items():
        values = _array(y).astype(float)
        if values.size:
            parts.append(f"{name} from {values[0]:.3g} to {values[-1]:.3g}")
    return "; ".join(parts) + "."


def compare(
    runs: Mapping[str, History], metric: str, *, title: str = "", text: str = "", **options: Any
) -> None:
    """Draw one metric of several runs over the epochs."""
    lines = {name: history.series(metric) for name, history in runs.items()}
    curves(lines, xlabel="epoch", ylabel=metric, title=title, text=text, markers=True, **options)


def show_images(
    images: Sequence[Any] | Tensor,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    size: float = 1.1,
    text: str = "",
    heading: str = "",
) -> None:
    """Show pictures in a grid.

    Args:
        images: tensors `(C, H, W)` or `(H, W)`, arrays `(H, W[, C])` or PIL pictures, of any sizes; uint8 or
            floats in [0, 1]. Empty input is a ValueError.
        titles: one a picture or fewer; None for none.
        columns: pictures in a row.
        size: inches a picture.
        text: what to see, before the list of titles.
        heading: title of the whole figure.
    """
    if len(images) == 0:
        raise ValueError("no pictures to show")
    titles = list(titles or [])
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    title_room = 0.22 if titles else 0.0
    fig, axes = figure(
        columns * size,
        rows * (size + title_room) + (0.3 if heading else 0),
        rows=rows,
        columns=columns,
        squeeze=False,
    )
    fig.suptitle(heading, x=0.01, ha="left", fontsize=11) if heading else None
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(images):
            picture = to_array(images[i])
            ax.imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
        if i < min(len(titles), len(images)):
            ax.set_title(titles[i], fontsize=8, loc="center", pad=2)
    listed = ", ".join(" ".join(str(title).split()) for title in titles[: len(images)] if title)
    count = f"{len(images)} pictures in {rows} row{'s' * (rows > 1)}"
    show(fig, " ".join(filter(None, (heading, text, count + (f": {listed}." if listed else ".")))))


def to_array(image: Any) -> np.ndarray:
    """Return a picture as `(H, W)` or `(H, W, 3)`, ready for imshow.

    Args:
        image: tensor `(C, H, W)` with C 1 or 3, or `(H, W)`; array `(H, W[, C])`; PIL picture.

    Raises:
        ValueError: for any other shape.
    """
    if isinstance(image, Tensor):
        array = (
            image.detach().cpu().float().numpy()
            if image.is_floating_point()
            else image.detach().cpu().numpy()
        )
        if array.ndim == 3:
            array = array.transpose(1, 2, 0)
    else:
        array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError(
            f"expected a picture (H, W), (C, H, W) as a tensor or (H, W, C) as an array with 1 or 3 channels, "
            f"got shape {tuple(image.shape) if hasattr(image, 'shape') else array.shape}"
        )
    return array.clip(0, 1) if array.dtype.kind == "f" and array.ndim == 3 else array


def draw_boxes(
    ax, boxes: Any, labels: Sequence[str] | None = None, *, colors: Sequence[str] | None = None
) -> None:
    """Draw boxes `(N, 4)`, corners (x1, y1, x2, y2) in pixels, on an Axes; empty input draws nothing.

    Args:
        labels: a text at the upper left corner of each box.
        colors: one a box, repeated; the palette by default.
    """
    corners = _array(boxes).reshape(-1, 4)
    colors = list(colors or COLORS)
    for i, (x1, y1, x2, y2) in enumerate(corners):
        color = colors[i % len(colors)]
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="white", linewidth=3.5))
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=2))
        if labels is not None and i < len(labels):
            ax.text(
                x1, y1, labels[i], color="white", fontsize=8, va="bottom",
                bbox={"facecolor": color, "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip


def show_boxes(
    image: Any, boxes: Any, labels: Sequence[str] | None = None, *, text: str, size: float = 4.0
) -> None:
    """Show one picture with boxes `(N, 4)`, corners in pixels; the text equivalent lists them."""
    picture = to_array(image)
    height, width = picture.shape[:2]
    fig, ax = figure(size * width / max(width, height), size * height / max(width, height))
    ax.imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
    ax.axis("off")
    draw_boxes(ax, boxes, labels)
    corners = _array(boxes).reshape(-1, 4).round().astype(int).tolist()
    names = list(labels) if labels is not None else []
    listed = "; ".join(
        f"{names[i] if i < len(names) else 'box'} {corner}" for i, corner in enumerate(corners[:12])
    )
    show(fig, f"{text} Boxes (x1, y1, x2, y2): {listed or 'none'}.")


def heatmap(
    matrix: Any,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    text: str,
    form: str = "{:.0f}",
    size: float = 0.45,
) -> None:
    """Show a matrix `(R, C)` as coloured cells with their numbers, dark for large values."""
    values = _array(matrix).astype(float)
    fig, ax = figure(1.2 + size * values.shape[1], 0.9 + size * 0.8 * values.shape[0])
    ax.imshow(values, cmap="Blues", aspect="auto", interpolation="nearest")
    ax.grid(False)
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right", fontsize=8)
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    limit = np.nanmin(values) + 0.6 * (np.nanmax(values) - np.nanmin(values))
    for (i, j), value in np.ndenumerate(values):
        color = "white" if value > limit else "black"
        ax.text(j, i, form.format(value), ha="center", va="center", fontsize=7, color=color)
    ax.set_title(title)
    show(fig, f"{title}. {text}")


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

    def follow(self, records) -> History:
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
        data, metadata = _bundle(fig, f"{seen}Training curves. {_progress(self.history)}")
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
            _draw_lines(ax, lines, markers=True)
            limits = {"ylim": self.ylim[quantity]} if quantity in self.ylim else {}
            last = self.epochs or max(2, self.history.last.epoch)
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


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().float().numpy() if isinstance(values, Tensor) else np.asarray(values)

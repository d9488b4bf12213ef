"""Figures of the course: one style, shown as PNG with their text equivalent; lines and heat maps."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from utils.history import History

# Okabe and Ito's palette: tellable apart with any colour vision. In grey, dashes and markers tell lines apart.
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
_FEW_COLORS = 4096


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
    data, metadata = bundle(fig, text)
    display(data, raw=True, metadata=metadata)


def bundle(fig: Figure, text: str) -> tuple[dict, dict]:
    """Return the data and the metadata that a front end displays: the PNG, and its text as plain text and alt."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        fig.savefig(buffer, format="png", dpi=_DPI, facecolor="white")
    text = " ".join(text.split())
    png = base64.b64encode(_compact(buffer)).decode()
    return {"image/png": png, "text/plain": text}, {"image/png": {"alt": text}}


def _compact(buffer: io.BytesIO) -> bytes:
    """The PNG with a palette if it is a drawing: a third of the size, no visible loss; photographs stay as they are."""
    picture = Image.open(buffer).convert("RGB")
    if picture.getcolors(_FEW_COLORS) is not None:
        picture = picture.quantize(256)
    smaller = io.BytesIO()
    picture.save(smaller, format="png", optimize=True)
    return smaller.getvalue()


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
    draw_lines(ax, lines, markers=markers)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, **axes_options)
    if xlabel == "epoch":
        ax.xaxis.get_major_locator().set_params(integer=True)
    if len(lines) > 1:
        ax.legend()
    show(fig, " ".join(filter(None, (title and f"{title}.", text, f"{ylabel} by {xlabel}:", _ends(lines)))))


def draw_lines(ax, lines, *, markers: bool) -> None:
    for i, (name, (x, y)) in enumerate(lines.items()):
        ax.plot(
            as_numpy(x), as_numpy(y), label=name, color=COLORS[i % len(COLORS)], linestyle=DASHES[i % len(DASHES)],
            marker=MARKERS[i % len(MARKERS)] if markers or len(x) == 1 else None, markersize=4,
        )  # fmt: skip


def _ends(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    parts = []
    for name, (_, y) in lines.items():
        values = as_numpy(y).astype(float)
        if values.size:
            parts.append(f"{name} from {values[0]:.3g} to {values[-1]:.3g}")
    return "; ".join(parts) + "."


def compare(
    runs: Mapping[str, History], metric: str, *, title: str = "", text: str = "", **options: Any
) -> None:
    """Draw one metric of several runs over the epochs."""
    lines = {name: history.series(metric) for name, history in runs.items()}
    curves(lines, xlabel="epoch", ylabel=metric, title=title, text=text, markers=True, **options)


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
    values = as_numpy(matrix).astype(float)
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


def as_numpy(values: Any) -> np.ndarray:
    return values.detach().cpu().float().numpy() if isinstance(values, Tensor) else np.asarray(values)

"""Pictures in grids, and boxes on pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from torch import Tensor

from utils.plot.figures import COLORS, as_numpy, figure, show


def show_images(
    images: Sequence[Any] | Tensor,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    size: float = 1.1,
    text: str = "",
    heading: str = "",
    stretch: bool = False,
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
        stretch: spread each grey picture's own range from black to white. Otherwise 0 is black and 1 (255 for
            bytes) is white in all of them, but for feature maps that go beyond.
    """
    if len(images) == 0:
        raise ValueError("no pictures to show")
    titles = titles.tolist() if isinstance(titles, Tensor) else titles or []
    titles = [str(title) for title in titles]
    pictures = [to_array(image) for image in images]
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    tallest = max(picture.shape[0] / max(picture.shape[1], 1) for picture in pictures)
    row_height = size * min(tallest, 1.0) + 0.22 * max(
        (str(title).count("\n") + 1 for title in titles), default=0
    )
    fig, axes = figure(
        columns * size,
        rows * row_height + (0.3 if heading else 0),
        rows=rows,
        columns=columns,
        squeeze=False,
    )
    fig.suptitle(heading, x=0.01, ha="left", fontsize=11) if heading else None
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(pictures):
            _draw_picture(ax, pictures[i], stretch=stretch)
        if i < min(len(titles), len(images)):
            ax.set_title(titles[i], fontsize=8, loc="center", pad=2)
    listed = ", ".join(" ".join(str(title).split()) for title in titles[: len(images)] if title)
    count = f"{len(images)} pictures in {rows} row{'s' * (rows > 1)}"
    show(fig, " ".join(filter(None, (heading, text, count + (f": {listed}." if listed else ".")))))


def _draw_picture(ax, picture: np.ndarray, *, stretch: bool = False) -> None:
    """Grey pictures run from 0 to 1, bytes from 0 to 255; matplotlib would stretch each to its own range."""
    grey = {"cmap": "gray"} if picture.ndim == 2 else {}
    top = 255 if picture.dtype == np.uint8 else 1
    if grey and not stretch and picture.size and picture.min() >= 0 and picture.max() <= top:
        grey |= {"vmin": 0, "vmax": top}
    ax.imshow(picture, interpolation="nearest", **grey)


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
    corners = as_numpy(boxes).reshape(-1, 4)
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
    _draw_picture(ax, picture)
    ax.axis("off")
    draw_boxes(ax, boxes, labels)
    corners = as_numpy(boxes).reshape(-1, 4).round().astype(int).tolist()
    names = list(labels) if labels is not None else []
    listed = "; ".join(
        f"{names[i] if i < len(names) else 'box'} {corner}" for i, corner in enumerate(corners[:12])
    )
    show(fig, f"{text} Boxes (x1, y1, x2, y2): {listed or 'none'}.")

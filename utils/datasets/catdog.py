"""The picture with a dog and a cat on which anchor boxes are explained: 728 wide, 561 high, composed at both scales."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from utils.datasets.backgrounds import background
from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of, generated, save_png, write_text
from utils.datasets.pictures import read_picture, read_table
from utils.datasets.scenes import Item, Scene, compose
from utils.datasets.sprites import sprite

VERSION = "1"
CLASSES = ("dog", "cat")
WIDTH, HEIGHT = 728, 561
COLUMNS = ("label", "xmin", "ymin", "xmax", "ymax")


class CatDog(NamedTuple):
    """The picture `(3, 561, 728)` uint8, boxes `(2, 4)` float32 corners in pixels, and their names."""

    image: Tensor
    boxes: Tensor
    names: tuple[str, ...]


def root() -> Path:
    """Return the folder with catdog.png and catdog.csv."""
    return generated("catdog", VERSION, _build)


def load_catdog() -> CatDog:
    """Return the picture with a box around the dog (first) and one around the cat.

    Example:
        >>> load_catdog().boxes.shape  # doctest: +SKIP
        torch.Size([2, 4])
    """
    rows = read_table(root() / "catdog.csv", COLUMNS)
    boxes = torch.tensor([[float(row[column]) for column in COLUMNS[1:]] for row in rows])
    return CatDog(read_picture(root() / "catdog.png"), boxes, tuple(row["label"] for row in rows))


def scene() -> Scene:
    """Compose the picture: label 0 the dog on the left, label 1 the cat on the right."""
    dice = Dice("catdog", 9)
    items = [
        Item(sprite("large", "noto-dog"), 0, (216, 300), 424, shadow="ground"),
        Item(sprite("large", "noto-cat"), 1, (568, 336), 334, shadow="ground"),
    ]
    return compose(background(dice, "meadow", (WIDTH, HEIGHT)), items)


def _build(folder: Path) -> str:
    made = scene()
    save_png(made.image, folder / "catdog.png")
    rows = [
        ",".join([CLASSES[label], *map(str, box)]) + "\n"
        for label, box in zip(made.labels.tolist(), np.asarray(made.boxes).tolist(), strict=True)
    ]
    write_text(folder / "catdog.csv", ",".join(COLUMNS) + "\n" + "".join(rows))
    return combine([digest_of(made.image, "".join(rows))])

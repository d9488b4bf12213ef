"""Banana detection: 256x256 pictures with boxes. `sample` is composed, `full` is the book's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from utils.datasets.backgrounds import Pool
from utils.datasets.batches import Batches
from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of, generated, in_order, save_png, write_text
from utils.datasets.pictures import read_picture, read_table
from utils.datasets.scenes import Item, Scene, compose, jitter
from utils.datasets.sprites import artists_of, drawn_by, group, sprite
from utils.settings import settings

VERSION = "1"
CLASSES = ("banana",)
COUNTS = {"train": 500, "val": 100}
"""Pictures at scale `sample`."""

SIDE = 256
PADDING = -1.0
COLUMNS = ("img_name", "label", "xmin", "ymin", "xmax", "ymax")
_THEMES = ("table", "outdoor", "table", "table")


def root(scale: str | None = None) -> Path:
    """Return the folder with bananas_train/ and bananas_val/, each with images/ and label.csv.

    Args:
        scale: `sample` or `full`; None takes COURSE_SCALE.
    """
    if (scale or settings.scale) == "full":
        from utils.datasets.download import fetch

        return fetch("bananas")
    return generated("bananas", VERSION, _build)


def load_bananas(
    batch_size: int = 32,
    *,
    seed: int = 0,
    device: torch.device | str | None = None,
    transform: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Batches, Batches]:
    """Return batches to train on and to validate on: x `(B, 3, 256, 256)` in [0, 1], y `(B, M, 5)`.

    A row of y is `[class, x1, y1, x2, y2]`, corners relative to the picture; rows of -1 fill up.

    Args:
        seed: of the order of the training batches.
        device: where to keep the pictures.
        transform: for the training batches only; it must leave the boxes true (colours, say).
    """
    train = Batches(
        *read_split("train"),
        batch_size=batch_size,
        shuffle=True,
        seed=seed,
        device=device,
        transform=transform,
    )
    return train, Batches(*read_split("val"), batch_size=batch_size, device=device)


def read_split(split: str, *, scale: str | None = None, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Return `images (N, 3, 256, 256)` uint8 and `labels (N, M, 5)` float32 of `train` or `val`.

    M is the largest number of bananas in a picture of the split; absent ones are rows of -1.

    Args:
        limit: read only the first pictures, in the order of their numbers.

    Raises:
        ValueError: for another split, or if the pictures differ in size.
    """
    if split not in COUNTS:
        raise ValueError(f"expected split 'train' or 'val', got {split!r}")
    folder = root(scale) / f"bananas_{split}"
    boxes: dict[str, list[list[float]]] = {}
    for row in read_table(folder / "label.csv", COLUMNS):
        boxes.setdefault(row["img_name"], []).append([float(row[column]) for column in COLUMNS[1:]])
    # By number, not by name: 10.png comes after 9.png, on every system.
    names = sorted(boxes, key=lambda name: (len(name), name))[:limit]
    pictures = list(in_order(lambda name: read_picture(folder / "images" / name), names))
    shapes = {tuple(picture.shape) for picture in pictures}
    if len(shapes) > 1:
        raise ValueError(f"{folder}: expected pictures of one size, found {sorted(shapes)}")
    height, width = pictures[0].shape[1:]
    return torch.stack(pictures), pad_boxes([boxes[name] for name in names], size=(height, width))


def read_masks(split: str, *, limit: int | None = None) -> list[Tensor]:
    """Return for each composed picture of `train` or `val` the visible pixels of its bananas, bool `(m, 256, 256)`.

    Row k belongs to row k of `read_split(split, scale="sample")`. Nothing is read: the scenes are composed again,
    which takes about 10 ms each. The book's pictures have no masks.

    Args:
        limit: only the first pictures.

    Raises:
        ValueError: for another split.
    """
    if split not in COUNTS:
        raise ValueError(f"expected split 'train' or 'val', got {split!r}")
    pool = _pool(split)

    def masks(number: int) -> Tensor:
        made = scene(split, number, pool)
        return torch.from_numpy(made.masks[made.labels == 0])

    return list(in_order(masks, range(COUNTS[split])[:limit]))


def pad_boxes(boxes: list[list[list[float]]], *, size: tuple[int, int]) -> Tensor:
    """Return labels `(N, M, 5)` with corners relative to the picture, from rows `[class, x1, y1, x2, y2]` in pixels.

    Args:
        boxes: one list of rows a picture, of any lengths; M is the longest. Nothing gives `(0, 0, 5)`.
        size: (height, width) in pixels.
    """
    longest = max((len(rows) for rows in boxes), default=0)
    labels = torch.full((len(boxes), longest, 5), PADDING)
    scale = torch.tensor([1, size[1], size[0], size[1], size[0]], dtype=torch.float32)
    for number, rows in enumerate(boxes):
        if rows:
            labels[number, : len(rows)] = torch.tensor(rows, dtype=torch.float32) / scale
    return labels


def scene(split: str, number: int, pool: Pool) -> Scene:
    """Compose one picture with one to three bananas (label 0) and up to two other foods (label -1, behind)."""
    dice = Dice("bananas", split, number)
    artists = artists_of("train" if split == "train" else "test")
    cells = dice.shuffled([(x, y) for x in (46, 128, 210) for y in (46, 128, 210)])
    others = [food for food in group("foods") if food != "banana"]
    items = []
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        artist = dice.choice(artists)
        items.append(_item(dice, artist, dice.choice(drawn_by(others, artist)), cells.pop(), -1))
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3))):
        items.append(_item(dice, dice.choice(artists), "banana", cells.pop(), 0))
    return compose(pool.draw(dice, dice.choice(_THEMES), (SIDE, SIDE)), items, visible=50)


def _item(dice: Dice, artist: str, concept: str, cell: tuple[int, int], label: int) -> Item:
    size = dice.integer(52, 104)
    # Whole bananas only: the box of a cut one would be a matter of taste.
    room = size * 3 // 4
    x, y = (min(SIDE - room, max(room, at + dice.integer(-26, 26))) for at in cell)
    return Item(
        sprite(artist, concept),
        label,
        (x, y),
        size,
        angle=dice.integer(0, 359),
        flip=dice.chance(50),
        gains=jitter(dice, 28),
        grey=dice.choice((0, 0, 0, 1)),
        shadow="cast",
    )


def _pool(split: str) -> Pool:
    return Pool(f"bananas {split}", _THEMES, count=36, size=(320, 320))


def _build(folder: Path) -> str:
    digests = []
    for split, count in COUNTS.items():
        pool = _pool(split)
        images = folder / f"bananas_{split}" / "images"
        images.mkdir(parents=True)

        def make(
            number: int, split: str = split, pool: Pool = pool, images: Path = images
        ) -> tuple[bytes, str]:
            made = scene(split, number, pool)
            save_png(made.image, images / f"{number}.png")
            rows = [
                f"{number}.png,0,{x1},{y1},{x2},{y2}\n"
                for (x1, y1, x2, y2), label in zip(made.boxes.tolist(), made.labels, strict=True)
                if label == 0
            ]
            return digest_of(made.image, "".join(rows)), "".join(rows)

        results = list(in_order(make, range(count)))
        digests += [digest for digest, _ in results]
        write_text(
            images.parent / "label.csv", ",".join(COLUMNS) + "\n" + "".join(rows for _, rows in results)
        )
    return combine(digests)

"""Hot dog or not: folders of pictures of many sizes, for fine-tuning. `sample` is composed, `full` is the book's."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from torch import Tensor

from utils.datasets.backgrounds import Pool
from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of, generated, in_order, save_png
from utils.datasets.pictures import read_resized
from utils.datasets.scenes import Item, jitter, paint
from utils.datasets.sprites import artists_of, drawn_by, group, sprite
from utils.settings import settings

VERSION = "1"
CLASSES = ("hotdog", "not-hotdog")
COUNTS = {"train": 300, "test": 100}
"""Pictures a class at scale `sample`."""

_THEMES = ("table", "table", "outdoor", "table", "room")
_ANIMALS = ["dog", "cat", "bird", "frog", "automobile", "bicycle"]


def root(scale: str | None = None) -> Path:
    """Return the folder with train/ and test/, each with hotdog/ and not-hotdog/; torchvision's ImageFolder reads it.

    Args:
        scale: `sample` or `full`; None takes COURSE_SCALE.

    Example:
        >>> ImageFolder(root() / "train").classes  # doctest: +SKIP
        ['hotdog', 'not-hotdog']
    """
    if (scale or settings.scale) == "full":
        from utils.datasets.download import fetch

        return fetch("hotdog")
    return generated("hotdog", VERSION, _build)


def files(split: str, *, scale: str | None = None) -> tuple[list[Path], list[int]]:
    """Return the sorted picture files of a split and their classes (0 hotdog, 1 not-hotdog).

    Args:
        split: `train` or `test`.

    Raises:
        ValueError: for another split.
    """
    if split not in COUNTS:
        raise ValueError(f"expected split 'train' or 'test', got {split!r}")
    paths, labels = [], []
    for label, name in enumerate(CLASSES):
        found = sorted((root(scale) / split / name).glob("*.png"))
        paths += found
        labels += [label] * len(found)
    return paths, labels


def read_split(split: str, *, size: int = 96, scale: str | None = None) -> tuple[Tensor, Tensor]:
    """Return `images (N, 3, size, size)` uint8 and `labels (N,)` int64 of `train` or `test`.

    Pictures are scaled to `size` on the shorter side and cut to the middle; the copies are cached.

    Raises:
        ValueError: for another split.
    """
    import torch

    paths, labels = files(split, scale=scale)
    return read_resized(paths, size), torch.tensor(labels)


def picture(split: str, label: int, number: int, pool: Pool) -> Image.Image:
    """Compose one picture of class `label`; the same arguments always give the same pixels."""
    dice = Dice("hotdog", split, label, number)
    artists = artists_of(split)
    size = (dice.integer(112, 196), dice.integer(112, 196))
    main = dice.choice(artists)
    others = [food for food in group("foods") if food != "hot-dog"]
    if label == 0:
        concept = "hot-dog"
    else:
        concept = dice.choice(drawn_by(_ANIMALS if dice.chance(12) else others, main))
    items = []
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        artist = dice.choice(artists)
        where = (dice.integer(0, size[0]), dice.integer(0, size[1]))
        items.append(_item(dice, artist, dice.choice(drawn_by(others, artist)), where, min(size), (28, 48)))
    middle = (size[0] * dice.integer(38, 62) // 100, size[1] * dice.integer(38, 62) // 100)
    items.append(_item(dice, main, concept, middle, min(size), (62, 105)))
    return paint(pool.draw(dice, dice.choice(_THEMES), size), items)


def _item(
    dice: Dice, artist: str, concept: str, where: tuple[int, int], side: int, share: tuple[int, int]
) -> Item:
    return Item(
        sprite(artist, concept),
        0,
        where,
        side * dice.integer(*share) // 100,
        angle=dice.integer(0, 359) if concept == "hot-dog" or dice.chance(30) else dice.integer(-25, 25),
        flip=dice.chance(50),
        gains=jitter(dice),
        grey=dice.choice((0, 0, 1, 3)),
        shadow="cast",
    )


def _build(folder: Path) -> str:
    jobs = [(split, label, n) for split, count in COUNTS.items() for label in (0, 1) for n in range(count)]
    pools = {split: Pool(f"hotdog {split}", _THEMES, count=45, size=(240, 240)) for split in COUNTS}
    for split in COUNTS:
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True)

    def make(job: tuple[str, int, int]) -> bytes:
        split, label, number = job
        made = picture(split, label, number, pools[split])
        save_png(made, folder / split / CLASSES[label] / f"{number}.png")
        return digest_of(f"{split}/{CLASSES[label]}/{number}", str(made.size), made.tobytes())

    return combine(in_order(make, jobs))

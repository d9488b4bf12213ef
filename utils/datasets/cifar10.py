"""Ten classes at 32x32, as torchvision reads them and as the competition hands them out; composed at `sample`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from utils.datasets.backgrounds import Pool
from utils.datasets.batches import Batches, Splits, hold_out
from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of, generated, in_order, save_png, write_text
from utils.datasets.pictures import read_picture, read_table
from utils.datasets.scenes import Item, jitter, paint
from utils.datasets.sprites import artists_of, drawn_by, group, sprite
from utils.settings import settings

VERSION = "1"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
COUNTS = {"train": 5000, "test": 1000}
TINY_COUNTS = {"train": 1000, "test": 300}
"""Pictures at scale `sample`, classes balanced."""

SIDE = 32
FOLDER = "cifar-10-batches-py"
_TRAIN_FILES = tuple(f"data_batch_{number}" for number in range(1, 6))
_TABLES = (("train", "trainLabels.csv"), ("test", "solution.csv"))
_THEMES = {
    "airplane": ("sky", "sky", "meadow"),
    "automobile": ("road", "road", "meadow"),
    "bird": ("sky", "meadow", "outdoor"),
    "cat": ("room", "outdoor", "room"),
    "deer": ("meadow", "outdoor"),
    "dog": ("meadow", "room", "outdoor"),
    "frog": ("outdoor", "sea", "meadow"),
    "horse": ("meadow", "outdoor"),
    "ship": ("sea", "sea", "sky"),
    "truck": ("road", "road", "meadow"),
}


def root(scale: str | None = None) -> Path:
    """Return the folder that holds cifar-10-batches-py/, with the five training files, test_batch and batches.meta.

    Args:
        scale: `sample` or `full`; None takes COURSE_SCALE.
    """
    if (scale or settings.scale) == "full":
        from utils.datasets.download import fetch

        return fetch("cifar10")
    return generated("cifar10", VERSION, _build)


def tiny_root(scale: str | None = None) -> Path:
    """Return the folder of the competition's layout: train/N.png, test/N.png, trainLabels.csv (id, label).

    At `sample` there is also solution.csv with the labels of test/, which the real competition keeps to itself.
    """
    if (scale or settings.scale) == "full":
        from utils.datasets.download import fetch

        return fetch("cifar10-tiny")
    return generated("cifar10-tiny", VERSION, _build_tiny)


def competition_root(scale: str | None = None) -> Path:
    """Return a folder like `tiny_root`, with solution.csv at both scales.

    At `full` it holds the 50,000 + 10,000 pictures of the real set, written out once in the competition's layout: the
    competition itself has 290,000 more test pictures that do not count, and keeps its labels.
    """
    if (scale or settings.scale) == "full":
        return generated("cifar10-competition", VERSION, _build_real)
    return tiny_root(scale)


def load_cifar10(
    batch_size: int = 128,
    *,
    valid: int = 0,
    seed: int = 0,
    device: torch.device | str | None = None,
    transform: Callable[[Tensor], Tensor] | None = None,
    normalize: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Splits:
    """Return batches of x `(B, 3, 32, 32)` float32 and y `(B,)` int64: train, valid (or None) and test.

    Args:
        valid: how many training examples to hold out.
        seed: of the hold-out split and of the order of the training batches.
        device: where to keep the pictures.
        transform: augmentation of the training batches only.
        normalize: (mean, std) a channel, for all batches.
    """
    common = {"batch_size": batch_size, "device": device, "normalize": normalize}
    train = Batches(*read_split("train"), shuffle=True, seed=seed, transform=transform, **common)
    return Splits(*hold_out(train, valid=valid, seed=seed), Batches(*read_split("test"), **common))


def read_split(split: str, *, scale: str | None = None) -> tuple[Tensor, Tensor]:
    """Return `images (N, 3, 32, 32)` uint8 and `labels (N,)` int64 of `train` or `test`.

    Raises:
        ValueError: for another split.
        FileNotFoundError: if a file of the set is missing.
    """
    if split not in COUNTS:
        raise ValueError(f"expected split 'train' or 'test', got {split!r}")
    folder = root(scale) / FOLDER
    images, labels = [], []
    for name in _TRAIN_FILES if split == "train" else ("test_batch",):
        with (folder / name).open("rb") as file:
            # Pickle runs what it reads: these bytes were made here, or had their hash checked by the downloader.
            entry = pickle.load(file, encoding="latin1")
        images.append(np.asarray(entry["data"], dtype=np.uint8).reshape(-1, 3, SIDE, SIDE))
        labels += entry["labels"]
    return torch.from_numpy(np.concatenate(images)), torch.tensor(labels)


def read_competition(part: str, *, scale: str | None = None) -> tuple[list[str], Tensor, Tensor | None]:
    """Return `ids`, `images (N, 3, 32, 32)` uint8 and `labels (N,)` of the competition's `train` or `test` folder.

    Ids are in the order of their numbers on every system. The labels of `test` are None: the competition hides them.

    Raises:
        ValueError: for another part, or an unknown label.
    """
    if part not in TINY_COUNTS:
        raise ValueError(f"expected part 'train' or 'test', got {part!r}")
    folder = tiny_root(scale)
    ids = sorted((path.stem for path in (folder / part).glob("*.png")), key=lambda name: (len(name), name))
    images = torch.stack(list(in_order(lambda name: read_picture(folder / part / f"{name}.png"), ids)))
    if part == "test":
        return ids, images, None
    named = {row["id"]: row["label"] for row in read_table(folder / "trainLabels.csv", ("id", "label"))}
    unknown = sorted(set(named.values()) - set(CLASSES))
    if unknown:
        raise ValueError(f"{folder / 'trainLabels.csv'}: expected labels {CLASSES}, found {unknown}")
    return ids, images, torch.tensor([CLASSES.index(named[name]) for name in ids])


def picture(split: str, number: int, pool: Pool) -> Image.Image:
    """Compose picture `number` of a split; its class is number % 10."""
    name = CLASSES[number % len(CLASSES)]
    dice = Dice("cifar10", split, number)
    artist = dice.choice(artists_of(split))
    item = Item(
        sprite(artist, dice.choice(drawn_by(group("cifar10")[name], artist))),
        0,
        (dice.integer(13, 19), dice.integer(13, 19)),
        dice.integer(21, 33),
        angle=dice.integer(-18, 18),
        flip=dice.chance(50),
        gains=jitter(dice, 48),
        grey=dice.integer(0, 5),
    )
    return paint(pool.draw(dice, dice.choice(_THEMES[name]), (SIDE, SIDE)), [item])


def _pool(split: str) -> Pool:
    themes = tuple(sorted({theme for options in _THEMES.values() for theme in options}))
    return Pool(f"cifar10 {split}", themes, count=60, size=(112, 112))


def _pictures(split: str, count: int) -> np.ndarray:
    pool = _pool(split)

    # Many at a time, for handing over a picture to a thread costs as much as drawing a tiny one.
    def some(start: int) -> np.ndarray:
        return np.stack([np.asarray(picture(split, n, pool)) for n in range(start, min(start + 50, count))])

    return np.concatenate(list(in_order(some, range(0, count, 50))))


def _build(folder: Path) -> str:
    (folder / FOLDER).mkdir()
    train, test = (_pictures(split, count) for split, count in COUNTS.items())
    share = len(train) // len(_TRAIN_FILES)
    parts = {name: train[at * share : (at + 1) * share] for at, name in enumerate(_TRAIN_FILES)}
    for name, pixels in {**parts, "test_batch": test}.items():
        data = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
        entry = {"batch_label": name, "data": data, "labels": [n % len(CLASSES) for n in range(len(pixels))]}
        with (folder / FOLDER / name).open("wb") as file:
            pickle.dump(entry, file, protocol=4)
    with (folder / FOLDER / "batches.meta").open("wb") as file:
        pickle.dump(
            {"label_names": list(CLASSES), "num_cases_per_batch": share, "num_vis": 3072}, file, protocol=4
        )
    return combine([digest_of(train), digest_of(test)])


def _build_tiny(folder: Path) -> str:
    digests = []
    for part, table in _TABLES:
        pixels = _pictures(part, TINY_COUNTS[part])
        order = Dice("cifar10-tiny", part).shuffled(range(len(pixels)))
        labels = [number % len(CLASSES) for number in order]
        digests.append(_write_part(folder, part, table, pixels[order], labels))
    return combine(digests)


def _build_real(folder: Path) -> str:
    digests = []
    for part, table in _TABLES:
        images, labels = read_split(part, scale="full")
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        digests.append(_write_part(folder, part, table, pixels, labels.tolist()))
    return combine(digests)


def _write_part(folder: Path, part: str, table: str, pixels: np.ndarray, labels: list[int]) -> bytes:
    """Write pictures 1.png, 2.png ... and their table; return the digest."""
    (folder / part).mkdir()
    rows = "".join(f"{row},{CLASSES[label]}\n" for row, label in enumerate(labels, start=1))
    for row, picture in enumerate(pixels, start=1):
        save_png(picture, folder / part / f"{row}.png")
    write_text(folder / table, "id,label\n" + rows)
    return digest_of(pixels, rows)

"""Fashion-MNIST: 28x28 grey pictures of ten kinds of clothing, real at both scales (10,000 + 2,000, or all)."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from utils.datasets.batches import Batches, Splits, hold_out
from utils.settings import SCALES, settings

CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
_SYSTEM_COPY = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
_FILES = {"train": "train", "test": "t10k"}


def load_fashion_mnist(
    batch_size: int = 256,
    *,
    resize: int | None = None,
    valid: int = 0,
    seed: int = 0,
    device: torch.device | str | None = None,
    transform: Callable[[Tensor], Tensor] | None = None,
) -> Splits:
    """Return the data set in batches of `(x, y)`: x `(B, 1, H, W)` float32 in [0, 1], y `(B,)` int64.

    Args:
        resize: side in pixels to enlarge the pictures to, as the book does for the larger nets. The enlarged
            uint8 pictures are made once a session; pixel for pixel torchvision's `Resize` on a PIL image.
        valid: how many training examples to hold out, so that the test set can stay untouched until the end.
        seed: of the hold-out split and of the order of the training batches.
        device: where to keep the pictures.
        transform: augmentation for the training batches only.

    Raises:
        FileNotFoundError: if a file of the data set is missing.
        ValueError: if a file is damaged, or `valid` is larger than the training set.
    """
    common = {"batch_size": batch_size, "device": device}
    train = Batches(
        *read_split("train", resize=resize), shuffle=True, seed=seed, transform=transform, **common
    )
    test = Batches(*read_split("test", resize=resize), **common)
    return Splits(*hold_out(train, valid=valid, seed=seed), test)


def read_split(split: str, *, resize: int | None = None, scale: str | None = None) -> tuple[Tensor, Tensor]:
    """Return `images (N, 1, H, W)` uint8 and `labels (N,)` int64 of `train` or `test`; do not write into them.

    Args:
        resize: side in pixels, or None for 28.
        scale: `sample` or `full`; None takes COURSE_SCALE.

    Raises:
        FileNotFoundError, ValueError: as in `load_fashion_mnist`.
    """
    if split not in _FILES:
        raise ValueError(f"unknown split {split!r}, expected 'train' or 'test'")
    return _read_split(split, resize, str(root(scale)))


@lru_cache(maxsize=8)
def _read_split(split: str, resize: int | None, folder: str) -> tuple[Tensor, Tensor]:
    images = read_idx(Path(folder) / f"{_FILES[split]}-images-idx3-ubyte.gz")
    labels = read_idx(Path(folder) / f"{_FILES[split]}-labels-idx1-ubyte.gz")
    if len(images) != len(labels):
        raise ValueError(
            f"{folder}: expected one label an image, got {len(images)} images, {len(labels)} labels"
        )
    if len(labels) and labels.max() >= len(CLASSES):
        raise ValueError(f"{folder}: expected labels 0..9, got {int(labels.max())}. Fix: restore the file.")
    if resize is not None and resize != images.shape[-1]:
        images = resize_images(images, resize)
    return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()


def root(scale: str | None = None) -> Path:
    """Return the folder of the four IDX files: the committed sample, or the whole set, fetched if need be."""
    scale = scale or settings.scale
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}, expected one of {SCALES}")
    if scale == "sample":
        return settings.sample_root / "fashion-mnist"
    if _SYSTEM_COPY.is_dir():
        return _SYSTEM_COPY
    from utils.datasets.download import fetch  # only the full scale needs the downloader

    return fetch("fashion-mnist")


def read_idx(path: Path) -> np.ndarray:
    """Return the uint8 array of a gzipped IDX file (the format of MNIST), writable.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it is no IDX file of bytes, or its length does not fit its header.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing. Fix: `git checkout -- data/sample` restores the sample, "
            "`make data` fetches the real set, COURSE_DATA names another folder."
        )
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}). Fix: restore or fetch it again.") from None
    dims = content[3] if len(content) > 4 and content[:3] == b"\0\0\x08" else 0
    shape = struct.unpack(f">{dims}i", content[4 : 4 + 4 * dims]) if len(content) >= 4 + 4 * dims else ()
    expected = 4 + 4 * dims + math.prod(shape)
    if not dims or len(content) != expected:
        raise ValueError(
            f"{path}: expected an IDX file of {expected:,} bytes, got {len(content):,} bytes. "
            "Fix: restore or fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dims).reshape(shape).copy()


def resize_images(images: np.ndarray, side: int) -> np.ndarray:
    """Resize grey pictures `(N, H, W)` uint8 to `(N, side, side)` bilinearly; empty input gives an empty array.

    PIL does the work, as it does in torchvision's `Resize` on a PIL image, so that the pixels are equal to the
    book's; it lets go of the interpreter lock, so threads use all cores.
    """
    if side < 1:
        raise ValueError(f"expected a side of at least 1 pixel, got resize={side}")
    result = np.empty((len(images), side, side), np.uint8)

    def resize_chunk(start: int) -> None:
        for i in range(start, min(start + 512, len(images))):
            picture = Image.fromarray(images[i]).resize((side, side), Image.Resampling.BILINEAR)
            result[i] = np.asarray(picture)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(resize_chunk, range(0, len(images), 512)))
    return result

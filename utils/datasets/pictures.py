"""Reading picture files: always three channels, uint8, and a cache for resized copies of whole folders."""

from __future__ import annotations

import csv
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from utils.datasets.generate import in_order
from utils.settings import settings


def read_picture(path: Path) -> Tensor:
    """Return a picture `(3, H, W)` uint8; grey, palette and transparent files become RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a picture.
    """
    return torch.from_numpy(_pixels(path)).permute(2, 0, 1).contiguous()


def read_resized(paths: Sequence[Path], size: int, *, cache: bool = True) -> Tensor:
    """Return many pictures at one size, `(N, 3, size, size)` uint8: shorter side to `size`, then the middle.

    Pixel for pixel what torchvision's `Resize(size)` and `CenterCrop(size)` give for PIL pictures. The result is kept
    in `settings.data_root / "cache"`; a changed or replaced file makes a new entry. No paths give `(0, 3, size, size)`.

    Args:
        size: pixels, at least 1.
        cache: False neither reads nor writes the cache.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if size is below 1 or a file is not a picture.
    """
    if size < 1:
        raise ValueError(f"expected a size of at least 1 pixel, got {size}")
    stored = settings.data_root / "cache" / f"{_key(paths, size)}.npy"
    if cache and stored.is_file():
        return torch.from_numpy(np.load(stored))
    pixels = np.zeros((len(paths), 3, size, size), dtype=np.uint8)
    for row, picture in enumerate(in_order(lambda path: _resize(_open(path), size), paths)):
        pixels[row] = picture.transpose(2, 0, 1)
    if cache and len(paths):
        _store(pixels, stored)
    return torch.from_numpy(pixels)


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a column is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or [])]
        if missing:
            raise ValueError(f"{path}: expected columns {list(columns)}, found {reader.fieldnames}")
        return list(reader)


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(
            f"{path} is not a picture that can be read: {error}. Fix: delete the set's folder."
        ) from error


def _pixels(path: Path) -> np.ndarray:
    return np.array(_open(path))


def _resize(picture: Image.Image, size: int) -> np.ndarray:
    # Imported late: torchvision's transforms take half a second, and most readers do without.
    from torchvision.transforms.v2 import functional

    resized = functional.resize(picture, [size])
    return np.asarray(functional.center_crop(resized, [size, size]))


def _key(paths: Sequence[Path], size: int) -> str:
    hasher = hashlib.blake2b(f"middle {size}".encode(), digest_size=12)
    for path in paths:
        facts = path.stat()
        hasher.update(f"{path}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
    return hasher.hexdigest()


def _store(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, pixels)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise

"""`download` and `download_extract`: the data kit at scale `sample`, hash-checked fetching at `full`.

A name of DATA_HUB that carries the book's own hash stands for one of the course's sets, which has the real set's
folders and files at both scales. Any other entry, a reader's own say, goes to the book's downloader.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from utils.d2l.installed import book
from utils.datasets import bananas, cifar10, dogs, hotdog, houses, registry, voc
from utils.settings import settings

__all__ = ["download", "download_all", "download_extract"]


class _Place(NamedTuple):
    """Where a set of DATA_HUB is found: its registry name, folder, and for a table the file."""

    registered: str
    root: Callable[[], Path]
    file: str = ""
    written_into: bool = False


_PLACES = {
    "hotdog": _Place("hotdog", hotdog.root),
    "banana-detection": _Place("bananas", bananas.root),
    "voc2012": _Place("voc", voc.root),
    # The book sorts the pictures of the competitions into new folders below these two.
    "cifar10_tiny": _Place("cifar10-tiny", cifar10.tiny_root, written_into=True),
    "dog_tiny": _Place("dogs", dogs.root, written_into=True),
    "kaggle_house_train": _Place("houses", houses.root, "kaggle_house_pred_train.csv"),
    "kaggle_house_test": _Place("houses", houses.root, "kaggle_house_pred_test.csv"),
}

_book_download, _book_download_extract = book.download, book.download_extract


def download(name: str, cache_dir: str = os.path.join("..", "data")) -> str:
    """Return the path of a file (or, for a set that the book packs, of its folder) of DATA_HUB.

    Args:
        name: key of DATA_HUB.
        cache_dir: where files that the course does not know are put.

    Raises:
        AssertionError: if DATA_HUB has no such name, as in the book.
        FileNotFoundError: at `full`, if no host has the file.
    """
    place = _known(name)
    if place is None:
        return _book_download(name, cache_dir)
    return str(_folder(name, place) / place.file)


def download_extract(name: str, folder: str | None = None) -> str:
    """Return the folder of an unpacked set of DATA_HUB.

    Args:
        name: key of DATA_HUB.
        folder: inside the archive, for sets that the course does not know; those it knows lead there already.
    """
    place = _known(name)
    return _book_download_extract(name, folder) if place is None else str(_folder(name, place))


def download_all() -> None:
    """Fetch or compose everything in DATA_HUB."""
    for name in book.DATA_HUB:
        download(name)


def _known(name: str) -> _Place | None:
    place = _PLACES.get(name)
    if place is None or name not in book.DATA_HUB:
        return None
    hashes = {
        digest.partition(":")[2] for file in registry.lookup(place.registered).files for digest in file.hashes
    }
    return place if book.DATA_HUB[name][1] in hashes else None


def _folder(name: str, place: _Place) -> Path:
    root = place.root()
    if not place.written_into:
        return root
    copy = settings.generated_root / "d2l" / f"{name}-{root.name}"
    if not copy.is_dir():
        scratch = copy.with_name(f".{copy.name}.{os.getpid()}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(root, scratch)
        try:
            os.replace(scratch, copy)
        except OSError:  # another process was faster
            shutil.rmtree(scratch, ignore_errors=True)
    return copy

"""Small files in the layout of every real set, and what whole and absent look like."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

from utils.datasets import download, registry
from utils.datasets.download import find_present
from utils.datasets.registry import REGISTRY

NOISE = random.Random(0).randbytes(300_000)  # does not compress: the archive is about as large


HOTDOG = {
    f"hotdog/{split}/{kind}/{i}.png": NOISE[i * 9000 : (i + 1) * 9000] + f"{split}{kind}".encode()
    for split in ("train", "test")
    for kind in ("hotdog", "not-hotdog")
    for i in range(8)
}


LAYOUTS = {
    "hotdog": HOTDOG,
    "bananas": {
        f"banana-detection/bananas_{split}/{path}": split.encode()
        for split in ("train", "val")
        for path in ("images/0.png", "label.csv")
    },
    "cifar10": {
        f"cifar-10-batches-py/{part}": part.encode()
        for part in ("data_batch_1", "test_batch", "batches.meta")
    },
    "cifar10-tiny": {
        f"kaggle_cifar10_tiny/{path}": b"x" for path in ("train/1.png", "test/1.png", "trainLabels.csv")
    },
    "dogs": {f"kaggle_dog_tiny/{path}": b"x" for path in ("train/a.jpg", "test/b.jpg", "labels.csv")},
    "fashion-mnist": {
        file.name: gzip.compress(file.name.encode()) for file in REGISTRY["fashion-mnist"].files
    },
    "houses": {file.name: b"Id,SalePrice\n1,2\n" for file in REGISTRY["houses"].files},
    "voc": {
        f"VOCdevkit/VOC2012/{path}": b"x"
        for path in (
            "JPEGImages/a.jpg",
            "SegmentationClass/a.png",
            "ImageSets/Segmentation/train.txt",
            "ImageSets/Segmentation/val.txt",
        )
    },
}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != download.STAMP
    }


def assert_nothing_whole(full_root: Path, name: str = "hotdog") -> None:
    """Neither the set, nor a half-made folder, nor an archive under its final name."""
    assert find_present(registry.lookup(name)) is None
    assert not (full_root / name).exists()
    assert not list(full_root.glob(".building*"))
    archives = [
        path.name for path in (full_root / "downloads").glob("*") if path.suffix not in (".lock", ".part")
    ]
    assert archives == []


def assert_whole(root: Path) -> None:
    assert tree(root) == {path.removeprefix("hotdog/"): content for path, content in HOTDOG.items()}

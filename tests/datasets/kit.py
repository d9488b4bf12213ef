"""What the tests of the data sets share: small editions of the composed sets, and bytes of small pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils.datasets import bananas, catdog, cifar10, dogs, hotdog, houses, voc

ROOTS: dict[str, Callable[..., Path]] = {
    "hotdog": hotdog.root,
    "bananas": bananas.root,
    "catdog": catdog.root,
    "cifar10": cifar10.root,
    "cifar10-tiny": cifar10.tiny_root,
    "voc": voc.root,
    "dogs": dogs.root,
    "houses": houses.root,
}

SMALL_COUNTS = (
    (hotdog, "COUNTS", {"train": 6, "test": 3}),
    (bananas, "COUNTS", {"train": 12, "val": 4}),
    (cifar10, "COUNTS", {"train": 50, "test": 20}),
    (cifar10, "TINY_COUNTS", {"train": 30, "test": 12}),
    (voc, "COUNTS", {"train": 40, "val": 6}),
    (dogs, "COUNTS", {"train": 3, "test": 2}),
    (houses, "COUNTS", {"train": 300, "test": 40}),
)


@pytest.fixture(scope="module")
def small_sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point the course at an empty data folder, and let the composed sets be small."""
    folder = tmp_path_factory.mktemp("course data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(folder))
        patch.delenv("COURSE_SCALE", raising=False)
        for module, name, counts in SMALL_COUNTS:
            patch.setattr(module, name, counts)
        yield folder


def picture_bytes(kind: str, size: tuple[int, int], *, seed: int = 0, mode: str = "RGB") -> bytes:
    """Return a file of random pixels; size is (width, height)."""
    random = np.random.default_rng(seed)
    channels = () if mode in ("L", "P") else (len(mode),)
    pixels = random.integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    out = io.BytesIO()
    picture = Image.fromarray(pixels)
    if mode == "P":
        picture.putpalette([level for level in range(256) for _ in range(3)])
    picture.save(out, kind)
    return out.getvalue()

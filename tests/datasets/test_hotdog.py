"""Hot dog or not, at both scales."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kit import picture_bytes, small_sets  # noqa: F401
from torchvision.datasets import ImageFolder

from utils.datasets import hotdog
from utils.datasets.pictures import read_picture


@pytest.mark.usefixtures("small_sets")
class TestSample:
    def test_layout_is_an_image_folder(self) -> None:
        for split, count in hotdog.COUNTS.items():
            folder = ImageFolder(hotdog.root() / split)
            assert folder.classes == list(hotdog.CLASSES)
            assert [label for _, label in folder.samples].count(0) == count
            assert len(folder) == 2 * count

    def test_sizes_and_shapes_vary(self) -> None:
        sizes = [tuple(read_picture(path).shape[1:]) for path in hotdog.files("train")[0]]
        assert len(set(sizes)) > len(sizes) // 2
        assert all(100 <= side <= 200 for size in sizes for side in size)
        assert any(width > height for height, width in sizes)
        assert any(width < height for height, width in sizes)

    def test_read_split(self) -> None:
        images, labels = hotdog.read_split("test", size=40)
        assert images.shape == (6, 3, 40, 40)
        assert images.dtype == torch.uint8
        assert labels.tolist() == [0, 0, 0, 1, 1, 1]
        again, _ = hotdog.read_split("test", size=40)
        assert torch.equal(images, again)

    def test_what_is_on_the_disk_is_what_was_composed(self) -> None:
        pool = hotdog.Pool("hotdog test", hotdog._THEMES, count=45, size=(240, 240))
        stored = read_picture(hotdog.root() / "test" / "not-hotdog" / "1.png")
        assert (stored.permute(1, 2, 0).numpy() == np.asarray(hotdog.picture("test", 1, 1, pool))).all()

    def test_unknown_split(self) -> None:
        with pytest.raises(ValueError, match="'train' or 'test'"):
            hotdog.read_split("valid")


def test_full_scale(serve_archive, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {}
    for split, count in (("train", 3), ("test", 2)):
        for name in hotdog.CLASSES:
            for number in range(count):
                size = (40 + 7 * number, 60 - 9 * number)
                files[f"hotdog/{split}/{name}/{number}.png"] = picture_bytes("PNG", size, seed=number)
    serve_archive("hotdog", files)
    monkeypatch.setenv("COURSE_SCALE", "full")
    images, labels = hotdog.read_split("train", size=24)
    assert images.shape == (6, 3, 24, 24)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert ImageFolder(hotdog.root() / "test").classes == list(hotdog.CLASSES)

"""Reading picture files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from kit import picture_bytes
from PIL import Image
from torchvision.transforms import v2

from utils.datasets import pictures
from utils.datasets.pictures import read_picture, read_resized, read_table


@pytest.fixture(autouse=True)
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA"])
def test_any_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(picture_bytes("PNG", (7, 5), mode=mode))
    picture = read_picture(path)
    assert picture.shape == (3, 5, 7)
    assert picture.dtype == torch.uint8
    assert picture.is_contiguous()
    if mode in ("L", "P"):
        assert torch.equal(picture[0], picture[1])


def test_jpeg_like_pil(tmp_path: Path) -> None:
    path = tmp_path / "grey.jpg"
    path.write_bytes(picture_bytes("JPEG", (9, 6), mode="L"))
    with Image.open(path) as expected:
        assert (read_picture(path).permute(1, 2, 0).numpy() == np.asarray(expected.convert("RGB"))).all()


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.png")
    (tmp_path / "page.png").write_bytes(b"<html>")
    with pytest.raises(ValueError, match=r"page\.png is not a picture"):
        read_picture(tmp_path / "page.png")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(picture_bytes("JPEG", (64, 64))[:300])
    with pytest.raises(ValueError, match=r"cut\.jpg is not a picture"):
        read_picture(cut)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        read_resized([], 0)


@pytest.mark.parametrize("size", [1, 8, 24, 50])
def test_resized_is_pixel_for_pixel_torchvisions(size: int, tmp_path: Path) -> None:
    transform = v2.Compose([v2.Resize(size), v2.CenterCrop(size)])
    paths = []
    for number, (width, height) in enumerate(((40, 30), (30, 41), (24, 24), (9, 60), (60, 9))):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(picture_bytes("PNG", (width, height), seed=number))
    found = read_resized(paths, size)
    assert found.shape == (5, 3, size, size)
    for path, picture in zip(paths, found, strict=True):
        with Image.open(path) as original:
            expected = np.asarray(transform(original.convert("RGB")))
        assert (picture.permute(1, 2, 0).numpy() == expected).all()


def test_the_cache_is_used_and_notices_changed_files(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(picture_bytes("PNG", (20, 20), seed=1))
    first = read_resized([path], 10)
    assert len(list((data_root / "cache").iterdir())) == 1
    monkeypatch.setattr(pictures, "_open", None)
    assert torch.equal(read_resized([path], 10), first)
    monkeypatch.undo()
    monkeypatch.setenv("COURSE_DATA", str(data_root))
    path.write_bytes(picture_bytes("PNG", (20, 20), seed=2))
    os.utime(path, ns=(1, 1))
    assert not torch.equal(read_resized([path], 10), first)


def test_without_cache_nothing_is_written(tmp_path: Path, data_root: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(picture_bytes("PNG", (20, 20)))
    assert read_resized([path], 4, cache=False).shape == (1, 3, 4, 4)
    assert read_resized([], 4).shape == (0, 3, 4, 4)
    assert not data_root.exists()


def test_a_failed_write_leaves_no_part(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(picture_bytes("PNG", (20, 20)))

    def full(file: object, array: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pictures.np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        read_resized([path], 4)
    assert list((data_root / "cache").iterdir()) == []


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffid,label\n1,cat\n2,dog\n", encoding="utf-8")
    assert read_table(path, ("id", "label")) == [{"id": "1", "label": "cat"}, {"id": "2", "label": "dog"}]
    with pytest.raises(ValueError, match="expected columns"):
        read_table(path, ("id", "breed"))
    path.write_text("")
    with pytest.raises(ValueError, match="expected columns"):
        read_table(path, ("id",))
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv", ())

"""Banana detection, at both scales."""

from __future__ import annotations

import pytest
import torch
from kit import picture_bytes, small_sets  # noqa: F401
from torchvision.ops import masks_to_boxes

from utils.datasets import bananas
from utils.datasets.bananas import PADDING, load_bananas, pad_boxes, read_masks, read_split


@pytest.mark.usefixtures("small_sets")
class TestSample:
    def test_images_and_labels(self) -> None:
        images, labels = read_split("train")
        assert images.shape == (12, 3, 256, 256)
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.float32
        real = labels[..., 0] >= 0
        # As wide as the picture with the most bananas, and no wider.
        assert labels.shape == (12, int(real.sum(dim=1).max()), 5)
        assert real.any(dim=1).all(), "a picture without a banana"
        assert (labels[~real] == PADDING).all()
        assert len(set(real.sum(dim=1).tolist())) > 1, "the number of bananas varies"
        rows = labels[real]
        assert (rows[:, 0] == 0).all()
        assert ((rows[:, 1:] >= 0) & (rows[:, 1:] <= 1)).all()
        assert (rows[:, 3:] - rows[:, 1:3] > 0.05).all()

    def test_boxes_fit_the_composed_bananas(self) -> None:
        pool = bananas.Pool("bananas train", bananas._THEMES, count=36, size=(320, 320))
        _, labels = read_split("train")
        made = bananas.scene("train", 5, pool)
        expected = torch.from_numpy(made.boxes[made.labels == 0]).float() / 256
        assert torch.equal(labels[5][labels[5, :, 0] >= 0][:, 1:], expected)

    def test_masks_belong_to_the_boxes(self) -> None:
        for split in ("train", "val"):
            _, labels = read_split(split)
            masks = read_masks(split)
            assert len(masks) == len(labels)
            for mask, rows in zip(masks, labels, strict=True):
                assert mask.dtype == torch.bool and mask.shape[1:] == (256, 256)
                assert torch.equal(
                    masks_to_boxes(mask) + torch.tensor([0, 0, 1, 1]), rows[rows[:, 0] >= 0, 1:] * 256
                )
        assert all(
            torch.equal(a, b)
            for a, b in zip(read_masks("train", limit=3), read_masks("train")[:3], strict=True)
        )
        assert read_masks("val", limit=0) == []
        with pytest.raises(ValueError, match="'test'"):
            read_masks("test")

    def test_batches(self) -> None:
        train, valid = load_bananas(5)
        x, y = next(iter(train))
        assert x.shape == (5, 3, 256, 256)
        assert x.dtype == torch.float32
        assert x.max() <= 1
        assert y.shape == (5, read_split("train")[1].shape[1], 5)
        assert [len(y) for _, y in valid] == [4]
        assert len(load_bananas(100)[0]) == 1

    def test_limit_takes_the_first_numbers(self) -> None:
        images, _ = read_split("train")
        first, first_labels = read_split("train", limit=11)
        assert torch.equal(first, images[:11])
        assert first_labels.shape[0] == 11

    def test_unknown_split(self) -> None:
        with pytest.raises(ValueError, match="'train' or 'val'"):
            read_split("test")


def test_pad_boxes() -> None:
    rows = [[[0.0, 10, 20, 30, 40]], [], [[1.0, 0, 0, 100, 50], [0.0, 50, 25, 100, 50]]]
    padded = pad_boxes(rows, size=(50, 100))
    assert padded.shape == (3, 2, 5)
    torch.testing.assert_close(padded[0, 0], torch.tensor([0, 0.1, 0.4, 0.3, 0.8]))
    assert (padded[1] == -1).all()
    assert (padded[0, 1] == -1).all()
    assert padded[2, :, 0].tolist() == [1, 0]
    assert pad_boxes([], size=(5, 5)).shape == (0, 0, 5)
    assert pad_boxes([[], []], size=(5, 5)).shape == (2, 0, 5)


def test_full_scale(serve_archive, monkeypatch: pytest.MonkeyPatch) -> None:
    files, header = {}, "img_name,label,xmin,ymin,xmax,ymax\n"
    for split, count in (("train", 12), ("val", 2)):
        folder, table = f"banana-detection/bananas_{split}", header
        for number in range(count):
            files[f"{folder}/images/{number}.png"] = picture_bytes("PNG", (256, 256), seed=number)
            table += f"{number}.png,0,{number},64,128,192\n"
        files[f"{folder}/label.csv"] = table.encode()
    serve_archive("bananas", files)
    monkeypatch.setenv("COURSE_SCALE", "full")
    images, labels = read_split("train")
    assert images.shape == (12, 3, 256, 256)
    assert labels.shape == (12, 1, 5)
    assert (labels[:, 0, 1] * 256).tolist() == list(range(12))
    assert labels[0, 0].tolist() == [0, 0, 0.25, 0.5, 0.75]


def test_damaged_tables_and_pictures_are_reported(
    full_root, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    folder = tmp_path / "set" / "bananas_val"
    (folder / "images").mkdir(parents=True)
    monkeypatch.setattr(bananas, "root", lambda scale=None: tmp_path / "set")
    (folder / "label.csv").write_text("name,label\n1.png,0\n")
    with pytest.raises(ValueError, match="expected columns"):
        read_split("val")
    (folder / "label.csv").write_text(
        "img_name,label,xmin,ymin,xmax,ymax\n1.png,0,1,2,3,4\n2.png,0,1,2,3,4\n"
    )
    (folder / "images" / "1.png").write_bytes(picture_bytes("PNG", (8, 8)))
    with pytest.raises(FileNotFoundError):
        read_split("val")
    (folder / "images" / "2.png").write_bytes(picture_bytes("PNG", (8, 9)))
    with pytest.raises(ValueError, match="one size"):
        read_split("val")
    (folder / "images" / "2.png").write_bytes(b"<html>403</html>")
    with pytest.raises(ValueError, match="not a picture"):
        read_split("val")

"""Segmentation in the layout of Pascal VOC, at both scales."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from kit import picture_bytes, small_sets  # noqa: F401
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets as vision
from torchvision.transforms import v2

from utils.datasets import voc
from utils.datasets.pictures import read_picture
from utils.datasets.voc import CLASSES, VOID, VOCSegmentation, names, palette, read_mask, read_split, void_rim


@pytest.mark.usefixtures("small_sets")
class TestSample:
    def test_lists(self) -> None:
        train, valid = names("train"), names("val")
        assert len(train) == 40
        assert len(valid) == 6
        assert train == sorted(train)
        assert not set(train) & set(valid)
        assert names("trainval") == sorted(train + valid)

    def test_pictures_and_masks_fit(self) -> None:
        seen: set[int] = set()
        for image, mask in VOCSegmentation("train"):
            assert image.dtype == mask.dtype == torch.uint8
            assert image.shape == (3, *mask.shape)
            assert max(mask.shape) <= 320
            seen |= set(mask.unique().tolist())
        assert seen == {*range(21), VOID}

    def test_every_object_has_a_rim_and_void_is_never_inside(self) -> None:
        _, mask = VOCSegmentation("train")[0]
        padded = torch.nn.functional.pad(mask[None].float(), (1, 1, 1, 1), mode="replicate")[0].byte()
        for shift in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
            differ = (shift != mask) & (shift != VOID) & (mask != VOID)
            assert not differ.any(), "two classes touch without a rim"
        assert 0 < (mask == VOID).float().mean() < 0.1

    def test_masks_are_what_was_composed(self) -> None:
        pool = voc.Pool("voc val", tuple(voc._THEMES), count=45, size=(400, 320))
        made = voc.scene("val", 2, pool)
        _, mask = VOCSegmentation("val")[2]
        for label, visible in zip(made.labels.tolist(), torch.from_numpy(made.masks), strict=True):
            inside = mask[visible]
            assert set(inside.unique().tolist()) <= {label, VOID}
            assert (inside == label).float().mean() > 0.3

    def test_masks_are_palette_pictures_with_vocs_colours(self) -> None:
        path = voc.root() / "SegmentationClass" / f"{names('train')[0]}.png"
        with Image.open(path) as picture:
            assert picture.mode == "P"
            assert picture.getpalette()[: 21 * 3] == palette()[:21].flatten().tolist()
            colours = np.asarray(picture.convert("RGB"))
        assert (colours == palette()[read_mask(path).long()].numpy()).all()

    def test_grey_pictures_are_there_and_become_rgb(self) -> None:
        path = voc.root() / "JPEGImages" / f"{names('train')[39]}.jpg"
        with Image.open(path) as picture:
            assert picture.mode == "L"
        image, _ = VOCSegmentation("train")[39]
        assert image.shape[0] == 3
        assert torch.equal(image[0], image[2])

    def test_torchvision_reads_the_layout(self, tmp_path) -> None:
        (tmp_path / "VOCdevkit").mkdir()
        (tmp_path / "VOCdevkit" / "VOC2012").symlink_to(voc.root())
        theirs = vision.VOCSegmentation(tmp_path, year="2012", image_set="val")
        ours = VOCSegmentation("val")
        for number, (picture, mask) in enumerate(zip(theirs.images, theirs.masks, strict=True)):
            assert torch.equal(read_picture(Path(picture)), ours[number][0])
            assert torch.equal(read_mask(Path(mask)), ours[number][1])

    def test_pickles_and_works_in_spawned_workers(self) -> None:
        dataset = pickle.loads(pickle.dumps(VOCSegmentation("val")))
        assert torch.equal(dataset[1][1], VOCSegmentation("val")[1][1])
        loader = DataLoader(dataset, batch_size=None, num_workers=1, multiprocessing_context="spawn")
        assert [tuple(mask.shape) for _, mask in loader] == [tuple(mask.shape) for _, mask in dataset]

    def test_transform_gets_both(self) -> None:
        dataset = VOCSegmentation("val", transform=lambda image, mask: (image[:, :50, :60], mask[:50, :60]))
        image, mask = dataset[0]
        assert image.shape == (3, 50, 60)
        assert mask.shape == (50, 60)

    def test_read_split_gives_one_size_and_invents_no_class(self) -> None:
        images, masks = read_split("train", size=(48, 64))
        assert images.shape == (40, 3, 48, 64)
        assert masks.shape == (40, 48, 64)
        assert images.dtype == masks.dtype == torch.uint8
        dataset = VOCSegmentation("train")
        for number in range(0, 40, 7):
            image, mask = dataset[number]
            assert set(masks[number].unique().tolist()) <= set(mask.unique().tolist())
            assert torch.equal(images[number], v2.functional.resize(image, [48, 64]))
        few, _ = read_split("val", limit=2)
        assert few.shape == (2, 3, 120, 160)
        assert read_split("val", limit=0)[1].shape == (0, 120, 160)
        with pytest.raises(ValueError, match="at least 1 x 1"):
            read_split("val", size=(0, 4))

    def test_unknown_split(self) -> None:
        with pytest.raises(ValueError, match="'train', 'val' or 'trainval'"):
            VOCSegmentation("test")


def test_palette_is_vocs() -> None:
    colours = palette()
    assert len(CLASSES) == 21
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        3: (128, 128, 0),
        8: (64, 0, 0),
        15: (192, 128, 128),
    }
    known |= {20: (0, 64, 128), 255: (224, 224, 192)}
    assert {number: tuple(colours[number].tolist()) for number in known} == known
    assert len({tuple(row) for row in colours.tolist()}) == 256


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 20)))
def test_void_rim_marks_exactly_the_pixels_with_another_class_beside_them(classes: np.ndarray) -> None:
    rimmed = void_rim(classes)
    padded = np.pad(classes, 1, mode="edge")
    for row in range(classes.shape[0]):
        for column in range(classes.shape[1]):
            around = padded[row : row + 3, column : column + 3]
            expected = VOID if (around != classes[row, column]).any() else classes[row, column]
            assert rimmed[row, column] == expected


def test_colour_masks_are_refused(tmp_path) -> None:
    (tmp_path / "mask.png").write_bytes(picture_bytes("PNG", (5, 4)))
    with pytest.raises(ValueError, match="mode P"):
        read_mask(tmp_path / "mask.png")


def test_full_scale(serve_archive, monkeypatch: pytest.MonkeyPatch) -> None:
    home, files = "VOCdevkit/VOC2012", {}
    for number, (name, split) in enumerate(
        (("2007_000033", "val"), ("2007_000032", "train"), ("2008_000001", "train"))
    ):
        mode = "L" if number == 1 else "RGB"
        files[f"{home}/JPEGImages/{name}.jpg"] = picture_bytes("JPEG", (20 + number, 30), mode=mode)
        files[f"{home}/SegmentationClass/{name}.png"] = picture_bytes("PNG", (20 + number, 30), mode="P")
        files.setdefault(f"{home}/ImageSets/Segmentation/{split}.txt", b"")
        files[f"{home}/ImageSets/Segmentation/{split}.txt"] += f"{name}\n".encode()
    serve_archive("voc", files)
    monkeypatch.setenv("COURSE_SCALE", "full")
    dataset = VOCSegmentation("train")
    assert dataset.names == ["2007_000032", "2008_000001"]
    assert [tuple(image.shape) for image, _ in dataset] == [(3, 30, 21), (3, 30, 22)]
    assert len(VOCSegmentation("val")) == 1

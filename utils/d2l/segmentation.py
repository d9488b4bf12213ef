"""Pascal VOC under the book's names, without torchvision's outdated reader."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from utils.d2l.installed import book
from utils.d2l.loaders import get_dataloader_workers
from utils.datasets.generate import in_order
from utils.settings import settings

__all__ = ["VOCSegDataset", "load_data_voc", "read_voc_images"]

# At `sample`: the composed pictures are half as large as VOC's, and the book's crops of 320 x 480 would fit in none.
ENLARGED = 2
PICTURES = 64


def read_voc_images(voc_dir: str, is_train: bool = True) -> tuple[list[Tensor], list[Tensor]]:
    """Return the pictures of a split and their colour masks, each `(3, H, W)` uint8.

    At `sample` the first `PICTURES` of them, twice as large as composed, so that the book's crops fit.
    """
    listed = Path(voc_dir) / "ImageSets" / "Segmentation" / ("train.txt" if is_train else "val.txt")
    names = listed.read_text(encoding="utf-8").split()
    names = settings.pick(sample=names[:PICTURES], full=names)
    pictures = [Path(voc_dir) / "JPEGImages" / f"{name}.jpg" for name in names]
    masks = [Path(voc_dir) / "SegmentationClass" / f"{name}.png" for name in names]
    smooth, nearest = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
    return (
        list(in_order(lambda path: _read(path, smooth), pictures)),
        list(in_order(lambda path: _read(path, nearest), masks)),
    )


def _read(path: Path, how: Image.Resampling) -> Tensor:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if settings.scale == "sample":
        picture = picture.resize((picture.width * ENLARGED, picture.height * ENLARGED), how)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


class VOCSegDataset(Dataset):
    """Random crops: item i is (picture `(3, h, w)` float32, normalised, classes `(h, w)` int64; void is 0).

    Pixels are divided by 255 before they are normalised, as later editions do; d2l 0.17.0 forgets it.

    Args:
        crop_size: (height, width); smaller pictures are left out.
        voc_dir: the folder that holds JPEGImages/.
    """

    def __init__(self, is_train: bool, crop_size: tuple[int, int], voc_dir: str) -> None:
        self.transform = torchvision.transforms.Normalize(
            mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
        )
        self.crop_size = crop_size
        features, labels = book.read_voc_images(voc_dir, is_train=is_train)
        self.features, self.labels = self.filter(features), self.filter(labels)
        self.colormap2label = book.voc_colormap2label()
        print(f"read {len(self.features)} examples")

    def normalize_image(self, img: Tensor) -> Tensor:
        return self.transform(img.float() / 255)

    def filter(self, imgs: list[Tensor]) -> list[Tensor]:
        height, width = self.crop_size
        return [img for img in imgs if img.shape[1] >= height and img.shape[2] >= width]

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor]:
        feature, label = book.voc_rand_crop(self.features[idx], self.labels[idx], *self.crop_size)
        return self.normalize_image(feature), book.voc_label_indices(label, self.colormap2label)

    def __len__(self) -> int:
        return len(self.features)


def load_data_voc(batch_size: int, crop_size: tuple[int, int]) -> tuple[DataLoader, DataLoader]:
    """Return batches of random crops to train on and to test on; a last, smaller batch is dropped, as in the book."""
    voc_dir = book.download_extract("voc2012", os.path.join("VOCdevkit", "VOC2012"))
    train, test = (
        DataLoader(
            book.VOCSegDataset(is_train, crop_size, voc_dir), batch_size, shuffle=is_train, drop_last=True,
            num_workers=get_dataloader_workers(),
        )
        for is_train in (True, False)
    )  # fmt: skip
    return train, test

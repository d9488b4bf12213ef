"""Segmentation in the layout of Pascal VOC 2012: JPEG pictures, palette masks, void borders; composed at `sample`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.utils.data import Dataset

from utils.datasets.backgrounds import Pool
from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of, generated, in_order, save_png, write_text
from utils.datasets.pictures import read_picture
from utils.datasets.scenes import Item, Scene, compose, jitter
from utils.datasets.sprites import artists_of, drawn_by, group, sprite
from utils.settings import settings

VERSION = "1"
CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
BACKGROUND, VOID = 0, 255
"""VOID marks the rim around each object, where the annotators would not commit themselves; no loss, no score there."""

COUNTS = {"train": 200, "val": 80}
"""Pictures at scale `sample`."""

_SIZES = ((320, 240), (320, 240), (300, 225), (320, 214), (240, 320), (280, 240))
_THEMES = {
    "sky": ("aeroplane", "bird"),
    "sea": ("boat", "boat", "bird"),
    "road": ("bus", "car", "motorbike", "bicycle", "person", "train", "car", "dog"),
    "meadow": ("cow", "horse", "sheep", "dog", "person", "bird", "bicycle"),
    "room": ("sofa", "chair", "diningtable", "tvmonitor", "pottedplant", "cat", "dog", "person", "bottle"),
}
# Height of the drawing in percent of the picture's, for an object in the foreground.
_HEIGHTS = {"bottle": 34, "bird": 34, "cat": 40, "dog": 42, "chair": 56, "pottedplant": 50, "tvmonitor": 44,
            "sheep": 42, "bicycle": 46, "motorbike": 46, "car": 48, "person": 78, "bus": 66, "train": 74,
            "sofa": 60, "diningtable": 50, "aeroplane": 50, "boat": 62, "cow": 54, "horse": 62}  # fmt: skip


def palette() -> Tensor:
    """Return the colour of each class number, `(256, 3)` uint8: VOC's own palette, made from the number's bits.

    Bits 0, 3 and 6 of the number become the high bits of red, bits 1, 4, 7 of green, 2 and 5 of blue.

    Example:
        >>> palette()[15].tolist()  # person
        [192, 128, 128]
    """
    colours = torch.zeros(256, 3, dtype=torch.uint8)
    for number in range(256):
        for bit in range(8):
            colours[number, bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return colours


def root(scale: str | None = None) -> Path:
    """Return the folder with JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/ (VOCdevkit/VOC2012 itself).

    Args:
        scale: `sample` or `full`; None takes COURSE_SCALE.
    """
    if (scale or settings.scale) == "full":
        from utils.datasets.download import fetch

        return fetch("voc")
    return generated("voc", VERSION, _build)


def names(split: str, *, scale: str | None = None) -> list[str]:
    """Return the sorted picture names of `train`, `val` or `trainval`.

    Raises:
        ValueError: for another split.
    """
    if split not in ("train", "val", "trainval"):
        raise ValueError(f"expected split 'train', 'val' or 'trainval', got {split!r}")
    listed = root(scale) / "ImageSets" / "Segmentation" / f"{split}.txt"
    return sorted(listed.read_text(encoding="utf-8").split())


def read_mask(path: Path) -> Tensor:
    """Return class numbers `(H, W)` uint8 of a mask: 0 background, 1..20 classes, 255 void.

    Raises:
        ValueError: if the file is no palette picture; colours would have to be looked up first.
    """
    with Image.open(path) as picture:
        if picture.mode not in ("P", "L"):
            raise ValueError(f"{path}: expected a palette mask (mode P), got mode {picture.mode}")
        return torch.from_numpy(np.array(picture))


class VOCSegmentation(Dataset):
    """Pictures and masks of a split, read when asked for.

    Item `i` is `(image (3, H, W) uint8, mask (H, W) uint8)` of the picture's own size; grey files become RGB.

    Args:
        split: `train`, `val` or `trainval`.
        scale: `sample` or `full`; None takes COURSE_SCALE now, so that worker processes agree with the caller.
        transform: called with (image, mask), for crops that both must share; for worker processes a plain function.

    Example:
        >>> image, mask = VOCSegmentation("val")[0]  # doctest: +SKIP
    """

    def __init__(
        self,
        split: str = "train",
        *,
        scale: str | None = None,
        transform: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        self.folder, self.names, self.transform = root(scale), names(split, scale=scale), transform

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        name = self.names[index]
        image = read_picture(self.folder / "JPEGImages" / f"{name}.jpg")
        mask = read_mask(self.folder / "SegmentationClass" / f"{name}.png")
        return (image, mask) if self.transform is None else self.transform(image, mask)


def read_split(
    split: str, *, size: tuple[int, int] = (120, 160), scale: str | None = None, limit: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return `images (N, 3, H, W)` and `masks (N, H, W)`, both uint8 and of one size, for `Batches`.

    Pictures are scaled smoothly; masks by the nearest pixel, for a mean of two class numbers would be a third class.
    Shapes are not kept: a 4:3 picture fits the default size, others are squeezed.

    Args:
        size: (height, width) in pixels.
        limit: read only the first pictures.

    Raises:
        ValueError: for another split, or a size below 1.
    """
    # Imported late: torchvision's transforms take half a second, and most readers do without.
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import resize

    if min(size) < 1:
        raise ValueError(f"expected a size of at least 1 x 1 pixels, got {size}")
    dataset = VOCSegmentation(split, scale=scale)
    dataset.names = dataset.names[:limit]
    images = torch.empty(len(dataset), 3, *size, dtype=torch.uint8)
    masks = torch.empty(len(dataset), *size, dtype=torch.uint8)
    for number, (image, mask) in enumerate(in_order(dataset.__getitem__, range(len(dataset)))):
        images[number] = resize(image, list(size))
        masks[number] = resize(mask[None], list(size), InterpolationMode.NEAREST_EXACT)[0]
    return images, masks


def void_rim(classes: np.ndarray) -> np.ndarray:
    """Return class numbers `(H, W)` uint8 with VOID where two neighbours differ: a rim of two pixels around objects."""
    picture = Image.fromarray(classes)
    highest, lowest = (
        np.asarray(picture.filter(kind(3))) for kind in (ImageFilter.MaxFilter, ImageFilter.MinFilter)
    )
    return np.where(highest != lowest, np.uint8(VOID), classes)


def scene(split: str, number: int, pool: Pool) -> Scene:
    """Compose one picture; labels are class numbers 1..20, and every class leads every twentieth picture."""
    dice = Dice("voc", split, number)
    main = CLASSES[1 + number % 20]
    theme = dice.choice([theme for theme, classes in _THEMES.items() if main in classes])
    size = dice.choice(_SIZES)
    extra = [dice.choice(_THEMES[theme]) for _ in range(dice.choice((0, 1, 1, 2, 3)))]
    artists = artists_of(split)
    spots = dice.shuffled([size[0] * share // 100 for share in (18, 40, 62, 84)])
    middle = size[0] * dice.integer(36, 64) // 100
    items = [_item(dice, artists, main, theme, size, middle, far=0)]
    for name, x in zip(extra, spots, strict=False):
        items.append(
            _item(dice, artists, name, theme, size, x + dice.integer(-12, 12), far=dice.integer(1, 3))
        )
    # Who stands lower stands nearer and hides the others.
    items = sorted((item for item in items if item), key=lambda item: item.centre[1] + item.size)
    return compose(pool.draw(dice, theme, size, level=True), items, visible=20)


def _item(
    dice: Dice, artists: tuple[str, ...], name: str, theme: str, size: tuple[int, int], x: int, *, far: int
) -> Item:
    concepts = group("voc")[name]
    artist = dice.choice([artist for artist in artists if drawn_by(concepts, artist)])
    drawing = sprite(artist, dice.choice(drawn_by(concepts, artist)))
    high = size[1] * _HEIGHTS[name] * (100 - 17 * far) // 10000 * dice.integer(86, 114) // 100
    longest = min(max(drawing.size) * high // drawing.height, size[0] * 92 // 100)
    high = longest * drawing.height // max(drawing.size)
    flies = theme == "sky" or (name == "bird" and dice.chance(60))
    feet = size[1] * dice.integer(90, 98) // 100 - size[1] * far * dice.integer(6, 9) // 100
    y = (
        dice.integer(high // 2, max(high // 2, size[1] * 78 // 100 - high // 2))
        if flies
        else feet - high // 2
    )
    return Item(
        drawing,
        CLASSES.index(name),
        (x, y),
        max(12, longest),
        angle=dice.integer(-14, 14) if flies else dice.integer(-3, 3),
        flip=dice.chance(50),
        gains=jitter(dice, 30),
        grey=dice.integer(0, 3),
        shadow="none" if flies or theme == "sea" else "ground",
    )


def _build(folder: Path) -> str:
    pictures, masks, lists = (
        folder / sub for sub in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation")
    )
    for path in (pictures, masks, lists):
        path.mkdir(parents=True)
    colours = palette().flatten().tolist()
    digests, listed = [], []
    for year, (split, count) in zip((2007, 2008), COUNTS.items(), strict=True):
        pool = Pool(f"voc {split}", tuple(_THEMES), count=45, size=(400, 320))

        def make(number: int, split: str = split, pool: Pool = pool, year: int = year) -> bytes:
            made = scene(split, number, pool)
            classes = np.zeros(made.image.shape[:2], dtype=np.uint8)
            for label, mask in zip(made.labels, made.masks, strict=True):
                classes[mask] = label
            classes = void_rim(classes)
            image = Image.fromarray(made.image)
            # The real set has grey pictures too, and readers must cope.
            image = image.convert("L") if number % 40 == 39 else image
            image.save(pictures / f"{year}_{number:06d}.jpg", quality=90)
            mask_picture = Image.fromarray(classes)
            mask_picture.putpalette(colours)
            save_png(mask_picture, masks / f"{year}_{number:06d}.png")
            return digest_of(np.asarray(image), classes)

        digests += list(in_order(make, range(count)))
        lines = [f"{year}_{number:06d}\n" for number in range(count)]
        write_text(lists / f"{split}.txt", "".join(lines))
        listed += lines
    write_text(lists / "trainval.txt", "".join(sorted(listed)))
    return combine(digests)

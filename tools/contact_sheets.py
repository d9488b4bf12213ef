"""Write one contact sheet a data set into docs/_static/contact, with a text that says what is on it.

    python tools/contact_sheets.py [--out FOLDER] [NAME ...]

Each sheet is a PNG below 300 kB; beside it lies NAME.txt, the alternative text for readers who do not see the picture.
Always shows scale `sample`: what is committed or composed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 300_000
PAPER, INK = (250, 250, 248), (40, 40, 44)
LINES = ((220, 30, 60), (30, 90, 220), (10, 140, 60))


class Sheet(NamedTuple):
    """Tiles with a caption each, and the text that stands in for the picture."""

    tiles: list[tuple[Image.Image, str]]
    text: str
    columns: int


def grid(tiles: Sequence[tuple[Image.Image, str]], *, columns: int, tile: int) -> Image.Image:
    """Lay out captioned pictures in rows; each is shrunk to fit a square of `tile` pixels, small ones are enlarged."""
    rows, caption, gap = -(-len(tiles) // columns), 12, 4
    high = max(-(-picture.height * tile // max(picture.size)) for picture, _ in tiles) + caption + gap
    sheet = Image.new("RGB", (columns * (tile + gap) + gap, rows * high + gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (picture, label) in enumerate(tiles):
        left, top = gap + number % columns * (tile + gap), gap + number // columns * high
        size = [max(1, side * tile // max(picture.size)) for side in picture.size]
        how = Image.Resampling.NEAREST if size[0] > picture.width else Image.Resampling.BOX
        shrunk = picture.resize(size, how)
        sheet.paste(shrunk, (left, top + caption), shrunk if shrunk.mode == "RGBA" else None)
        draw.text((left, top), label[: tile // 6], fill=INK)
    return sheet


def boxed(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Image.Image:
    """Return the picture with its boxes drawn in; label -1 is not drawn."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
        if label >= 0:
            draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), outline=LINES[label % 3], width=3)
    return picture


def sprites_sheet() -> Sheet:
    from utils.datasets.sprites import ARTISTS, HELD_OUT, has_sprite, sprite

    concepts = [
        "hot-dog",
        "banana",
        "hamburger",
        "pizza",
        "strawberry",
        "airplane",
        "automobile",
        "bird",
        "cat",
    ]
    concepts += ["dog", "poodle", "frog", "horse", "ship", "bus", "bicycle", "couch-and-lamp", "dining-table"]
    tiles = [
        (sprite(artist, concept), f"{artist[:8]} {concept}")
        for concept in concepts
        for artist in ARTISTS
        if has_sprite(artist, concept)
    ]
    text = (
        f"{len(concepts)} concepts, each drawn by {', '.join(ARTISTS)}. The styles differ: flat shapes, "
        f"soft gradients, black outlines. {HELD_OUT} draws the test splits only."
    )
    return Sheet(tiles, text, 15)


def photos_sheet() -> Sheet:
    from utils.settings import settings

    paths = sorted((settings.sample_root / "photos").iterdir())
    tiles = [(Image.open(path).convert("RGB"), path.name) for path in paths]
    names = ", ".join(path.name for path in paths)
    return Sheet(tiles, f"Public-domain and CC0 photographs for demonstrations and backgrounds: {names}.", 5)


def hotdog_sheet() -> Sheet:
    from utils.datasets import hotdog

    tiles = []
    for split in hotdog.COUNTS:
        paths, labels = hotdog.files(split, scale="sample")
        for label in (0, 1):
            chosen = [path for path, found in zip(paths, labels, strict=True) if found == label][:16]
            tiles += [(Image.open(path), f"{split} {hotdog.CLASSES[label]}") for path in chosen]
    text = (
        "Four double rows of pictures of different sizes and shapes: hot dogs and other things from the training "
        "split, then both from the test split, whose artist training does not see. Backgrounds: tables, cloths, grass."
    )
    return Sheet(tiles, text, 8)


def bananas_sheet() -> Sheet:
    from utils.datasets import bananas

    tiles = []
    for split in bananas.COUNTS:
        images, labels = bananas.read_split(split, scale="sample", limit=12)
        for image, rows in zip(images, labels, strict=True):
            rows = rows[rows[:, 0] >= 0]
            boxes = (rows[:, 1:] * bananas.SIDE).round().long().numpy()
            tiles.append((boxed(image.permute(1, 2, 0).numpy(), boxes, rows[:, 0].long().numpy()), split))
    text = "24 pictures of 256 x 256 with one to three bananas, each in a red box, among other foods without a box."
    return Sheet(tiles, text, 6)


def catdog_sheet() -> Sheet:
    from utils.datasets import catdog

    image, boxes, _ = catdog.load_catdog()
    drawn = boxed(image.permute(1, 2, 0).numpy(), boxes.long().numpy(), np.arange(2))
    return Sheet(
        [(drawn, "catdog")], "A dog on the left (red box) and a cat on the right (blue box) in a meadow.", 1
    )


def cifar10_sheet() -> Sheet:
    from utils.datasets import cifar10

    tiles = []
    for split in cifar10.COUNTS:
        images, labels = cifar10.read_split(split, scale="sample")
        for number in range(100 if split == "train" else 50):
            picture = Image.fromarray(images[number].permute(1, 2, 0).numpy())
            tiles.append((picture, f"{cifar10.CLASSES[int(labels[number])]}" if number < 10 else ""))
    text = (
        "150 pictures of 32 x 32, one class a column: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, "
        "truck. The first ten rows are training pictures, the last five test pictures by another artist."
    )
    return Sheet(tiles, text, 10)


def voc_sheet() -> Sheet:
    from utils.datasets import voc

    tiles, colours = [], voc.palette().numpy()
    for split, count in (("train", 12), ("val", 8)):
        dataset = voc.VOCSegmentation(split, scale="sample")
        for number in range(count):
            image, mask = dataset[number]
            tiles.append((Image.fromarray(image.permute(1, 2, 0).numpy()), split))
            present = [voc.CLASSES[label] for label in mask.unique().tolist() if 0 < label < 21]
            tiles.append((Image.fromarray(colours[mask.numpy()]), " ".join(present)))
    text = (
        "20 street, meadow, sea, sky and room scenes, each with its mask on the right in the palette of Pascal VOC: "
        "black background, one colour a class, and a thin cream rim (void) around every object."
    )
    return Sheet(tiles, text, 8)


def dogs_sheet() -> Sheet:
    from utils.datasets import dogs
    from utils.datasets.pictures import read_table

    folder, tiles = dogs.root("sample"), []
    for part, table, count in (("train", "labels.csv", 5), ("test", "solution.csv", 2)):
        rows = read_table(folder / table, ("id", "breed"))
        for breed in dogs.BREEDS:
            chosen = [row["id"] for row in rows if row["breed"] == breed][:count]
            tiles += [(Image.open(folder / part / f"{name}.jpg"), breed) for name in chosen]
    names = ", ".join(dogs.BREEDS)
    return Sheet(
        tiles, f"Five training pictures of each breed, then two test pictures by another artist: {names}.", 13
    )


SHEETS: dict[str, tuple[Callable[[], Sheet], int]] = {
    "sprites": (sprites_sheet, 64),
    "photos": (photos_sheet, 170),
    "hotdog": (hotdog_sheet, 110),
    "bananas": (bananas_sheet, 150),
    "catdog": (catdog_sheet, 600),
    "cifar10": (cifar10_sheet, 64),
    "voc": (voc_sheet, 130),
    "dogs": (dogs_sheet, 84),
}


def save(sheet: Image.Image, path: Path) -> int:
    """Save as PNG below LIMIT bytes, with fewer colours where needed. Returns the size in bytes."""
    for colours in (None, 256, 128, 64, 32):
        picture = sheet if colours is None else sheet.quantize(colours, dither=Image.Dither.NONE)
        picture.save(path, optimize=True)
        if path.stat().st_size < LIMIT:
            return path.stat().st_size
    raise ValueError(f"{path.name} stays above {LIMIT} bytes. Fix: fewer or smaller tiles.")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"some of: {', '.join(SHEETS)}; none means all"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "_static" / "contact")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(SHEETS))
    if unknown:
        parser.error(f"unknown sheets {unknown}, expected some of {', '.join(SHEETS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or SHEETS:
        make, tile = SHEETS[name]
        sheet = make()
        size = save(grid(sheet.tiles, columns=sheet.columns, tile=tile), options.out / f"{name}.png")
        (options.out / f"{name}.txt").write_text(sheet.text + "\n", encoding="utf-8", newline="\n")
        print(f"{name}: {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

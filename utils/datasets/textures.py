"""The stuff that backgrounds are painted with: noise, gradients, tints and photographed textures.

Everything is whole-number arithmetic: grids of random bytes enlarged by Pillow, look-up tables, and photographs tinted
by look-up tables. That makes the same pixels on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from utils.datasets.dice import Dice
from utils.settings import settings

Colour = tuple[int, int, int]

SMOOTH = Image.Resampling.BICUBIC


@lru_cache(maxsize=8)
def texture(name: str) -> Image.Image:
    """Return a committed texture: `grass`, `gravel` and `brick` are grey (mode L), `wood` is RGB."""
    with Image.open(settings.sample_root / "photos" / f"{name}.png") as picture:
        picture.load()
        return picture


def scale(picture: Image.Image, size: Sequence[int], how: Image.Resampling = SMOOTH) -> Image.Image:
    """Return the picture at (width, height), scaled along the rows first and down the columns second.

    Pillow rounds between the two passes, and its versions differ in which comes first. Asking for one at a time
    settles it.
    """
    mode = picture.mode
    work = picture.convert("RGBa") if mode == "RGBA" else picture
    if size[0] != work.width:
        work = work.resize((size[0], work.height), how)
    if size[1] != work.height:
        work = work.resize((size[0], size[1]), how)
    return work.convert(mode) if work.mode != mode else work


def noise(dice: Dice, size: tuple[int, int], cells: tuple[int, int], *, octaves: int = 3) -> Image.Image:
    """Return smooth random grey: grids of random bytes, each twice as fine as the last and half as strong.

    Args:
        size: (width, height) in pixels.
        cells: (columns, rows) of the coarsest grid.
    """
    total = np.zeros((size[1], size[0]), dtype=np.int64)
    for octave in range(octaves):
        columns, rows = ((count << octave) + 1 for count in cells)
        grid = Image.fromarray(dice.integers(0, 255, (rows, columns)).astype(np.uint8))
        total += np.asarray(scale(grid, size), dtype=np.int64) << (octaves - 1 - octave)
    return Image.fromarray((total // ((1 << octaves) - 1)).astype(np.uint8))


def tint(grey: Image.Image, colours: Sequence[Colour]) -> Image.Image:
    """Map black..white of a grey picture to a ramp through the colours; at least two colours."""
    stops = len(colours) - 1
    tables = []
    for channel in range(3):
        ramp = [colour[channel] for colour in colours]
        for level in range(256):
            stop, rest = divmod(level * stops, 255) if level < 255 else (stops - 1, 255)
            tables.append(ramp[stop] + (ramp[stop + 1] - ramp[stop]) * rest // 255)
    return Image.merge("RGB", [grey] * 3).point(tables)


def ramp(size: tuple[int, int], colours: Sequence[Colour]) -> Image.Image:
    """Return a vertical gradient through the colours, from top to bottom."""
    column = np.arange(size[1], dtype=np.int64) * 255 // max(1, size[1] - 1)
    return tint(Image.fromarray(column.astype(np.uint8)[:, None]), colours).resize(
        size, Image.Resampling.NEAREST
    )


def dim(picture: Image.Image, gain: int) -> Image.Image:
    """Return a picture with every value times gain / 256, cut at 255."""
    # In NumPy, because Pillow's own tables cost more to build than to apply.
    values = np.asarray(picture).astype(np.uint32) * np.uint32(gain) >> np.uint32(8)
    return Image.fromarray(np.minimum(values, 255).astype(np.uint8))


def vary(dice: Dice, colour: Colour, by: int = 18) -> Colour:
    """Return a colour near the given one."""
    shift = dice.integer(-by, by)
    red, green, blue = (min(255, max(0, level + shift + dice.integer(-by // 2, by // 2))) for level in colour)
    return red, green, blue


def photo(
    dice: Dice, name: str, size: tuple[int, int], colours: Sequence[Colour] | None = None
) -> Image.Image:
    """Return a random crop of a texture at `size`, turned or mirrored at random, tinted if colours are given."""
    source = texture(name)
    share = dice.integer(50, 95)
    width = min(source.width, source.height * size[0] // size[1]) * share // 100
    height = min(source.height, width * size[1] // size[0])
    left, top = dice.integer(0, source.width - width), dice.integer(0, source.height - height)
    crop = scale(source.crop((left, top, left + width, top + height)), size)
    if dice.chance(50):
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return tint(crop.convert("L"), colours) if colours else crop.convert("RGB")

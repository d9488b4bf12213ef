"""Composes pictures from backgrounds and drawings, with exact boxes and masks, the same on every machine.

Where other tools would use floats, this module keeps whole numbers: sizes in pixels, angles in degrees from a table of
cosines in 4096ths, colours by look-up tables. Pillow resizes with fixed-point sums, and its bilinear turning is exact
for such coordinates (8 + 13 + 13 bits fit a double), so that neither the processor nor its rounding matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from utils.datasets.dice import Dice
from utils.datasets.textures import dim, scale

UNIT = 4096
# No multiple of a degree lies near a rounding tie (a test looks), so every machine rounds the same way.
_COSINES = tuple(round(math.cos(math.radians(degree)) * UNIT) for degree in range(360))

SOLID = 128
"""Alpha from which a pixel counts as the object."""

NEUTRAL = (256, 256, 256)


@dataclass(frozen=True)
class Item:
    """One drawing in a scene.

    Attributes:
        sprite: RGBA picture without empty border.
        label: class number, copied to the scene.
        centre: (x, y) pixels, where the middle of the drawing goes.
        size: longer side in pixels before turning.
        angle: whole degrees, counter-clockwise.
        flip: mirror left and right.
        gains: factors of red, green and blue in 256ths.
        grey: how much of the colour to take away, in 16ths.
        shadow: `cast` (down to the right, things on a table), `ground` (at the feet) or `none`.
    """

    sprite: Image.Image
    label: int
    centre: tuple[int, int]
    size: int
    angle: int = 0
    flip: bool = False
    gains: tuple[int, int, int] = NEUTRAL
    grey: int = 0
    shadow: str = "none"


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        image: `(H, W, 3)` uint8.
        boxes: `(N, 4)` int64 corners (x1, y1, x2, y2) in pixels, x2 and y2 exclusive, around the visible pixels.
        labels: `(N,)` int64.
        masks: `(N, H, W)` bool, the visible pixels; no pixel belongs to two objects.
        kept: indices of the items that are visible enough, in the order given; N of them.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    kept: tuple[int, ...]


def turn(picture: Image.Image, degrees: int) -> Image.Image:
    """Return an RGBA picture turned counter-clockwise about its middle, on a canvas that holds all of it.

    Args:
        degrees: a whole number; any multiple of 360 gives the picture itself.
    """
    degrees %= 360
    if degrees == 0:
        return picture
    cosine, sine = _COSINES[degrees], _COSINES[(degrees - 90) % 360]
    width, height = picture.size
    wide = -(-(width * abs(cosine) + height * abs(sine)) // UNIT) + 2
    high = -(-(width * abs(sine) + height * abs(cosine)) // UNIT) + 2
    # The map from a new pixel to the old one, in halves of 4096ths, so that all three sums are whole.
    left = (width * UNIT - (cosine * wide - sine * high)) / (2 * UNIT)
    top = (height * UNIT - (sine * wide + cosine * high)) / (2 * UNIT)
    data = (cosine / UNIT, -sine / UNIT, left, sine / UNIT, cosine / UNIT, top)
    return picture.transform((wide, high), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)


def shape(item: Item) -> Image.Image:
    """Return the drawing of an item as it will appear: scaled, mirrored, coloured and turned; RGBA.

    Raises:
        ValueError: if the size is below 2 pixels.
    """
    if item.size < 2:
        raise ValueError(f"expected an item of at least 2 pixels, got size {item.size}")
    longest = max(item.sprite.size)
    size = [max(1, (side * item.size + longest // 2) // longest) for side in item.sprite.size]
    picture = scale(item.sprite, size)
    if item.flip:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if item.grey or item.gains != NEUTRAL:
        picture = _colour(picture, item.gains, item.grey)
    if item.angle % 360:
        # An empty border gives the turned outline something to fade into.
        padded = Image.new("RGBA", (size[0] + 4, size[1] + 4))
        padded.paste(picture, (2, 2))
        picture = turn(padded, item.angle)
    return picture


def _colour(picture: Image.Image, gains: tuple[int, int, int], grey: int) -> Image.Image:
    pixels = np.array(picture)
    colours = pixels[..., :3].astype(np.int32)
    if grey:
        luma = (colours @ np.array([77, 150, 29], dtype=np.int32)) >> 8
        colours += (luma[..., None] - colours) * grey // 16
    pixels[..., :3] = np.minimum(colours * np.array(gains, dtype=np.int32) >> 8, 255)
    return Image.fromarray(pixels)


def _cast_shadow(canvas: Image.Image, alpha: Image.Image, corner: tuple[int, int], size: int) -> None:
    """Darken the canvas where the object's blurred outline falls, a little to the lower right."""
    soft = max(1, size // 24)
    frame = Image.new("L", (alpha.width + 6 * soft, alpha.height + 6 * soft))
    frame.paste(alpha, (3 * soft, 3 * soft))
    small = [max(1, side // 2) for side in frame.size]
    blurred = scale(frame, small, Image.Resampling.BOX)
    for _ in range(2):
        blurred = blurred.filter(ImageFilter.BoxBlur(max(1, soft // 2)))
    mask = dim(scale(blurred, frame.size, Image.Resampling.BILINEAR), 110)
    shift = max(1, size // 22)
    canvas.paste((14, 12, 18), (corner[0] - 3 * soft + shift, corner[1] - 3 * soft + shift), mask)


def _ground_shadow(canvas: Image.Image, alpha: Image.Image, corner: tuple[int, int]) -> None:
    """Darken a flat, soft spot under the feet of the object."""
    high = max(4, alpha.height // 7)
    spot = scale(alpha, (alpha.width, high), Image.Resampling.BOX)
    margin = max(2, high // 2)
    frame = Image.new("L", (alpha.width + 2 * margin, high + 2 * margin))
    frame.paste(spot, (margin, margin))
    for _ in range(2):
        frame = frame.filter(ImageFilter.BoxBlur(max(1, margin // 2)))
    low = corner[1] + alpha.height - high * 3 // 5 - margin
    canvas.paste((16, 16, 20), (corner[0] - margin, low), dim(frame, 120))


def place(canvas: Image.Image, item: Item) -> tuple[Image.Image, tuple[int, int]]:
    """Draw an item onto an RGB canvas, in place; parts outside are cut off.

    Returns:
        its alpha (mode L) and the pixel of the canvas where the alpha's top left corner lies.

    Raises:
        ValueError: if the kind of shadow is unknown.
    """
    if item.shadow not in ("none", "cast", "ground"):
        raise ValueError(f"expected shadow none, cast or ground, got {item.shadow!r}")
    picture = shape(item)
    corner = (item.centre[0] - picture.width // 2, item.centre[1] - picture.height // 2)
    alpha = picture.getchannel("A")
    if item.shadow == "cast":
        _cast_shadow(canvas, alpha, corner, item.size)
    elif item.shadow == "ground":
        _ground_shadow(canvas, alpha, corner)
    canvas.paste(picture, corner, alpha)
    return alpha, corner


def paint(background: Image.Image, items: Sequence[Item]) -> Image.Image:
    """Return the picture alone: for sets that need neither boxes nor masks. No items give the background."""
    canvas = background.convert("RGB")
    canvas = canvas.copy() if canvas is background else canvas
    for item in items:
        place(canvas, item)
    return canvas


def compose(background: Image.Image, items: Sequence[Item], *, visible: int = 40) -> Scene:
    """Draw items over a background, later ones in front, and say exactly where each can be seen.

    Args:
        background: RGB picture; it is not changed.
        items: may be empty; then the scene has `(0, 4)` boxes and `(0, H, W)` masks.
        visible: items of which less than this percentage can be seen are left out of the answer (not of the picture).

    Raises:
        ValueError: if an item is below 2 pixels or asks for an unknown shadow.

    Example:
        >>> from utils.datasets.sprites import sprite
        >>> item = Item(sprite("noto", "banana"), 0, (50, 40), 40)
        >>> compose(Image.new("RGB", (100, 80)), [item]).boxes.shape
        (1, 4)
    """
    canvas = background.convert("RGB").copy()
    owner = np.full((canvas.height, canvas.width), -1, dtype=np.int64)
    whole = []
    for number, item in enumerate(items):
        alpha, (left, top) = place(canvas, item)
        solid = np.asarray(alpha) >= SOLID
        whole.append(int(solid.sum()))
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + alpha.width, canvas.width), min(top + alpha.height, canvas.height)
        if x1 < x2 and y1 < y2:
            owner[y1:y2, x1:x2][solid[y1 - top : y2 - top, x1 - left : x2 - left]] = number
    seen = np.bincount(owner.ravel() + 1, minlength=len(items) + 1)[1:]
    kept = tuple(n for n in range(len(items)) if seen[n] and seen[n] * 100 >= visible * whole[n])
    masks = np.zeros((len(kept), *owner.shape), dtype=bool)
    boxes = np.zeros((len(kept), 4), dtype=np.int64)
    for row, number in enumerate(kept):
        masks[row] = owner == number
        boxes[row] = mask_box(masks[row])
    labels = np.array([items[number].label for number in kept], dtype=np.int64)
    return Scene(np.array(canvas), boxes, labels, masks, kept)


def mask_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the corners (x1, y1, x2, y2) in pixels around the True pixels `(H, W)`, x2 and y2 exclusive.

    Raises:
        ValueError: if no pixel is True.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        raise ValueError("expected a mask with at least one True pixel, got none: it has no box")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def jitter(dice: Dice, by: int = 36) -> tuple[int, int, int]:
    """Return random colour gains in 256ths: one common change of brightness and a smaller one a channel."""
    common = 256 + dice.integer(-by, by)
    red, green, blue = (common + dice.integer(-by // 2, by // 2) for _ in range(3))
    return red, green, blue

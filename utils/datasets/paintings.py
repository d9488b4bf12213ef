"""Pictures with a strong style, painted by code: brush strokes, stained glass, mosaic, waves, hatching.

They belong to nobody, need no download and come at any size. Each painter takes a size and a seed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

_OVERSIZE = 3  # painted three times as large and shrunk: smooth edges
_NIGHT = (
    (12, 22, 70),
    (20, 50, 130),
    (35, 95, 180),
    (90, 160, 210),
    (190, 220, 225),
    (250, 215, 90),
    (245, 170, 30),
)
_WINDOW = ((200, 30, 40), (240, 160, 20), (250, 220, 60), (20, 110, 60), (30, 70, 170), (70, 170, 210), (120, 40, 120),
           (235, 230, 210))  # fmt: skip
_TILES = (
    (180, 50, 30),
    (215, 110, 40),
    (235, 190, 90),
    (30, 90, 110),
    (60, 150, 150),
    (20, 40, 60),
    (240, 235, 220),
)
_BANDS = ((235, 90, 40), (250, 235, 200), (20, 90, 120), (245, 180, 60), (40, 30, 60), (250, 235, 200), (200, 50, 70),
          (30, 140, 140))  # fmt: skip


def painting(name: str, size: int = 256, *, seed: int = 0) -> Tensor:
    """Return a painting `(3, size, size)` uint8, the same for the same seed.

    Args:
        name: one of `PAINTERS`.
        size: pixels, at least 32. The strokes keep their size in pixels, so a larger painting has more of them.

    Raises:
        ValueError: if there is no painter of that name or the size is below 32.

    Example:
        >>> painting("mosaic", 64).shape
        torch.Size([3, 64, 64])
    """
    if name not in PAINTERS:
        raise ValueError(f"unknown painter {name!r}, expected one of {', '.join(PAINTERS)}.")
    if size < 32:
        raise ValueError(
            f"expected a size of at least 32 pixels, got {size}. Fix: paint larger, then shrink."
        )
    large = PAINTERS[name](np.random.default_rng(seed), size)
    small = np.array(large.resize((size, size), Image.Resampling.LANCZOS))
    return torch.from_numpy(small).permute(2, 0, 1).contiguous()


def _hills(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Smooth random heights `(size, size)` between 0 and 1."""
    grid = Image.fromarray(rng.random((cells, cells)).astype(np.float32))
    heights = np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
    return (heights - heights.min()) / (heights.max() - heights.min())


def _colour(
    rng: np.random.Generator, palette: tuple, tone: float, loose: float, vary: float
) -> tuple[int, ...]:
    """A colour near the place `tone` (0 to 1) of the palette: `loose` places off, `vary` levels off."""
    place = int(np.clip(tone * len(palette) + rng.normal(0, loose), 0, len(palette) - 1))
    return tuple(int(level) for level in np.clip(palette[place] + rng.normal(0, vary, 3), 0, 255))


def _strokes(rng: np.random.Generator, size: int) -> Image.Image:
    """Short brush strokes that follow the contour lines of random hills: they swirl around the tops."""
    slope_y, slope_x = np.gradient(_hills(rng, size, 5))
    along, tone = np.arctan2(slope_x, -slope_y), _hills(rng, size, 6)
    picture = Image.new("RGB", (size * _OVERSIZE,) * 2, (15, 30, 80))
    draw = ImageDraw.Draw(picture)
    for _ in range(size * size // 9):
        x, y = rng.uniform(0, size - 1, 2)
        colour = _colour(rng, _NIGHT, float(tone[int(y), int(x)]) ** 1.15, 0.7, 12)
        points = [(x, y)]
        for _ in range(rng.integers(4, 9)):
            row, column = (int(np.clip(place, 0, size - 1)) for place in (y, x))
            x, y = x + 1.5 * np.cos(along[row, column]), y + 1.5 * np.sin(along[row, column])
            points.append((x, y))
        line = [(px * _OVERSIZE, py * _OVERSIZE) for px, py in points]
        draw.line(line, fill=colour, width=int(rng.integers(4, 8)), joint="curve")
    return picture


def _glass(rng: np.random.Generator, size: int) -> Image.Image:
    """Stained glass: each pixel belongs to the nearest of random points, lead where two are equally near."""
    side = size * _OVERSIZE
    points = rng.uniform(0, side, (max(6, size * size // 600), 2))
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    nearest, second = np.full((2, side, side), np.inf, dtype=np.float32)
    owner = np.zeros((side, side), dtype=np.int64)
    for i, (x, y) in enumerate(points.astype(np.float32)):
        distance = np.hypot(columns - x, rows - y)
        closer = distance < nearest
        second = np.where(closer, nearest, np.minimum(second, distance))
        owner[closer] = i
        nearest = np.minimum(nearest, distance)
    colours = np.array(_WINDOW)[rng.integers(0, len(_WINDOW), len(points))]
    glass = colours[owner] * (0.85 + 0.3 * _hills(rng, side, 40))[..., None]
    glass[second - nearest < 2.7 * _OVERSIZE] = (18, 16, 20)
    return Image.fromarray(glass.clip(0, 255).astype(np.uint8))


def _mosaic(rng: np.random.Generator, size: int, cell: int = 8) -> Image.Image:
    """Slightly crooked tiles whose colours drift over the picture."""
    picture = Image.new("RGB", (size * _OVERSIZE,) * 2, (225, 215, 195))
    draw, tone = ImageDraw.Draw(picture), _hills(rng, size, 7)
    corners = np.array(((0.7, 0.7), (cell - 0.7, 0.7), (cell - 0.7, cell - 0.7), (0.7, cell - 0.7)))
    for y in range(0, size, cell):
        for x in range(0, size, cell):
            tile = (corners + (x, y) + rng.uniform(-0.8, 0.8, (4, 2))) * _OVERSIZE
            colour = _colour(rng, _TILES, float(tone[y, x]), 0.5, 14)
            draw.polygon([tuple(corner) for corner in tile.tolist()], fill=colour)
    return picture


def _waves(rng: np.random.Generator, size: int) -> Image.Image:
    """Bands between the contour lines of random hills, with dark rims."""
    side = size * _OVERSIZE
    heights = _hills(rng, side, 6) + 0.25 * _hills(rng, side, 14)
    bands = (heights - heights.min()) / (heights.max() - heights.min()) * 16
    picture = np.array(_BANDS, dtype=np.uint8)[bands.astype(np.int64) % len(_BANDS)]
    picture[bands % 1 < 0.14] = (25, 20, 35)
    return Image.fromarray(picture)


def _hatching(rng: np.random.Generator, size: int) -> Image.Image:
    """Ink lines on paper in three directions, the more of them the darker."""
    picture = Image.new("RGB", (size * _OVERSIZE,) * 2, (246, 238, 220))
    draw, tone = ImageDraw.Draw(picture), _hills(rng, size, 7)
    for layer, direction in enumerate((0.78, 2.36, 0.2)):
        for _ in range(size * size // 16):
            middle = rng.uniform(0, size - 1, 2)
            if tone[int(middle[1]), int(middle[0])] < 0.3 + 0.22 * layer:
                continue
            angle, length = direction + rng.normal(0, 0.07), rng.uniform(5, 11)
            half = length / 2 * np.array((np.cos(angle), np.sin(angle)))
            ends = [tuple(end) for end in ((middle - half) * _OVERSIZE, (middle + half) * _OVERSIZE)]
            draw.line(ends, fill=(30, 28, 45), width=2)
    return picture


PAINTERS: dict[str, Callable[[np.random.Generator, int], Image.Image]] = {
    "strokes": _strokes,
    "glass": _glass,
    "mosaic": _mosaic,
    "waves": _waves,
    "hatching": _hatching,
}

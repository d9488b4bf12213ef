"""Backgrounds for the scenes: skies, meadows, roads, seas, rooms and table tops, painted with `textures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from utils.datasets.dice import Dice
from utils.datasets.surfaces import cloth, lawn, marble, paper, paving, planks, wood
from utils.datasets.textures import dim, noise, photo, ramp, scale, texture, tint, vary


def sky(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """Clear, cloudy or evening."""
    top, bottom, cloud = dice.choice(
        (
            ((70, 140, 215), (200, 228, 246), (255, 255, 255)),
            ((96, 160, 220), (226, 238, 246), (250, 250, 252)),
            ((120, 140, 165), (206, 214, 222), (236, 238, 240)),
            ((74, 84, 150), (250, 184, 130), (255, 214, 190)),
            ((40, 108, 196), (170, 212, 244), (255, 255, 255)),
        )
    )
    picture = ramp(size, (vary(dice, top), vary(dice, bottom, 8)))
    floor = dice.integer(118, 150)
    cover = [0] * floor + [min(215, (level - floor) * 5) for level in range(floor, 256)]
    picture.paste(Image.new("RGB", size, cloud), mask=noise(dice, size, (4, 5), octaves=4).point(cover))
    return picture


def _horizon(dice: Dice, size: tuple[int, int], low: int = 38, high: int = 52) -> int:
    return size[1] * dice.integer(low, high) // 100


def _ridge(dice: Dice, size: tuple[int, int], base: int, rise: int, cells: int) -> Image.Image:
    """Return a mask (mode L) that is 255 below a wavy line around `base`."""
    points = scale(Image.fromarray(dice.integers(0, 255, (1, cells)).astype(np.uint8)), (size[0], 1))
    line = base - np.asarray(points, dtype=np.int64)[0] * rise // 255
    return Image.fromarray(((np.arange(size[1])[:, None] >= line) * 255).astype(np.uint8))


def meadow(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """Sky, a row of hills, and grass."""
    picture, horizon = sky(dice, size), _horizon(dice, size)
    for hill, cells in (((126, 160, 150), 5), ((96, 142, 96), 4)):
        mask = _ridge(dice, size, horizon + size[1] // 30, size[1] // 7, cells)
        picture.paste(Image.new("RGB", size, vary(dice, hill)), mask=mask)
    lawn = (size[0], size[1] - horizon)
    dark, light = dice.choice(
        (((38, 84, 30), (150, 198, 84)), ((58, 92, 34), (178, 200, 96)), ((92, 92, 40), (206, 190, 110)))
    )
    grass = photo(dice, "grass", lawn, (vary(dice, dark), vary(dice, light)))
    # Far grass is paler and shows no blades.
    far = grass.filter(ImageFilter.BoxBlur(3))
    grass.paste(far, mask=ramp(lawn, ((255,) * 3, (40,) * 3, (0,) * 3)).getchannel(0))
    grass.paste(Image.new("RGB", lawn, light), mask=ramp(lawn, ((120,) * 3, (0,) * 3)).getchannel(0))
    picture.paste(grass, (0, horizon))
    return picture


def _skyline(dice: Dice, picture: Image.Image, horizon: int) -> None:
    draw, x = ImageDraw.Draw(picture), -dice.integer(0, 20)
    while x < picture.width:
        width = picture.width * dice.integer(9, 18) // 100
        top = horizon - picture.height * dice.integer(10, 32) // 100
        wall = vary(dice, dice.choice(((176, 150, 132), (150, 160, 172), (196, 182, 160), (132, 118, 120))))
        draw.rectangle((x, top, x + width, horizon), fill=wall)
        step, glass = max(6, picture.width // 36), vary(dice, (88, 110, 134), 12)
        for window_x in range(x + step // 2, x + width - step // 2, step):
            for window_y in range(top + step // 2, horizon - step // 2, step):
                draw.rectangle((window_x, window_y, window_x + step // 2, window_y + step // 2), fill=glass)
        x += width + dice.integer(0, picture.width // 40)


def road(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """A street: sky, houses or hills, pavement, asphalt with a dashed line."""
    picture, horizon = sky(dice, size), _horizon(dice, size, 42, 54)
    if dice.chance(65):
        _skyline(dice, picture, horizon)
    else:
        mask = _ridge(dice, size, horizon, size[1] // 6, 5)
        picture.paste(Image.new("RGB", size, vary(dice, (104, 146, 100))), mask=mask)
    below = (size[0], size[1] - horizon)
    grain = np.asarray(scale(texture("gravel"), (96, 96), Image.Resampling.BOX))
    grain = np.tile(grain, (below[1] // 96 + 1, below[0] // 96 + 1))[: below[1], : below[0]]
    tar = vary(dice, dice.choice(((104, 106, 112), (128, 126, 124), (88, 92, 102))), 10)
    asphalt = tint(Image.fromarray(grain), (tuple(c - 44 for c in tar), tuple(c + 44 for c in tar)))
    picture.paste(asphalt, (0, horizon))
    draw, kerb = ImageDraw.Draw(picture), max(3, size[1] // 16)
    draw.rectangle((0, horizon, size[0], horizon + kerb), fill=vary(dice, (184, 178, 168), 8))
    line, length = horizon + below[1] * dice.integer(52, 66) // 100, size[0] // 6
    for x in range(-dice.integer(0, length), size[0], length * 2):
        draw.rectangle((x, line, x + length, line + max(2, size[1] // 60)), fill=(232, 230, 220))
    return picture


def sea(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """Sky over water with small waves."""
    picture, horizon = sky(dice, size), _horizon(dice, size, 34, 46)
    if dice.chance(50):
        mask = _ridge(dice, size, horizon, size[1] // 9, 6)
        picture.paste(Image.new("RGB", size, vary(dice, (120, 146, 150))), mask=mask)
    below = (size[0], size[1] - horizon)
    deep = vary(dice, dice.choice(((18, 84, 140), (20, 110, 132), (44, 88, 124))))
    picture.paste(
        tint(noise(dice, below, (5, 26)), (deep, tuple(min(255, c + 70) for c in deep), (214, 236, 244))),
        (0, horizon),
    )
    return picture


def _window(dice: Dice, picture: Image.Image) -> None:
    width, height = picture.width * dice.integer(20, 32) // 100, picture.height * dice.integer(22, 34) // 100
    left, top = dice.integer(0, picture.width - width), picture.height * dice.integer(6, 14) // 100
    picture.paste(sky(dice, (max(8, width), max(8, height))), (left, top))
    draw, white, frame = ImageDraw.Draw(picture), (250, 250, 250), max(2, picture.width // 90)
    for out in range(frame):
        draw.rectangle((left - out, top - out, left + width + out, top + height + out), outline=white)
    draw.line((left + width // 2, top, left + width // 2, top + height), fill=white, width=frame)


def room(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """A wall (painted, striped or tiled), often with a window, and a wooden floor."""
    paint = dice.choice(((226, 214, 192), (190, 208, 216), (204, 214, 190), (228, 200, 190), (214, 210, 220)))
    paint = vary(dice, paint)
    picture, floor_top = ramp(size, (paint, tuple(c * 9 // 10 for c in paint))), _horizon(dice, size, 60, 72)
    draw, line, pattern = ImageDraw.Draw(picture), tuple(c * 93 // 100 for c in paint), dice.integer(0, 2)
    step = max(4, size[0] // dice.integer(8, 18))
    if pattern == 1:
        for x in range(0, size[0], step * 2):
            draw.rectangle((x, 0, x + step - 1, floor_top), fill=line)
    elif pattern == 2:
        for row, y in enumerate(range(0, floor_top, step // 2)):
            draw.line((0, y, size[0], y), fill=line)
            for x in range(row % 2 * step // 2, size[0], step):
                draw.line((x, y, x, y + step // 2), fill=line)
    if dice.chance(60):
        _window(dice, picture)
    below = (size[0], size[1] - floor_top)
    picture.paste(planks(dice, below, rows=dice.integer(4, 6)), (0, floor_top))
    draw.rectangle((0, floor_top - size[1] // 36, size[0], floor_top), fill=(244, 240, 234))
    return picture


def bokeh(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """Blurred lights, as of a street far behind the subject."""
    dark = vary(dice, dice.choice(((40, 44, 66), (60, 44, 40), (34, 58, 54), (70, 70, 84))))
    picture = tint(noise(dice, size, (3, 3), octaves=3), (dark, tuple(c + 60 for c in dark)))
    for _ in range(dice.integer(10, 22)):
        radius = size[0] * dice.integer(3, 9) // 100
        x, y = dice.integer(0, size[0]), dice.integer(0, size[1])
        glow = Image.new("L", size)
        ImageDraw.Draw(glow).ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=dice.integer(40, 120)
        )
        lamp = vary(
            dice, dice.choice(((255, 200, 120), (255, 150, 110), (150, 210, 255), (250, 240, 200))), 10
        )
        picture.paste(Image.new("RGB", size, lamp), mask=glow)
    return picture.filter(ImageFilter.BoxBlur(1))


Painter = Callable[[Dice, tuple[int, int]], Image.Image]

THEMES: dict[str, tuple[Painter, ...]] = {
    "sky": (sky,),
    "meadow": (meadow,),
    "road": (road,),
    "sea": (sea,),
    "room": (room,),
    "table": (planks, cloth, marble, wood, paper, planks),
    "outdoor": (lawn, paving, bokeh),
}


def background(dice: Dice, theme: str, size: tuple[int, int]) -> Image.Image:
    """Return a background of that theme, RGB.

    Args:
        theme: a key of THEMES.
        size: (width, height) in pixels, at least 16 each.

    Raises:
        ValueError: for an unknown theme or a size below 16.
    """
    if theme not in THEMES:
        raise ValueError(f"unknown theme {theme!r}, expected one of {', '.join(THEMES)}")
    if min(size) < 16:
        raise ValueError(f"expected a background of at least 16 x 16 pixels, got {size}")
    return dice.choice(THEMES[theme])(dice, size)


class Pool:
    """A few backgrounds painted once, from which many pictures take a crop each.

    Args:
        name: makes the pool's pictures its own; use the set's and the split's name.
        themes: keys of THEMES, taken in turn.
        count: how many backgrounds.
        size: (width, height) of each in pixels.
    """

    def __init__(self, name: str, themes: Sequence[str], *, count: int, size: tuple[int, int]) -> None:
        self.pictures: dict[str, list[Image.Image]] = {theme: [] for theme in themes}
        for number in range(count):
            theme = themes[number % len(themes)]
            dice = Dice("pool", name, theme, number)
            picture = background(dice, theme, size)
            self.pictures[theme].append(dim(picture, 256 + dice.integer(-44, 30)))

    def draw(self, dice: Dice, theme: str, size: tuple[int, int], *, level: bool = False) -> Image.Image:
        """Return a new RGB picture: a random crop of a background, mirrored at random.

        Args:
            theme: one of the pool's.
            size: (width, height) in pixels.
            level: keep the whole height, so that the horizon stays where it is.
        """
        source = dice.choice(self.pictures[theme])
        share = 100 if level else dice.integer(55, 100)
        width = min(source.width, source.height * size[0] // size[1]) * share // 100
        height = min(source.height, width * size[1] // size[0])
        left, top = dice.integer(0, source.width - width), dice.integer(0, source.height - height)
        # BOX reads whole pixels only, which is fast for the tiny pictures that take a small part of a large one.
        how = Image.Resampling.BOX if size[0] * 2 <= width else Image.Resampling.BILINEAR
        crop = scale(source.crop((left, top, left + width, top + height)), size, how)
        if dice.chance(50):
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return crop

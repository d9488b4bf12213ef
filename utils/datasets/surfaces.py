"""Backgrounds without depth, seen from above: boards, cloth, stone, paper, grass."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from utils.datasets.dice import Dice
from utils.datasets.textures import noise, photo, tint, vary


def planks(dice: Dice, size: tuple[int, int], rows: int | None = None) -> Image.Image:
    """Wooden boards with grain."""
    light = vary(dice, dice.choice(((206, 160, 108), (176, 124, 80), (226, 196, 152), (140, 98, 66))))
    dark = tuple(c * 68 // 100 for c in light)
    grain = noise(dice, size, (3, 40), octaves=3)
    picture = tint(grain, (dark, light, light))
    draw, rows = ImageDraw.Draw(picture), rows or dice.integer(3, 7)
    for row in range(rows + 1):
        y = size[1] * row // rows
        shade = Image.new("L", (size[0], max(1, size[1] // rows)), dice.integer(0, 46))
        picture.paste(Image.new("RGB", shade.size, dark), (0, y), shade)
        draw.line((0, y, size[0], y), fill=tuple(c // 2 for c in dark), width=max(1, size[1] // 150))
    return picture


def cloth(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """A checked table cloth."""
    colour = vary(
        dice, dice.choice(((200, 40, 48), (44, 104, 176), (50, 140, 92), (236, 170, 50), (150, 90, 150)))
    )
    step = max(4, size[0] // dice.integer(9, 18))
    across = (np.arange(size[0]) + dice.integer(0, step)) // step % 2
    down = (np.arange(size[1]) + dice.integer(0, step)) // step % 2
    cover = ((across[None, :] + down[:, None]) * 118).astype(np.uint8)
    checks, paper = Image.fromarray(cover), Image.new("RGB", size, (246, 243, 236))
    return Image.composite(Image.new("RGB", size, colour), paper, checks)


def marble(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """A stone top with veins."""
    base = vary(dice, dice.choice(((236, 234, 230), (206, 212, 214), (72, 76, 84), (226, 216, 204))), 8)
    vein = tuple(c * 72 // 100 if c > 110 else c + 70 for c in base)
    field = noise(dice, size, (3, 3), octaves=5)
    line = [max(0, 150 - 14 * abs(level - 128)) for level in range(256)]
    picture = tint(noise(dice, size, (4, 4), octaves=4), (tuple(max(0, c - 14) for c in base), base))
    picture.paste(Image.new("RGB", size, vein), mask=field.point(line))
    return picture


def paper(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """A plain coloured sheet with soft light."""
    colours = (
        (238, 206, 120),
        (150, 200, 190),
        (236, 160, 150),
        (170, 186, 226),
        (214, 224, 200),
        (120, 130, 150),
    )
    colour = vary(dice, dice.choice(colours))
    return tint(noise(dice, size, (2, 2), octaves=2), (tuple(c * 80 // 100 for c in colour), colour))


def wood(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """A photographed table top, in its own red-brown or in another wood's colours."""
    stains = (
        None,
        ((52, 34, 24), (190, 150, 116)),
        ((88, 62, 40), (236, 204, 160)),
        ((40, 40, 44), (170, 166, 160)),
    )
    return photo(dice, "wood", size, dice.choice(stains))


def paving(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """Bricks or gravel."""
    dark, light = dice.choice((((70, 50, 44), (214, 158, 128)), ((60, 62, 66), (196, 196, 190))))
    return photo(dice, dice.choice(("brick", "gravel")), size, (vary(dice, dark), vary(dice, light)))


def lawn(dice: Dice, size: tuple[int, int]) -> Image.Image:
    """Grass from above."""
    return photo(dice, "grass", size, (vary(dice, (30, 70, 26)), vary(dice, (164, 206, 96))))

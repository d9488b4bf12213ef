"""The composer: exact boxes and masks, and the same pixels everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from utils.datasets import scenes
from utils.datasets.backgrounds import THEMES, Pool, background
from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of
from utils.datasets.scenes import SOLID, UNIT, Item, compose, jitter, mask_box, paint, place, shape, turn
from utils.datasets.sprites import sprite
from utils.datasets.surfaces import cloth
from utils.datasets.textures import dim, noise, ramp, scale, tint

SQUARE = Image.new("RGBA", (20, 20), (200, 40, 40, 255))
GREY = Image.new("RGB", (80, 60), (128, 128, 128))


def items_of(seed: int, *, count: int = 4, shadow: str = "cast") -> list[Item]:
    dice = Dice("test scenes", seed)
    return [
        Item(
            sprite("noto", dice.choice(("hot-dog", "banana", "pizza", "bus"))),
            number,
            (dice.integer(-10, 90), dice.integer(-10, 70)),
            dice.integer(8, 60),
            angle=dice.integer(0, 359),
            flip=dice.chance(50),
            gains=jitter(dice),
            grey=dice.integer(0, 6),
            shadow=shadow,
        )
        for number in range(count)
    ]


def test_pixels_are_pinned() -> None:
    """Backgrounds and compositions for fixed keys: another machine, NumPy or Pillow must give the same."""
    parts = [background(Dice("pin", theme), theme, (90, 70)) for theme in THEMES]
    assert combine(digest_of(np.asarray(part)) for part in parts) == "3c04931824f0e80c62334c20e43bddf7"
    made = [
        compose(GREY, items_of(seed, shadow=shadow))
        for seed in range(4)
        for shadow in ("cast", "ground", "none")
    ]
    assert (
        combine(digest_of(one.image, one.boxes, one.labels, one.masks) for one in made)
        == "429d3a805db47c5e3f86d42057ee49d3"
    )


def test_no_cosine_lies_near_a_rounding_tie() -> None:
    for degree in range(360):
        exact = math.cos(math.radians(degree)) * UNIT
        assert abs(exact - math.floor(exact) - 0.5) > 1e-6
        assert scenes._COSINES[degree] == round(exact)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_boxes_frame_masks_and_masks_are_disjoint(seed: int) -> None:
    items = items_of(seed)
    made = compose(GREY, items)
    count = len(made.kept)
    assert made.image.shape == (60, 80, 3)
    assert made.boxes.shape == (count, 4)
    assert made.masks.shape == (count, 60, 80)
    assert made.masks.sum(axis=0).max(initial=0) <= 1
    assert made.labels.tolist() == [items[number].label for number in made.kept]
    for (x1, y1, x2, y2), mask in zip(made.boxes.tolist(), made.masks, strict=True):
        assert 0 <= x1 < x2 <= 80
        assert 0 <= y1 < y2 <= 60
        inside = mask[y1:y2, x1:x2]
        assert inside.sum() == mask.sum() > 0
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_masks_are_exact_for_one_square() -> None:
    made = compose(GREY, [Item(SQUARE, 5, (30, 25), 20)])
    assert made.boxes.tolist() == [[20, 15, 40, 35]]
    assert made.masks[0].sum() == 400
    assert (made.image[made.masks[0]] == (200, 40, 40)).all()
    assert (made.image[~made.masks[0]] == 128).all()
    assert made.labels.tolist() == [5]


def test_later_items_hide_earlier_ones() -> None:
    below, above = Item(SQUARE, 0, (30, 30), 20), Item(SQUARE, 1, (40, 30), 20)
    made = compose(GREY, [below, above])
    assert made.boxes.tolist() == [[20, 20, 30, 40], [30, 20, 50, 40]]
    # Half of the lower one is seen: kept at 50 percent, dropped at 51.
    assert compose(GREY, [below, above], visible=50).kept == (0, 1)
    assert compose(GREY, [below, above], visible=51).kept == (1,)


def test_awkward_scenes() -> None:
    empty = compose(GREY, [])
    assert empty.boxes.shape == (0, 4)
    assert empty.masks.shape == (0, 60, 80)
    assert (empty.image == np.asarray(GREY)).all()
    outside = compose(GREY, [Item(SQUARE, 0, (500, -500), 20, shadow="cast")])
    assert outside.kept == ()
    corner = compose(GREY, [Item(SQUARE, 0, (80, 60), 20)], visible=10)
    assert corner.boxes.tolist() == [[70, 50, 80, 60]]
    covering = compose(GREY, [Item(SQUARE, 0, (40, 30), 300)], visible=0)
    assert covering.boxes.tolist() == [[0, 0, 80, 60]]


def test_the_background_is_not_changed() -> None:
    before = np.array(GREY)
    compose(GREY, items_of(1))
    paint(GREY, items_of(1))
    assert (np.asarray(GREY) == before).all()


def test_paint_gives_the_same_picture_as_compose() -> None:
    assert (np.asarray(paint(GREY, items_of(3))) == compose(GREY, items_of(3)).image).all()


def test_bad_items_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 pixels"):
        shape(Item(SQUARE, 0, (0, 0), 1))
    with pytest.raises(ValueError, match="expected shadow"):
        place(GREY.copy(), Item(SQUARE, 0, (0, 0), 9, shadow="long"))
    with pytest.raises(ValueError, match="no box"):
        mask_box(np.zeros((3, 3), dtype=bool))


def test_turning_right_angles_is_exact() -> None:
    picture = sprite("fluent", "banana")
    padded = Image.new("RGBA", (picture.width + 8, picture.height + 8))
    padded.paste(picture, (4, 4))
    assert turn(padded, 360) is padded
    for degrees, way in ((90, Image.Transpose.ROTATE_90), (180, Image.Transpose.ROTATE_180)):
        turned, expected = turn(padded, degrees), padded.transpose(way)
        ours, theirs = (np.asarray(one)[..., 3] >= SOLID for one in (turned, expected))
        assert mask_box(ours)[2] - mask_box(ours)[0] == mask_box(theirs)[2] - mask_box(theirs)[0]
        assert ours.sum() == theirs.sum()


@pytest.mark.parametrize("degrees", [-30, 7, 45, 133, 271])
def test_turning_keeps_the_area_and_the_middle(degrees: int) -> None:
    square = Image.new("RGBA", (44, 44))
    square.paste(Image.new("RGBA", (40, 40), (255, 255, 255, 255)), (2, 2))
    solid = np.asarray(turn(square, degrees).getchannel("A")) >= SOLID
    assert abs(int(solid.sum()) - 1600) < 40
    rows, columns = np.nonzero(solid)
    assert abs(rows.mean() - (solid.shape[0] - 1) / 2) < 0.6
    assert abs(columns.mean() - (solid.shape[1] - 1) / 2) < 0.6


def test_turning_goes_counter_clockwise() -> None:
    bar = Image.new("RGBA", (31, 31))
    bar.paste((255, 255, 255, 255), (15, 2, 17, 16))  # from the middle up
    rows, columns = np.nonzero(np.asarray(turn(bar, 90).getchannel("A")) >= SOLID)
    assert columns.mean() < 15
    assert abs(rows.mean() - 16) < 2


def test_colours_and_shadows() -> None:
    half = np.asarray(shape(Item(SQUARE, 0, (0, 0), 20, gains=(128, 256, 512))))[5, 5]
    assert half.tolist() == [100, 40, 80, 255]
    greyed = np.asarray(shape(Item(SQUARE, 0, (0, 0), 20, grey=16)))[5, 5, :3]
    assert len(set(greyed.tolist())) == 1
    flat, cast, ground = (
        compose(GREY, [Item(SQUARE, 0, (40, 30), 20, shadow=shadow)]) for shadow in ("none", "cast", "ground")
    )
    for shaded in (cast, ground):
        assert shaded.image.sum() < flat.image.sum()
        assert (shaded.image <= flat.image).all()
        assert shaded.boxes.tolist() == flat.boxes.tolist()


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("size", [(16, 16), (33, 90), (200, 41)])
def test_backgrounds_have_the_size_asked_for(theme: str, size: tuple[int, int]) -> None:
    for seed in range(3):
        picture = background(Dice(seed), theme, size)
        assert picture.mode == "RGB"
        assert picture.size == size
        assert np.asarray(picture).std() > 0


def test_every_painter_is_used_and_repeats() -> None:
    for theme, painters in THEMES.items():
        for painter in painters:
            first, again = (np.asarray(painter(Dice("same"), (64, 48))) for _ in range(2))
            assert (first == again).all(), theme


def test_background_errors() -> None:
    with pytest.raises(ValueError, match="unknown theme"):
        background(Dice(0), "moon", (64, 64))
    with pytest.raises(ValueError, match="at least 16"):
        background(Dice(0), "sky", (64, 8))


def test_pool_crops() -> None:
    pool = Pool("test", ("table", "meadow"), count=4, size=(64, 48))
    drawn = pool.draw(Dice(1), "meadow", (32, 40), level=True)
    assert drawn.size == (32, 40)
    assert (np.asarray(drawn) == np.asarray(pool.draw(Dice(1), "meadow", (32, 40), level=True))).all()
    assert any(
        (np.asarray(pool.draw(Dice(n), "meadow", (32, 40))) != np.asarray(drawn)).any() for n in range(5)
    )


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["L", "RGB"]),
)
@settings(max_examples=40, deadline=None)
def test_scale_goes_along_the_rows_first(width: int, height: int, wide: int, high: int, mode: str) -> None:
    """Whatever order Pillow would choose. Slower reference: each row as a picture of its own, then each column."""
    picture = Image.fromarray(Dice(width, height).integers(0, 255, (height, width)).astype(np.uint8)).convert(
        mode
    )
    rows = [
        picture.crop((0, y, width, y + 1)).resize((wide, 1), Image.Resampling.BICUBIC) for y in range(height)
    ]
    middle = Image.fromarray(np.concatenate([np.asarray(row) for row in rows]))
    columns = [
        middle.crop((x, 0, x + 1, height)).resize((1, high), Image.Resampling.BICUBIC) for x in range(wide)
    ]
    expected = np.concatenate([np.asarray(column) for column in columns], axis=1)
    assert (np.asarray(scale(picture, (wide, high))) == expected).all()


def test_textures() -> None:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    tinted = np.asarray(tint(grey, ((0, 10, 250), (255, 20, 0))))
    assert tinted[0, 0].tolist() == [0, 10, 250]
    assert tinted[0, 255].tolist() == [255, 20, 0]
    middle = np.asarray(tint(grey, ((0, 0, 0), (90, 90, 90), (0, 0, 0))))[0, :, 0]
    assert middle.max() in (89, 90)
    assert middle[255] == middle[0] == 0
    assert np.asarray(ramp((3, 5), ((0, 0, 0), (200, 0, 0))))[[0, -1], 0, 0].tolist() == [0, 200]
    assert ramp((4, 1), ((9, 9, 9), (0, 0, 0))).size == (4, 1)
    assert np.asarray(dim(Image.new("RGB", (2, 2), (255, 100, 0)), 512))[0, 0].tolist() == [255, 200, 0]
    assert np.asarray(noise(Dice(3), (40, 30), (4, 3))).std() > 10
    assert len(np.unique(np.asarray(cloth(Dice(1), (60, 60))).reshape(-1, 3), axis=0)) == 3

"""The committed drawings and photographs."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from utils.datasets import sprites
from utils.datasets.sprites import (
    ARTISTS,
    HELD_OUT,
    TRAIN_ARTISTS,
    artists_of,
    drawn_by,
    group,
    has_sprite,
    sprite,
)
from utils.settings import settings


def all_concepts() -> set[str]:
    lists = [group("foods"), group("dogs"), *group("cifar10").values(), *group("voc").values()]
    return {concept for concepts in lists for concept in concepts}


def test_splits_share_no_artist() -> None:
    assert HELD_OUT in ARTISTS
    assert set(artists_of("train")) == set(TRAIN_ARTISTS) == set(ARTISTS) - {HELD_OUT}
    assert artists_of("test") == artists_of("val") == (HELD_OUT,)


@pytest.mark.parametrize("artist", ARTISTS)
def test_every_drawing_is_there_and_fills_its_frame(artist: str) -> None:
    drawn = drawn_by(sorted(all_concepts()), artist)
    assert len(drawn) > 100
    for concept in drawn:
        picture = sprite(artist, concept)
        alpha = np.asarray(picture.getchannel("A"))
        assert picture.mode == "RGBA"
        assert max(picture.size) == 128, concept
        assert min(picture.size) >= 16, concept
        # Something solid, nothing empty at any edge: the box of a drawing is its frame.
        assert (alpha >= 128).mean() > 0.08, concept
        for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]):
            assert edge.max() > 0, concept


def test_drawings_of_one_concept_differ() -> None:
    for concept in ("hot-dog", "banana", "dog", "bus"):
        thumbnails = [np.asarray(sprite(artist, concept).resize((16, 16)), dtype=int) for artist in ARTISTS]
        for number, first in enumerate(thumbnails):
            for second in thumbnails[number + 1 :]:
                assert np.abs(first - second).mean() > 8, concept


def test_the_held_out_artist_has_drawn_every_class() -> None:
    for name in ("cifar10", "voc"):
        for label, concepts in group(name).items():
            assert drawn_by(concepts, HELD_OUT), label
            assert sum(bool(drawn_by(concepts, artist)) for artist in TRAIN_ARTISTS) >= 3, label


def test_each_class_has_its_own_drawings() -> None:
    for name in ("cifar10", "voc"):
        concepts = [concept for listed in group(name).values() for concept in listed]
        assert len(concepts) == len(set(concepts))


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"drawn by: noto, fluent, twemoji, openmoji|drawn by: "):
        sprite("emojione", "broccoli")
    with pytest.raises(ValueError, match="nobody"):
        sprite("noto", "unheard-of")
    with pytest.raises(ValueError, match="expected foods"):
        group("cars")
    assert not has_sprite("nobody", "dog")


def test_missing_sprites_are_reported(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(settings), "sample_root", property(lambda self: tmp_path))
    sprites._index.cache_clear()
    try:
        with pytest.raises(FileNotFoundError, match="git checkout data/sample"):
            group("foods")
    finally:
        sprites._index.cache_clear()


def test_photographs_open_and_licences_are_there() -> None:
    photos = settings.sample_root / "photos"
    for path in photos.iterdir():
        with Image.open(path) as picture:
            assert min(picture.size) >= 200
            assert picture.mode in ("RGB", "L")
    assert {"cat.jpg", "coffee.jpg", "rocket.jpg"} <= {path.name for path in photos.iterdir()}


def test_sample_data_stays_small() -> None:
    size = sum(path.stat().st_size for path in settings.sample_root.rglob("*") if path.is_file())
    assert size < 25_000_000
    size = sum(path.stat().st_size for path in (settings.sample_root / "sprites").iterdir())
    assert size < 8_000_000

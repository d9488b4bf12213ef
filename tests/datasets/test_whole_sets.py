"""The composed sets as a whole: their contents are pinned, their sizes bounded, and no test artist is in training."""

from __future__ import annotations

import pytest
from kit import ROOTS, small_sets  # noqa: F401

from utils.datasets import bananas, cifar10, dogs, hotdog, voc
from utils.datasets.backgrounds import Pool
from utils.datasets.generate import stamp_digest
from utils.datasets.sprites import HELD_OUT

# Of the pixels before they were encoded, and of the tables. Whoever changes a picture raises the set's VERSION too.
DIGESTS = {
    "hotdog": "78cd104639bf079fc901449624347286",
    "bananas": "d429614e7b528b758747cf8e0c423397",
    "catdog": "ff9df849ae45702580a01c05f893a1d9",
    "cifar10": "467608979c14a3f8cd17e13ccb8e0329",
    "cifar10-tiny": "99dc8127483836317a571ce53bf03d09",
    "voc": "f4e66cc5ac0e59f81c7f886e4ee53229",
    "dogs": "a150b6398d412ef46bd32afbc2dc3937",
    "houses": "98a25f9213aaf02a6a65ecfe206f37fe",
}
SMALL_DIGESTS = {
    "hotdog": "b902da004a471d67a48e0113e0e96f7b",
    "bananas": "6f97acac5e46a6d6b5da347a6a4d902a",
    "catdog": "ff9df849ae45702580a01c05f893a1d9",
    "cifar10": "2f17f21035f20071f93c9b28bd37519e",
    "cifar10-tiny": "71fe96048848fb4f7356395da32d1fae",
    "voc": "298efe02ca23ed59bea13b8057d4c259",
    "dogs": "31a08bff711b5a04ad561fba262c6e15",
    "houses": "1c3fcfd0cfa7e981c14d882cad911b40",
}


@pytest.mark.parametrize("name", list(ROOTS))
def test_contents_of_the_complete_set_are_pinned(name: str) -> None:
    """Taken from the reader's own cache if it is there, for composing all sets takes 20 seconds of computing."""
    folder = ROOTS[name]("sample") if name != "catdog" else ROOTS[name]()
    assert stamp_digest(folder) == DIGESTS[name]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 60_000_000


@pytest.mark.parametrize("name", list(ROOTS))
def test_small_editions_are_pinned(name: str, small_sets) -> None:  # noqa: F811
    """Composed anew each time, so that a change of the code shows at once."""
    folder = ROOTS[name]()
    assert small_sets in folder.parents
    assert stamp_digest(folder) == SMALL_DIGESTS[name]


def test_splits_are_drawn_by_different_artists(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    pool = Pool(
        "artists", ("table", "outdoor", "meadow", "room", "sky", "road", "sea"), count=7, size=(64, 64)
    )
    for module in (hotdog, bananas, cifar10, dogs, voc):
        real = module.sprite

        def noted(artist: str, concept: str, real=real):
            asked.append(artist)
            return real(artist, concept)

        monkeypatch.setattr(module, "sprite", noted)
    for split, held_out in (("train", False), ("test", True), ("val", True)):
        asked.clear()
        for number in range(40):
            hotdog.picture(split, number % 2, number, pool)
            bananas.scene(split, number, pool)
            cifar10.picture(split, number, pool)
            voc.scene(split, number, pool)
            dogs.picture(split, list(dogs.BREEDS)[number % len(dogs.BREEDS)], number, pool)
        assert len(asked) > 200
        assert (set(asked) == {HELD_OUT}) == held_out
        assert (HELD_OUT in asked) == held_out


def test_no_two_splits_share_a_picture() -> None:
    pool = Pool("same", ("table", "outdoor", "meadow", "room"), count=4, size=(64, 64))
    first = hotdog.picture("train", 0, 0, pool).tobytes()
    assert first == hotdog.picture("train", 0, 0, pool).tobytes()
    assert first != hotdog.picture("train", 0, 1, pool).tobytes()
    assert first != hotdog.picture("test", 0, 0, pool).tobytes()

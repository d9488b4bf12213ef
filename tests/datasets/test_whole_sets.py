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
    "hotdog": "21bd943d938debb0d6f24faf27388ea1",
    "bananas": "3211a9e7a762eb5a6589380d1aab3a3c",
    "catdog": "ff9df849ae45702580a01c05f893a1d9",
    "cifar10": "5a55775908185be65e89cac5eefa69f1",
    "cifar10-tiny": "d1991a66296abdacd2a982ea9655d91c",
    "voc": "abf7c130eecef22d52bf3a93cfac2737",
    "dogs": "72dd66c221dbf2d2786089854f529251",
    "houses": "98a25f9213aaf02a6a65ecfe206f37fe",
}
SMALL_DIGESTS = {
    "hotdog": "33d1f1db3b22e693316785b75cfda5ad",
    "bananas": "197f08cf79d1f88fa8418f7fe8474f0f",
    "catdog": "ff9df849ae45702580a01c05f893a1d9",
    "cifar10": "4f293717337dcd8dd972ff263d5e6218",
    "cifar10-tiny": "c26fcb458cdb0e701e26bbf7446940a6",
    "voc": "e937cdb2342754319d42fcae84346467",
    "dogs": "11c89388d96ef359a7149331c7abc87a",
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

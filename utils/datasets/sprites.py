"""The committed drawings: concepts (hot dog, banana, bus ...), each by up to five artists, as RGBA pictures."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from PIL import Image

from utils.settings import settings

ARTISTS = ("noto", "fluent", "twemoji", "emojione", "openmoji")
HELD_OUT = "fluent"
TRAIN_ARTISTS = tuple(artist for artist in ARTISTS if artist != HELD_OUT)
"""The four artists of every training split. Every test split is drawn by HELD_OUT alone."""


@lru_cache(maxsize=1)
def _index() -> dict[str, Any]:
    path = settings.sample_root / "sprites" / "index.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing. Fix: it is part of the repository; restore it with `git checkout data/sample`."
        )
    return json.loads(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=8)
def _atlas(name: str) -> Image.Image:
    with Image.open(settings.sample_root / "sprites" / f"{name}.png") as picture:
        return picture.convert("RGBA")


def artists_of(split: str) -> tuple[str, ...]:
    """Return who draws a split: four artists for `train`, the fifth for everything else."""
    return TRAIN_ARTISTS if split == "train" else (HELD_OUT,)


def group(name: str) -> Any:
    """Return the concepts of a group.

    Args:
        name: `foods` or `dogs` (lists), `cifar10` or `voc` (class name -> list of concepts).

    Raises:
        ValueError: for another name.
    """
    if name not in ("foods", "dogs", "cifar10", "voc"):
        raise ValueError(f"unknown group of sprites {name!r}, expected foods, dogs, cifar10 or voc")
    return _index()[name]


def has_sprite(artist: str, concept: str) -> bool:
    """Say whether this artist has drawn the concept; tables are drawn for the course in five styles."""
    return concept == "dining-table" or concept in _index()["atlas"].get(artist, {})


def drawn_by(concepts: list[str], artist: str) -> list[str]:
    """Return those of the concepts which this artist has drawn, in the order given."""
    return [concept for concept in concepts if has_sprite(artist, concept)]


@lru_cache(maxsize=1024)
def sprite(artist: str, concept: str) -> Image.Image:
    """Return a drawing without empty border, RGBA, longer side 128 pixels (480 for artist `large`).

    Treat it as read-only: the same object is handed out each time.

    Raises:
        ValueError: if the artist is unknown or has not drawn the concept.

    Example:
        >>> max(sprite("noto", "hot-dog").size)
        128
    """
    atlas = _index()["atlas"]
    if concept == "dining-table":
        artist, concept = "course", f"dining-table-{artist}"
    if concept not in atlas.get(artist, {}):
        who = [name for name in atlas if concept in atlas[name]]
        raise ValueError(
            f"no drawing of {concept!r} by {artist!r}; it is drawn by: {', '.join(who) or 'nobody'}. "
            f"Artists: {', '.join(ARTISTS)}."
        )
    return _atlas(artist).crop(atlas[artist][concept])

"""Dog breeds in the layout of the competition: train/ID.jpg, test/ID.jpg, labels.csv; composed at `sample`.

At `sample` a breed is a drawing (sitting dog, dog's face, poodle ...) with the breed's coat painted over it: the names
are real, the dogs are not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from utils.datasets.backgrounds import Pool
from utils.datasets.dice import Dice
from utils.datasets.generate import combine, digest_of, generated, in_order, write_text
from utils.datasets.pictures import read_resized, read_table
from utils.datasets.scenes import Item, paint
from utils.datasets.sprites import artists_of, drawn_by, sprite
from utils.datasets.textures import Colour, tint
from utils.settings import settings

VERSION = "1"
COUNTS = {"train": 40, "test": 10}
"""Pictures a breed at scale `sample`."""

_THEMES = ("meadow", "room", "outdoor", "meadow")


class Breed(NamedTuple):
    """A drawing and the darkest and lightest colour of the coat; no coat leaves the artist's colours."""

    concept: str
    coat: tuple[Colour, Colour] | None


BREEDS = {
    "chesapeake_bay_retriever": Breed("dog", ((52, 28, 16), (168, 104, 66))),
    "flat-coated_retriever": Breed("dog", ((14, 14, 18), (112, 112, 122))),
    "german_shepherd": Breed("service-dog", ((40, 26, 14), (222, 166, 96))),
    "golden_retriever": Breed("dog", ((140, 84, 28), (252, 214, 140))),
    "irish_setter": Breed("dog-face", ((92, 28, 10), (222, 108, 52))),
    "labrador_retriever": Breed("guide-dog", ((150, 120, 60), (254, 236, 184))),
    "miniature_poodle": Breed("poodle", ((14, 14, 20), (116, 116, 128))),
    "pembroke": Breed("fox", None),
    "samoyed": Breed("dog-face", ((150, 150, 156), (255, 255, 252))),
    "siberian_husky": Breed("wolf", ((44, 50, 62), (244, 248, 252))),
    "standard_poodle": Breed("poodle", ((150, 146, 138), (255, 252, 244))),
    "toy_poodle": Breed("poodle", ((126, 68, 28), (242, 184, 124))),
    "weimaraner": Breed("dog-face", ((66, 70, 84), (176, 180, 194))),
}


def root(scale: str | None = None) -> Path:
    """Return the folder with train/, test/ and labels.csv (id, breed).

    At `sample` there is also solution.csv with the breeds of test/, which the real competition keeps to itself.

    Args:
        scale: `sample` or `full`; None takes COURSE_SCALE.
    """
    if (scale or settings.scale) == "full":
        from utils.datasets.download import fetch

        return fetch("dogs")
    return generated("dogs", VERSION, _build)


def classes(*, scale: str | None = None) -> tuple[str, ...]:
    """Return the breeds of labels.csv, sorted: the columns of a submission, and what label numbers mean."""
    return tuple(sorted({row["breed"] for row in read_table(root(scale) / "labels.csv", ("id", "breed"))}))


def read_competition(
    part: str, *, size: int = 96, scale: str | None = None
) -> tuple[list[str], Tensor, Tensor | None]:
    """Return sorted `ids`, `images (N, 3, size, size)` uint8 and `labels (N,)` of the `train` or `test` folder.

    The labels of `test` are None: the competition hides them. Label numbers index `classes()`.

    Raises:
        ValueError: for another part.
    """
    if part not in COUNTS:
        raise ValueError(f"expected part 'train' or 'test', got {part!r}")
    paths = sorted((root(scale) / part).glob("*.jpg"), key=lambda path: path.stem)
    ids, images = [path.stem for path in paths], read_resized(paths, size)
    if part == "test":
        return ids, images, None
    named = {row["id"]: row["breed"] for row in read_table(root(scale) / "labels.csv", ("id", "breed"))}
    order = {breed: number for number, breed in enumerate(classes(scale=scale))}
    return ids, images, torch.tensor([order[named[name]] for name in ids])


def read_solution(*, scale: str | None = None) -> Tensor | None:
    """Return the labels `(N,)` of the test folder in the order of its ids, or None where nobody outside has them."""
    path = root(scale) / "solution.csv"
    if not path.is_file():
        return None
    order = {breed: number for number, breed in enumerate(classes(scale=scale))}
    rows = sorted(read_table(path, ("id", "breed")), key=lambda row: row["id"])
    return torch.tensor([order[row["breed"]] for row in rows])


def coat(drawing: Image.Image, colours: tuple[Colour, Colour]) -> Image.Image:
    """Return the RGBA drawing with its greys spread from the darker to the lighter colour; a quarter stays."""
    grey, alpha = np.asarray(drawing.convert("L"), dtype=np.int64), np.asarray(drawing.getchannel("A"))
    inside = np.sort(grey[alpha >= 128])
    low, high = int(inside[len(inside) // 12]), int(inside[-1 - len(inside) // 20])
    spread = np.clip((grey - low) * 255 // max(1, high - low), 0, 255).astype(np.uint8)
    painted = Image.blend(drawing.convert("RGB"), tint(Image.fromarray(spread), colours), 0.75)
    # Eyes and noses are darker than any coat.
    painted.paste(drawing.convert("RGB"), mask=Image.fromarray((grey < 48).astype(np.uint8) * 255))
    painted.putalpha(drawing.getchannel("A"))
    return painted


def picture(split: str, breed: str, number: int, pool: Pool) -> Image.Image:
    """Compose one picture of a breed; the same arguments always give the same pixels."""
    dice, kind = Dice("dogs", split, breed, number), BREEDS[breed]
    artist = dice.choice([artist for artist in artists_of(split) if drawn_by([kind.concept], artist)])
    drawing = sprite(artist, kind.concept)
    drawing = coat(drawing, kind.coat) if kind.coat else drawing
    size = dice.choice(((160, 120), (140, 140), (120, 160), (160, 128)))
    side = min(size) * dice.integer(66, 98) // 100
    centre = (size[0] * dice.integer(42, 58) // 100, size[1] - side // 2 - dice.integer(0, 10))
    gain = 256 + dice.integer(-26, 26)
    item = Item(
        drawing,
        0,
        centre,
        side,
        angle=dice.integer(-10, 10),
        flip=dice.chance(50),
        gains=(gain, gain + dice.integer(-8, 8), gain + dice.integer(-8, 8)),
        shadow="ground",
    )
    return paint(pool.draw(dice, dice.choice(_THEMES), size, level=True), [item])


def _build(folder: Path) -> str:
    digests = []
    for part, table in (("train", "labels.csv"), ("test", "solution.csv")):
        pool = Pool(f"dogs {part}", _THEMES, count=24, size=(200, 170))
        (folder / part).mkdir()
        # The competition's ids are long hexadecimal words whose order says nothing about the breed.
        jobs = {
            hashlib.blake2b(f"{part} {breed} {number}".encode(), digest_size=16).hexdigest(): (breed, number)
            for breed in BREEDS
            for number in range(COUNTS[part])
        }

        def make(name: str, part: str = part, pool: Pool = pool, jobs: dict = jobs) -> bytes:
            made = picture(part, *jobs[name], pool)
            made.save(folder / part / f"{name}.jpg", quality=90)
            return digest_of(name, str(made.size), made.tobytes())

        digests += list(in_order(make, sorted(jobs)))
        write_text(
            folder / table, "id,breed\n" + "".join(f"{name},{jobs[name][0]}\n" for name in sorted(jobs))
        )
    return combine(digests)

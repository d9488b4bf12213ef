"""The dog-breed competition, at both scales."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kit import picture_bytes, small_sets  # noqa: F401

from utils.datasets import dogs
from utils.datasets.dogs import BREEDS, classes, coat, read_competition, read_solution
from utils.datasets.sprites import sprite


@pytest.mark.usefixtures("small_sets")
class TestSample:
    def test_competition(self) -> None:
        assert classes() == tuple(sorted(BREEDS))
        ids, images, labels = read_competition("train", size=48)
        assert ids == sorted(ids)
        assert len(set(ids)) == len(ids) == 3 * len(BREEDS)
        assert images.shape == (len(ids), 3, 48, 48)
        assert torch.bincount(labels).tolist() == [3] * len(BREEDS)
        assert labels.tolist() != sorted(labels.tolist()), "ids give the breed away"

    def test_the_test_part_hides_its_labels(self) -> None:
        ids, images, labels = read_competition("test", size=32)
        assert labels is None
        assert len(ids) == len(images) == 2 * len(BREEDS)
        assert not set(ids) & set(read_competition("train", size=32)[0])
        assert torch.bincount(read_solution()).tolist() == [2] * len(BREEDS)

    def test_solution_is_in_the_order_of_the_ids(self) -> None:
        pool = dogs.Pool("dogs test", dogs._THEMES, count=24, size=(200, 170))
        ids, _, _ = read_competition("test", size=32)
        rows = dogs.read_table(dogs.root() / "solution.csv", ("id", "breed"))
        breeds = {row["id"]: row["breed"] for row in rows}
        assert [classes()[label] for label in read_solution()] == [breeds[name] for name in ids]
        assert np.asarray(dogs.picture("test", "pembroke", 0, pool)).std() > 0

    def test_unknown_part(self) -> None:
        with pytest.raises(ValueError, match="'train' or 'test'"):
            read_competition("valid")


def test_coat_paints_the_dog_and_nothing_else() -> None:
    drawing = sprite("fluent", "dog")
    dark, light = (
        coat(drawing, colours) for colours in (((10, 10, 10), (60, 60, 60)), ((190, 190, 190), (255,) * 3))
    )
    solid = np.asarray(drawing.getchannel("A")) == 255
    assert dark.size == light.size == drawing.size
    assert (np.asarray(dark.getchannel("A")) == np.asarray(drawing.getchannel("A"))).all()
    means = [np.asarray(picture.convert("L"))[solid].mean() for picture in (dark, drawing, light)]
    assert means[0] + 40 < means[1] < means[2] + 40
    assert means[2] > means[0] + 80


def test_breeds_differ_in_drawing_or_coat() -> None:
    assert len(set(BREEDS.values())) == len(BREEDS)


def test_full_scale(serve_archive, monkeypatch: pytest.MonkeyPatch) -> None:
    breeds = {"0c": "pug", "0a": "boxer", "0b": "pug"}
    files = {f"kaggle_dog_tiny/train/{name}.jpg": picture_bytes("JPEG", (30, 40), seed=1) for name in breeds}
    files["kaggle_dog_tiny/test/ff.jpg"] = picture_bytes("JPEG", (50, 40), seed=2)
    rows = "".join(f"{name},{breed}\n" for name, breed in breeds.items())
    files["kaggle_dog_tiny/labels.csv"] = f"id,breed\n{rows}".encode()
    serve_archive("dogs", files)
    monkeypatch.setenv("COURSE_SCALE", "full")
    ids, images, labels = read_competition("train", size=16)
    assert ids == ["0a", "0b", "0c"]
    assert images.shape == (3, 3, 16, 16)
    assert [classes()[label] for label in labels] == ["boxer", "pug", "pug"]
    assert read_competition("test", size=16)[0] == ["ff"]
    assert read_solution() is None

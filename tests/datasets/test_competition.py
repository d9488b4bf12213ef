"""Folders, folds and submission files of a competition."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import ImageFolder

from utils.datasets.competition import (
    assign_folds,
    reorganise,
    sorted_ids,
    submission_problems,
    write_labels,
    write_probabilities,
)

CLASSES = ("bird", "cat")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=6, max_size=60), st.integers(2, 6), st.integers(0, 3))
def test_folds_are_even_in_size_and_class(labels: list[int], folds: int, seed: int) -> None:
    y = torch.tensor(labels)
    fold = assign_folds(y, folds=folds, seed=seed)
    assert fold.bincount(minlength=folds).max() - fold.bincount(minlength=folds).min() <= 1
    for name in set(labels):
        counts = fold[y == name].bincount(minlength=folds)
        assert counts.max() - counts.min() <= 1
    assert torch.equal(fold, assign_folds(y, folds=folds, seed=seed))


def test_another_seed_gives_other_folds() -> None:
    y = torch.arange(40) % 4
    assert not torch.equal(assign_folds(y, folds=4, seed=0), assign_folds(y, folds=4, seed=1))


@pytest.mark.parametrize("seed", range(4))
def test_groups_never_part(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    groups = torch.randint(0, 30, (120,), generator=generator)
    fold = assign_folds(torch.arange(120) % 3, folds=4, seed=seed, groups=groups)
    assert all(len(fold[groups == group].unique()) == 1 for group in groups.unique())
    assert set(fold.tolist()) == {0, 1, 2, 3}


def test_folds_refuse_what_cannot_be() -> None:
    assert assign_folds(torch.zeros(0, dtype=torch.int64), folds=3).shape == (0,)
    with pytest.raises(ValueError, match="2 <= folds <= 3"):
        assign_folds(torch.zeros(3), folds=4)
    with pytest.raises(ValueError, match="2 <= folds"):
        assign_folds(torch.zeros(3), folds=1)
    with pytest.raises(ValueError, match="2 groups and 3 labels"):
        assign_folds(torch.zeros(3), folds=2, groups=torch.zeros(2))


def flat_folder(root: Path, count: int = 12) -> dict[str, str]:
    """A competition's folder: count training pictures, two to test."""
    for part, names in (("train", range(1, count + 1)), ("test", (1, 2))):
        (root / part).mkdir(parents=True)
        for name in names:
            Image.new("RGB", (4, 4), (name, 0, 0)).save(root / part / f"{name}.png")
    return {str(name): CLASSES[name % 2] for name in range(1, count + 1)}


def test_reorganise_as_torchvision_reads_it(tmp_path: Path) -> None:
    labels = flat_folder(tmp_path / "flat")
    counts = reorganise(tmp_path / "flat", tmp_path / "tidy", labels, valid_ids={"3", "10"})
    assert counts == (10, 2, 12, 2)
    read = {part: ImageFolder(tmp_path / "tidy" / part) for part in ("train", "valid", "train_valid", "test")}
    assert read["train"].classes == list(CLASSES)
    assert {Path(path).stem for path, _ in read["valid"].samples} == {"3", "10"}
    assert all(CLASSES[label] == labels[Path(path).stem] for path, label in read["train_valid"].samples)
    assert (tmp_path / "tidy/train/bird/2.png").read_bytes() == (tmp_path / "flat/train/2.png").read_bytes()


def test_a_second_call_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    labels = flat_folder(tmp_path / "flat")
    for held_out in ({"1", "2"}, {"3", "4"}):
        reorganise(tmp_path / "flat", tmp_path / "tidy", labels, valid_ids=held_out)
    parts = {part: {p.stem for p in (tmp_path / "tidy" / part).rglob("*.png")} for part in ("train", "valid")}
    assert parts["valid"] == {"3", "4"}
    assert not parts["train"] & parts["valid"]


def test_reorganise_refuses(tmp_path: Path) -> None:
    labels = flat_folder(tmp_path / "flat")
    with pytest.raises(ValueError, match=r"held-out ids without a picture: \['1.png'\]"):
        reorganise(tmp_path / "flat", tmp_path / "tidy", labels, valid_ids={"1.png"})
    with pytest.raises(ValueError, match=r"without a label: \['7'\]"):
        without = {name: label for name, label in labels.items() if name != "7"}
        reorganise(tmp_path / "flat", tmp_path / "tidy", without, valid_ids=())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="not ours"):
        reorganise(tmp_path / "flat", tmp_path / "mine", labels, valid_ids=())
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_ids_sort_as_numbers_or_as_text() -> None:
    assert sorted_ids(["10", "9", "1", "100"]) == ["1", "9", "10", "100"]
    assert sorted_ids(["b1", "a10", "a9"]) == ["a10", "a9", "b1"]
    assert sorted_ids([]) == []


def test_labels_are_written_by_id(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "submission.csv"
    digest = write_labels(path, ["10", "2"], torch.tensor([1, 0]), classes=CLASSES)
    assert path.read_bytes() == b"id,label\n2,bird\n10,cat\n"
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == write_labels(path, ["2", "10"], torch.tensor([0, 1]), classes=CLASSES)
    assert pd.read_csv(path).columns.tolist() == ["id", "label"]
    assert submission_problems(path, ids=["2", "10"], columns=["label"]) == []


def test_probabilities_are_written_by_id(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    p = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    write_probabilities(path, ["f", "a"], p, classes=CLASSES)
    frame = pd.read_csv(path)
    assert frame["id"].tolist() == ["a", "f"]
    assert frame[list(CLASSES)].to_numpy().tolist() == [[1.0, 0.0], [0.25, 0.75]]


def test_submissions_that_make_no_sense(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    with pytest.raises(ValueError, match="each id once"):
        write_labels(path, ["1", "1"], torch.tensor([0, 1]), classes=CLASSES)
    with pytest.raises(ValueError, match="labels in 0..1"):
        write_labels(path, ["1"], torch.tensor([2]), classes=CLASSES)
    with pytest.raises(ValueError, match="softmax"):
        write_probabilities(path, ["1"], torch.tensor([[3.0, -1.0]]), classes=CLASSES)
    with pytest.raises(ValueError, match="softmax"):
        write_probabilities(path, ["1"], torch.tensor([[float("nan"), 1.0]]), classes=CLASSES)
    with pytest.raises(ValueError, match="softmax"):
        write_probabilities(path, ["1"], torch.tensor([[0.9, 0.9]]), classes=CLASSES)
    with pytest.raises(ValueError, match=r"\(1, 2\) numbers"):
        write_probabilities(path, ["1"], torch.tensor([[1.0]]), classes=CLASSES)
    assert not path.exists()


def test_problems_of_a_submission_are_named(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("Id,label\n1,cat\n1,cat,cat\n5,bird\n")
    problems = submission_problems(path, ids=["1", "2"], columns=["label"])
    assert len(problems) == 4
    assert "1 ids come twice" in problems
    assert "1 ids are missing, 1 are unknown" in problems
    path.write_text("")
    assert submission_problems(path, ids=["1"], columns=["label"])

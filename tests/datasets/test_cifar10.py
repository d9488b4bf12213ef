"""CIFAR-10 and its competition, at both scales."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from kit import picture_bytes, small_sets  # noqa: F401
from torchvision import datasets as vision

from utils.datasets import cifar10
from utils.datasets.cifar10 import CLASSES, load_cifar10, read_competition, read_split
from utils.datasets.pictures import read_picture


class UncheckedCIFAR10(vision.CIFAR10):
    """torchvision's reader without the checksums, which fit the real files only."""

    train_list = tuple((name, None) for name, _ in vision.CIFAR10.train_list)
    test_list = tuple((name, None) for name, _ in vision.CIFAR10.test_list)
    meta = {**vision.CIFAR10.meta, "md5": None}  # noqa: RUF012 as in the class above it


@pytest.mark.usefixtures("small_sets")
class TestSample:
    @pytest.mark.parametrize("split", ["train", "test"])
    def test_torchvision_reads_the_same(self, split: str) -> None:
        images, labels = read_split(split)
        theirs = UncheckedCIFAR10(cifar10.root(), train=split == "train")
        assert tuple(theirs.classes) == CLASSES == tuple(vision_classes())
        assert (images.permute(0, 2, 3, 1).numpy() == theirs.data).all()
        assert labels.tolist() == theirs.targets
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64

    def test_what_is_stored_is_what_was_composed(self) -> None:
        images, _ = read_split("test")
        for number in (3, 8):
            made = np.asarray(cifar10.picture("test", number, cifar10._pool("test")))
            assert (images[number].permute(1, 2, 0).numpy() == made).all()

    def test_classes_are_balanced(self) -> None:
        for split, count in cifar10.COUNTS.items():
            _, labels = read_split(split)
            assert torch.bincount(labels, minlength=10).tolist() == [count // 10] * 10

    def test_splits(self) -> None:
        train, valid, test = load_cifar10(16, valid=10, seed=3)
        assert (len(train.images), len(valid.images), len(test.images)) == (40, 10, 20)
        x, y = next(iter(train))
        assert x.shape == (16, 3, 32, 32)
        assert y.shape == (16,)
        everything = {image.numpy().tobytes() for image in read_split("train")[0]}
        parts = [{image.numpy().tobytes() for image in part.images} for part in (train, valid)]
        assert parts[0] | parts[1] == everything
        assert not parts[0] & parts[1]
        again = load_cifar10(16, valid=10, seed=3)
        assert torch.equal(again.valid.images, valid.images)
        assert load_cifar10(16).valid is None

    def test_competition(self) -> None:
        ids, images, labels = read_competition("train")
        assert ids == [str(number) for number in range(1, 31)]
        assert images.shape == (30, 3, 32, 32)
        assert sorted(torch.bincount(labels, minlength=10).tolist()) == [3] * 10
        assert labels.tolist() != sorted(labels.tolist())
        test_ids, test_images, hidden = read_competition("test")
        assert hidden is None
        assert len(test_ids) == len(test_images) == 12
        solution = (cifar10.tiny_root() / "solution.csv").read_text().splitlines()
        assert len(solution) == 13
        assert cifar10.competition_root() == cifar10.tiny_root()

    def test_unknown_parts(self) -> None:
        with pytest.raises(ValueError, match="'train' or 'test'"):
            read_split("valid")
        with pytest.raises(ValueError, match="'train' or 'test'"):
            read_competition("valid")


def vision_classes() -> list[str]:
    return ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def test_full_scale(serve_archive, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    files = {"cifar-10-batches-py/batches.meta": pickle.dumps({"label_names": list(CLASSES)}, protocol=2)}
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        data = random.integers(0, 256, (4, 3072), dtype=np.uint8)
        entry = {"data": data, "labels": [1, 2, 3, 9]}
        files[f"cifar-10-batches-py/{name}"] = pickle.dumps(entry, protocol=2)
    serve_archive("cifar10", files)
    monkeypatch.setenv("COURSE_SCALE", "full")
    images, labels = read_split("train")
    assert images.shape == (20, 3, 32, 32)
    assert labels.tolist() == [1, 2, 3, 9] * 5
    assert len(read_split("test")[0]) == 4
    folder = cifar10.competition_root()
    assert folder == cifar10.competition_root() != cifar10.tiny_root("sample")
    assert torch.equal(read_picture(folder / "train" / "7.png"), images[6])
    table = (folder / "trainLabels.csv").read_text().splitlines()
    assert table[:3] == ["id,label", "1,automobile", "2,bird"]
    assert len(table) == 21
    assert len((folder / "solution.csv").read_text().splitlines()) == 5


def test_full_scale_competition(serve_archive, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        f"kaggle_cifar10_tiny/train/{n}.png": picture_bytes("PNG", (32, 32), seed=n) for n in range(1, 12)
    }
    files |= {
        f"kaggle_cifar10_tiny/test/{n}.png": picture_bytes("PNG", (32, 32), seed=n) for n in range(1, 4)
    }
    rows = "".join(f"{n},{CLASSES[n % 10]}\n" for n in range(11, 0, -1))
    files["kaggle_cifar10_tiny/trainLabels.csv"] = f"id,label\n{rows}".encode()
    serve_archive("cifar10-tiny", files)
    monkeypatch.setenv("COURSE_SCALE", "full")
    ids, images, labels = read_competition("train")
    assert ids == [str(n) for n in range(1, 12)]
    assert labels.tolist() == [n % 10 for n in range(1, 12)]
    assert images.shape == (11, 3, 32, 32)
    assert read_competition("test")[0] == ["1", "2", "3"]


def test_unknown_labels_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(cifar10, "tiny_root", lambda scale=None: tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "1.png").write_bytes(picture_bytes("PNG", (32, 32)))
    (tmp_path / "trainLabels.csv").write_text("id,label\n1,submarine\n")
    with pytest.raises(ValueError, match="submarine"):
        read_competition("train")

"""Data under the book's names: its batches for equal seeds, from the kit at `sample`, hash-checked at `full`."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
import torchvision
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms

from utils.d2l import files, loaders
from utils.datasets import bananas, cifar10, dogs, fashion_mnist, hotdog, houses, voc


@pytest.fixture
def small_kit(tmp_path, monkeypatch) -> Path:
    """An empty data folder, in which the sets are composed with few pictures."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    for module, name, counts in (
        (hotdog, "COUNTS", {"train": 2, "test": 1}),
        (bananas, "COUNTS", {"train": 12, "val": 3}),
        (cifar10, "COUNTS", {"train": 40, "test": 40}),
        (cifar10, "TINY_COUNTS", {"train": 20, "test": 10}),
        (voc, "COUNTS", {"train": 3, "val": 2}),
        (dogs, "COUNTS", {"train": 1, "test": 1}),
        (houses, "COUNTS", {"train": 20, "test": 5}),
    ):
        monkeypatch.setattr(module, name, counts)
    return tmp_path / "data"


@pytest.mark.parametrize("batch_size, shuffle", [(4, True), (4, False), (16, True)])
def test_a_loader_draws_the_order_of_torchs_own(ours, batch_size, shuffle):
    X, y = torch.arange(10.0)[:, None], torch.arange(10)
    epochs = []
    for batches in (
        ours.load_array((X, y), batch_size, shuffle),
        DataLoader(TensorDataset(X, y), batch_size, shuffle=shuffle),
    ):
        torch.manual_seed(7)
        epochs.append([[labels.tolist() for _, labels in batches] for _ in range(2)])
    assert epochs[0] == epochs[1] and (epochs[0][0] == epochs[0][1]) != shuffle


def test_three_arrays_or_one_are_batched_too(ours):
    assert [len(batch) for batch in ours.load_array((torch.arange(5),) * 3, 2)] == [3, 3, 3]
    assert [len(X) for (X,) in ours.load_array((torch.arange(5),), 2, False)] == [2, 2, 1]
    X, _ = next(iter(ours.load_array((torch.arange(5).byte(), torch.arange(5)), 5, False)))
    assert X.tolist() == [0, 1, 2, 3, 4]  # bytes stay bytes


def test_fashion_mnist_has_the_books_batches(ours):
    train, test = ours.load_data_fashion_mnist(256)
    assert (len(train.dataset), len(test.dataset)) == (10_000, 2_000) and len(train) == 40
    images, labels = fashion_mnist.read_split("test")
    X, y = next(iter(test))
    assert torch.equal(X, images[:256].float() / 255) and torch.equal(y, labels[:256])
    picture, label = test.dataset[3]
    assert torch.equal(picture, X[3]) and label == y[3]


def test_enlarged_pictures_are_torchvisions_and_fewer(ours, monkeypatch):
    monkeypatch.setattr(loaders, "PIXELS", 20 * 64**2)
    train, test = ours.load_data_fashion_mnist(8, resize=64)
    assert (len(train.dataset), len(test.dataset)) == (20, 4)
    picture = transforms.ToPILImage()(fashion_mnist.read_split("test")[0][2])
    expected = transforms.ToTensor()(transforms.Resize(64)(picture))
    assert torch.equal(test.dataset[2][0], expected)


def test_bananas_are_whole_numbers_with_padded_boxes(ours, small_kit, capsys):
    train, valid = ours.load_data_bananas(5)
    assert "read 8 training examples\nread 3 validation examples" in capsys.readouterr().out
    X, y = next(iter(valid))
    images, labels = bananas.read_split("val")
    assert torch.equal(X, images.float()) and torch.equal(y, labels) and y.shape[2] == 5
    assert torch.equal(valid.dataset[1][0], X[1]) and len(train.dataset) == 8 and len(train) == 2
    assert len(ours.load_data_bananas(5, limit=2)[0].dataset) == 2
    assert len(ours.read_data_bananas(False)[0]) == 3


def test_cifar10_goes_through_the_augmentation(ours, small_kit):
    batches = ours.load_cifar10(False, transforms.ToTensor(), 16)
    X, y = next(iter(batches))
    images, labels = cifar10.read_split("test")
    assert torch.equal(X, images[:16].float() / 255) and torch.equal(y, labels[:16])


def test_voc_crops_of_the_books_size_fit(ours, small_kit, capsys):
    train, _ = ours.load_data_voc(2, (320, 480))
    X, y = next(iter(train))
    assert X.shape == (2, 3, 320, 480) and y.shape == (2, 320, 480) and y.dtype == torch.int64
    assert X.abs().max() < 3 and 0 < y.max() <= 20
    assert capsys.readouterr().out == "read 3 examples\nread 2 examples\n"


def test_sets_come_from_the_kit_with_the_books_folders(ours, small_kit):
    folder = Path(ours.download_extract("hotdog"))
    found = torchvision.datasets.ImageFolder(folder / "train")
    assert found.classes == ["hotdog", "not-hotdog"] and len(found) == 4
    assert (Path(ours.download_extract("banana-detection")) / "bananas_val" / "label.csv").is_file()
    voc_dir = Path(ours.download_extract("voc2012", "VOCdevkit/VOC2012"))
    assert (voc_dir / "ImageSets" / "Segmentation" / "val.txt").is_file()
    for part, columns in (("train", 81), ("test", 80)):
        head = Path(ours.download(f"kaggle_house_{part}")).read_text().splitlines()[0]
        assert len(head.split(",")) == columns


@pytest.mark.parametrize("name, table", [("cifar10_tiny", "trainLabels.csv"), ("dog_tiny", "labels.csv")])
def test_what_the_book_writes_into_is_a_copy(ours, small_kit, name, table):
    folder = Path(ours.download_extract(name))
    labels = ours.read_csv_labels(folder / table)
    ours.reorg_train_valid(str(folder), labels, 0.1)
    ours.reorg_test(str(folder))
    assert (folder / "train_valid_test" / "test" / "unknown").is_dir()
    assert ours.download_extract(name) == str(folder)
    assert folder.is_relative_to(small_kit / "generated" / "d2l")
    assert not list((small_kit / "generated").glob("*/train_valid_test"))


def test_an_entry_of_the_readers_own_goes_to_the_books_downloader(ours, monkeypatch):
    asked = []
    monkeypatch.setattr(files, "_book_download", lambda *a: asked.append(a) or "there")
    monkeypatch.setattr(files, "_book_download_extract", lambda *a: asked.append(a) or "folder")
    monkeypatch.setitem(ours.DATA_HUB, "mine", ("http://localhost/mine.zip", "0" * 40))
    monkeypatch.setitem(ours.DATA_HUB, "hotdog", ("http://localhost/hotdog.zip", "1" * 40))
    assert ours.download("mine") == "there" and ours.download_extract("hotdog") == "folder"
    assert asked == [("mine", os.path.join("..", "data")), ("hotdog", None)]


def test_at_full_the_hash_checked_download_is_asked(ours, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_SCALE", "full")
    monkeypatch.setattr("utils.datasets.download.fetch", lambda name: tmp_path / name)
    assert ours.download_extract("hotdog") == str(tmp_path / "hotdog")
    assert ours.download("kaggle_house_test") == str(tmp_path / "houses" / "kaggle_house_pred_test.csv")
    assert ours.get_dataloader_workers() == 4


def test_pictures_for_the_notes(ours, small_kit, tmp_path):
    paths = ours.write_pictures(tmp_path / "img")
    shapes = {path.name: plt.imread(path).shape for path in paths}
    assert shapes == {"catdog.jpg": (561, 728, 3), "banana.jpg": (256, 256, 3), "cat1.jpg": (400, 500, 3)}
    paths[0].write_bytes(b"mine")
    ours.write_pictures(tmp_path / "img")
    assert paths[0].read_bytes() == b"mine"


def test_stand_ins_come_and_go(ours, small_kit, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    before = (torchvision.datasets.FashionMNIST, torchvision.datasets.CIFAR10, torchvision.models.resnet18)
    with ours.stand_ins():
        grey = torchvision.datasets.FashionMNIST("../data", train=False, transform=transforms.ToTensor())
        assert grey[0][0].shape == (1, 28, 28) and len(grey) == 2_000 and isinstance(grey[0][1], int)
        colour = torchvision.datasets.CIFAR10(root="../data", train=True, download=True)
        assert colour[0][0].size == (32, 32) and len(colour) == 32
        net = torchvision.models.resnet18(pretrained=True)
        assert net.fc.out_features == 1000 and "random" in capsys.readouterr().out
        torchvision.models.resnet18()
        assert capsys.readouterr().out == ""
    after = (torchvision.datasets.FashionMNIST, torchvision.datasets.CIFAR10, torchvision.models.resnet18)
    assert before == after
    monkeypatch.setenv("COURSE_SCALE", "full")
    with ours.stand_ins():
        assert torchvision.datasets.CIFAR10 is before[1]

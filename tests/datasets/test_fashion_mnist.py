import gzip
import hashlib
import shutil

import numpy as np
import pytest
import torch
from torchvision import datasets, transforms

from utils.datasets import fashion_mnist
from utils.datasets.fashion_mnist import (
    CLASSES,
    load_fashion_mnist,
    read_idx,
    read_split,
    resize_images,
    root,
)

DIGESTS = {
    "train": "8011080c952628f2d128cd2d58bd74ad7d21dfc0f006f3cb6bedd59892943984",
    "test": "788913f16e63dd2807d7a60f72996ed9cdc8fc22d87d149006ad2cfc58281d8c",
}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A private copy of the sample, to be damaged."""
    folder = tmp_path / "fashion-mnist"
    shutil.copytree(root("sample"), folder)
    monkeypatch.setattr(fashion_mnist, "root", lambda scale=None: folder)
    return folder


@pytest.mark.parametrize(("split", "count"), [("train", 10_000), ("test", 2_000)])
def test_the_sample_is_real_balanced_and_unchanged(split, count):
    images, labels = read_split(split, scale="sample")
    assert images.shape == (count, 1, 28, 28) and images.dtype == torch.uint8 and labels.dtype == torch.int64
    assert labels.bincount().tolist() == [count // 10] * 10
    digest = hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
    assert digest == DIGESTS[split]


def test_torchvision_reads_the_same_pixels(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in root("sample").glob("*.gz"):
        (raw / file.name.removesuffix(".gz")).write_bytes(gzip.decompress(file.read_bytes()))
    reference = datasets.FashionMNIST(tmp_path, train=False, transform=transforms.ToTensor())
    x, y = next(iter(load_fashion_mnist(batch_size=64).test))
    for i in range(64):
        assert torch.equal(x[i], reference[i][0]) and y[i] == reference[i][1]
    assert [name.lower() for name in reference.classes[:2]] == ["t-shirt/top", "trouser"] and len(
        CLASSES
    ) == 10


@pytest.mark.parametrize("side", [14, 28, 96])
def test_resized_pixels_equal_torchvision(side):
    images, _ = read_split("test", scale="sample")
    reference = transforms.Compose(
        [transforms.ToPILImage(), transforms.Resize(side), transforms.PILToTensor()]
    )
    ours = read_split("test", resize=side, scale="sample")[0]
    for i in (0, 1, 777, 1999):
        assert torch.equal(ours[i], reference(images[i]))


def test_resizing_nothing_and_to_nothing():
    assert resize_images(np.zeros((0, 28, 28), np.uint8), 8).shape == (0, 8, 8)
    with pytest.raises(ValueError, match="resize=0"):
        resize_images(np.zeros((1, 28, 28), np.uint8), 0)


def test_resized_pictures_are_made_once():
    assert (
        read_split("test", resize=40, scale="sample")[0] is read_split("test", resize=40, scale="sample")[0]
    )


def test_validation_pictures_are_held_out_of_training():
    data = load_fashion_mnist(valid=1000)
    assert len(data.train.images) == 9000 and len(data.valid.images) == 1000 and not data.valid.shuffle
    whole = load_fashion_mnist()
    assert whole.valid is None and len(whole.train.images) == 10_000
    pixels = data.train.images.sum().item() + data.valid.images.sum().item()
    assert pixels == whole.train.images.sum().item()


def test_augmentation_touches_training_only():
    data = load_fashion_mnist(valid=10, transform=torch.zeros_like)
    assert next(iter(data.train))[0].sum() == 0 < next(iter(data.valid))[0].sum()


def test_full_scale_takes_the_system_copy_or_the_downloader(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "_SYSTEM_COPY", tmp_path)
    assert root("full") == tmp_path
    monkeypatch.setattr(fashion_mnist, "_SYSTEM_COPY", tmp_path / "absent")
    from utils.datasets import download

    monkeypatch.setattr(download, "fetch", lambda name: tmp_path / name)
    assert root("full") == tmp_path / "fashion-mnist"


def test_a_missing_file_says_how_to_get_it(copy):
    (copy / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels.*is missing. Fix: `git checkout"):
        load_fashion_mnist()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"<html>403</html>",
        lambda raw: b"",
        lambda raw: gzip.compress(gzip.decompress(raw)[:-1]),
        lambda raw: gzip.compress(b"\0\0\x0d\x01" + bytes(20)),
        lambda raw: raw[:200] + bytes([raw[200] ^ 255]) + raw[201:],
    ],
    ids=["truncated", "html", "empty", "one byte short", "floats", "one byte flipped"],
)
def test_damaged_files_are_named(copy, damage):
    file = copy / "train-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz.*Fix: restore"):
        read_idx(file)


def test_labels_out_of_range_and_of_another_length(copy):
    file = copy / "train-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(file.read_bytes()))
    content[100] = 10
    file.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ValueError, match=r"expected labels 0\.\.9, got 10"):
        read_split("train")
    shutil.copy(copy / "t10k-labels-idx1-ubyte.gz", file)
    with pytest.raises(ValueError, match="10000 images, 2000 labels"):
        read_split("train")


def test_an_unknown_scale_downloads_nothing():
    with pytest.raises(ValueError, match="unknown scale 'smaple'"):
        root("smaple")


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="unknown split 'dev', expected 'train' or 'test'"):
        read_split("dev")

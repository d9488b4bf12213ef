"""What the real data sets are: files, hashes, hosts, sizes, licences and layout. Facts only, no code that acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from utils.settings import settings

# The book's bucket. Plain http is the book's own address and the last resort: the hash decides either way.
_BOOK = "d2l-data.s3-accelerate.amazonaws.com"
_ZALANDO = "fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_DEBIAN = "/usr/share/datasets/fashion-mnist"


class Source(NamedTuple):
    """One place to take a file from (URL, or path of a local file), and the hash it must have there."""

    url: str
    hash: str


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch.

    Attributes:
        name: file name, on the hosts and in the download folder.
        hash: `sha1:...`, `md5:...` or `sha256:...`, as the publisher gives it.
        urls: hosts to try, in this order.
        size: bytes of the download, or None where no trustworthy figure is known; used for the free-disk
            check, the table and to stop a host that sends far too much. The hash decides what is right.
        local: copies that an operating system may carry, with the hash of those copies.
        into: folder inside the set where the file goes.
    """

    name: str
    hash: str
    urls: tuple[str, ...]
    size: int | None = None
    local: tuple[Source, ...] = ()
    into: str = ""

    def sources(self) -> list[Source]:
        """Return where to look, best first: COURSE_DATA_MIRROR, a copy on this machine, the public hosts."""
        mirror = [Source(f"{settings.mirror}/{self.name}", self.hash)] if settings.mirror else []
        return [*mirror, *self.local, *(Source(url, self.hash) for url in self.urls)]

    @property
    def hashes(self) -> tuple[str, ...]:
        """All hashes under which this file may appear."""
        return (self.hash, *(source.hash for source in self.local))


@dataclass(frozen=True)
class RealSet:
    """A real data set.

    Attributes:
        name: what `fetch` is asked for; also the folder below `settings.full_root`.
        files: archives (unpacked) and plain files (kept as they are).
        layout: paths that must exist in the folder that `fetch` returns.
        about: one line on what is in it.
        license: licence or terms, in words.
        unpacked: bytes on disk once unpacked, roughly, or None.
    """

    name: str
    files: tuple[RemoteFile, ...]
    layout: tuple[str, ...]
    about: str
    license: str
    unpacked: int | None = None

    @property
    def size(self) -> int | None:
        """Bytes to download, or None if that of any file is unknown."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(sizes)


def lookup(name: str) -> RealSet:
    """Return the entry of that name; `_` and `-` count as the same.

    Raises:
        ValueError: if there is none; the message lists the known ones.

    Example:
        >>> lookup("hotdog").files[0].name
        'hotdog.zip'
    """
    entry = REGISTRY.get(name.lower().replace("_", "-"))
    if entry is None:
        raise ValueError(f"unknown data set {name!r}, expected one of: {', '.join(sorted(REGISTRY))}.")
    return entry


def _book(name: str, sha1: str, size: int | None = None, *more: str) -> RemoteFile:
    return RemoteFile(
        name, f"sha1:{sha1}", (f"https://{_BOOK}/{name}", *more, f"http://{_BOOK}/{name}"), size
    )


def _fashion(name: str, md5: str, size: int, debian_md5: str) -> RemoteFile:
    return RemoteFile(
        name,
        f"md5:{md5}",
        (f"http://{_ZALANDO}/{name}",),
        size,
        # Debian packed the same bytes anew, hence another hash.
        local=(Source(f"{_DEBIAN}/{name}", f"md5:{debian_md5}"),),
        # torchvision's place, so that datasets.FashionMNIST(full_root / "fashion-mnist") finds the files too.
        into="FashionMNIST/raw",
    )


_FASHION_FILES = (
    _fashion(
        "train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880,
        "cf8536b0aa1a6ac5fa3f23001093305c",
    ),
    _fashion(
        "train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515,
        "10bea18fdb374794d4bb42e356e600c9",
    ),
    _fashion(
        "t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102,
        "f78720b4224f21cce2f2ccf2d7a94c9a",
    ),
    _fashion(
        "t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148,
        "0d30e22e447f3c33dab9ed536400ac01",
    ),
)  # fmt: skip

_SETS = (
    RealSet(
        "hotdog",
        (_book("hotdog.zip", "fba480ffa8aa7e0febbb511d181409f899b9baa5"),),
        ("train/hotdog", "train/not-hotdog", "test/hotdog", "test/not-hotdog"),
        "1,000 + 1,000 pictures to train on, 400 + 400 to test, sizes vary",
        "none stated by the book; pictures from the web, for study only",
    ),
    RealSet(
        "bananas",
        (_book("banana-detection.zip", "5de26c8fce5ccdea9f91267273464dc968d20d72"),),
        ("bananas_train/images", "bananas_train/label.csv", "bananas_val/images", "bananas_val/label.csv"),
        "1,000 + 100 pictures of 256x256, one banana each, with its box",
        "none stated by the book's authors, who composed it",
    ),
    RealSet(
        "cifar10",
        (
            RemoteFile(
                "cifar-10-python.tar.gz",
                "md5:c58f30108f718f92721af3b95e74349a",
                ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
                size=170_498_071,
            ),
        ),
        (
            "cifar-10-batches-py/data_batch_1",
            "cifar-10-batches-py/test_batch",
            "cifar-10-batches-py/batches.meta",
        ),
        "50,000 + 10,000 pictures of 32x32 in ten classes, as torchvision reads them",
        "none stated; research use, cite Krizhevsky 2009",
        unpacked=186_000_000,
    ),
    RealSet(
        "cifar10-tiny",
        (_book("kaggle_cifar10_tiny.zip", "2068874e4b9a9f0fb07ebe0ad2b29754449ccacd"),),
        ("train", "test", "trainLabels.csv"),
        "1,000 + 5 pictures of CIFAR-10 in the layout of the competition",
        "as cifar10; competition rules of Kaggle",
    ),
    RealSet(
        "dogs",
        (_book("kaggle_dog_tiny.zip", "0cb91d09b814ecdc07b50f31f8dcad3e81d6a86d"),),
        ("train", "test", "labels.csv"),
        "a small part of the dog-breed competition (120 breeds), in its layout",
        "Stanford Dogs, after ImageNet: non-commercial research; competition rules of Kaggle",
    ),
    RealSet(
        "fashion-mnist",
        _FASHION_FILES,
        tuple(file.name for file in _FASHION_FILES),
        "60,000 + 10,000 grey pictures of 28x28 in ten classes of clothing",
        "MIT (Zalando SE)",
    ),
    RealSet(
        "houses",
        (
            _book("kaggle_house_pred_train.csv", "585e9cc93e70b39160e7921475f9bcd7d31219ce"),
            _book("kaggle_house_pred_test.csv", "fa19780a7b011d9b009e8bff8e99922a8ee2eb90"),
        ),
        ("kaggle_house_pred_train.csv", "kaggle_house_pred_test.csv"),
        "tables of 1,460 x 81 and 1,459 x 80 on houses sold in Ames, Iowa",
        "for education (De Cock 2011); competition rules of Kaggle",
    ),
    RealSet(
        "voc",
        (
            _book(
                "VOCtrainval_11-May-2012.tar",
                "4e443f8a2eca6b1dac8a6c57641b67dd40621a49",
                1_999_639_040,
                "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
            ),
        ),
        (
            "JPEGImages",
            "SegmentationClass",
            "ImageSets/Segmentation/train.txt",
            "ImageSets/Segmentation/val.txt",
        ),
        "Pascal VOC 2012; 1,464 + 1,449 pictures with masks of 20 classes",
        "Flickr terms of use; for research",
        unpacked=2_000_000_000,
    ),
)

REGISTRY: dict[str, RealSet] = {entry.name: entry for entry in _SETS}

"""Data under the book's names: whole sets as tensors, still walked as batches `(X, y)`; sizes follow the scale.

A loader draws its order as torch's DataLoader does, so that after `torch.manual_seed(0)` the batches are those that
the book's own loader would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from utils.datasets import bananas, cifar10, fashion_mnist
from utils.datasets.batches import Batches
from utils.settings import settings

__all__ = [
    "BananasDataset", "get_dataloader_workers", "load_array", "load_cifar10", "load_data_bananas",
    "load_data_fashion_mnist", "read_data_bananas",
]  # fmt: skip

# At `sample`: pixels of enlarged grey pictures that are held, and pictures of the banana set. The notes pass over the
# latter 20 times with a detector that takes a tenth of a second a picture.
PIXELS = 50_000_000
BANANAS = {"train": 8, "val": 8}


class Loader(Batches):
    """Batches `(X, y)` over tensors, in the order that torch's DataLoader would draw; `len(loader.dataset)` works.

    Args:
        images, labels, batch_size, shuffle, transform: as of `Batches`.
        dataset: what `loader.dataset` is; None makes one of the tensors.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch_size: int,
        shuffle: bool = False,
        transform: Callable[[Tensor], Tensor] | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        super().__init__(images, labels, batch_size=batch_size, shuffle=shuffle, transform=transform)
        self.dataset = TensorDataset(images, labels) if dataset is None else dataset
        self._copies: dict[torch.device, Loader] = {}

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        torch.empty((), dtype=torch.int64).random_()  # DataLoader draws a seed for its workers first
        if self.shuffle:
            self.generator.manual_seed(int(torch.empty((), dtype=torch.int64).random_()))
        return super().__iter__()

    def on(self, device: torch.device | str) -> Loader:
        """Return the same batches, held on `device`; the copy is kept."""
        device = torch.device(device)
        if device == self.images.device:
            return self
        if device not in self._copies:
            images, labels = self.images.to(device), self.labels.to(device)
            options = {"batch_size": self.batch_size, "shuffle": self.shuffle, "transform": self.transform}
            self._copies[device] = Loader(images, labels, dataset=self.dataset, **options)
        return self._copies[device]


def on_device(batches: Iterable, device: Any) -> Iterable:
    """Return a loader of ours that holds its tensors on `device`, and anything else as it is."""
    return batches.on(device) if isinstance(batches, Loader) else batches


class Pictures(Dataset):
    """Pairs `(X, y)` of a loader's tensors, one at a time: X as the loader hands it out."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index].float() / 255, int(self.labels[index])


def get_dataloader_workers() -> int:
    """Return 0 at `sample`, where starting four processes takes longer than reading; the book's 4 at `full`."""
    return settings.pick(sample=0, full=4)


def load_array(data_arrays: Sequence[Tensor], batch_size: int, is_train: bool = True) -> Iterable:
    """Return batches over the rows of tensors, shuffled if `is_train`."""
    # Batches would take bytes for pixels and divide them by 255.
    if len(data_arrays) == 2 and data_arrays[0].dtype != torch.uint8:
        return Loader(*data_arrays, batch_size=batch_size, shuffle=is_train)
    return DataLoader(TensorDataset(*data_arrays), batch_size, shuffle=is_train)


def load_data_fashion_mnist(batch_size: int, resize: int | None = None) -> tuple[Loader, Loader]:
    """Return batches to train on and to test on: X `(B, 1, H, W)` in [0, 1], y `(B,)`.

    At `sample` 10,000 and 2,000 pictures; of those enlarged beyond 70 pixels as many as `PIXELS` allow.
    """
    parts = []
    for split, share in (("train", 1), ("test", 5)):
        images, labels = _fashion(split, resize, settings.scale, PIXELS // share)
        dataset = Pictures(images, labels)
        parts.append(Loader(images, labels, batch_size=batch_size, shuffle=split == "train", dataset=dataset))
    return parts[0], parts[1]


@lru_cache(maxsize=8)
def _fashion(split: str, resize: int | None, scale: str, pixels: int) -> tuple[Tensor, Tensor]:
    if resize is None or scale == "full":
        return fashion_mnist.read_split(split, resize=resize, scale=scale)
    images, labels = fashion_mnist.read_split(split, scale=scale)
    kept = slice(0, max(1, pixels // resize**2))
    enlarged = fashion_mnist.resize_images(images[kept, 0].numpy(), resize)
    return torch.from_numpy(enlarged)[:, None], labels[kept]


class _Augmented(Dataset):
    """PIL pictures through `augs`, as torchvision's CIFAR10 gives them."""

    def __init__(self, images: Tensor, labels: Tensor, augs: Callable | None) -> None:
        self.images, self.labels, self.augs = images, labels, augs

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        picture = Image.fromarray(self.images[index].permute(1, 2, 0).numpy())
        return (picture if self.augs is None else self.augs(picture)), int(self.labels[index])


def load_cifar10(is_train: bool, augs: Callable | None, batch_size: int) -> DataLoader:
    """Return batches of CIFAR-10 (at `sample` the composed set) after `augs`, which takes a PIL picture."""
    images, labels = cifar10.read_split("train" if is_train else "test")
    dataset = _Augmented(images, labels, augs)
    return DataLoader(dataset, batch_size, shuffle=is_train, num_workers=get_dataloader_workers())


def read_data_bananas(is_train: bool = True, limit: int | None = None) -> tuple[list[Tensor], Tensor]:
    """Return pictures `(3, 256, 256)` uint8 and labels `(N, M, 5)`: class and relative corners, rows of -1 fill up.

    Args:
        limit: how many pictures; None takes all at `full`, and `BANANAS` at `sample`.
    """
    split = "train" if is_train else "val"
    limit = settings.pick(sample=BANANAS[split], full=None) if limit is None else limit
    images, labels = bananas.read_split(split, limit=limit)
    return list(images), labels


class BananasDataset(Dataset):
    """Pairs of a picture `(3, 256, 256)` float32 from 0 to 255 and its labels `(M, 5)`."""

    def __init__(self, is_train: bool, limit: int | None = None) -> None:
        self.features, self.labels = read_data_bananas(is_train, limit)
        print(f"read {len(self.features)} {'training' if is_train else 'validation'} examples")

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor]:
        return self.features[idx].float(), self.labels[idx]

    def __len__(self) -> int:
        return len(self.features)


def load_data_bananas(batch_size: int, limit: int | None = None) -> tuple[Loader, Loader]:
    """Return batches to train on and to validate on: X `(B, 3, 256, 256)` from 0 to 255, y `(B, M, 5)`.

    Args:
        limit: pictures of each split, see `read_data_bananas`; `limit=500` at `sample` takes the whole kit.
    """
    parts = []
    for is_train in (True, False):
        dataset = BananasDataset(is_train, limit)
        images = torch.stack(dataset.features)
        options = {"batch_size": batch_size, "shuffle": is_train, "transform": _to_bytes}
        parts.append(Loader(images, dataset.labels, dataset=dataset, **options))
    return parts[0], parts[1]


def _to_bytes(images: Tensor) -> Tensor:
    """From [0, 1] back to the whole numbers 0..255 that the book's detector sees."""
    return images.mul_(255).round_()

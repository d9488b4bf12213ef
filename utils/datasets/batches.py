"""A data set held as one uint8 tensor and handed out in batches: no workers, no per-image Python, no copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Batches:
    """Re-iterable batches `(x, y)` over tensors that are kept where the computation happens.

    Pixels stay uint8 and are turned into float32 in [0, 1] a batch at a time, exactly as torchvision's ToTensor
    does (division by 255), on the device. Labels, and examples that are floats already, are handed out as views of
    the data set where nothing is shuffled: do not write into them.

    Args:
        images: `(N, C, H, W)` uint8; float tensors of any shape `(N, ...)` are handed out as they are.
        labels: any tensor with N rows: classes `(N,)`, boxes `(N, M, 5)`, masks `(N, H, W)`.
        batch_size: examples a batch; the last batch may be smaller and is never dropped.
        shuffle: a new order in each pass, drawn from a generator of its own.
        seed: of that generator; the same seed gives the same orders on every machine.
        device: moves both tensors there once; None leaves them.
        transform: `x -> x` applied to each float batch, for augmentation on the device.
        normalize: `(mean, std)`, numbers a channel, applied last.

    Raises:
        ValueError: if the lengths differ or batch_size is less than 1.

    Example:
        >>> batches = Batches(torch.zeros(10, 1, 28, 28, dtype=torch.uint8), torch.arange(10), batch_size=4)
        >>> [len(y) for x, y in batches]
        [4, 4, 2]
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        device: torch.device | str | None = None,
        transform: Callable[[Tensor], Tensor] | None = None,
        normalize: tuple[Sequence[float], Sequence[float]] | None = None,
    ) -> None:
        if len(images) != len(labels):
            raise ValueError(
                f"expected one label row an image, got {len(images)} images and {len(labels)} labels. "
                "Fix: both must come from the same split."
            )
        if batch_size < 1:
            raise ValueError(f"expected batch_size >= 1, got {batch_size}")
        if normalize is not None:
            _check_channels(images, normalize)
        self.images = images.to(device) if device is not None else images
        self.labels = labels.to(device) if device is not None else labels
        self.batch_size, self.shuffle, self.transform = batch_size, shuffle, transform
        self.seed, self.generator = seed, torch.Generator().manual_seed(seed)
        self.normalize = normalize

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return math.ceil(len(self.images) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count, device = len(self.images), self.images.device
        order = torch.randperm(count, generator=self.generator).to(device) if self.shuffle else None
        scale = self._channel_scale()
        for start in range(0, count, self.batch_size):
            rows = slice(start, start + self.batch_size)
            # No name here holds on to a batch: once the loop lets go of it, the next one takes its place in the cache.
            yield self._pick(rows if order is None else order[rows], scale)

    def _pick(self, rows: slice | Tensor, scale: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        if isinstance(rows, slice):
            x, labels = self.images[rows], self.labels[rows]
        else:
            x, labels = self.images.index_select(0, rows), self.labels.index_select(0, rows)
        if x.dtype == torch.uint8:
            x = x.to(torch.float32).div_(255)
        if self.transform is not None:
            x = self.transform(x)
        return (x if scale is None else (x - scale[0]) / scale[1]), labels

    def _channel_scale(self) -> tuple[Tensor, Tensor] | None:
        if self.normalize is None:
            return None
        mean, std = (torch.tensor(values, device=self.images.device) for values in self.normalize)
        return mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)

    def subset(
        self, indices: Tensor | slice, *, shuffle: bool | None = None, seed: int | None = None
    ) -> Batches:
        """Return batches over some of the examples, with the same settings.

        Args:
            indices: a slice, or indices or a mask over the N examples.
            shuffle, seed: None keeps this object's choice.
        """
        return Batches(
            self.images[indices],
            self.labels[indices],
            batch_size=self.batch_size,
            shuffle=self.shuffle if shuffle is None else shuffle,
            seed=self.seed if seed is None else seed,
            transform=self.transform,
            normalize=self.normalize,
        )


def _check_channels(images: Tensor, normalize: tuple[Sequence[float], Sequence[float]]) -> None:
    """Three means on a grey picture would broadcast to three channels in silence."""
    channels = images.shape[1] if images.ndim == 4 else 0
    for what, values in zip(("mean", "std"), normalize, strict=True):
        if images.ndim != 4 or len(values) not in (1, channels):
            raise ValueError(
                f"expected images (N, C, H, W) and one {what} a channel, got images {tuple(images.shape)} and "
                f"{len(values)} value(s). Fix: normalize=((mean, ...), (std, ...)) with {max(channels, 1)} each."
            )


class Splits(NamedTuple):
    """Batches to learn from, to choose by, and to report on. `valid` is None if nothing was held out."""

    train: Batches
    valid: Batches | None
    test: Batches


def hold_out(train: Batches, *, valid: int, seed: int = 0) -> tuple[Batches, Batches | None]:
    """Return `train` without `valid` of its examples, and these in fixed order and unchanged; None if valid is 0.

    Raises:
        ValueError: if there are not so many examples.
    """
    if not valid:
        return train, None
    kept, held_out = split_indices(len(train.images), valid=valid, seed=seed)
    dev = train.subset(held_out, shuffle=False)
    dev.transform = None
    return train.subset(kept), dev


def split_indices(count: int, *, valid: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return sorted, disjoint indices `(train, valid)` of a seeded random split, the same on every system.

    Args:
        count: number of examples.
        valid: how many of them to hold out.

    Raises:
        ValueError: if `valid` is not in 0..count.
    """
    if not 0 <= valid <= count:
        raise ValueError(f"expected 0 <= valid <= {count} examples, got valid={valid}")
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[valid:].sort().values, order[:valid].sort().values

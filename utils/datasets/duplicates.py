"""Finding pictures that are the same but for compression, size or brightness: a perceptual hash."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BITS = 63
_SIDE, _KEPT = 32, 8


def perceptual_hash(images: Tensor) -> Tensor:
    """Return 63 bits a picture, `(N, 63)` bool: signs of its coarsest waves, compared with their median.

    Grey, shrunk to 32 x 32, cosine transform, the 8 x 8 lowest frequencies without the mean. Brightness, contrast,
    compression and size hardly move them; mirroring, rotating and cropping do. No pictures give `(0, 63)`.

    Args:
        images: `(N, C, H, W)`, C 1 or 3, uint8 in 0..255 or float in [0, 1].

    Raises:
        ValueError: for another shape.

    Source: the pHash of Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions".

    Example:
        >>> picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> (perceptual_hash(picture) != perceptual_hash(picture * 0.5)).sum().item()
        0
    """
    from scipy.fft import dctn
    from torchvision.transforms.v2 import functional

    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"expected pictures (N, 1 or 3, H, W), got {tuple(images.shape)}")
    if not len(images):
        return torch.zeros(0, BITS, dtype=torch.bool)
    grey = functional.to_dtype(images.cpu(), torch.float32, scale=True)
    grey = functional.rgb_to_grayscale(grey) if grey.shape[1] == 3 else grey
    small = functional.resize(grey, [_SIDE, _SIDE], antialias=True)[:, 0].double().numpy()
    waves = dctn(small, axes=(1, 2), norm="ortho")[:, :_KEPT, :_KEPT].reshape(len(small), -1)[:, 1:]
    return torch.from_numpy(waves > np.median(waves, axis=1, keepdims=True))


def hash_distances(first: Tensor, second: Tensor) -> Tensor:
    """Return in how many bits each of `first (N, B)` differs from each of `second (M, B)`, `(N, M)` int64."""
    a, b = first.float(), second.float()
    # Differences of bits as products: no (N, M, B) tensor, exact in float32 for so few bits.
    return (a @ (1 - b).T + (1 - a) @ b.T).round().long()


def duplicate_groups(hashes: Tensor, *, max_distance: int = 6) -> Tensor:
    """Return a group number `(N,)` for each picture: pictures closer than or at `max_distance` bits share one.

    A chain of near pictures is one group. Groups are numbered by their first picture; no pictures give `(0,)`.

    Args:
        hashes: `(N, B)` bool, from `perceptual_hash`.
        max_distance: 0 takes equal hashes only; the higher, the more strangers are taken for twins.

    Raises:
        ValueError: if max_distance is negative.

    Example:
        >>> bits = torch.tensor([[1, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=torch.bool)
        >>> duplicate_groups(bits, max_distance=1).tolist()
        [0, 1, 0]
    """
    from scipy.sparse.csgraph import connected_components

    if max_distance < 0:
        raise ValueError(f"expected max_distance >= 0, got {max_distance}")
    if not len(hashes):
        return torch.zeros(0, dtype=torch.int64)
    near = hash_distances(hashes, hashes) <= max_distance
    _, names = connected_components(near.numpy(), directed=False)
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    return torch.from_numpy(np.argsort(np.argsort(first))[inverse].astype(np.int64))

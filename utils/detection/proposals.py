"""Region proposals without learning: cut a picture into patches, and merge the most alike until one is left.

Selective search (Uijlings et al. 2013) in small; every region that appears on the way is a proposal. R-CNN and
Fast R-CNN start from such boxes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from utils.detection.boxes import scale_boxes


def propose_regions(
    picture: Tensor,
    *,
    scale: float = 150.0,
    smallest: int = 12,
    shortest_side: float = 0.06,
    longest_side: float = 0.6,
    merge: bool = True,
) -> Tensor:
    """Return boxes that may hold an object of any kind.

    Args:
        picture: `(3, H, W)` uint8.
        scale: of scikit-image's `felzenszwalb`; larger gives fewer, larger patches to begin with.
        smallest: pixels of a patch, at least.
        shortest_side, longest_side: boxes with a side below or beyond these shares of the picture are left out.
        merge: False gives the boxes of the first patches only.

    Returns:
        Relative corners `(N, 4)` float32 without doubles, sorted; N may be 0.

    Raises:
        ValueError: for another shape or type.

    Example:
        >>> propose_regions(torch.zeros(3, 64, 64, dtype=torch.uint8)).shape  # one patch, and it is too large
        torch.Size([0, 4])
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or picture.dtype != torch.uint8 or picture.numel() == 0:
        raise ValueError(
            f"expected one picture (3, H, W) uint8, got {picture.dtype} {tuple(picture.shape)}. Fix: picture[0]"
        )
    # Imported here: a second of import time that only this path should pay.
    from skimage.color import rgb2lab
    from skimage.segmentation import felzenszwalb

    pixels = picture.permute(1, 2, 0).cpu().numpy()
    patches = felzenszwalb(pixels, scale=scale, sigma=0.5, min_size=smallest)
    regions = merge_regions(patches, rgb2lab(pixels)) if merge else _Regions(patches, rgb2lab(pixels)).found
    corners = torch.tensor(sorted(set(regions)), dtype=torch.float32).reshape(-1, 4)
    height, width = picture.shape[1:]
    boxes = scale_boxes(corners, height=1 / height, width=1 / width)
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes[(sides.amin(1) >= shortest_side) & (sides.amax(1) <= longest_side)]


def merge_regions(patches: np.ndarray, colours: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Merge neighbouring patches, the most alike first, until one is left.

    Alike means: a small distance of the mean colours / 100, plus the share of the picture that both cover, plus the
    share of the box around both that neither fills. Ties go to the pair that was there first.

    Args:
        patches: `(H, W)` int, each pixel's patch, numbered from 0 without gaps.
        colours: `(H, W, 3)` of each pixel, best in CIELAB, where distances are what eyes see.

    Returns:
        Corners in pixels of the n patches and of the unions in the order they were made: 2 n - 1 boxes if every
        patch touches another; `[]` for an empty picture.

    Example:
        >>> merge_regions(np.array([[0, 1]]), np.zeros((1, 2, 3)))
        [(0, 0, 1, 1), (1, 0, 2, 1), (0, 0, 2, 1)]
    """
    if patches.size == 0:
        return []
    regions = _Regions(patches, colours)
    apart = {
        (i, j): regions.distance(i, j) for i in regions.touching for j in sorted(regions.touching[i]) if i < j
    }
    while apart:
        i, j = min(apart, key=apart.__getitem__)
        new = regions.join(i, j)
        apart = {pair: d for pair, d in apart.items() if i not in pair and j not in pair}
        apart |= {(k, new): regions.distance(k, new) for k in sorted(regions.touching[new])}
    return regions.found


class _Regions:
    """The regions there are: size, mean colour, box and neighbours of each, and all boxes ever found."""

    def __init__(self, patches: np.ndarray, colours: np.ndarray) -> None:
        flat, count = patches.ravel(), int(patches.max()) + 1
        self.area = patches.size
        self.size = np.bincount(flat, minlength=count).astype(float).tolist()
        sums = [
            np.bincount(flat, channel.ravel(), minlength=count) for channel in np.moveaxis(colours, -1, 0)
        ]
        self.colour = list(np.stack(sums, axis=1) / np.array(self.size)[:, None])
        rows, columns = (index.ravel() for index in np.indices(patches.shape))
        low, high = np.full((count, 2), max(patches.shape)), np.zeros((count, 2), dtype=np.int64)
        for axis, index in enumerate((columns, rows)):
            np.minimum.at(low[:, axis], flat, index)
            np.maximum.at(high[:, axis], flat, index + 1)
        self.found = [tuple(corners) for corners in np.concatenate((low, high), axis=1).tolist()]
        self.touching: dict[int, set[int]] = {number: set() for number in range(count)}
        for a, b in ((patches[:, :-1], patches[:, 1:]), (patches[:-1], patches[1:])):
            border = a != b
            for i, j in set(zip(a[border].tolist(), b[border].tolist(), strict=True)):
                self.touching[i].add(j)
                self.touching[j].add(i)

    def distance(self, i: int, j: int) -> float:
        """How unlike two regions are; see `merge_regions`."""
        x1, y1, x2, y2 = self._hull(i, j)
        both = self.size[i] + self.size[j]
        hole = (x2 - x1) * (y2 - y1) - both
        colour = float(np.linalg.norm(self.colour[i] - self.colour[j]))
        return colour / 100 + both / self.area + hole / self.area

    def join(self, i: int, j: int) -> int:
        """Merge two regions; return the number of the new one."""
        new, both = len(self.found), self.size[i] + self.size[j]
        self.colour.append((self.colour[i] * self.size[i] + self.colour[j] * self.size[j]) / both)
        self.size.append(both)
        self.found.append(self._hull(i, j))
        self.touching[new] = (self.touching.pop(i) | self.touching.pop(j)) - {i, j}
        for k in self.touching[new]:
            self.touching[k] = self.touching[k] - {i, j} | {new}
        return new

    def _hull(self, i: int, j: int) -> tuple[int, int, int, int]:
        a, b = self.found[i], self.found[j]
        return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])

"""Anchor boxes: candidates of several sizes and shapes around every cell of a feature map.

Anchors are relative corners (0..1 spans the picture), so those of feature maps of any resolution can be mixed.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Larger sets are computed anew: a 561 x 728 grid takes 32 MB, and many picture sizes would fill the memory.
_LARGEST_CACHED = 1 << 17


def anchors_per_cell(sizes: Sequence[float], ratios: Sequence[float]) -> int:
    """Return n + m - 1: the first ratio with all n sizes, the first size with the m - 1 other ratios."""
    return len(sizes) + len(ratios) - 1


def level_sizes(
    *, smallest: float = 0.2, largest: float = 1.05, levels: int = 5
) -> list[tuple[float, float]]:
    """Return two anchor sizes for each level of a detector: evenly spaced, and the geometric mean with the next.

    The rule of the SSD paper (Liu et al. 2016, section 2.2); the defaults give TinySSD's sizes up to rounding.

    Args:
        smallest: first size of the first level, a share of the picture's height.
        largest: what would be the first size of one level more.
        levels: number of feature maps, at least 1.

    Example:
        >>> [round(second, 3) for _, second in level_sizes()]
        [0.272, 0.447, 0.619, 0.79, 0.961]
    """
    if levels < 1 or not 0 < smallest <= largest:
        raise ValueError(
            f"expected levels >= 1 and 0 < smallest <= largest, got levels={levels}, {smallest}, {largest}"
        )
    step = (largest - smallest) / levels
    edges = [smallest + step * level for level in range(levels + 1)]
    return [(low, math.sqrt(low * high)) for low, high in itertools.pairwise(edges)]


def anchor_grid(
    height: int,
    width: int,
    *,
    sizes: Sequence[float],
    ratios: Sequence[float],
    device: torch.device | str | None = None,
) -> Tensor:
    """Return the anchors of one feature map; see `anchor_pyramid`, of which this is the case of one level.

    Example:
        >>> anchor_grid(1, 1, sizes=[0.5], ratios=[1])
        tensor([[0.2500, 0.2500, 0.7500, 0.7500]])
    """
    return anchor_pyramid([(height, width)], sizes=[sizes], ratios=[ratios], device=device)


def anchor_pyramid(
    shapes: Sequence[tuple[int, int]],
    *,
    sizes: Sequence[Sequence[float]],
    ratios: Sequence[Sequence[float]],
    device: torch.device | str | None = None,
) -> Tensor:
    """Return the anchors of several feature maps, in the order of the maps.

    A size s is a share of the picture's height, a ratio r is width over height in pixels: height s / sqrt(r),
    width s * sqrt(r) * H / W. A feature map with the picture's proportions gives anchors of true shape.
    Within a map the order is row, column, then the cell's anchors: all sizes with the first ratio, then the other
    ratios with the first size.

    Args:
        shapes: (height, width) of each map, at least one map; a map without cells has no anchors.
        sizes: for each map its sizes, at least one.
        ratios: for each map its ratios, at least one.
        device: where the result lives.

    Returns:
        `(N, 4)` float32 relative corners, N = sum of H * W * (n + m - 1), not clipped to the picture. The result is
        the caller's own, also when it comes from the cache (by shapes, sizes, ratios and device).

    Raises:
        ValueError: for lists of unequal length, no sizes or ratios, or values that are not positive.
    """
    if not len(shapes) == len(sizes) == len(ratios) or not shapes:
        raise ValueError(
            "expected shapes, sizes and ratios of one length >= 1 (one entry a feature map), "
            f"got {len(shapes)}, {len(sizes)}, {len(ratios)}. Fix: [sizes] * {max(len(shapes), 1)}"
        )
    levels = tuple(
        (int(height), int(width), tuple(map(float, level)), tuple(map(float, shape)))
        for (height, width), level, shape in zip(shapes, sizes, ratios, strict=True)
    )
    probe = torch.empty(0, device=device)
    count = sum(height * width * anchors_per_cell(level, shape) for height, width, level, shape in levels)
    # Fake tensors (torch.compile, shape tests) must not be kept, nor kept ones handed to such a mode.
    if type(probe) is not Tensor or torch.compiler.is_compiling() or count > _LARGEST_CACHED:
        return _pyramid(levels, probe.device)
    return _cached_pyramid(levels, probe.device).clone()


@functools.lru_cache(maxsize=64)
def _cached_pyramid(levels: tuple, device: torch.device) -> Tensor:
    # Made in inference mode, the anchors could never again take part in a graph.
    with torch.inference_mode(False):
        return _pyramid(levels, device)


def _pyramid(levels: tuple, device: torch.device) -> Tensor:
    grids = [_grid(*level, device) for level in levels]
    return grids[0] if len(grids) == 1 else torch.cat(grids)


def _grid(height: int, width: int, sizes: tuple, ratios: tuple, device: torch.device) -> Tensor:
    for name, values in (("sizes", sizes), ("ratios", ratios)):
        if not values or min(values) <= 0:
            raise ValueError(f"expected one or more positive {name}, got {list(values)}")
    if height < 0 or width < 0:
        raise ValueError(f"expected a feature map of at least 0 x 0 cells, got {height} x {width}")
    if height == 0 or width == 0:
        return torch.empty(0, 4, dtype=torch.float32, device=device)
    size = torch.tensor(sizes, dtype=torch.float32, device=device)
    root = torch.tensor(ratios, dtype=torch.float32, device=device).sqrt()
    # The factor H / W makes a ratio hold in pixels although x and y are shares of different lengths.
    half_width = torch.cat((size * root[0], sizes[0] * root[1:])) * height / width / 2
    half_height = torch.cat((size / root[0], sizes[0] / root[1:])) / 2
    x = ((torch.arange(width, dtype=torch.float32, device=device) + 0.5) * (1.0 / width))[None, :, None]
    y = ((torch.arange(height, dtype=torch.float32, device=device) + 0.5) * (1.0 / height))[:, None, None]
    grid = torch.empty(height, width, len(half_width), 4, dtype=torch.float32, device=device)
    grid[..., 0] = x - half_width
    grid[..., 1] = y - half_height
    grid[..., 2] = x + half_width
    grid[..., 3] = y + half_height
    return grid.reshape(-1, 4)  # (H, W, A, 4) -> (H * W * A, 4)

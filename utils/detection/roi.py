"""Features of fixed size for regions of any size: RoI pooling (Fast R-CNN) and RoI align (Mask R-CNN)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision import ops

from utils.detection.boxes import as_float, check_boxes, check_same_device


def roi_pool(
    features: Tensor,
    boxes: Sequence[Tensor],
    *,
    output_size: tuple[int, int],
    picture_size: tuple[float, float] = (1.0, 1.0),
) -> Tensor:
    """Cut each region into a grid of whole cells and take each part's maximum (Girshick 2015).

    Corners are rounded to cells, twice: a region that moves by less than half a cell gives the same output, and
    small objects lose their place. `roi_align` does not round.

    Args:
        features: `(B, C, H, W)`.
        boxes: for each picture corners `(n, 4)`; a picture may have none.
        output_size: (rows, columns) of the result.
        picture_size: (height, width) of the picture in the unit of `boxes`; the default is for relative corners.

    Returns:
        `(K, C, rows, columns)` in the order of the boxes, K = all of them; K may be 0. Same dtype as `features`.

    Raises:
        ValueError: for other shapes, two devices, or as many box tensors as there are not pictures.

    Example:
        >>> features = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> roi_pool(features, [torch.tensor([[0, 0, 20, 20]])], output_size=(2, 2), picture_size=(40, 40)).flatten()
        tensor([ 5.,  6.,  9., 10.])
    """
    scaled = _to_cells(features, boxes, picture_size)
    pooled = ops.roi_pool(as_float(features), scaled, output_size, spatial_scale=1.0)
    return pooled.to(features.dtype)


def roi_align(
    features: Tensor,
    boxes: Sequence[Tensor],
    *,
    output_size: tuple[int, int],
    picture_size: tuple[float, float] = (1.0, 1.0),
    samples: int = 2,
) -> Tensor:
    """Average bilinear samples inside each part of a region, without rounding to cells (He et al. 2017).

    Args:
        features: `(B, C, H, W)`.
        boxes: for each picture corners `(n, 4)`.
        output_size: (rows, columns) of the result.
        picture_size: (height, width) of the picture in the unit of `boxes`; the default is for relative corners.
        samples: points along each side of a part, at least 1.

    Returns:
        `(K, C, rows, columns)` as `roi_pool`. The centre of cell (0, 0) lies at half a cell, not at 0.

    Raises:
        ValueError: as `roi_pool`.
    """
    if samples < 1:
        raise ValueError(f"expected samples >= 1, got {samples}")
    scaled = _to_cells(features, boxes, picture_size)
    pooled = ops.roi_align(
        as_float(features), scaled, output_size, spatial_scale=1.0, sampling_ratio=samples, aligned=True
    )
    return pooled.to(features.dtype)


def _to_cells(features: Tensor, boxes: Sequence[Tensor], picture_size: tuple[float, float]) -> list[Tensor]:
    """Boxes in units of feature cells, per picture, so that height and width may be scaled differently."""
    if features.ndim != 4:
        raise ValueError(f"expected features (B, C, H, W), got {tuple(features.shape)}. Fix: features[None]")
    if isinstance(boxes, Tensor) or len(boxes) != len(features):
        got = "one tensor" if isinstance(boxes, Tensor) else f"{len(boxes)}"
        raise ValueError(
            f"expected a list of {len(features)} box tensors, one a picture; got {got}. Fix: [boxes]"
        )
    height, width = picture_size
    if height <= 0 or width <= 0:
        raise ValueError(f"expected picture_size (height, width) > 0, got {picture_size}")
    dtype = as_float(features).dtype
    rows, columns = features.shape[2:]
    scale = torch.tensor([columns / width, rows / height] * 2, dtype=dtype, device=features.device)
    for corners in boxes:
        check_boxes(corners, ndim=2)
        check_same_device(features, corners, names=("features", "boxes"))
    return [corners.to(dtype) * scale for corners in boxes]

"""Boxes: formats, area, intersection over union and non-maximum suppression.

One format everywhere: corners `(x1, y1, x2, y2)` with x1 <= x2 and y1 <= y2, the y axis pointing down. The unit is
the caller's (pixels, or shares of the picture's sides); only `scale_boxes` changes it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision import ops

BACKGROUND = 0
"""Class of an anchor that holds no object; the classes of objects follow at 1."""
PADDING = -1
"""Fills the label rows of absent objects, so that the pictures of a batch have equally many rows."""


def check_boxes(boxes: Tensor, *, name: str = "boxes", ndim: int | None = None) -> None:
    """Raise ValueError unless `boxes` is a tensor `(..., 4)`, with `ndim` dimensions if that is given."""
    expected = "(..., 4)" if ndim is None else "(" + "N, " * (ndim - 1) + "4)"
    if not isinstance(boxes, Tensor):
        raise ValueError(
            f"expected {name} as a tensor {expected}, got {type(boxes).__name__}. Fix: torch.as_tensor({name})"
        )
    if boxes.ndim == 0 or boxes.shape[-1] != 4 or (ndim is not None and boxes.ndim != ndim):
        raise ValueError(
            f"expected {name} of shape {expected}, corners x1, y1, x2, y2; got {tuple(boxes.shape)}"
        )


def check_same_device(first: Tensor, second: Tensor, *, names: tuple[str, str]) -> None:
    """Raise ValueError if two tensors live on different devices."""
    if first.device != second.device:
        raise ValueError(
            f"expected {names[0]} and {names[1]} on one device, got {first.device} and {second.device}. "
            f"Fix: {names[1]}.to({names[0]}.device)"
        )


def as_float(boxes: Tensor) -> Tensor:
    """Return boxes as float32, or unchanged if they are float64.

    Half precision cannot hold the area of a 300 x 300 pixel box (float16) or tell 300 from 301 (bfloat16), so
    nothing here computes in it. Integers become float32 too.
    """
    return boxes if boxes.dtype == torch.float64 else boxes.float()


def corner_to_center(boxes: Tensor) -> Tensor:
    """Convert corners `(..., 4)` to `(centre x, centre y, width, height)`; any unit, empty gives empty.

    Example:
        >>> corner_to_center(torch.tensor([0.0, 0.0, 4.0, 2.0]))
        tensor([2., 1., 4., 2.])
    """
    check_boxes(boxes)
    x1, y1, x2, y2 = as_float(boxes).unbind(-1)
    return torch.stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), dim=-1)


def center_to_corner(boxes: Tensor) -> Tensor:
    """Convert `(centre x, centre y, width, height)` `(..., 4)` to corners; inverse of `corner_to_center`."""
    check_boxes(boxes)
    x, y, width, height = as_float(boxes).unbind(-1)
    return torch.stack((x - 0.5 * width, y - 0.5 * height, x + 0.5 * width, y + 0.5 * height), dim=-1)


def scale_boxes(boxes: Tensor, *, height: float, width: float) -> Tensor:
    """Multiply x by `width` and y by `height`: relative corners `(..., 4)` become pixels of an H x W picture.

    Pass `1 / H` and `1 / W` for the way back. Empty gives empty.
    """
    check_boxes(boxes)
    boxes = as_float(boxes)
    return boxes * torch.tensor([width, height, width, height], dtype=boxes.dtype, device=boxes.device)


def clip_boxes(boxes: Tensor, *, height: float = 1.0, width: float = 1.0) -> Tensor:
    """Cut corners `(..., 4)` off at the edges of a picture `height` x `width` (default: relative unit).

    A box that lies outside ends up with no area. Empty gives empty.
    """
    check_boxes(boxes)
    return ops.clip_boxes_to_image(as_float(boxes), (height, width))


def box_area(boxes: Tensor) -> Tensor:
    """Return the areas `(N,)` of corner boxes `(N, 4)`, in the square of their unit; `(0,)` for none."""
    check_boxes(boxes, ndim=2)
    return ops.box_area(as_float(boxes))


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the intersection over union of every pair of two sets of boxes.

    Args:
        boxes1: corners `(N, 4)`, any unit.
        boxes2: corners `(M, 4)`, the same unit.

    Returns:
        `(N, M)` values in [0, 1]; `(0, M)` or `(N, 0)` if a set is empty. A box without area has IoU 0 with
        everything, itself included. Half precision and integers are computed in float32.

    Raises:
        ValueError: for a shape other than `(N, 4)`, or two devices.

    Example:
        >>> box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 1.0, 3.0, 3.0]]))  # 1 of 7 squares
        tensor([[0.1429]])
    """
    check_boxes(boxes1, name="boxes1", ndim=2)
    check_boxes(boxes2, name="boxes2", ndim=2)
    check_same_device(boxes1, boxes2, names=("boxes1", "boxes2"))
    boxes1, boxes2 = _one_dtype(boxes1, boxes2)
    real1, real2 = box_area(boxes1) > 0, box_area(boxes2) > 0
    # A box without area would give 0 / 0 = nan, and a nan gradient even if masked later. One far away gives 0.
    far1, far2 = boxes1.new_tensor([-2e9, -2e9, -1e9, -1e9]), boxes2.new_tensor([1e9, 1e9, 2e9, 2e9])
    return ops.box_iou(torch.where(real1[:, None], boxes1, far1), torch.where(real2[:, None], boxes2, far2))


def nms(boxes: Tensor, scores: Tensor, *, iou_threshold: float = 0.5) -> Tensor:
    """Non-maximum suppression: keep the best box, drop those that overlap it by more than a threshold, repeat.

    Args:
        boxes: corners `(N, 4)`, any unit.
        scores: `(N,)`.
        iou_threshold: a box goes if its IoU with a kept one is above it (equal stays).

    Returns:
        `(K,)` int64 indices of the kept boxes, best score first, equal scores by index; `(0,)` int64 for no box.
        Boxes without area overlap nothing, so all of them stay.

    Raises:
        ValueError: for shapes that do not belong together, or two devices.
    """
    _check_scored(boxes, scores)
    return ops.nms(as_float(boxes), _scores(boxes, scores), iou_threshold)


def batched_nms(boxes: Tensor, scores: Tensor, groups: Tensor, *, iou_threshold: float = 0.5) -> Tensor:
    """`nms` within each group at once: boxes of different groups never suppress each other.

    Args:
        boxes: corners `(N, 4)`, any unit.
        scores: `(N,)`.
        groups: `(N,)` integers, such as the class, or the class and the picture in one number.
        iou_threshold: as in `nms`.

    Returns:
        `(K,)` int64 indices of the kept boxes over all groups, best score first; `(0,)` for no box.
    """
    _check_scored(boxes, scores)
    if groups.shape != scores.shape:
        raise ValueError(
            f"expected groups of shape {tuple(scores.shape)}, as scores; got {tuple(groups.shape)}"
        )
    # torchvision may shift each group aside by adding to its coordinates; float64 makes that exact.
    return ops.batched_nms(boxes.double(), _scores(boxes, scores).double(), groups, iou_threshold)


def _one_dtype(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    dtype = torch.promote_types(boxes1.dtype, boxes2.dtype)
    return boxes1.to(dtype), boxes2.to(dtype)


def _scores(boxes: Tensor, scores: Tensor) -> Tensor:
    return scores.to(as_float(boxes).dtype)


def _check_scored(boxes: Tensor, scores: Tensor) -> None:
    check_boxes(boxes, ndim=2)
    if scores.shape != boxes.shape[:1]:
        raise ValueError(f"expected scores of shape ({len(boxes)},), one a box; got {tuple(scores.shape)}")
    check_same_device(boxes, scores, names=("boxes", "scores"))

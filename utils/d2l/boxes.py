"""The book's box functions: its signatures and results, computed by `utils.detection`.

Where the book's code is wrong (labels padded with -1, no object, boxes without area, more than 2^24 pairs, the
threshold of `assign_anchor_to_bbox`) the right result is returned; docs/from_the_book.md lists it name by name.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from utils.detection import boxes as box_tools
from utils.detection.anchors import anchor_grid
from utils.detection.matching import match_anchors
from utils.detection.targets import anchor_rows, assign_targets, decode_offsets, encode_offsets

__all__ = [
    "assign_anchor_to_bbox", "box_center_to_corner", "box_corner_to_center", "box_iou", "multibox_detection",
    "multibox_prior", "multibox_target", "nms", "offset_boxes", "offset_inverse",
]  # fmt: skip


def box_corner_to_center(boxes: Tensor) -> Tensor:
    """Convert corners `(N, 4)` to `(centre x, centre y, width, height)`."""
    return box_tools.corner_to_center(boxes)


def box_center_to_corner(boxes: Tensor) -> Tensor:
    """Convert `(centre x, centre y, width, height)` `(N, 4)` to corners."""
    return box_tools.center_to_corner(boxes)


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the intersection over union `(N, M)` of corners `(N, 4)` and `(M, 4)`; 0 where a box has no area."""
    return box_tools.box_iou(boxes1, boxes2)


def multibox_prior(data: Tensor, sizes: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Return the anchors `(1, H * W * (n + m - 1), 4)`, relative corners, of a feature map `(..., H, W)`."""
    height, width = data.shape[-2:]
    sizes, ratios = ([float(value) for value in values] for values in (sizes, ratios))
    return anchor_grid(height, width, sizes=sizes, ratios=ratios, device=data.device)[None]


def assign_anchor_to_bbox(
    ground_truth: Tensor, anchors: Tensor, device: torch.device | str, iou_threshold: float = 0.5
) -> Tensor:
    """Return for each anchor `(N, 4)` the row of its box among `ground_truth` `(M, 4)`, or -1: `(N,)` int64.

    The threshold is used (the book's 0.17.0 takes .5 whatever it is given); boxes without area get no anchor.
    """
    present = torch.ones(1, len(ground_truth), dtype=torch.bool, device=ground_truth.device)
    matches = match_anchors(anchors, ground_truth[None], present, iou_threshold=iou_threshold)
    return matches[0].to(device)


def offset_boxes(anchors: Tensor, assigned_bb: Tensor, eps: float = 1e-6) -> Tensor:
    """Return the offsets `(N, 4)` that lead from anchors to their boxes."""
    if eps == 1e-6:
        return encode_offsets(anchors, assigned_bb)
    (center, side), (box_center, box_side) = (
        box_tools.corner_to_center(part).split(2, dim=-1) for part in (anchors, assigned_bb)
    )
    return torch.cat((10 * (box_center - center) / side, 5 * torch.log(eps + box_side / side)), dim=-1)


def offset_inverse(anchors: Tensor, offset_preds: Tensor) -> Tensor:
    """Return the boxes `(N, 4)` that offsets `(N, 4)` make of anchors; inverse of `offset_boxes`."""
    return decode_offsets(anchors, offset_preds)


def multibox_target(anchors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Label anchors `(1, N, 4)` with the objects `(B, M, 5)` (class, corners) of each picture.

    Rows of -1 fill up and get no anchor; a picture without objects is all background. (The book gives each such row
    an anchor with mask 1 and offsets down to -69, and stops without any object.)

    Returns:
        Offsets `(B, N * 4)`, mask `(B, N * 4)` of 0 and 1, classes `(B, N)` with 0 for background.
    """
    targets = assign_targets(anchors, labels)
    mask = targets.positive[..., None].expand_as(targets.offsets)
    return targets.offsets.flatten(1), mask.flatten(1).float(), targets.classes


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Return the indices `(K,)` of the boxes that non-maximum suppression keeps, best score first."""
    return box_tools.nms(boxes, scores, iou_threshold=iou_threshold)


def multibox_detection(
    cls_probs: Tensor,
    offset_preds: Tensor,
    anchors: Tensor,
    nms_threshold: float = 0.5,
    pos_threshold: float = 0.009999999,
) -> Tensor:
    """Return all anchors of each picture as rows (class, confidence, corners), the book's way: `(B, N, 6)`.

    First the kept ones, best first, then all others by index with class -1: suppressed, or below `pos_threshold` and
    then with 1 - confidence, so filter by class. Boxes suppress those of other classes too. The rows are the book's;
    so is their order down to the last kept one (the book sorts the rest by suppressing background with background,
    which is most of its time).

    Args:
        cls_probs: `(B, C + 1, N)`, background first.
        offset_preds: `(B, N * 4)`.
        anchors: `(1, N, 4)`.
    """
    pictures, count = cls_probs.shape[0], cls_probs.shape[2]
    confidence, classes = cls_probs.detach()[:, 1:].max(dim=1)  # (B, N)
    offsets = offset_preds.detach().reshape(pictures, count, 4)
    boxes = decode_offsets(anchor_rows(anchors), offsets)  # (B, N, 4)
    below = confidence < pos_threshold
    kept = [_kept(boxes[i], confidence[i], ~below[i], nms_threshold) for i in range(pictures)]
    order = torch.stack([_kept_first(indices, count) for indices in kept])
    confidence = torch.where(below, 1 - confidence, confidence).gather(1, order)
    number = torch.tensor([len(indices) for indices in kept], device=order.device)
    row = torch.arange(count, device=order.device)
    classes = torch.where(row < number[:, None], classes.gather(1, order), -1)
    boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
    return torch.cat((classes[..., None].to(boxes.dtype), confidence[..., None], boxes), dim=-1)


def _kept(boxes: Tensor, scores: Tensor, candidates: Tensor, threshold: float) -> Tensor:
    """Indices of the candidates that suppression keeps; a lower score never suppresses a higher one."""
    indices = candidates.nonzero().reshape(-1)
    return indices[box_tools.nms(boxes[indices], scores[indices], iou_threshold=threshold)]


def _kept_first(kept: Tensor, count: int) -> Tensor:
    others = torch.ones(count, dtype=torch.bool, device=kept.device)
    others[kept] = False
    return torch.cat((kept, others.nonzero().reshape(-1)))

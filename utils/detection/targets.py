"""What a detector is trained towards: a class and four offsets for every anchor of every picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from utils.detection.boxes import (
    BACKGROUND,
    as_float,
    center_to_corner,
    check_boxes,
    check_same_device,
    corner_to_center,
)
from utils.detection.matching import UNMATCHED, match_anchors, reads_are_free

# The book divides offsets by standard deviations of .1 (centre) and .2 (size); these are their inverses.
_CENTER_SCALE = 10
_SIZE_SCALE = 5
_EPS = 1e-6
# An untrained net may ask for a box e^40 times its anchor; the next product would be infinite, then nan.
_LARGEST_LOG = 30.0


class Targets(NamedTuple):
    """The targets of B pictures with N anchors.

    Attributes:
        classes: `(B, N)` int64, BACKGROUND (0) or the object's class + 1.
        offsets: `(B, N, 4)` float, what `decode_offsets` needs to turn the anchor into the object; 0 on background.
        matches: `(B, N)` int64, the row of the object among the labels, or -1.
    """

    classes: Tensor
    offsets: Tensor
    matches: Tensor

    @property
    def positive(self) -> Tensor:
        """`(B, N)` bool: the anchors that stand for an object."""
        return self.classes != BACKGROUND


def encode_offsets(anchors: Tensor, boxes: Tensor) -> Tensor:
    """Return what leads from anchors to boxes: `10 * shift / anchor side` and `5 * log(side / anchor side)`.

    Dividing by the anchor makes the numbers comparable over sizes; 10 and 5 are 1 / standard deviation and bring
    them to about unit spread (Girshick et al. 2014, with the constants of the SSD code).

    Args:
        anchors: corners `(..., 4)`.
        boxes: corners `(..., 4)` in the same unit, of a shape that broadcasts with that of `anchors`.

    Returns:
        `(..., 4)` offsets (x, y, width, height). Finite also for boxes and anchors without area.
    """
    check_boxes(anchors, name="anchors")
    check_boxes(boxes)
    check_same_device(anchors, boxes, names=("anchors", "boxes"))
    center, side = corner_to_center(anchors).split(2, dim=-1)
    box_center, box_side = corner_to_center(boxes).split(2, dim=-1)
    side = side.clamp(min=_EPS)
    shift = _CENTER_SCALE * (box_center - center) / side
    growth = _SIZE_SCALE * torch.log(_EPS + box_side / side)
    return torch.cat((shift, growth), dim=-1)


def decode_offsets(anchors: Tensor, offsets: Tensor) -> Tensor:
    """Return the boxes that offsets make of anchors; inverse of `encode_offsets` up to rounding.

    Args:
        anchors: corners `(..., 4)`.
        offsets: `(..., 4)` as from `encode_offsets` or a net; broadcasts with `anchors`.

    Returns:
        Corners `(..., 4)` in the anchors' unit, not clipped to the picture; finite for any finite offsets of a
        size that a net can produce.
    """
    check_boxes(anchors, name="anchors")
    check_boxes(offsets, name="offsets")
    check_same_device(anchors, offsets, names=("anchors", "offsets"))
    center, side = corner_to_center(anchors).split(2, dim=-1)
    shift, growth = as_float(offsets).split(2, dim=-1)
    box_center = shift * side / _CENTER_SCALE + center
    box_side = torch.exp((growth / _SIZE_SCALE).clamp(max=_LARGEST_LOG)) * side
    return center_to_corner(torch.cat((box_center, box_side), dim=-1))


@torch.no_grad()
def assign_targets(anchors: Tensor, labels: Tensor, *, iou_threshold: float = 0.5) -> Targets:
    """Give every anchor of every picture its class and offsets; `match_anchors` says which object it stands for.

    Args:
        anchors: relative corners `(N, 4)` or `(1, N, 4)`.
        labels: `(B, M, 5)` rows `[class, x1, y1, x2, y2]`, classes from 0, relative corners; rows with a negative
            class (PADDING) hold no object. M may be 0, and a picture may have padding only.
        iou_threshold: IoU from which an anchor is positive beside the object's own anchor.

    Returns:
        Targets, in float32 (float64 if the anchors are). All background for a picture without objects.

    Raises:
        ValueError: for other shapes or two devices.

    Example:
        >>> anchors = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
        >>> assign_targets(anchors, torch.tensor([[[2, 0.5, 0.5, 1, 1], [-1, -1, -1, -1, -1]]])).classes
        tensor([[0, 3]])
    """
    anchors = anchor_rows(anchors)
    if labels.ndim != 3 or labels.shape[-1] != 5:
        raise ValueError(
            f"expected labels of shape (B, M, 5), rows class, x1, y1, x2, y2; got {tuple(labels.shape)}. "
            "Fix: labels[None] for one picture"
        )
    check_same_device(anchors, labels, names=("anchors", "labels"))
    anchors = as_float(anchors)
    kinds, boxes = labels[..., 0], labels[..., 1:].to(anchors.dtype)
    matches = match_anchors(anchors, boxes, kinds >= 0, iou_threshold=iou_threshold)
    fill = _fill_where_positive if reads_are_free(matches) else _fill_everywhere
    return fill(anchors, kinds.long(), boxes, matches)


def _fill_where_positive(anchors: Tensor, kinds: Tensor, boxes: Tensor, matches: Tensor) -> Targets:
    """About one anchor in 140 is positive, so computing on those only is most of the gain on a CPU."""
    classes = torch.full_like(matches, BACKGROUND)
    offsets = anchors.new_zeros(*matches.shape, 4)
    picture, anchor = (matches != UNMATCHED).nonzero(as_tuple=True)
    row = matches[picture, anchor]
    classes[picture, anchor] = kinds[picture, row] + 1
    offsets[picture, anchor] = encode_offsets(anchors[anchor], boxes[picture, row])
    return Targets(classes, offsets, matches)


def _fill_everywhere(anchors: Tensor, kinds: Tensor, boxes: Tensor, matches: Tensor) -> Targets:
    """The same with shapes that do not depend on values, so that an accelerator need not be waited for."""
    if boxes.shape[1] == 0:
        return Targets(torch.full_like(matches, BACKGROUND), anchors.new_zeros(*matches.shape, 4), matches)
    row = matches.clamp(min=0)
    positive = matches != UNMATCHED
    classes = torch.where(positive, kinds.gather(1, row) + 1, BACKGROUND)
    assigned = boxes.gather(1, row[..., None].expand(-1, -1, 4))  # (B, N, 4)
    offsets = torch.where(positive[..., None], encode_offsets(anchors, assigned), 0)
    return Targets(classes, offsets, matches)


@torch.no_grad()
def hard_negatives(losses: Tensor, positive: Tensor, *, ratio: int = 3) -> Tensor:
    """Choose the background anchors of highest loss, `ratio` for each positive one of the same picture.

    Nearly all anchors are background and easy; the hardest few keep the two kinds in balance (SSD paper, 2.2).

    Args:
        losses: `(B, N)` classification loss of each anchor, not negative.
        positive: bool `(B, N)`.
        ratio: negatives for each positive; a picture without objects counts as having one.

    Returns:
        bool `(B, N)`, never set on a positive anchor; as many as there are if background anchors run out. Equal
        losses are taken in the order of the anchors.

    Raises:
        ValueError: for unequal shapes or a negative ratio.
    """
    if losses.shape != positive.shape or losses.ndim != 2:
        raise ValueError(
            f"expected losses and positive of one shape (B, N), got {tuple(losses.shape)} and {tuple(positive.shape)}"
        )
    if ratio < 0:
        raise ValueError(f"expected ratio >= 0, got {ratio}")
    check_same_device(losses, positive, names=("losses", "positive"))
    order = losses.detach().masked_fill(positive, -torch.inf).argsort(dim=1, descending=True, stable=True)
    wanted = ratio * positive.sum(dim=1, keepdim=True).clamp(min=1)
    rank = torch.arange(losses.shape[1], device=losses.device)
    chosen = torch.zeros_like(positive).scatter_(1, order, (rank < wanted).expand_as(order))
    return chosen & ~positive


def anchor_rows(anchors: Tensor) -> Tensor:
    """Return anchors `(N, 4)` or `(1, N, 4)` as `(N, 4)`; ValueError for any other shape."""
    check_boxes(anchors, name="anchors")
    if anchors.ndim == 3 and len(anchors) == 1:
        return anchors[0]
    if anchors.ndim != 2:
        raise ValueError(
            f"expected anchors (N, 4) or (1, N, 4), the same for every picture; got {tuple(anchors.shape)}"
        )
    return anchors

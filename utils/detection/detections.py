"""From probabilities and offsets to a list of objects: decoding, thresholding, non-maximum suppression."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from utils.detection.boxes import (
    as_float,
    batched_nms,
    check_boxes,
    check_same_device,
    clip_boxes,
    scale_boxes,
)
from utils.detection.targets import anchor_rows, decode_offsets


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """The objects found in one picture, best score first.

    Attributes:
        boxes: corners `(K, 4)`, relative unless scaled.
        scores: `(K,)` probabilities.
        labels: `(K,)` int64 classes from 0, background not counted.

    Raises:
        ValueError: if the three do not belong together.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        check_boxes(self.boxes, ndim=2)
        count = len(self.boxes)
        for name, value in (("scores", self.scores), ("labels", self.labels)):
            if tuple(value.shape) != (count,):
                raise ValueError(f"expected {name} of shape ({count},), one a box; got {tuple(value.shape)}")
            check_same_device(self.boxes, value, names=("boxes", name))
        if self.labels.is_floating_point() or self.labels.dtype == torch.bool:
            raise ValueError(
                f"expected labels of an integer type, got {self.labels.dtype}. Fix: labels.long()"
            )

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        best = f", scores {self.scores.max():.3f} to {self.scores.min():.3f}" if len(self) else ""
        return f"Detections({len(self)} boxes{best})"

    def above(self, score: float) -> Detections:
        """Return those with at least this score."""
        keep = self.scores >= score
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep])

    def scaled(self, *, height: float, width: float) -> Detections:
        """Return the same with the boxes in pixels of a picture of this size."""
        return Detections(scale_boxes(self.boxes, height=height, width=width), self.scores, self.labels)


@torch.no_grad()
def detect(
    probabilities: Tensor,
    offsets: Tensor,
    anchors: Tensor,
    *,
    score_threshold: float = 0.01,
    iou_threshold: float = 0.5,
    per_class: bool = True,
    max_candidates: int | None = None,
) -> list[Detections]:
    """Turn what a detector says about each anchor into the objects of each picture.

    Each anchor counts for its likeliest class. Anchors below the score threshold go first: a lower score can never
    suppress a higher one, so the order does not change the result, and with a trained net little is left to do.
    The cost of suppression grows with candidates x kept boxes; for nets that know nothing yet, and give every
    anchor a score, `max_candidates` (the SSD paper takes 400) bounds it.

    Args:
        probabilities: `(B, N, num_classes + 1)`, background first.
        offsets: `(B, N, 4)` or `(B, N * 4)`.
        anchors: relative corners `(N, 4)` or `(1, N, 4)`.
        score_threshold: least probability of a detection.
        iou_threshold: boxes that overlap a better one by more than this are dropped.
        per_class: whether only boxes of the same class suppress each other; False as in the book.
        max_candidates: at most so many anchors of each picture, by score; None for all.

    Returns:
        B Detections, boxes relative and clipped to the picture, best score first; empty ones where nothing is found.

    Raises:
        ValueError: for shapes that do not belong together or two devices.
    """
    anchors = as_float(anchor_rows(anchors))
    _check(probabilities, offsets, anchors)
    pictures, count, classes = probabilities.shape
    offsets = offsets.reshape(pictures, count, 4)
    scores, labels = _best_class(as_float(probabilities))
    candidate = scores >= score_threshold
    if max_candidates is not None and max_candidates < count:
        best = scores.topk(max_candidates, dim=1).indices
        candidate &= torch.zeros_like(candidate).scatter_(1, best, True)
    picture, anchor = candidate.nonzero(as_tuple=True)
    scores, labels = scores[picture, anchor], labels[picture, anchor]
    boxes = decode_offsets(anchors[anchor], offsets[picture, anchor])
    groups = picture * (classes - 1) + labels if per_class else picture
    keep = batched_nms(boxes, scores, groups, iou_threshold=iou_threshold)
    # Best score first over all pictures; a stable sort by picture keeps that order inside each.
    keep = keep[picture[keep].argsort(stable=True)]
    sizes = picture[keep].bincount(minlength=pictures).tolist()
    parts = (clip_boxes(boxes[keep]), scores[keep], labels[keep])
    return [Detections(*part) for part in zip(*(value.split(sizes) for value in parts), strict=True)]


def _best_class(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Score and class `(B, N)` of the likeliest object; for a single class there is nothing to compare."""
    if probabilities.shape[2] == 2:
        scores = probabilities[..., 1]
        return scores, torch.zeros_like(scores, dtype=torch.int64)
    return probabilities[..., 1:].max(dim=-1)


def _check(probabilities: Tensor, offsets: Tensor, anchors: Tensor) -> None:
    if probabilities.ndim != 3 or probabilities.shape[1] != len(anchors) or probabilities.shape[2] < 2:
        raise ValueError(
            f"expected probabilities (B, {len(anchors)}, num_classes + 1), background first, for {len(anchors)} "
            f"anchors; got {tuple(probabilities.shape)}. Fix: the book's (B, C, N) needs .transpose(1, 2)"
        )
    pictures, count = probabilities.shape[:2]
    if tuple(offsets.shape) not in ((pictures, count, 4), (pictures, count * 4)):
        raise ValueError(f"expected offsets ({pictures}, {count}, 4), got {tuple(offsets.shape)}")
    check_same_device(anchors, probabilities, names=("anchors", "probabilities"))
    check_same_device(anchors, offsets, names=("anchors", "offsets"))

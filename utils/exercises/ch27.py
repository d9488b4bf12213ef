"""Exercises of chapter 27: IoU, offsets, non-maximum suppression, counting anchors."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.detection.boxes import box_iou, corner_to_center
from utils.exercises import Exercise, Mistake

_PAIRS = (
    ([0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]),
    ([0.0, 0.0, 4.0, 2.0], [1.0, 0.0, 3.0, 3.0]),
    ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]),
    ([0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0]),
    ([0.0, 0.0, 1.0, 1.0], [2.0, 3.0, 4.0, 5.0]),
)
_MOVES = (
    (torch.tensor([0.15, 0.2, 0.4, 0.4]), torch.tensor([0.1, 0.08, 0.52, 0.92])),
    (torch.tensor([0.57, 0.3, 0.92, 0.9]), torch.tensor([0.55, 0.2, 0.9, 0.88])),
)
_FOUR = torch.tensor(
    [[0.55, 0.2, 0.9, 0.88], [0.15, 0.3, 0.62, 0.91], [0.1, 0.08, 0.52, 0.92], [0.08, 0.2, 0.56, 0.95]]
)
_CHAIN = torch.tensor(
    [[0.0, 0.0, 1.0, 1.0], [0.3, 0.0, 1.3, 1.0], [0.6, 0.0, 1.6, 1.0], [5.0, 5.0, 6.0, 6.0]]
)
_HEAPS = (
    (_FOUR, torch.tensor([0.85, 0.7, 0.9, 0.8]), 0.5),
    (_CHAIN, torch.tensor([0.9, 0.8, 0.7, 0.2]), 0.5),
    (_FOUR, torch.tensor([0.85, 0.7, 0.9, 0.8]), 0.95),
)


def _parts(box1: list[float], box2: list[float]) -> tuple[float, float, float, float]:
    """Overlap in x and in y (negative for a gap) and the two areas."""
    x = min(box1[2], box2[2]) - max(box1[0], box2[0])
    y = min(box1[3], box2[3]) - max(box1[1], box2[1])
    return x, y, (box1[2] - box1[0]) * (box1[3] - box1[1]), (box2[2] - box2[0]) * (box2[3] - box2[1])


def _iou(box1: list[float], box2: list[float]) -> float:
    x = max(min(box1[2], box2[2]) - max(box1[0], box2[0]), 0)
    y = max(min(box1[3], box2[3]) - max(box1[1], box2[1]), 0)
    area1 = (box1[2] - box1[0]) * (box1[3] - box1[1])
    area2 = (box2[2] - box2[0]) * (box2[3] - box2[1])
    return x * y / (area1 + area2 - x * y)


def _iou_unclipped(box1: list[float], box2: list[float]) -> float:
    x, y, area1, area2 = _parts(box1, box2)
    return x * y / (area1 + area2 - x * y)


def _iou_product_clipped(box1: list[float], box2: list[float]) -> float:
    x, y, area1, area2 = _parts(box1, box2)
    return max(x * y, 0) / (area1 + area2 - max(x * y, 0))


def _iou_double_union(box1: list[float], box2: list[float]) -> float:
    x, y, area1, area2 = _parts(box1, box2)
    return max(x, 0) * max(y, 0) / (area1 + area2)


def _iou_of_smaller(box1: list[float], box2: list[float]) -> float:
    x, y, area1, area2 = _parts(box1, box2)
    return max(x, 0) * max(y, 0) / min(area1, area2)


def _offsets(anchor: Tensor, box: Tensor) -> Tensor:
    a, b = corner_to_center(anchor), corner_to_center(box)
    return torch.cat(((b[:2] - a[:2]) / a[2:] / 0.1, torch.log(b[2:] / a[2:]) / 0.2))


def _offsets_plain(anchor: Tensor, box: Tensor) -> Tensor:
    return _offsets(anchor, box) * torch.tensor([0.1, 0.1, 0.2, 0.2])


def _offsets_times(anchor: Tensor, box: Tensor) -> Tensor:
    return _offsets_plain(anchor, box) * torch.tensor([0.1, 0.1, 0.2, 0.2])


def _offsets_swapped(anchor: Tensor, box: Tensor) -> Tensor:
    return _offsets(anchor, box)[[1, 0, 3, 2]]


def _offsets_backwards(anchor: Tensor, box: Tensor) -> Tensor:
    return _offsets(box, anchor)


def _offsets_of_corners(anchor: Tensor, box: Tensor) -> Tensor:
    side = (anchor[2:] - anchor[:2]).repeat(2)
    return (box - anchor) / side / 0.1


def _nms(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    order = scores.argsort(descending=True)
    keep = []
    while len(order):
        keep.append(int(order[0]))
        overlap = box_iou(boxes[order[:1]], boxes[order[1:]])[0]
        order = order[1:][overlap <= threshold]
    return keep


def _nms_worst_first(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    return _nms(boxes, -scores, threshold)


def _nms_as_given(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    return _nms(boxes, -torch.arange(len(boxes)), threshold)


def _nms_keeping_overlap(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    order = scores.argsort(descending=True)
    keep = []
    while len(order):
        keep.append(int(order[0]))
        overlap = box_iou(boxes[order[:1]], boxes[order[1:]])[0]
        order = order[1:][overlap > threshold]
    return keep


def _nms_by_any_better(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    order = scores.argsort(descending=True)
    overlap = box_iou(boxes[order], boxes[order]).tril(-1)
    return order[~(overlap > threshold).any(dim=1)].tolist()


EXERCISES = {
    "27.1": Exercise(
        prompt="The IoU of two boxes given by their corners.",
        solution=_iou,
        hint="The overlap in x ends where the first box ends and begins where the second begins. It may be negative.",
        cases=_PAIRS,
        mistakes=(
            Mistake(
                _iou_unclipped,
                "Right for boxes that meet. For those apart the overlap in a direction is negative: clip each of "
                "the two at 0.",
            ),
            Mistake(
                _iou_product_clipped,
                "You clip the product. Apart in x and in y, two negative lengths multiply to a positive area: clip "
                "each length.",
            ),
            Mistake(
                _iou_double_union,
                "The shared part is counted twice below the line: subtract it once from the sum of the areas.",
            ),
            Mistake(
                _iou_of_smaller,
                "This divides by the smaller box, so that a small box inside a large one scores 1. Take the union.",
            ),
        ),
        praise="Also for boxes that lie apart in both directions.",
    ),
    "27.2": Exercise(
        prompt="The offsets from an anchor to a box, with standard deviations .1 and .2.",
        solution=_offsets,
        hint="Centres and sizes first. Shift over the anchor's side, logarithm of the ratio of sides, then divide.",
        cases=_MOVES,
        mistakes=(
            Mistake(
                _offsets_plain,
                "The standard deviations are missing: divide shifts by .1 and logarithms by .2.",
            ),
            Mistake(_offsets_times, "You multiply by .1 and .2; the offsets are divided by them."),
            Mistake(_offsets_swapped, "x and y have changed places: the order is x, y, width, height."),
            Mistake(_offsets_backwards, "This leads from the box to the anchor. The anchor is what moves."),
            Mistake(
                _offsets_of_corners,
                "These are shifts of the corners. Move the centre, and express growth as a logarithm.",
            ),
        ),
        praise="These are the numbers of the notes' five-anchor example.",
    ),
    "27.3": Exercise(
        prompt="Non-maximum suppression: the indices kept, best first.",
        solution=_nms,
        hint="Sort by score. Take the first, drop from the rest those with an IoU above the threshold, repeat.",
        cases=_HEAPS,
        mistakes=(
            Mistake(
                _nms_worst_first, "This keeps the worst of each heap: sort with the highest score first."
            ),
            Mistake(_nms_as_given, "The boxes are taken in the order given; take them by score."),
            Mistake(
                _nms_keeping_overlap,
                "Turned around: those above the threshold are dropped, the others stay in the race.",
            ),
            Mistake(
                _nms_by_any_better,
                "A box is dropped for overlapping a better one that was itself dropped. Only boxes that were kept "
                "suppress others.",
            ),
        ),
        praise="Suppressed boxes suppress nobody.",
    ),
    "27.4": Exercise(
        prompt="Anchors of maps of 40 x 40, 20 x 20 and 10 x 10 cells with two sizes and five ratios.",
        solution=12_600,
        hint="Cells of the three maps together, times n + m - 1.",
        mistakes=(
            Mistake(21_000, "That is every size with every ratio; only n + m - 1 = 6 pairs a cell are used."),
            Mistake(14_700, "n + m = 7 counts the pair of the first size and the first ratio twice."),
            Mistake(9_600, "That is the first map alone."),
            Mistake(2_100, "That is the number of cells; each has n + m - 1 anchors."),
        ),
        praise="2,100 cells with six anchors each.",
    ),
}

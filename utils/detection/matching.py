"""Which anchor stands for which object: the matching behind `targets.assign_targets`.

Two rules, as in the book: every object keeps one anchor of its own, found greedily by IoU over the whole picture;
every other anchor takes the object it overlaps most, if the IoU reaches a threshold.
"""

from __future__ import annotations

import torch
from torch import Tensor

from utils.detection.boxes import as_float, box_area, check_boxes, check_same_device

UNMATCHED = -1
"""Stands in `matches` where an anchor has no object."""

# Pairs of anchor and object held at once. On a CPU the three scratch planes should stay in the cache; elsewhere
# few large steps are better. Peak scratch is 3 * 4 bytes a pair and at least one picture's worth of pairs.
_PAIRS_CPU = 1 << 20
_PAIRS_ELSEWHERE = 1 << 26
# Anchors are padded to whole blocks, because a maximum by blocks is many times faster than one argmax over a row.
_BLOCK = 64


def reads_are_free(tensor: Tensor) -> bool:
    """Whether looking at values costs nothing: a real CPU tensor outside a compiled graph.

    On an accelerator each look waits for the device, and meta and fake tensors have no values. Such tensors take
    code of fixed shape and length instead, with the same result.
    """
    return type(tensor) is Tensor and tensor.device.type == "cpu" and not torch.compiler.is_compiling()


@torch.no_grad()
def match_anchors(anchors: Tensor, boxes: Tensor, present: Tensor, *, iou_threshold: float = 0.5) -> Tensor:
    """Return for each anchor of each picture the index of its object, or UNMATCHED.

    Objects and anchors pair off greedily: the pair of highest IoU in the picture first, whatever that IoU is, then
    the best among the rest. Ties go to the lower anchor, then the lower object. An anchor left over takes the
    object it overlaps most (ties: the lower object) if their IoU is at least `iou_threshold`. With more objects
    than anchors the objects of lowest IoU get none.

    Time is linear in the number of objects unless many of them want the same anchors: k equal boxes take k rounds.
    Memory: see `_PAIRS_CPU`; one picture's anchors x objects x 12 bytes at least.

    Args:
        anchors: corners `(N, 4)`.
        boxes: corners `(B, M, 4)` in the same unit.
        present: bool `(B, M)`; what stands in the rows of absent objects does not matter. Objects without area
            count as absent.
        iou_threshold: in (0, 1].

    Returns:
        `(B, N)` int64; all UNMATCHED where a picture has no object; `(B, 0)` without anchors.

    Raises:
        ValueError: for shapes that do not belong together, two devices, or a threshold outside (0, 1].

    Example:
        >>> anchors = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
        >>> match_anchors(anchors, torch.tensor([[[0.5, 0.5, 0.9, 0.9]]]), torch.tensor([[True]]))
        tensor([[-1,  0]])
    """
    _check(anchors, boxes, present, iou_threshold)
    anchors = as_float(anchors.detach())
    boxes = boxes.detach().to(anchors.dtype)
    (batch, objects), count = present.shape, len(anchors)
    # Objects without an anchor of their own write to a spare last column, which nobody sees.
    matches = torch.full((batch, count + 1), UNMATCHED, dtype=torch.int64, device=anchors.device)
    if batch == 0 or objects == 0 or count == 0:
        return matches[:, :count]
    present = present & (box_area(boxes.reshape(-1, 4)).reshape(batch, objects) > 0)
    padded = -(-count // _BLOCK) * _BLOCK
    columns = torch.nn.functional.pad(anchors.T, (0, padded - count))  # (4, P)
    limit = _PAIRS_CPU if anchors.device.type == "cpu" else _PAIRS_ELSEWHERE
    chunk = min(batch, max(1, limit // (objects * padded)))
    scratch = torch.empty(3, chunk, objects, padded, dtype=anchors.dtype, device=anchors.device)
    number = torch.arange(objects, device=anchors.device)
    for start in range(0, batch, chunk):
        part = slice(start, start + chunk)
        iou = _iou_rows(columns, boxes[part], present[part], scratch[:, : min(chunk, batch - start)])
        iou[..., count:] = -1
        _match_above(iou[..., :count], iou_threshold, matches[part, :count])
        own = _own_anchors(iou, present[part])  # (b, M)
        matches[part].scatter_(1, torch.where(own < 0, count, own), number.expand_as(own))
    return matches[:, :count]


def _iou_rows(columns: Tensor, boxes: Tensor, present: Tensor, planes: Tensor) -> Tensor:
    """IoU `(b, M, P)` of every object with every anchor, in place of the first of three scratch planes.

    The same operations in the same order as `boxes.box_iou`, so equal to the last bit; coordinates lie in planes
    of their own here, which is what the vector units want. Absent objects get IoU 0.
    """
    ax1, ay1, ax2, ay2 = columns
    boxes = torch.where(present[..., None], boxes, 0)
    x1, y1, x2, y2 = (part[..., None] for part in boxes.unbind(-1))  # (b, M, 1)
    # An area of 1 keeps 0 / 0 away from an absent object that meets an anchor without area.
    area = torch.where(present[..., None], (x2 - x1) * (y2 - y1), 1)
    overlap, other, union = planes
    torch.minimum(ax2, x2, out=overlap).sub_(torch.maximum(ax1, x1, out=other)).clamp_(min=0)
    torch.minimum(ay2, y2, out=union).sub_(torch.maximum(ay1, y1, out=other)).clamp_(min=0)
    overlap.mul_(union)
    torch.add((ax2 - ax1) * (ay2 - ay1), area, out=union).sub_(overlap)
    return overlap.div_(union)


def _match_above(iou: Tensor, threshold: float, matches: Tensor) -> None:
    """Write into `matches` `(b, N)`, for each anchor at or above the threshold, the first object of highest IoU."""
    best = iou.amax(dim=1)  # (b, N)
    if reads_are_free(iou):
        # Few anchors get here, and a search over objects for all of them would cost more than the IoU itself.
        picture, anchor = (best >= threshold).nonzero(as_tuple=True)
        matches[picture, anchor] = iou[picture, :, anchor].argmax(dim=1)
    else:
        matches.copy_(torch.where(best >= threshold, iou.argmax(dim=1), UNMATCHED))


def _own_anchors(iou: Tensor, present: Tensor) -> Tensor:
    """The anchor `(b, M)` that each object keeps whatever the IoU; -1 for absent objects. Overwrites `iou`.

    Deferred acceptance (Gale and Shapley 1962) in place of a greedy loop over objects: in each round every object
    asks for its best anchor, and is struck off the list of every anchor for which a better object asks. Both sides
    rank by IoU, so the stable result is unique and the greedy one. M rounds suffice, since round k settles the
    k-th greedy pair at the latest; few objects dispute an anchor, so two or three are usual.
    """
    objects = iou.shape[1]
    number = torch.arange(objects, device=iou.device)
    first_come = number[None, :] < number[:, None]  # [i, j]: object j wins a tie with i
    for _ in range(objects):
        wanted = _first_maximum(iou)  # (b, M)
        by_anchor = wanted[:, None, :].expand(-1, objects, -1)
        rival = iou.gather(2, by_anchor)  # [i, j]: IoU of object i with the anchor that j wants
        own = rival.diagonal(dim1=1, dim2=2)  # (b, M)
        asking = present & (own >= 0)
        better = (own[:, None, :] > rival) | ((own[:, None, :] == rival) & first_come)
        beaten = asking[:, None, :] & better
        lost = (beaten & (wanted[:, :, None] == wanted[:, None, :])).any(dim=2)
        if objects == 1 or (reads_are_free(iou) and not (lost & asking).any()):
            break
        # Where several objects want one anchor, amin lets a single defeat count.
        iou.scatter_reduce_(2, by_anchor, torch.where(beaten, -1, rival), "amin")
    return torch.where(asking, wanted, -1)


def _first_maximum(rows: Tensor) -> Tensor:
    """`argmax(-1)` with ties to the lowest index, by way of block maxima; `(..., P)`, P in whole blocks."""
    blocks = rows.unflatten(-1, (-1, _BLOCK))  # (..., P / 64, 64)
    block = blocks.amax(dim=-1).argmax(dim=-1, keepdim=True)
    inside = blocks.gather(-2, block[..., None].expand(*block.shape, _BLOCK)).squeeze(-2).argmax(dim=-1)
    return block.squeeze(-1) * _BLOCK + inside


def _check(anchors: Tensor, boxes: Tensor, present: Tensor, iou_threshold: float) -> None:
    check_boxes(anchors, name="anchors", ndim=2)
    check_boxes(boxes, ndim=3)
    if present.shape != boxes.shape[:2] or present.dtype != torch.bool:
        raise ValueError(
            f"expected present as bool {tuple(boxes.shape[:2])}, got {present.dtype} {tuple(present.shape)}"
        )
    check_same_device(anchors, boxes, names=("anchors", "boxes"))
    check_same_device(anchors, present, names=("anchors", "present"))
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"expected 0 < iou_threshold <= 1, got {iou_threshold}")

"""The box functions give the book's results, bit for bit where the book is right."""

from __future__ import annotations

import pytest
import torch

SIZES, RATIOS = [0.3, 0.5], [1, 2, 0.5]


def boxes_of(count: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    start = torch.rand(count, 2, generator=random) * 0.7
    return torch.cat((start, start + 0.05 + 0.25 * torch.rand(count, 2, generator=random)), dim=1)


def labels_of(pictures: int, objects: int, seed: int = 0) -> torch.Tensor:
    boxes = boxes_of(pictures * objects, seed).reshape(pictures, objects, 4)
    kinds = torch.randint(0, 4, (pictures, objects, 1), generator=torch.Generator().manual_seed(seed))
    return torch.cat((kinds.float(), boxes), dim=-1)


@pytest.mark.parametrize("height, width", [(1, 1), (4, 4), (6, 9), (11, 3)])
def test_anchors_and_their_order(ours, theirs, height, width):
    data = torch.zeros(2, 3, height, width)
    expected = theirs.multibox_prior(data, SIZES, RATIOS)
    assert torch.equal(ours.multibox_prior(data, SIZES, RATIOS), expected)
    sizes, ratios = torch.tensor(SIZES), torch.tensor(RATIOS)
    assert torch.equal(ours.multibox_prior(data, sizes, ratios), expected)


def test_formats_overlap_and_offsets(ours, theirs):
    first, second = boxes_of(40), boxes_of(40, 1)
    assert torch.equal(ours.box_iou(first, second[:7]), theirs.box_iou(first, second[:7]))
    for name in ("box_corner_to_center", "box_center_to_corner"):
        assert torch.equal(getattr(ours, name)(first), getattr(theirs, name)(first))
    assert torch.equal(ours.offset_boxes(first, second), theirs.offset_boxes(first, second))
    assert torch.allclose(ours.offset_boxes(first, second, 0.1), theirs.offset_boxes(first, second, 0.1))
    offsets = torch.randn(40, 4, generator=torch.Generator().manual_seed(2))
    assert torch.equal(ours.offset_inverse(first, offsets), theirs.offset_inverse(first, offsets))


@pytest.mark.parametrize("pictures, objects", [(1, 1), (3, 2), (4, 5)])
def test_targets_are_the_books(ours, theirs, pictures, objects):
    anchors, labels = (
        ours.multibox_prior(torch.zeros(1, 1, 9, 9), SIZES, RATIOS),
        labels_of(pictures, objects),
    )
    expected = theirs.multibox_target(anchors, labels)
    for got, want in zip(ours.multibox_target(anchors, labels), expected, strict=True):
        assert torch.equal(got, want) and got.dtype == want.dtype
    truth = labels[0, :, 1:]
    want = theirs.assign_anchor_to_bbox(truth, anchors[0], "cpu")
    assert torch.equal(ours.assign_anchor_to_bbox(truth, anchors[0], "cpu"), want)


def test_padded_rows_and_pictures_without_objects(ours, theirs):
    anchors, labels = ours.multibox_prior(torch.zeros(1, 1, 9, 9), SIZES, RATIOS), labels_of(2, 2)
    padded = torch.cat((labels, torch.full((2, 3, 5), -1.0)), dim=1)
    for got, want in zip(
        ours.multibox_target(anchors, padded), ours.multibox_target(anchors, labels), strict=True
    ):
        assert torch.equal(got, want)
    assert not torch.equal(
        theirs.multibox_target(anchors, padded)[1], theirs.multibox_target(anchors, labels)[1]
    )
    for empty in (torch.full((2, 3, 5), -1.0), torch.zeros(2, 0, 5)):
        assert all(not part.any() for part in ours.multibox_target(anchors, empty))
    with pytest.raises(IndexError):
        theirs.multibox_target(anchors, torch.zeros(2, 0, 5))


def test_the_threshold_of_the_assignment_counts(ours):
    anchors = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.6], [0.0, 0.0, 0.4, 0.4]])
    truth = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    assigned = [ours.assign_anchor_to_bbox(truth, anchors, "cpu", t).tolist() for t in (0.1, 0.5, 0.9)]
    assert assigned == [[0, 0, 0], [0, 0, -1], [0, -1, -1]]


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("threshold", [0.009999999, 0.3, 1.1])
def test_detections_are_the_books_rows_kept_ones_first(ours, theirs, classes, threshold):
    anchors = ours.multibox_prior(torch.zeros(1, 1, 8, 8), SIZES, RATIOS)
    random = torch.Generator().manual_seed(classes)
    count = anchors.shape[1]
    # Logits of whole hundredths would tie; sums of two uniform numbers do not.
    probabilities = (
        torch.randn(2, classes + 1, count, generator=random, dtype=torch.float64).softmax(1).float()
    )
    offsets = torch.randn(2, count * 4, generator=random)
    expected = theirs.multibox_detection(probabilities.clone(), offsets, anchors, 0.4, threshold)
    got = ours.multibox_detection(probabilities, offsets, anchors, 0.4, threshold)
    assert got.shape == (2, count, 6)
    for mine, book in zip(got, expected, strict=True):
        kept = int((book[:, 0] != -1).sum())
        assert torch.equal(mine[:kept], book[:kept]) and (mine[kept:, 0] == -1).all()
        assert sorted(mine.tolist()) == sorted(book.tolist())
    if threshold < 0.01 and classes == 3:  # nothing is below the threshold
        assert torch.equal(got, expected)


def test_suppression_keeps_the_same_boxes_in_the_same_order(ours, theirs):
    boxes, scores = boxes_of(60), torch.rand(60, generator=torch.Generator().manual_seed(5))
    for threshold in (0.1, 0.5, 0.9):
        assert torch.equal(ours.nms(boxes, scores, threshold), theirs.nms(boxes, scores, threshold))
    empty = ours.nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert empty.dtype == torch.int64 and len(empty) == 0

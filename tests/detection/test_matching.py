from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detection import oracles
from detection.samples import random_boxes
from utils.detection import matching
from utils.detection.boxes import box_iou
from utils.detection.matching import UNMATCHED, match_anchors

SEEDS = st.integers(0, 10_000)


def everyone(boxes):
    return torch.ones(boxes.shape[:2], dtype=torch.bool)


def expected_matches(anchors, boxes, threshold=0.5):
    return torch.tensor([oracles.greedy_match(box_iou(anchors, one).tolist(), threshold) for one in boxes])


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, 40), st.integers(1, 3), st.integers(1, 12), st.sampled_from([0.1, 0.5, 1.0]))
def test_agrees_with_the_oracle(seed, n, batch, objects, threshold):
    anchors, boxes = random_boxes(n, seed=seed), random_boxes(batch, objects, seed=seed + 1)
    got = match_anchors(anchors, boxes, everyone(boxes), iou_threshold=threshold)
    assert torch.equal(got, expected_matches(anchors, boxes, threshold))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_ties_go_to_the_lower_anchor_then_the_lower_object(data):
    """Boxes on a coarse grid give many equal IoUs, zeros and identical boxes."""
    corner = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 2), st.integers(1, 2))
    draw = st.lists(corner, min_size=1, max_size=8)
    rows = [torch.tensor(data.draw(draw), dtype=torch.float32) for _ in range(2)]
    anchors, objects = (torch.cat((r[:, :2], r[:, :2] + r[:, 2:]), dim=1) for r in rows)
    got = match_anchors(anchors, objects[None], everyone(objects[None]))
    assert torch.equal(got, expected_matches(anchors, objects[None]))


@pytest.mark.parametrize("objects", [1, 5, 20])
def test_the_path_without_reads_gives_the_same(monkeypatch, objects):
    anchors, boxes = random_boxes(300, seed=1), random_boxes(4, objects, seed=2)
    boxes[:, objects // 2 :] = boxes[:, :1]  # rivals for the same anchors
    expected = match_anchors(anchors, boxes, everyone(boxes))
    monkeypatch.setattr(matching, "reads_are_free", lambda _: False)
    assert torch.equal(match_anchors(anchors, boxes, everyone(boxes)), expected)


def test_chunks_do_not_show(monkeypatch):
    anchors, boxes = random_boxes(100, seed=3), random_boxes(7, 6, seed=4)
    expected = match_anchors(anchors, boxes, everyone(boxes))
    for pairs in (1, 2000):
        monkeypatch.setattr(matching, "_PAIRS_CPU", pairs)
        assert torch.equal(match_anchors(anchors, boxes, everyone(boxes)), expected)


def test_an_object_keeps_its_best_anchor_whatever_the_iou():
    anchors = torch.tensor([[0.0, 0.1, 0.2, 0.3], [0.15, 0.2, 0.4, 0.4], [0.63, 0.05, 0.88, 0.98]])
    dog = torch.tensor([[[0.1, 0.08, 0.52, 0.92]]])
    assert box_iou(anchors, dog[0]).max() < 0.15
    assert match_anchors(anchors, dog, everyone(dog)).tolist() == [[-1, 0, -1]]


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 8))
def test_every_object_owns_an_anchor_and_others_reach_the_threshold(seed, objects):
    anchors, boxes = random_boxes(50, seed=seed), random_boxes(1, objects, seed=seed + 1)
    matches = match_anchors(anchors, boxes, everyone(boxes))[0]
    assert set(matches.tolist()) >= set(range(objects))
    overlap = box_iou(anchors, boxes[0])
    owned = [
        max((matches == k).nonzero().flatten().tolist(), key=lambda n: overlap[n, k]) for k in range(objects)
    ]
    for n in (matches >= 0).nonzero().flatten().tolist():
        assert overlap[n, matches[n]] >= 0.5 or n in owned


def test_identical_boxes_share_out_the_anchors():
    anchors = random_boxes(40, seed=9)
    boxes = random_boxes(1, 1, seed=8).repeat(2, 30, 1)
    assert torch.equal(match_anchors(anchors, boxes, everyone(boxes)), expected_matches(anchors, boxes))


def test_more_objects_than_anchors_leaves_the_weakest_without():
    anchors, boxes = random_boxes(3, seed=5), random_boxes(2, 9, seed=6)
    got = match_anchors(anchors, boxes, everyone(boxes))
    assert torch.equal(got, expected_matches(anchors, boxes))
    assert all(len(set(row.tolist())) == 3 for row in got)


def test_absent_objects_and_objects_without_area_do_not_count():
    anchors, boxes = random_boxes(30, seed=1), random_boxes(2, 4, seed=2)
    present = torch.tensor([[True, False, True, False], [False, False, False, False]])
    wild = boxes.clone()
    wild[~present] = torch.tensor([torch.nan, -torch.inf, -1, 9])
    got = match_anchors(anchors, wild, present)
    alone = match_anchors(anchors, boxes[:1, [0, 2]], everyone(boxes[:1, [0, 2]]))
    assert torch.equal(got[0], torch.where(alone[0] == 1, 2, alone[0]))
    assert (got[1] == UNMATCHED).all()
    flat = torch.tensor([[[0.5, 0.2, 0.5, 0.9], [0.5, 0.5, 0.5, 0.5]]])
    assert (match_anchors(anchors, flat, everyone(flat)) == UNMATCHED).all()


def test_anchors_without_area_take_part_only_when_nothing_else_is_left():
    anchors = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.4, 0.4]])
    boxes = torch.tensor([[[0.1, 0.1, 0.5, 0.5]]])
    assert match_anchors(anchors, boxes, everyone(boxes)).tolist() == [[-1, 0]]
    nothing = torch.zeros(1, 1, dtype=torch.bool)
    assert match_anchors(anchors, boxes, nothing).tolist() == [[-1, -1]]


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0)])
def test_no_pictures_no_objects_no_anchors(shape):
    boxes = torch.zeros(*shape, 4)
    assert match_anchors(random_boxes(5), boxes, everyone(boxes)).tolist() == [[-1] * 5] * shape[0]
    assert match_anchors(torch.zeros(0, 4), boxes, everyone(boxes)).shape == (shape[0], 0)


def test_more_pairs_than_float32_can_count():
    """Past 2^24 pairs the book divides a flat index in float32 and finds the wrong anchor."""
    count, objects = 1_700_001, 10
    anchors = torch.tensor([[0.9, 0.9, 1.0, 1.0]]).repeat(count, 1)
    boxes = torch.zeros(1, objects, 4)
    best = count - 1 - torch.arange(objects)
    for k in range(objects):
        boxes[0, k] = torch.tensor([0.08 * k, 0.1, 0.08 * k + 0.07, 0.2])
        anchors[best[k]] = boxes[0, k] + torch.tensor([0.0, 0.0, 0.0, 0.15])  # IoU .4: by the first rule only
    assert count * objects > 2**24
    matches = match_anchors(anchors, boxes, everyone(boxes))
    assert torch.equal(matches[0, best], torch.arange(objects))
    assert int((matches >= 0).sum()) == objects


def test_float64_and_half_precision():
    anchors, boxes = random_boxes(30, seed=1), random_boxes(2, 3, seed=2)
    expected = match_anchors(anchors, boxes, everyone(boxes))
    assert torch.equal(match_anchors(anchors.double(), boxes.double(), everyone(boxes)), expected)
    half = boxes.bfloat16()
    assert torch.equal(
        match_anchors(anchors, half, everyone(boxes)), match_anchors(anchors, half.float(), everyone(boxes))
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (torch.zeros(3, 4), torch.zeros(2, 4), torch.ones(2, dtype=torch.bool)),
            r"\(N, N, 4\)|boxes of shape",
        ),
        (
            (torch.zeros(1, 3, 4), torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool)),
            "anchors of shape",
        ),
        ((torch.zeros(3, 4), torch.zeros(1, 2, 4), torch.ones(1, 2)), r"bool \(1, 2\), got torch.float32"),
        (
            (torch.zeros(3, 4, device="meta"), torch.zeros(1, 2, 4), torch.ones(1, 2, dtype=torch.bool)),
            "meta and cpu",
        ),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        match_anchors(*arguments)


@pytest.mark.parametrize("threshold", [0, -1, 1.5])
def test_threshold_out_of_range(threshold):
    with pytest.raises(ValueError, match="0 < iou_threshold <= 1"):
        match_anchors(
            random_boxes(3), random_boxes(1, 1), torch.ones(1, 1, dtype=torch.bool), iou_threshold=threshold
        )

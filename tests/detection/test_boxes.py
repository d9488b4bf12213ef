from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detection import oracles
from detection.samples import random_boxes
from utils.detection import boxes as B

SEEDS = st.integers(0, 10_000)
POINT = torch.tensor([[0.5, 0.5, 0.5, 0.5]])


def test_formats_are_inverse_and_equal_the_books(d2l):
    boxes = random_boxes(20)
    assert torch.equal(B.corner_to_center(boxes), d2l.box_corner_to_center(boxes))
    centers = B.corner_to_center(boxes)
    assert torch.equal(B.center_to_corner(centers), d2l.box_center_to_corner(centers))
    torch.testing.assert_close(B.center_to_corner(centers), boxes, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (0, 4), (2, 3, 4), (2, 5, 4)])
def test_formats_take_any_leading_dimensions(shape):
    boxes = random_boxes(*shape[:-1])
    assert B.center_to_corner(B.corner_to_center(boxes)).shape == shape
    assert B.scale_boxes(boxes, height=2, width=3).shape == shape
    assert B.clip_boxes(boxes).shape == shape


def test_scaling_multiplies_x_by_width_and_y_by_height():
    boxes = torch.tensor([[0.1, 0.2, 0.5, 1.0]])
    assert B.scale_boxes(boxes, height=100, width=200).tolist() == [[20.0, 20.0, 100.0, 100.0]]


def test_clipping_cuts_at_the_edges():
    boxes = torch.tensor([[-0.5, 0.2, 0.5, 1.5], [2.0, 2.0, 3.0, 3.0]])
    clipped = B.clip_boxes(boxes)
    torch.testing.assert_close(clipped[0], torch.tensor([0.0, 0.2, 0.5, 1.0]))
    assert B.box_area(clipped).tolist() == [pytest.approx(0.4), 0.0]
    assert B.clip_boxes(boxes * 10, height=12, width=20)[1].tolist() == [20.0, 12.0, 20.0, 12.0]


def test_iou_known_values():
    square = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    others = torch.tensor(
        [[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0], [2.0, 0.0, 4.0, 2.0]]
    )
    torch.testing.assert_close(B.box_iou(square, others), torch.tensor([[1 / 7, 1.0, 0.0, 0.0]]))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 7), st.integers(0, 7))
def test_iou_agrees_with_the_oracle_and_is_symmetric(seed, n, m):
    first, second = random_boxes(n, seed=seed), random_boxes(m, seed=seed + 1)
    got = B.box_iou(first, second)
    assert got.shape == (n, m)
    expected = [[oracles.iou(a, b) for b in second.tolist()] for a in first.tolist()]
    torch.testing.assert_close(got, torch.tensor(expected).reshape(n, m))
    assert torch.equal(got, B.box_iou(second, first).T)
    assert ((got >= 0) & (got <= 1)).all()


def test_iou_equals_the_books(d2l):
    first, second = random_boxes(100, seed=3), random_boxes(40, seed=4)
    assert torch.equal(B.box_iou(first, second), d2l.box_iou(first, second))


def test_iou_with_boxes_without_area_is_zero():
    line = torch.tensor([[0.1, 0.1, 0.1, 0.9]])
    boxes = torch.cat((POINT, line, torch.tensor([[0.0, 0.0, 1.0, 1.0]])))
    assert torch.equal(B.box_iou(boxes, boxes), torch.diag(torch.tensor([0.0, 0.0, 1.0])))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int64])
def test_iou_computes_small_types_in_float32(dtype):
    boxes = torch.tensor([[0, 0, 250, 250], [0, 0, 250, 125]])  # 62,500 is near the end of float16
    big = boxes.to(dtype)
    got = B.box_iou(big, big)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, B.box_iou(boxes.float(), boxes.float()), rtol=0.01, atol=0)


def test_iou_of_large_half_precision_boxes_is_finite():
    boxes = torch.tensor([[0.0, 0.0, 300.0, 300.0]], dtype=torch.float16)
    assert B.box_iou(boxes, boxes).item() == 1.0


def test_iou_takes_non_contiguous_and_mixed_inputs():
    boxes = random_boxes(6)
    stored_by_columns = boxes.T.contiguous().T
    assert not stored_by_columns.is_contiguous()
    assert torch.equal(B.box_iou(stored_by_columns, boxes), B.box_iou(boxes, boxes))
    assert B.box_iou(boxes.double(), boxes).dtype == torch.float64


def test_iou_can_be_trained_through_and_run_in_inference_mode():
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]], requires_grad=True)
    B.box_iou(boxes, torch.tensor([[1.0, 1.0, 3.0, 3.0], [1.0, 1.0, 1.0, 1.0]])).sum().backward()
    assert boxes.grad.isfinite().all() and boxes.grad.abs().sum() > 0
    with torch.inference_mode():
        assert B.box_iou(random_boxes(2), random_boxes(3)).shape == (2, 3)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 30), st.sampled_from([0.2, 0.5, 0.8]))
def test_nms_agrees_with_the_oracle_and_is_idempotent(seed, n, threshold):
    boxes = random_boxes(n, seed=seed)
    scores = torch.rand(n, generator=torch.Generator().manual_seed(seed)).round(decimals=1)  # with ties
    keep = B.nms(boxes, scores, iou_threshold=threshold)
    assert keep.tolist() == oracles.nms(boxes.tolist(), scores.tolist(), threshold)
    again = B.nms(boxes[keep], scores[keep], iou_threshold=threshold)
    assert again.tolist() == list(range(len(keep)))


def test_nms_equals_the_books(d2l):
    boxes, scores = random_boxes(200, seed=7), torch.rand(200, generator=torch.Generator().manual_seed(7))
    assert torch.equal(B.nms(boxes, scores, iou_threshold=0.4), d2l.nms(boxes, scores, 0.4))


def test_nms_of_nothing_and_of_equal_boxes():
    empty = B.nms(torch.empty(0, 4), torch.empty(0))
    assert empty.shape == (0,) and empty.dtype == torch.int64
    assert B.batched_nms(torch.empty(0, 4), torch.empty(0), torch.empty(0, dtype=torch.int64)).shape == (0,)
    assert B.nms(random_boxes(1).repeat(5, 1), torch.ones(5)).tolist() == [0]
    assert B.nms(POINT.repeat(2, 1), torch.ones(2)).tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_nms_takes_half_precision(dtype):
    boxes = torch.tensor([[0.0, 0.0, 300.0, 300.0], [0.0, 0.0, 300.0, 290.0]], dtype=dtype)
    assert B.nms(boxes, torch.tensor([0.5, 0.9], dtype=dtype)).tolist() == [1]


def test_overlapping_dog_and_cat_survive_per_class_only():
    boxes = torch.tensor([[0.1, 0.1, 0.6, 0.6], [0.1, 0.1, 0.6, 0.62]])
    scores, groups = torch.tensor([0.9, 0.8]), torch.tensor([0, 1])
    assert B.nms(boxes, scores).tolist() == [0]
    assert B.batched_nms(boxes, scores, groups).tolist() == [0, 1]


@pytest.mark.parametrize("n", [60, 3000])  # torchvision takes another way above 1,000 boxes on a CPU
def test_batched_nms_is_nms_of_each_group(n):
    boxes, generator = random_boxes(n, seed=1), torch.Generator().manual_seed(2)
    scores, groups = torch.rand(n, generator=generator), torch.randint(0, 40, (n,), generator=generator)
    expected = []
    for group in groups.unique():
        members = (groups == group).nonzero().flatten()
        expected.append(members[B.nms(boxes[members], scores[members])])
    expected = torch.cat(expected)
    expected = expected[scores[expected].argsort(descending=True)]
    assert torch.equal(B.batched_nms(boxes, scores, groups), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: B.box_iou(torch.zeros(4), torch.zeros(1, 4)), r"boxes1 of shape \(N, 4\).*got \(4,\)"),
        (lambda: B.box_iou(torch.zeros(1, 4), torch.zeros(1, 5)), r"boxes2 .*got \(1, 5\)"),
        (lambda: B.box_area([[0, 0, 1, 1]]), r"as a tensor .*got list. Fix: torch.as_tensor"),
        (lambda: B.corner_to_center(torch.zeros(2, 3)), r"\(\.\.\., 4\)"),
        (lambda: B.nms(torch.zeros(2, 4), torch.zeros(3)), r"scores of shape \(2,\).*got \(3,\)"),
        (lambda: B.batched_nms(torch.zeros(2, 4), torch.zeros(2), torch.zeros(1)), r"groups of shape \(2,\)"),
        (
            lambda: B.box_iou(torch.zeros(1, 4), torch.zeros(1, 4, device="meta")),
            r"one device, got cpu and meta",
        ),
    ],
)
def test_errors_name_expected_actual_and_fix(call, message):
    with pytest.raises(ValueError, match=message):
        call()

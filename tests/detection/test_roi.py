from __future__ import annotations

import pytest
import torch
from torchvision import ops

from utils.detection.roi import roi_align, roi_pool

GRID = torch.arange(16.0).reshape(1, 1, 4, 4)


def test_book_example():
    boxes = [torch.tensor([[0, 0, 20, 20], [0, 10, 30, 30]])]
    pooled = roi_pool(GRID, boxes, output_size=(2, 2), picture_size=(40, 40))
    assert pooled.flatten(1).tolist() == [[5, 6, 9, 10], [9, 11, 13, 15]]


def test_relative_boxes_on_a_rectangle_and_several_pictures():
    features = torch.rand(2, 3, 4, 8)
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    right = torch.tensor([[0.5, 0.0, 1.0, 1.0]])
    pooled = roi_align(features, [whole, right], output_size=(1, 1), samples=8)
    torch.testing.assert_close(pooled[0, :, 0, 0], features[0].mean(dim=(1, 2)), rtol=0.1, atol=0.02)
    torch.testing.assert_close(
        pooled[1, :, 0, 0], features[1, :, :, 4:].mean(dim=(1, 2)), rtol=0.1, atol=0.02
    )


def test_equal_torchvision_in_cells():
    features = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    boxes = [torch.tensor([[0.1, 0.2, 0.6, 0.9]]), torch.tensor([[0.3, 0.3, 0.5, 0.5], [0.0, 0.0, 1.0, 0.5]])]
    cells = [corners * 8 for corners in boxes]
    got = roi_align(features, boxes, output_size=(3, 2))
    assert torch.equal(got, ops.roi_align(features, cells, (3, 2), sampling_ratio=2, aligned=True))
    assert torch.equal(
        roi_pool(features, boxes, output_size=(3, 2)), ops.roi_pool(features, cells, (3, 2), 1.0)
    )


def test_align_sees_a_small_shift_and_pooling_does_not():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    here, there = ([torch.tensor([[x, 2.0, x + 4, 6.0]])] for x in (2.0, 2.25))
    options = {"output_size": (2, 2), "picture_size": (8, 8)}
    assert torch.equal(roi_pool(ramp, here, **options), roi_pool(ramp, there, **options))
    moved = roi_align(ramp, there, **options) - roi_align(ramp, here, **options)
    torch.testing.assert_close(moved, torch.full((1, 1, 2, 2), 0.25))


@pytest.mark.parametrize("function", [roi_pool, roi_align])
def test_no_boxes_half_precision_and_gradients(function):
    features = torch.rand(2, 3, 4, 4, requires_grad=True)
    none = torch.zeros(0, 4)
    assert function(features, [none, none], output_size=(2, 2)).shape == (0, 3, 2, 2)
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    half = function(features.half(), [none, box], output_size=(2, 2))
    assert half.dtype == torch.float16 and half.shape == (1, 3, 2, 2)
    function(features, [none, box], output_size=(2, 2)).sum().backward()
    assert features.grad[1].abs().sum() > 0 and not features.grad[0].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: roi_pool(GRID[0], [torch.zeros(1, 4)], output_size=(2, 2)), r"Fix: features\[None\]"),
        (lambda: roi_pool(GRID, torch.zeros(1, 4), output_size=(2, 2)), r"got one tensor. Fix: \[boxes\]"),
        (
            lambda: roi_align(GRID, [torch.zeros(1, 4)] * 2, output_size=(2, 2)),
            "list of 1 box tensors.*got 2",
        ),
        (lambda: roi_align(GRID, [torch.zeros(1, 4)], output_size=(2, 2), samples=0), "samples >= 1"),
        (lambda: roi_pool(GRID, [torch.zeros(1, 5)], output_size=(2, 2)), r"got \(1, 5\)"),
        (
            lambda: roi_pool(GRID, [torch.zeros(1, 4)], output_size=(2, 2), picture_size=(0, 1)),
            "picture_size",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

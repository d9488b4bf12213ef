from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.samples import PYRAMID, SHAPES
from utils.detection import anchors as A
from utils.detection.boxes import corner_to_center


@pytest.mark.parametrize("height, width", [(1, 1), (4, 4), (3, 7), (8, 2), (561, 728)])
def test_grid_equals_the_books_to_the_last_bit(book_prior, height, width):
    sizes, ratios = [0.75, 0.5, 0.25], [1, 2, 0.5]
    got = A.anchor_grid(height, width, sizes=sizes, ratios=ratios)
    assert torch.equal(got, book_prior(torch.empty(1, 3, height, width), sizes, ratios)[0])


def test_book_example():
    boxes = A.anchor_grid(561, 728, sizes=[0.75, 0.5, 0.25], ratios=[1, 2, 0.5])
    assert boxes.shape == (2_042_040, 4)
    first = boxes.reshape(561, 728, 5, 4)[250, 250, 0]
    torch.testing.assert_close(first, torch.tensor([0.06, 0.07, 0.63, 0.82]), rtol=0, atol=0.005)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.floats(0.05, 2), min_size=1, max_size=3),
    st.lists(st.floats(0.1, 8), min_size=1, max_size=3),
)
def test_sizes_ratios_and_order_hold_in_pixels(height, width, sizes, ratios):
    boxes = A.anchor_grid(height, width, sizes=sizes, ratios=ratios)
    per_cell = A.anchors_per_cell(sizes, ratios)
    assert boxes.shape == (height * width * per_cell, 4)
    x, y, w, h = corner_to_center(boxes).reshape(height, width, per_cell, 4).unbind(-1)
    pairs = [(size, ratios[0]) for size in sizes] + [(sizes[0], ratio) for ratio in ratios[1:]]
    # A corner near 1 is known to 6e-8, and a side may be as short as 0.003.
    close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5)
    for k, (size, ratio) in enumerate(pairs):
        close(w[..., k] * width / (h[..., k] * height), torch.full((height, width), ratio))
        close((w * width * h * height)[..., k].sqrt(), torch.full((height, width), size * height))
    row, column = height // 2, width // 2
    torch.testing.assert_close(
        x[row, column], torch.full((per_cell,), (column + 0.5) / width), rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(
        y[row, column], torch.full((per_cell,), (row + 0.5) / height), rtol=1e-5, atol=1e-6
    )


def test_pyramid_joins_the_grids_in_order():
    parts = [
        A.anchor_grid(*shape, sizes=sizes, ratios=ratios)
        for shape, sizes, ratios in zip(SHAPES, PYRAMID["sizes"], PYRAMID["ratios"], strict=True)
    ]
    assert torch.equal(A.anchor_pyramid(SHAPES, **PYRAMID), torch.cat(parts))


def test_writing_to_the_result_leaves_the_cache_alone():
    first = A.anchor_pyramid(SHAPES, **PYRAMID)
    expected = first.clone()
    first.zero_()
    assert torch.equal(A.anchor_pyramid(SHAPES, **PYRAMID), expected)


def test_anchors_first_made_in_inference_mode_can_be_trained_with_later():
    with torch.inference_mode():
        A.anchor_grid(3, 5, sizes=[0.123], ratios=[1])
    later = A.anchor_grid(3, 5, sizes=[0.123], ratios=[1])
    weight = torch.ones(1, requires_grad=True)
    (later * weight).sum().backward()
    assert weight.grad is not None


def test_the_cache_keeps_no_fake_tensor():
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        fake = A.anchor_grid(2, 9, sizes=[0.3], ratios=[1], device="cuda")
        assert fake.device.type == "cuda" and fake.shape == (18, 4)
        A.anchor_grid(2, 9, sizes=[0.3], ratios=[1])
    assert type(A.anchor_grid(2, 9, sizes=[0.3], ratios=[1])) is torch.Tensor
    with FakeTensorMode():
        assert A.anchor_grid(2, 9, sizes=[0.3], ratios=[1]).shape == (18, 4)
    assert A.anchor_grid(2, 9, sizes=[0.3], ratios=[1], device="meta").device.type == "meta"


def test_a_changed_list_of_ratios_gives_other_anchors():
    ratios = [1, 2, 0.5]
    before = A.anchor_grid(2, 2, sizes=[0.5], ratios=ratios)
    ratios[0] = 3
    assert not torch.equal(A.anchor_grid(2, 2, sizes=[0.5], ratios=ratios), before)


def test_dtype_does_not_follow_the_default():
    torch.set_default_dtype(torch.float64)
    try:
        assert A.anchor_grid(2, 3, sizes=[0.777], ratios=[1]).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_map_without_cells_has_no_anchors():
    assert A.anchor_grid(0, 3, sizes=[0.5], ratios=[1]).shape == (0, 4)


def test_level_sizes_are_those_of_the_book():
    pairs = [(round(a, 3), round(b, 3)) for a, b in A.level_sizes()]
    assert pairs == [(0.2, 0.272), (0.37, 0.447), (0.54, 0.619), (0.71, 0.79), (0.88, 0.961)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: A.anchor_grid(2, 2, sizes=[], ratios=[1]), r"positive sizes, got \[\]"),
        (lambda: A.anchor_grid(2, 2, sizes=[0.5], ratios=[0]), r"positive ratios, got \[0"),
        (lambda: A.anchor_grid(-1, 2, sizes=[0.5], ratios=[1]), "got -1 x 2"),
        (lambda: A.anchor_pyramid([(2, 2)], sizes=[[0.5]] * 2, ratios=[[1]]), r"got 1, 2, 1. Fix"),
        (lambda: A.anchor_pyramid([], sizes=[], ratios=[]), r"got 0, 0, 0"),
        (lambda: A.level_sizes(levels=0), "levels >= 1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

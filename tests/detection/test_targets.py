from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.samples import PYRAMID, SHAPES, random_boxes, random_labels
from utils.detection import targets as T
from utils.detection.anchors import anchor_pyramid
from utils.detection.boxes import PADDING, box_iou

SEEDS = st.integers(0, 10_000)
ANCHORS = anchor_pyramid(SHAPES, **PYRAMID)
DOG_AND_CAT = torch.tensor([[[0, 0.1, 0.08, 0.52, 0.92], [1, 0.55, 0.2, 0.9, 0.88]]])
FIVE = torch.tensor(
    [
        [0, 0.1, 0.2, 0.3],
        [0.15, 0.2, 0.4, 0.4],
        [0.63, 0.05, 0.88, 0.98],
        [0.66, 0.45, 0.8, 0.8],
        [0.57, 0.3, 0.92, 0.9],
    ]
)


def padding(batch, rows):
    return torch.full((batch, rows, 5), float(PADDING))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 3), st.integers(1, 8))
def test_equals_the_books_to_the_last_bit(d2l, seed, batch, objects):
    labels = random_labels(batch, objects, seed=seed)
    offsets, mask, classes = d2l.multibox_target(ANCHORS[None], labels)
    got = T.assign_targets(ANCHORS, labels)
    assert torch.equal(got.classes, classes)
    assert torch.equal(got.offsets.flatten(1), offsets)
    assert torch.equal(got.positive[..., None].expand(-1, -1, 4).flatten(1).float(), mask)


def test_book_example():
    got = T.assign_targets(FIVE[None], DOG_AND_CAT)
    assert got.classes.tolist() == [[0, 1, 2, 0, 2]]
    assert got.matches.tolist() == [[-1, 0, 1, -1, 1]]
    torch.testing.assert_close(got.offsets[0, 1], torch.tensor([1.4, 10.0, 2.59, 7.18]), rtol=0, atol=0.01)
    assert not got.offsets[0, [0, 3]].any()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 6))
def test_encoding_and_decoding_are_inverse(seed, count):
    anchors, boxes = random_boxes(count, seed=seed), random_boxes(count, seed=seed + 1)
    offsets = T.encode_offsets(anchors, boxes)
    torch.testing.assert_close(T.decode_offsets(anchors, offsets), boxes, rtol=0, atol=1e-5)


def test_offsets_equal_the_books(d2l):
    anchors, boxes = random_boxes(50, seed=1), random_boxes(50, seed=2)
    offsets = T.encode_offsets(anchors, boxes)
    assert torch.equal(offsets, d2l.offset_boxes(anchors, boxes))
    assert torch.equal(T.decode_offsets(anchors, offsets), d2l.offset_inverse(anchors, offsets))


def test_offsets_of_boxes_without_area_and_of_wild_nets_are_finite():
    point = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    box = torch.tensor([[0.2, 0.2, 0.6, 0.6]])
    for anchor, target in ((point, box), (box, point), (point, point)):
        assert T.encode_offsets(anchor, target).isfinite().all()
    wild = T.decode_offsets(box, torch.tensor([[1e4, -1e4, 1e4, 1e4], [0.0, 0.0, -1e4, -1e4]]))
    assert wild.isfinite().all()
    assert box_iou(wild, box).isfinite().all()


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 6))
def test_order_of_objects_does_not_matter(seed, objects):
    labels = random_labels(1, objects, seed=seed)
    shuffled = labels[:, torch.randperm(objects, generator=torch.Generator().manual_seed(seed))]
    first, second = T.assign_targets(ANCHORS, labels), T.assign_targets(ANCHORS, shuffled)
    assert torch.equal(first.classes, second.classes)
    assert torch.equal(first.offsets, second.offsets)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_padding_anywhere_changes_nothing(seed, objects, before, behind):
    labels = random_labels(2, objects, seed=seed)
    padded = torch.cat((padding(2, before), labels, padding(2, behind)), dim=1)
    first, second = T.assign_targets(ANCHORS, labels), T.assign_targets(ANCHORS, padded)
    assert torch.equal(first.classes, second.classes)
    assert torch.equal(first.offsets, second.offsets)
    assert torch.equal(torch.where(first.matches < 0, -1, first.matches + before), second.matches)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 5))
def test_a_picture_is_the_same_alone_and_in_a_batch(seed, batch):
    labels = random_labels(batch, 3, seed=seed)
    together = T.assign_targets(ANCHORS, labels)
    for k in range(batch):
        alone = T.assign_targets(ANCHORS, labels[k : k + 1])
        assert all(torch.equal(a[0], b[k]) for a, b in zip(alone, together, strict=True))


def test_pictures_without_objects_are_all_background():
    for labels in (torch.zeros(2, 0, 5), padding(2, 3)):
        got = T.assign_targets(ANCHORS, labels)
        assert not got.positive.any() and not got.offsets.any() and (got.matches == -1).all()
    assert T.assign_targets(ANCHORS, torch.zeros(0, 2, 5)).classes.shape == (0, len(ANCHORS))
    assert T.assign_targets(torch.zeros(0, 4), random_labels(2, 2)).offsets.shape == (2, 0, 4)


def test_one_object_with_padding_masks_what_it_masks_alone():
    """The book gives each padding row an anchor of its own: class 0, but mask 1 and offsets of -69."""
    labels = torch.cat((random_labels(1, 1, seed=3), padding(1, 3)), dim=1)
    got = T.assign_targets(ANCHORS, labels)
    assert got.positive.sum() == T.assign_targets(ANCHORS, labels[:, :1]).positive.sum()
    assert got.offsets.abs().max() < 20


@pytest.mark.parametrize("objects", [0, 1, 5])
def test_the_path_without_reads_gives_the_same(monkeypatch, objects):
    labels = torch.cat((random_labels(3, objects, seed=4), padding(3, 1)), dim=1)
    expected = T.assign_targets(ANCHORS, labels)
    monkeypatch.setattr(T, "reads_are_free", lambda _: False)
    for got, want in zip(T.assign_targets(ANCHORS, labels), expected, strict=True):
        assert torch.equal(got, want)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_label_types(dtype):
    labels = random_labels(2, 3, seed=5).to(dtype)
    got, want = T.assign_targets(ANCHORS, labels), T.assign_targets(ANCHORS, labels.float())
    assert got.offsets.dtype == torch.float32
    assert torch.equal(got.classes, want.classes)
    torch.testing.assert_close(got.offsets, want.offsets)


def test_non_contiguous_inputs_inference_and_autograd_modes():
    labels = random_labels(2, 3, seed=6)
    expected = T.assign_targets(ANCHORS, labels)
    turned = labels.transpose(0, 1).contiguous().transpose(0, 1)
    anchors = ANCHORS.T.contiguous().T
    assert not turned.is_contiguous() and not anchors.is_contiguous()
    with torch.inference_mode():
        inside = T.assign_targets(anchors, turned)
    outside = T.assign_targets(ANCHORS.clone().requires_grad_(), labels.clone().requires_grad_())
    for got in (inside, outside):
        assert torch.equal(got.classes, expected.classes) and torch.equal(got.offsets, expected.offsets)
        assert not got.offsets.requires_grad


def test_hard_negatives_are_the_worst_background_anchors():
    losses = torch.tensor([[5.0, 1.0, 4.0, 3.0, 2.0], [1.0, 1.0, 1.0, 1.0, 9.0]])
    positive = torch.tensor([[True, False, False, False, False], [False, False, False, False, True]])
    got = T.hard_negatives(losses, positive, ratio=2)
    assert got.tolist() == [[False, False, True, True, False], [True, True, False, False, False]]


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(0, 12), st.integers(0, 4))
def test_hard_negatives_count(seed, positives, ratio):
    generator = torch.Generator().manual_seed(seed)
    losses = torch.rand(1, 12, generator=generator)
    positive = torch.rand(1, 12, generator=generator).argsort() < positives
    got = T.hard_negatives(losses, positive, ratio=ratio)
    assert not (got & positive).any()
    assert got.sum() == min(ratio * max(positives, 1), 12 - positives)
    left = ~got & ~positive
    if got.any() and left.any():
        assert losses[got].min() >= losses[left].max()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: T.assign_targets(ANCHORS, torch.zeros(2, 5)),
            r"\(B, M, 5\).*got \(2, 5\). Fix: labels\[None\]",
        ),
        (lambda: T.assign_targets(ANCHORS, torch.zeros(1, 2, 4)), r"got \(1, 2, 4\)"),
        (lambda: T.assign_targets(ANCHORS.expand(2, -1, -1), torch.zeros(2, 1, 5)), "same for every picture"),
        (
            lambda: T.assign_targets(ANCHORS, torch.zeros(1, 1, 5, device="meta")),
            "cpu and meta. Fix: labels.to",
        ),
        (lambda: T.encode_offsets(FIVE, torch.zeros(5, 3)), r"boxes of shape \(\.\.\., 4\)"),
        (
            lambda: T.decode_offsets(FIVE, torch.zeros(5, 4, device="meta")),
            "anchors and offsets on one device",
        ),
        (
            lambda: T.hard_negatives(torch.zeros(2, 3), torch.zeros(2, 4, dtype=torch.bool)),
            r"\(2, 3\) and \(2, 4\)",
        ),
        (
            lambda: T.hard_negatives(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool), ratio=-1),
            "ratio >= 0",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

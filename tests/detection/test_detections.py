from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.samples import PYRAMID, SHAPES, random_boxes
from utils.detection.anchors import anchor_pyramid
from utils.detection.detections import Detections, detect

ANCHORS = anchor_pyramid(SHAPES, **PYRAMID)
FOUR = torch.tensor(
    [[0.1, 0.08, 0.52, 0.92], [0.08, 0.2, 0.56, 0.95], [0.15, 0.3, 0.62, 0.91], [0.55, 0.2, 0.9, 0.88]]
)


def random_output(batch, classes, *, seed, spread=2.0):
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(batch, len(ANCHORS), classes + 1, generator=generator)
    return logits.softmax(dim=-1), torch.randn(batch, len(ANCHORS), 4, generator=generator)


def book_rows(d2l, probabilities, offsets, **options):
    """What d2l detects in each picture: rows of class, score and clipped box, best first."""
    out = d2l.multibox_detection(
        probabilities.transpose(1, 2).clone(), offsets.flatten(1), ANCHORS[None], **options
    )
    rows = [picture[picture[:, 0] >= 0] for picture in out]
    return [torch.cat((row[:, :2], row[:, 2:].clamp(0, 1)), dim=1) for row in rows]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.01, 0.3, 0.7]))
def test_equals_the_books_when_classes_suppress_each_other(d2l, seed, batch, classes, threshold):
    probabilities, offsets = random_output(batch, classes, seed=seed)
    expected = book_rows(d2l, probabilities, offsets, pos_threshold=threshold)
    got = detect(probabilities, offsets, ANCHORS, score_threshold=threshold, per_class=False)
    for found, rows in zip(got, expected, strict=True):
        assert torch.equal(found.labels.float(), rows[:, 0])
        assert torch.equal(found.scores, rows[:, 1])
        assert torch.equal(found.boxes, rows[:, 2:])


def test_book_example():
    probabilities = torch.tensor([[0.0, 0.9, 0.1], [0.0, 0.8, 0.2], [0.0, 0.7, 0.3], [0.0, 0.1, 0.9]])[None]
    (found,) = detect(probabilities, torch.zeros(1, 16), FOUR[None])
    assert found.labels.tolist() == [0, 1]
    assert found.scores.tolist() == [pytest.approx(0.9), pytest.approx(0.9)]
    torch.testing.assert_close(found.boxes, FOUR[[0, 3]])


def test_dog_and_cat_on_one_spot():
    anchors = torch.tensor([[0.1, 0.1, 0.6, 0.6], [0.1, 0.1, 0.6, 0.62]])
    probabilities = torch.tensor([[[0.1, 0.9, 0.0], [0.2, 0.0, 0.8]]])
    assert len(detect(probabilities, torch.zeros(1, 2, 4), anchors)[0]) == 2
    assert detect(probabilities, torch.zeros(1, 2, 4), anchors, per_class=False)[0].labels.tolist() == [0]


def test_pictures_do_not_see_each_other_and_scores_fall():
    probabilities, offsets = random_output(4, 2, seed=3)
    together = detect(probabilities, offsets, ANCHORS)
    for k, found in enumerate(together):
        (alone,) = detect(probabilities[k : k + 1], offsets[k : k + 1], ANCHORS)
        assert torch.equal(found.boxes, alone.boxes) and torch.equal(found.labels, alone.labels)
        assert (found.scores.diff() <= 0).all()
        assert ((found.boxes >= 0) & (found.boxes <= 1)).all()


def test_most_candidates():
    probabilities, offsets = random_output(2, 1, seed=4)
    all_of_them = detect(probabilities, offsets, ANCHORS)
    bounded = detect(probabilities, offsets, ANCHORS, max_candidates=5)
    for found, everything in zip(bounded, all_of_them, strict=True):
        assert 1 <= len(found) <= 5
        assert found.scores.tolist() == everything.scores[: len(found)].tolist()
    assert len(detect(probabilities, offsets, ANCHORS, max_candidates=10_000)[0]) == len(all_of_them[0])


def test_nothing_found_no_pictures_no_anchors():
    probabilities, offsets = random_output(2, 1, seed=5)
    for found in detect(probabilities, offsets, ANCHORS, score_threshold=1.1):
        assert len(found) == 0 and found.boxes.shape == (0, 4) and found.labels.dtype == torch.int64
    assert detect(probabilities[:0], offsets[:0], ANCHORS) == []
    assert len(detect(torch.zeros(1, 0, 2), torch.zeros(1, 0, 4), torch.zeros(0, 4))[0]) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    probabilities, offsets = random_output(2, 2, seed=6, spread=6.0)
    got = detect(probabilities.to(dtype), offsets.to(dtype), ANCHORS)
    want = detect(probabilities.to(dtype).float(), offsets.to(dtype).float(), ANCHORS)
    assert [len(found) for found in got] == [len(found) for found in want]
    assert all(torch.equal(a.boxes, b.boxes) for a, b in zip(got, want, strict=True))


def test_gradients_stay_outside():
    probabilities, offsets = random_output(1, 1, seed=7)
    (found,) = detect(probabilities.requires_grad_(), offsets.requires_grad_(), ANCHORS)
    assert not found.boxes.requires_grad and not found.scores.requires_grad


def test_detections_select_scale_and_print():
    found = Detections(random_boxes(3), torch.tensor([0.9, 0.5, 0.1]), torch.tensor([0, 1, 0]))
    assert found.above(0.5).labels.tolist() == [0, 1]
    torch.testing.assert_close(
        found.scaled(height=10, width=20).boxes, found.boxes * torch.tensor([20, 10, 20, 10])
    )
    assert repr(found) == "Detections(3 boxes, scores 0.900 to 0.100)"
    assert repr(found.above(2)) == "Detections(0 boxes)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Detections(torch.zeros(2, 4), torch.zeros(3), torch.zeros(2).long()),
            r"scores of shape \(2,\).*\(3,\)",
        ),
        (
            lambda: Detections(torch.zeros(2, 4), torch.zeros(2), torch.zeros(2, 1).long()),
            r"labels of shape \(2,\)",
        ),
        (lambda: Detections(torch.zeros(2, 5), torch.zeros(2), torch.zeros(2).long()), r"boxes of shape"),
        (lambda: Detections(torch.zeros(2, 4), torch.zeros(2), torch.zeros(2)), "Fix: labels.long"),
        (lambda: detect(torch.zeros(1, 2, 5), torch.zeros(1, 5, 4), torch.zeros(5, 4)), "transpose"),
        (
            lambda: detect(torch.zeros(1, 5, 2), torch.zeros(1, 5, 3), torch.zeros(5, 4)),
            r"offsets \(1, 5, 4\)",
        ),
        (
            lambda: detect(torch.zeros(1, 5, 2), torch.zeros(1, 5, 4, device="meta"), torch.zeros(5, 4)),
            "one device",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

from __future__ import annotations

import functools

import pytest
import torch

from detection.book_ssd import BookSSD, book_calc_loss
from detection.samples import random_labels
from utils.detection.losses import Predictions, balanced_loss, book_loss
from utils.detection.ssd import TinySSD, predict, ssd_step
from utils.detection.targets import Targets, assign_targets
from utils.train import evaluate, fit


@pytest.fixture(scope="module")
def picture():
    return torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return TinySSD(2)


def copy_weights(source, target):
    ours = target.state_dict()
    target.load_state_dict(dict(zip(ours, source.state_dict().values(), strict=True)))


def test_shapes_at_256():
    anchors, classes, offsets = TinySSD(1).eval()(torch.zeros(2, 3, 256, 256))
    assert anchors.shape == (1, 5444, 4)
    assert classes.shape == (2, 5444, 2)
    assert offsets.shape == (2, 21776)


@pytest.mark.parametrize("training", [False, True])
def test_equals_the_notes_network_after_copying_weights(book_prior, picture, training):
    torch.manual_seed(1)
    book, ours = BookSSD(2, book_prior).train(training), TinySSD(2).train(training)
    assert sum(p.numel() for p in book.parameters()) == sum(p.numel() for p in ours.parameters())
    copy_weights(book, ours)
    for got, want in zip(ours(picture), book(picture), strict=True):
        assert torch.equal(got, want)


def test_book_loss_equals_the_notes_loss_and_its_gradient(d2l, book_prior, picture):
    torch.manual_seed(2)
    book, ours = BookSSD(3, book_prior), TinySSD(3)
    copy_weights(book, ours)
    batch, labels = picture.repeat(2, 1, 1, 1), random_labels(2, 3, seed=1)
    anchors, classes, offsets = book(batch)
    offset_labels, mask, class_labels = d2l.multibox_target(anchors, labels)
    expected = book_calc_loss(classes, class_labels, offsets, offset_labels, mask).mean()
    expected.backward()
    step = ssd_step(ours, (batch, labels), loss=book_loss)
    step.loss.backward()
    torch.testing.assert_close(step.loss, expected)
    for got, want in zip(ours.parameters(), book.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad, rtol=1e-4, atol=1e-6)


def hand_case():
    """One picture, four anchors, the first positive; logits make anchor 2 the hardest background."""
    logits = torch.tensor([[[0.0, 2.0], [3.0, 0.0], [0.0, 4.0], [1.0, 0.0]]])
    offsets = torch.tensor([[[0.5, 0.0, 3.0, 0.0], [9.0] * 4, [9.0] * 4, [9.0] * 4]])
    predictions = Predictions(torch.zeros(1, 4, 4), logits, offsets.flatten(1))
    targets = Targets(torch.tensor([[1, 0, 0, 0]]), torch.zeros(1, 4, 4), torch.tensor([[0, -1, -1, -1]]))
    return predictions, targets


def test_balanced_loss_by_hand():
    predictions, targets = hand_case()
    entropy = -predictions.classes.log_softmax(dim=-1)[0, [0, 1, 2, 3], [1, 0, 0, 0]]
    parts = balanced_loss(predictions, targets, ratio=1)
    torch.testing.assert_close(parts.classes, entropy[0] + entropy[2])
    torch.testing.assert_close(parts.boxes, torch.tensor(0.5 * 0.5**2 + (3 - 0.5)))
    torch.testing.assert_close(parts.total, parts.classes + parts.boxes)
    torch.testing.assert_close(balanced_loss(predictions, targets, ratio=3).classes, entropy.sum())


def test_book_loss_by_hand():
    predictions, targets = hand_case()
    parts = book_loss(predictions, targets)
    torch.testing.assert_close(parts.boxes, torch.tensor(3.5 / 16))


def test_balanced_loss_without_objects_still_teaches_background():
    predictions, _ = hand_case()
    logits = predictions.classes.requires_grad_()
    targets = assign_targets(predictions.anchors, torch.full((1, 2, 5), -1.0))
    parts = balanced_loss(predictions, targets)
    parts.total.backward()
    assert parts.boxes == 0 and parts.classes > 0 and logits.grad.abs().sum() > 0


def test_step_reports_errors_over_positive_anchors():
    class Fixed(torch.nn.Module):
        def forward(self, x):
            anchors = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.6, 0.6, 1.0, 1.0], [0.0, 0.6, 0.4, 1.0]])
            logits = torch.tensor([[0.0, 1.0], [0.0, 5.0], [5.0, 0.0]])
            return Predictions(anchors[None], logits[None], torch.full((1, 12), 0.5, requires_grad=True))

    labels = torch.tensor([[[0, 0.0, 0.0, 0.4, 0.4], [-1, -1, -1, -1, -1]]])
    sums = ssd_step(Fixed(), (torch.zeros(1, 3, 8, 8), labels)).sums
    values = {name: (float(total), int(count)) for name, (total, count) in sums.items()}
    assert values["class error"] == (0.0, 1)
    assert values["false alarm"] == (1.0, 2)
    assert values["box mae"] == (pytest.approx(2.0, abs=1e-4), 4)
    assert values["loss"][1] == 1


@pytest.mark.parametrize("loss", [balanced_loss, book_loss])
def test_fit_brings_the_loss_down_on_one_picture(loss):
    torch.manual_seed(0)
    model, x = TinySSD(1), torch.rand(2, 3, 64, 64)
    labels = torch.tensor([[[0, 0.2, 0.2, 0.7, 0.7]], [[-1, -1, -1, -1, -1]]])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    step = functools.partial(ssd_step, loss=loss)
    records = list(fit(model, [(x, labels)], optimizer, step, epochs=6))
    assert records[-1]["train loss"] < 0.7 * records[0]["train loss"]
    assert evaluate(model, [(x, labels)], step)["loss"] > 0


@pytest.mark.parametrize("size", [(64, 64), (100, 300), (257, 129)])
def test_any_picture_size_has_as_many_anchors_as_predictions(model, size):
    anchors, classes, offsets = model.eval()(torch.zeros(1, 3, *size))
    assert anchors.shape[1] == classes.shape[1] == offsets.shape[1] // 4


def test_channels_last_and_bfloat16(model, picture):
    model.eval()
    _, expected, _ = model(picture)
    other = TinySSD(2).eval().to(memory_format=torch.channels_last)
    copy_weights(model, other)
    _, got, _ = other(picture.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        step = ssd_step(model, (picture, random_labels(1, 2, classes=2)))
    assert step.loss.dtype == torch.float32 and step.loss.isfinite()


@pytest.mark.parametrize("shape", [(3, 10, 500), (3, 64, 64), (3, 1, 1)])
def test_predict_takes_any_picture_and_gives_the_mode_back(model, shape):
    model.train()
    model.levels[1].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    found = predict(model, torch.randint(0, 256, shape, dtype=torch.uint8), score_threshold=0.2)
    assert len(found) > 0 and ((found.boxes >= 0) & (found.boxes <= 1)).all() and (found.scores >= 0.2).all()
    assert not found.boxes.is_inference()
    assert model.training and model.levels[0].training and not model.levels[1].training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    model.train()


def test_predict_scales_uint8_and_may_keep_the_size(model):
    whole = torch.randint(0, 256, (3, 64, 80), dtype=torch.uint8)
    first = predict(model, whole, size=None, score_threshold=0.1)
    second = predict(model, whole / 255, size=None, score_threshold=0.1)
    assert torch.equal(first.boxes, second.boxes)
    assert len(first) and torch.equal(first.scores, second.scores)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: TinySSD(0), "num_classes >= 1"),
        (lambda model: TinySSD(1, sizes=[[0.5]]), "5 levels, got 1 and 5"),
        (lambda model: model(torch.zeros(3, 64, 64)), r"got \(3, 64, 64\). Fix: x\[None\]"),
        (lambda model: model(torch.zeros(1, 3, 63, 64)), "H, W >= 64"),
        (
            lambda model: ssd_step(model, (torch.zeros(2, 3, 64, 64), torch.full((2, 1, 5), 2.0))),
            "labels, got 2",
        ),
        (lambda model: predict(model, torch.zeros(1, 3, 64, 64)), r"one picture \(3, H, W\)"),
        (lambda model: predict(model, torch.zeros(3, 0, 64)), r"got \(3, 0, 64\)"),
    ],
)
def test_errors(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)

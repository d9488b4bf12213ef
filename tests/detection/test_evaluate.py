from __future__ import annotations

import math

import pytest
import torch

from detection import oracles
from detection.samples import random_boxes
from utils.detection.detections import Detections
from utils.detection.evaluate import IOU_THRESHOLDS, average_precision, evaluate_detector
from utils.detection.losses import Predictions

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
NOTHING = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


def found(*rows):
    """Detections of one picture from rows (label, score, x1, y1, x2, y2)."""
    table = torch.tensor(rows)
    return Detections(table[:, 2:], table[:, 1], table[:, 0].long())


def test_by_hand():
    """Two objects: hit at .9, false alarm at .8, hit at .7: precision 1 up to recall .5, then 2/3."""
    labels = [torch.tensor([[0, 0.0, 0.0, 0.4, 0.4], [0, 0.6, 0.6, 1.0, 1.0]])]
    detections = [
        found(
            (0, 0.9, 0.0, 0.0, 0.4, 0.4),
            (0, 0.8, 0.0, 0.6, 0.4, 1.0),
            (0, 0.7, 0.6, 0.6, 1.0, 0.908),  # IoU .77
        )
    ]
    result = average_precision(detections, labels)
    high, low = (51 + 50 * 2 / 3) / 101, 51 / 101
    assert result.ap50 == pytest.approx(high)
    assert result.by_iou[0.9] == pytest.approx(low)
    assert result.mean == pytest.approx((6 * high + 4 * low) / 10)
    curve = result.curve(0)
    assert curve.average == pytest.approx(high)
    assert curve.precision[50] == 1 and curve.precision[51] == pytest.approx(2 / 3)
    assert curve.scores[50] == pytest.approx(0.9) and curve.scores[100] == pytest.approx(0.7)
    assert curve.recall[[0, 50, 100]].tolist() == [0, 0.5, 1]


def test_a_second_box_on_one_object_is_a_false_alarm():
    labels = torch.tensor([[[0, 0.0, 0.0, 0.5, 0.5], [0, 0.6, 0.6, 1.0, 1.0]]])
    twice = found((0, 0.9, 0.0, 0.0, 0.5, 0.5), (0, 0.8, 0.0, 0.0, 0.5, 0.5), (0, 0.7, 0.6, 0.6, 1.0, 1.0))
    assert average_precision([twice], labels).ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_oracle_on_random_pictures(seed):
    generator = torch.Generator().manual_seed(seed)
    pictures, classes = 4, 2
    labels, detections = [], []
    for k in range(pictures):
        true = random_boxes(5, seed=10 * seed + k, smallest=0.2)
        kinds = torch.randint(0, classes, (5,), generator=generator)
        labels.append(torch.cat((kinds[:, None].float(), true), dim=1))
        noisy = (true + 0.04 * torch.randn(5, 4, generator=generator)).clamp(0, 1)
        boxes = torch.cat((noisy, random_boxes(4, seed=99 + k)))
        guesses = torch.cat((kinds, torch.randint(0, classes, (4,), generator=generator)))
        detections.append(Detections(boxes, torch.rand(9, generator=generator), guesses))
    result = average_precision(detections, labels)
    for label in range(classes):
        rows = [
            (k, float(score), box)
            for k, one in enumerate(detections)
            for score, box, kind in zip(one.scores, one.boxes.tolist(), one.labels, strict=True)
            if kind == label
        ]
        truths = [(k, row[1:].tolist()) for k, one in enumerate(labels) for row in one if row[0] == label]
        for iou in IOU_THRESHOLDS:
            expected = oracles.average_precision(rows, truths, iou)
            assert result.curve(label, iou=iou).average == pytest.approx(expected, abs=1e-5)


def test_classes_without_objects_do_not_count():
    labels = [torch.tensor([[0, 0.0, 0.0, 0.5, 0.5], [-1, -1, -1, -1, -1]])]
    result = average_precision([found((0, 0.9, 0.0, 0.0, 0.5, 0.5), (3, 0.9, 0.0, 0.0, 0.5, 0.5))], labels)
    assert result.classes == (0, 3)
    assert result.mean == pytest.approx(1.0)
    assert result.by_class[0] == 1.0 and math.isnan(result.by_class[3])


def test_nothing_found_and_nothing_to_find():
    one = torch.tensor([[[0, 0.0, 0.0, 0.5, 0.5]]])
    assert average_precision([NOTHING], one).mean == 0
    for nothing in (torch.full((1, 2, 5), -1.0), torch.zeros(1, 0, 5)):
        assert math.isnan(average_precision([NOTHING], nothing).mean)


def test_evaluating_a_detector_that_knows_the_answer():
    box = torch.tensor([0.25, 0.25, 0.75, 0.75])

    class Knows(torch.nn.Module):
        def forward(self, x):
            assert not self.training and not torch.is_grad_enabled()
            anchors = torch.stack((box, torch.tensor([0.0, 0.0, 0.2, 0.2])))
            logits = torch.tensor([[-9.0, 9.0], [9.0, -9.0]]).expand(len(x), 2, 2)
            return Predictions(anchors[None], logits, torch.zeros(len(x), 8))

    model = Knows()
    labels = torch.cat((torch.zeros(1), box)).expand(3, 1, 5)
    result = evaluate_detector(
        model, [(torch.zeros(2, 3, 8, 8), labels[:2]), (torch.zeros(1, 3, 8, 8), labels[2:])]
    )
    assert result.mean == 1.0 and model.training
    assert repr(result) == "AveragePrecision(mean=1.000, ap50=1.000, classes=(0,))"


def test_errors():
    labels = torch.zeros(1, 1, 5)
    with pytest.raises(ValueError, match="equally many pictures, at least one; got 2 and 1"):
        average_precision([NOTHING] * 2, labels)
    with pytest.raises(ValueError, match="got 0 and 0"):
        evaluate_detector(torch.nn.Linear(1, 1), [])
    with pytest.raises(ValueError, match=r"labels \(M, 5\) for each picture, got \(1, 4\)"):
        average_precision([NOTHING], labels[..., :4])
    with pytest.raises(ValueError, match=r"iou=0.51, label=0"):
        average_precision([NOTHING], labels + torch.tensor([0, 0, 0, 1.0, 1.0])).curve(0, iou=0.51)

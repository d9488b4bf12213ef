from __future__ import annotations

import pytest
import torch
from torchvision import ops

from detection.samples import random_boxes, random_labels
from utils.detection.boxes import box_iou
from utils.detection.yolo import (
    EMPTY,
    NO_OBJECT,
    Cells,
    TinyYOLO,
    encode_cells,
    find_objects,
    paired_iou,
    split_cells,
    yolo_loss,
    yolo_step,
)
from utils.train import evaluate, fit


def slow_loss(cells, labels, size, boxes):
    """The paper's four sums, one cell and one box at a time."""
    parts = {"coordinates": 0.0, "objects": 0.0, "empty": 0.0, "classes": 0.0}
    for picture, rows in enumerate(labels):
        owner = {}
        for kind, x1, y1, x2, y2 in rows.tolist():
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            cell = (min(int(y * size), size - 1), min(int(x * size), size - 1))
            if kind >= 0 and cell not in owner:
                owner[cell] = (int(kind), x, y, x2 - x1, y2 - y1, [x1, y1, x2, y2])
        for row in range(size):
            for column in range(size):
                confidence = cells.confidence[picture, row, column]
                if (row, column) not in owner:
                    parts["empty"] += EMPTY * (confidence**2).sum()
                    continue
                kind, x, y, w, h, corners = owner[row, column]
                ious = ops.box_iou(cells.boxes[picture, row, column], torch.tensor([corners]))[:, 0]
                best = int(ious.argmax())
                gx, gy, gw, gh = cells.raw[picture, row, column, best]
                parts["coordinates"] += 5 * ((gx - x * size + column) ** 2 + (gy - y * size + row) ** 2)
                parts["coordinates"] += 5 * ((gw - w**0.5) ** 2 + (gh - h**0.5) ** 2)
                parts["objects"] += (confidence[best] - ious[best]) ** 2
                parts["empty"] += EMPTY * sum(confidence[k] ** 2 for k in range(boxes) if k != best)
                wanted = torch.zeros(cells.classes.shape[3])
                wanted[kind] = 1
                parts["classes"] += ((cells.classes[picture, row, column] - wanted) ** 2).sum()
    return {name: float(value) / len(labels) for name, value in parts.items()}


def random_cells(pictures, size, boxes, classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return split_cells(
        torch.randn(pictures, size, size, boxes * 5 + classes, generator=generator), boxes=boxes
    )


@pytest.mark.parametrize(("size", "boxes", "seed"), [(7, 2, 0), (3, 1, 1), (1, 3, 2), (2, 2, 3)])
def test_loss_equals_the_slow_one(size, boxes, seed):
    labels = random_labels(4, 5, seed=seed)
    labels[1] = -1
    labels[2, 3:] = -1
    cells = random_cells(4, size, boxes, 3, seed)
    got = yolo_loss(cells, encode_cells(labels, grid=size))
    for name, value in slow_loss(cells, labels, size, boxes).items():
        assert getattr(got, name).item() == pytest.approx(value, rel=1e-4, abs=1e-5), name
    assert got.total.item() == pytest.approx(sum(part.item() for part in got), rel=1e-6)


def test_decoding_gives_back_what_was_encoded():
    labels = random_labels(3, 1, seed=5)
    targets = encode_cells(labels, grid=6)
    here = targets.classes != NO_OBJECT
    cells = Cells(targets.raw[..., None, :], here[..., None].float(), torch.ones(3, 6, 6, 1))
    torch.testing.assert_close(cells.boxes[here][:, 0], labels[:, 0, 1:], rtol=0, atol=1e-5)
    assert targets.classes[here].tolist() == labels[:, 0, 0].int().tolist()
    found = find_objects(cells)
    assert [len(item) for item in found] == [1, 1, 1]
    torch.testing.assert_close(torch.cat([item.boxes for item in found]), labels[:, 0, 1:], rtol=0, atol=1e-5)


def test_one_object_a_cell_and_edges():
    corner = [0.9, 0.9, 1.1, 1.1]  # centre exactly at (1, 1)
    labels = torch.tensor([[[1, 0.1, 0.1, 0.3, 0.3], [0, 0.15, 0.15, 0.3, 0.3], [2, *corner]]])
    classes = encode_cells(labels, grid=2).classes
    assert classes.tolist() == [[[1, NO_OBJECT], [NO_OBJECT, 2]]]
    flipped = encode_cells(labels[:, [1, 0, 2]], grid=2).classes
    assert flipped[0, 0, 0] == 0
    assert (encode_cells(labels[:, :0], grid=2).classes == NO_OBJECT).all()
    assert (encode_cells(torch.full((2, 3, 5), -1.0), grid=2).classes == NO_OBJECT).all()


def test_paired_iou_is_the_diagonal():
    first, second = random_boxes(20, seed=1), random_boxes(20, seed=2)
    torch.testing.assert_close(paired_iou(first, second), box_iou(first, second).diagonal())
    point = torch.tensor([0.5, 0.5, 0.5, 0.5])
    assert paired_iou(point, point) == 0


def test_shapes_of_the_paper_and_of_larger_pictures():
    net = TinyYOLO(20, grid=7).eval()
    cells = net(torch.zeros(1, 3, 112, 112))
    assert cells.raw.shape == (1, 7, 7, 2, 4)
    assert cells.confidence.numel() + cells.raw.numel() + cells.classes.numel() == 7 * 7 * 30
    assert TinyYOLO(1, boxes=3).eval()(torch.zeros(2, 3, 96, 96)).confidence.shape == (2, 12, 12, 3)


def test_suppression_is_per_class_and_scores_are_products():
    raw = torch.zeros(1, 2, 2, 2, 4)
    raw[0, 0, 0] = torch.tensor([0.5, 0.5, 0.6, 0.6])
    confidence = torch.zeros(1, 2, 2, 2)
    confidence[0, 0, 0] = torch.tensor([0.5, 0.9])
    found = find_objects(Cells(raw, confidence, torch.full((1, 2, 2, 1), 0.5)))[0]
    assert len(found) == 1 and found.scores.item() == pytest.approx(0.45)
    assert len(find_objects(Cells(raw, confidence * 0, torch.ones(1, 2, 2, 1)))[0]) == 0
    assert len(find_objects(Cells(raw, confidence, torch.ones(1, 2, 2, 1)), iou_threshold=1.0)[0]) == 2


def test_learns_one_batch():
    torch.manual_seed(0)
    labels = torch.tensor([[[0, 0.1, 0.2, 0.5, 0.6]], [[0, 0.5, 0.5, 0.9, 0.8]]])
    pictures = torch.zeros(2, 3, 64, 64)
    pictures[0, :, 13:38, 6:32] = 1
    pictures[1, 0, 32:51, 32:58] = 1
    batches = [(pictures, labels)]
    net = TinyYOLO(1)
    records = list(fit(net, batches, torch.optim.Adam(net.parameters(), lr=0.01), yolo_step, epochs=40))
    assert records[-1]["train loss"] < 0.2 * records[0]["train loss"]
    assert set(evaluate(net, batches, yolo_step)) == {
        "loss", "coordinates loss", "objects loss", "empty loss", "classes loss",
    }  # fmt: skip


def test_half_precision_scores_are_float32():
    assert split_cells(torch.zeros(1, 2, 2, 11).bfloat16(), boxes=2).confidence.dtype == torch.float32


def test_errors_say_the_fix():
    with pytest.raises(ValueError, match="got 1, 0 and None"):
        TinyYOLO(1, boxes=0)
    with pytest.raises(ValueError, match="square pictures"):
        TinyYOLO(1)(torch.zeros(1, 3, 64, 96))
    with pytest.raises(ValueError, match=r"labels\[None\]"):
        encode_cells(torch.zeros(2, 5), grid=4)
    with pytest.raises(ValueError, match=r"permute"):
        split_cells(torch.zeros(1, 11, 4, 4), boxes=2)
    with pytest.raises(ValueError, match="classes below 1, got 2"):
        yolo_loss(random_cells(1, 4, 2, 1), encode_cells(torch.tensor([[[2, 0, 0, 1, 1]]]), grid=4))
    with pytest.raises(ValueError, match="grid=cells"):
        yolo_loss(random_cells(1, 4, 2, 1), encode_cells(torch.zeros(1, 0, 5), grid=3))

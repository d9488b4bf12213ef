"""Tensors on a wrong device fail here without a GPU: fake tensors have a device, shapes and rules, but no values."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses import FakeTensorMode

from detection.samples import random_boxes, random_labels
from utils.detection.losses import balanced_loss, book_loss
from utils.detection.matching import match_anchors
from utils.detection.ssd import TinySSD, ssd_step
from utils.detection.targets import assign_targets


@pytest.mark.parametrize("loss", [balanced_loss, book_loss])
@pytest.mark.parametrize("objects", [0, 1, 7])
def test_forward_targets_and_loss_run_on_a_fake_gpu(loss, objects):
    with FakeTensorMode():
        with torch.device("cuda"):
            model = TinySSD(2)
        pictures = torch.empty(2, 3, 128, 96, device="cuda")
        labels = torch.empty(2, objects, 5, device="cuda")
        step = ssd_step(model, (pictures, labels), loss=loss)
        assert step.loss.device.type == "cuda" and step.loss.requires_grad
        for total, count in step.sums.values():
            assert total.device.type == "cuda"
            assert isinstance(count, int) or count.device.type == "cuda"


@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_targets_have_static_shapes_off_the_cpu(device):
    with FakeTensorMode():
        anchors = torch.empty(100, 4, device=device)
        targets = assign_targets(anchors, torch.empty(3, 5, 5, device=device))
        assert targets.classes.shape == (3, 100) and targets.offsets.shape == (3, 100, 4)
        assert {part.device.type for part in targets} == {device}


def test_meta_tensors():
    with torch.device("meta"):
        model = TinySSD(1)
        step = ssd_step(model, (torch.empty(1, 3, 64, 64), torch.empty(1, 2, 5)))
    assert step.loss.is_meta


def test_labels_left_on_the_cpu_are_named():
    with FakeTensorMode():
        anchors = torch.empty(10, 4, device="cuda")
        with pytest.raises(ValueError, match=r"anchors and labels on one device, got cuda:0 and cpu"):
            assign_targets(anchors, torch.empty(1, 2, 5))
        with pytest.raises(ValueError, match="one device"):
            match_anchors(anchors, torch.empty(1, 2, 4), torch.ones(1, 2, dtype=torch.bool, device="cuda"))


def test_no_value_is_read_on_the_way_of_an_accelerator(monkeypatch):
    """The static path must never ask a tensor for its value, since each question waits for the device."""
    from utils.detection import matching, targets

    for module in (matching, targets):
        monkeypatch.setattr(module, "reads_are_free", lambda _: False)
    reads = []
    for name in ("__bool__", "item", "tolist", "nonzero"):
        original = getattr(torch.Tensor, name)

        def spy(self, *args, _name=name, _original=original, **kwargs):
            reads.append(_name)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, spy)
    assign_targets(random_boxes(50), random_labels(2, 4))
    assert reads == []

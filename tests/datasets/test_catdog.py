"""The picture for the anchors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kit import small_sets  # noqa: F401

from utils.datasets import catdog
from utils.datasets.catdog import HEIGHT, WIDTH, load_catdog


@pytest.mark.usefixtures("small_sets")
def test_picture_and_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    image, boxes, names = load_catdog()
    assert image.shape == (3, HEIGHT, WIDTH) == (3, 561, 728)
    assert image.dtype == torch.uint8
    assert names == ("dog", "cat")
    assert boxes.dtype == torch.float32
    made = catdog.scene()
    assert boxes.tolist() == made.boxes.tolist()
    assert (image.permute(1, 2, 0).numpy() == made.image).all()
    # The dog is on the left, the boxes do not overlap, and each is large: that is what the chapter draws on.
    (x1, y1, x2, y2), cat = made.boxes.tolist()
    assert x2 <= cat[0]
    assert min(x1, y1) > 0
    assert y2 < HEIGHT
    assert cat[2] < WIDTH
    assert np.prod(made.boxes[:, 2:] - made.boxes[:, :2], axis=1).min() > 60_000
    monkeypatch.setenv("COURSE_SCALE", "full")
    assert torch.equal(load_catdog().image, image)

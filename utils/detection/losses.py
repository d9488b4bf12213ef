"""What a detector says, and how wrong that is: the notes' loss and a balanced one."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from utils.detection.targets import Targets, hard_negatives


class Predictions(NamedTuple):
    """What the network says about B pictures with N anchors.

    Attributes:
        anchors: `(1, N, 4)` relative corners, the same for every picture.
        classes: `(B, N, num_classes + 1)` logits, background first.
        offsets: `(B, N * 4)` offsets as of `targets.encode_offsets`, flat as in the book.
    """

    anchors: Tensor
    classes: Tensor
    offsets: Tensor

    @property
    def boxes_offsets(self) -> Tensor:
        """The offsets as `(B, N, 4)`."""
        return self.offsets.unflatten(1, (-1, 4))


class LossParts(NamedTuple):
    """The two halves of a detection loss, each a scalar over the batch.

    Attributes:
        classes: how wrong the classes are.
        boxes: how far off the boxes of the positive anchors are.
    """

    classes: Tensor
    boxes: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, to go downhill on."""
        return self.classes + self.boxes


def book_loss(predictions: Predictions, targets: Targets) -> LossParts:
    """The notes' loss: mean cross-entropy over all anchors, and mean absolute error over all 4 N offsets.

    Both are averages over mostly background: about one anchor in 140 is positive, so the box part is about 80 times
    smaller than the class part from the start and hardly counts. `balanced_loss` mends that.

    Returns:
        LossParts, averaged over the batch; their sum is the mean of the book's `calc_loss`.
    """
    losses = _class_losses(predictions, targets)
    offsets = torch.where(targets.positive[..., None], predictions.boxes_offsets.float(), 0)
    return LossParts(losses.mean(), F.l1_loss(offsets, targets.offsets))


def balanced_loss(predictions: Predictions, targets: Targets, *, ratio: int = 3) -> LossParts:
    """Cross-entropy with hard negatives and smooth L1, both divided by the number of positive anchors.

    Easy background no longer drowns the objects: of the negatives only the `ratio` hardest for each positive count.
    Dividing by the positives (at least 1) puts both parts on one scale, whatever the number of anchors. Smooth L1
    is quadratic below 1, so that small errors pull less. As in the SSD paper, section 2.2.

    Args:
        predictions: of `TinySSD`.
        targets: of `assign_targets` for `predictions.anchors`.
        ratio: hard negatives for each positive anchor.
    """
    losses = _class_losses(predictions, targets)
    positive = targets.positive
    counted = positive | hard_negatives(losses, positive, ratio=ratio)
    objects = positive.sum().clamp(min=1)
    offsets = predictions.boxes_offsets.float()
    distance = F.smooth_l1_loss(offsets, targets.offsets, reduction="none").sum(dim=-1)
    return LossParts(
        torch.where(counted, losses, 0).sum() / objects, torch.where(positive, distance, 0).sum() / objects
    )


def _class_losses(predictions: Predictions, targets: Targets) -> Tensor:
    """Cross-entropy of each anchor, `(B, N)`, in float32 also under autocast."""
    logits = predictions.classes.float()
    losses = F.cross_entropy(logits.flatten(0, 1), targets.classes.flatten(), reduction="none")
    return losses.view(targets.classes.shape)

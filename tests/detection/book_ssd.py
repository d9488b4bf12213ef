"""The notes' TinySSD and loss, written plainly: what utils.detection.ssd must agree with."""

from __future__ import annotations

import torch
from torch import nn

SIZES = [[0.2, 0.272], [0.37, 0.447], [0.54, 0.619], [0.71, 0.79], [0.88, 0.961]]
RATIOS = [1, 2, 0.5]
ANCHORS = 4


def _halve(channels_in, channels_out):
    layers = []
    for channels in (channels_in, channels_out):
        layers += [nn.Conv2d(channels, channels_out, 3, padding=1), nn.BatchNorm2d(channels_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def _block(index):
    if index == 0:
        return nn.Sequential(_halve(3, 16), _halve(16, 32), _halve(32, 64))
    if index == 4:
        return nn.AdaptiveMaxPool2d((1, 1))
    return _halve(64 if index == 1 else 128, 128)


class BookSSD(nn.Module):
    """Attributes and order as in the notes; anchors from a function given by the caller (d2l's, say)."""

    def __init__(self, num_classes, prior):
        super().__init__()
        self.num_classes, self.prior = num_classes, prior
        for index, channels in enumerate((64, 128, 128, 128, 128)):
            setattr(self, f"blk_{index}", _block(index))
            setattr(self, f"cls_{index}", nn.Conv2d(channels, ANCHORS * (num_classes + 1), 3, padding=1))
            setattr(self, f"bbox_{index}", nn.Conv2d(channels, ANCHORS * 4, 3, padding=1))

    def forward(self, x):
        anchors, classes, offsets = [], [], []
        for index in range(5):
            x = getattr(self, f"blk_{index}")(x)
            anchors.append(self.prior(x, SIZES[index], RATIOS))
            classes.append(getattr(self, f"cls_{index}")(x).permute(0, 2, 3, 1).flatten(1))
            offsets.append(getattr(self, f"bbox_{index}")(x).permute(0, 2, 3, 1).flatten(1))
        scores = torch.cat(classes, dim=1).reshape(len(x), -1, self.num_classes + 1)
        return torch.cat(anchors, dim=1), scores, torch.cat(offsets, dim=1)


def book_calc_loss(class_scores, class_labels, offsets, offset_labels, mask):
    """One value a picture: mean cross-entropy over anchors plus mean absolute error over all masked entries."""
    batch, _, classes = class_scores.shape
    entropy = nn.functional.cross_entropy(
        class_scores.reshape(-1, classes), class_labels.reshape(-1), reduction="none"
    )
    distance = nn.functional.l1_loss(offsets * mask, offset_labels * mask, reduction="none")
    return entropy.reshape(batch, -1).mean(dim=1) + distance.mean(dim=1)

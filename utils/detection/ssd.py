"""TinySSD: one pass over the picture gives classes and boxes for 5,444 anchors on five scales.

The network and its first loss are the book's. Single shot detection is from Liu et al. 2016 (arXiv 1512.02325).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from utils.detection.anchors import anchor_pyramid, anchors_per_cell
from utils.detection.detections import Detections, detect
from utils.detection.losses import LossParts, Predictions, balanced_loss
from utils.detection.matching import reads_are_free
from utils.detection.targets import Targets, assign_targets
from utils.train import Step

SIZES = ((0.2, 0.272), (0.37, 0.447), (0.54, 0.619), (0.71, 0.79), (0.88, 0.961))
"""Two anchor sizes a level, shares of the picture's height; `anchors.level_sizes` derives them."""
RATIOS = ((1.0, 2.0, 0.5),) * 5
"""Width over height of the anchors of each level."""
SMALLEST_SIDE = 64
"""Pictures with a shorter side vanish on their way through the six halvings."""


class Level(nn.Module):
    """One scale: a block that makes its feature map from the one before, and two 3 x 3 heads on that map."""

    def __init__(self, block: nn.Module, channels: int, *, anchors: int, num_classes: int) -> None:
        super().__init__()
        self.block = block
        self.class_head = nn.Conv2d(channels, anchors * (num_classes + 1), kernel_size=3, padding=1)
        self.box_head = nn.Conv2d(channels, anchors * 4, kernel_size=3, padding=1)


class TinySSD(nn.Module):
    """The book's single-shot detector: feature maps of 1/8, 1/16, 1/32, 1/64 of the picture and one cell.

    Parameters and buffers come in the order of the book's class, so its weights can be copied one by one.

    Args:
        num_classes: classes of objects, background not counted, at least 1.
        sizes: anchor sizes of each of the five levels.
        ratios: anchor ratios of each of the five levels.

    Raises:
        ValueError: for no class, or sizes and ratios for other than five levels.

    Example:
        >>> anchors, classes, offsets = TinySSD(1)(torch.zeros(2, 3, 256, 256))
        >>> anchors.shape, classes.shape, offsets.shape
        (torch.Size([1, 5444, 4]), torch.Size([2, 5444, 2]), torch.Size([2, 21776]))
    """

    def __init__(
        self,
        num_classes: int,
        *,
        sizes: Sequence[Sequence[float]] = SIZES,
        ratios: Sequence[Sequence[float]] = RATIOS,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"expected num_classes >= 1 (background not counted), got {num_classes}")
        if len(sizes) != 5 or len(ratios) != 5:
            raise ValueError(f"expected sizes and ratios for 5 levels, got {len(sizes)} and {len(ratios)}")
        self.num_classes = num_classes
        self.sizes, self.ratios = sizes, ratios
        base = nn.Sequential(halving_block(3, 16), halving_block(16, 32), halving_block(32, 64))
        blocks = (
            base,
            halving_block(64, 128),
            halving_block(128, 128),
            halving_block(128, 128),
            nn.AdaptiveMaxPool2d(1),
        )
        self.levels = nn.ModuleList(
            Level(block, channels, anchors=anchors_per_cell(size, ratio), num_classes=num_classes)
            for block, channels, size, ratio in zip(
                blocks, (64, 128, 128, 128, 128), sizes, ratios, strict=True
            )
        )

    def forward(self, x: Tensor) -> Predictions:
        """Predict for pictures `(B, 3, H, W)` of any H, W >= 64; the anchors follow the size.

        Raises:
            ValueError: for another shape or too small a picture.
        """
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < SMALLEST_SIDE:
            raise ValueError(
                f"expected pictures (B, 3, H, W) with H, W >= {SMALLEST_SIDE}, got {tuple(x.shape)}. "
                "Fix: x[None] for one picture; enlarge small ones"
            )
        shapes, classes, offsets = [], [], []
        for level in self.levels:
            x = level.block(x)
            shapes.append(tuple(x.shape[2:]))
            classes.append(cells_last(level.class_head(x)))
            offsets.append(cells_last(level.box_head(x)))
        anchors = anchor_pyramid(shapes, sizes=self.sizes, ratios=self.ratios, device=x.device)
        logits = torch.cat(classes, dim=1).unflatten(1, (-1, self.num_classes + 1))  # (B, N, num_classes + 1)
        return Predictions(anchors[None], logits, torch.cat(offsets, dim=1))


def halving_block(channels_in: int, channels_out: int) -> nn.Sequential:
    """Return two 3 x 3 convolutions with batch norm and ReLU, then 2 x 2 max pooling: half the height and width."""
    # ReLU in place saves a copy of the largest maps; batch norm does not need its own output for the way back.
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels_out, channels_out, kernel_size=3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )


def cells_last(maps: Tensor) -> Tensor:
    """Flatten `(B, C, H, W)` to `(B, H * W * C)` with the channels of a cell side by side, as the anchors are."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def ssd_step(
    model: nn.Module,
    batch: tuple[Tensor, Tensor],
    *,
    loss: Callable[[Predictions, Targets], LossParts] = balanced_loss,
    iou_threshold: float = 0.5,
) -> Step:
    """Run a detector on one batch: predictions, targets, loss and metrics; a step function for `train.fit`.

    The metrics, by name: `loss`, `class loss`, `box loss` (over pictures), `class error` (share of positive anchors
    given a wrong class or none), `false alarm` (share of background anchors given a class) and `box mae` (mean
    absolute offset error of positive anchors). Errors over all anchors would be flattered by the background.

    Args:
        model: maps pictures to Predictions.
        batch: pictures `(B, 3, H, W)` and labels `(B, M, 5)`, see `assign_targets`.
        loss: `balanced_loss` or `book_loss`; `functools.partial` sets it.
        iou_threshold: of the matching.

    Raises:
        ValueError: for a class beyond those of the network (seen on a CPU only), or labels of another shape.
    """
    x, labels = batch
    predictions = model(x)
    _check_classes(labels, predictions.classes.shape[-1] - 1)
    targets = assign_targets(predictions.anchors, labels, iou_threshold=iou_threshold)
    parts = loss(predictions, targets)
    return Step(parts.total, _sums(predictions, targets, parts))


def _check_classes(labels: Tensor, num_classes: int) -> None:
    if reads_are_free(labels) and labels.numel() and labels[..., 0].max() >= num_classes:
        raise ValueError(
            f"expected classes 0 to {num_classes - 1} in labels, got {int(labels[..., 0].max())}. "
            "Fix: count classes from 0, or give the network more of them"
        )


@torch.no_grad()
def _sums(
    predictions: Predictions, targets: Targets, parts: LossParts
) -> dict[str, tuple[Tensor, int | Tensor]]:
    positive, pictures = targets.positive, len(targets.classes)
    positives = positive.sum()
    wrong = predictions.classes.argmax(dim=-1) != targets.classes
    distance = (predictions.boxes_offsets.float() - targets.offsets).abs()
    return {
        "loss": (parts.total.detach() * pictures, pictures),
        "class loss": (parts.classes.detach() * pictures, pictures),
        "box loss": (parts.boxes.detach() * pictures, pictures),
        "class error": ((wrong & positive).sum(), positives),
        "false alarm": ((wrong & ~positive).sum(), positive.numel() - positives),
        "box mae": (torch.where(positive[..., None], distance, 0).sum(), positives * 4),
    }


@torch.no_grad()
def detect_batch(model: nn.Module, x: Tensor, **options: Any) -> list[Detections]:
    """Run a detector in eval mode on pictures `(B, 3, H, W)`; its mode is given back as it was.

    Args:
        model: maps pictures to Predictions.
        x: pictures as the model was trained on, on its device.
        options: of `detections.detect`.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        anchors, classes, offsets = model(x)
    finally:
        for module, training in modes:
            module.training = training
    return detect(classes.float().softmax(dim=-1), offsets, anchors, **options)


def predict(
    model: nn.Module,
    picture: Tensor,
    *,
    size: tuple[int, int] | None = (256, 256),
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
) -> Detections:
    """Detect objects in one picture of any size.

    Args:
        model: maps pictures to Predictions; taken in eval mode.
        picture: `(3, H, W)`, uint8, or float as the model was trained on. Moved to the model's device.
        size: (height, width) to resize to first, best the one trained on; None keeps the picture as it is.
        score_threshold: least probability of a detection.
        iou_threshold: of non-maximum suppression.

    Returns:
        Detections with relative boxes; `.scaled(height=H, width=W)` gives pixels of the original picture.

    Raises:
        ValueError: for another shape, or a picture too small when `size` is None.
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or 0 in picture.shape:
        raise ValueError(
            f"expected one picture (3, H, W), got {tuple(picture.shape)}. Fix: picture[0] of a batch"
        )
    parameter = next(model.parameters())
    x = picture.to(parameter.device)
    x = x.to(parameter.dtype) / 255 if x.dtype == torch.uint8 else x.to(parameter.dtype)
    if size is not None and tuple(x.shape[1:]) != tuple(size):
        x = transforms.resize(x, list(size), antialias=True)
    return detect_batch(model, x[None], score_threshold=score_threshold, iou_threshold=iou_threshold)[0]

"""TinyYOLO: the picture is a grid, and the cell that holds an object's centre has to say what and where it is.

You Only Look Once (Redmon et al. 2016, arXiv 1506.02640), small: one class score and B boxes a cell, no anchors.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.detection.boxes import batched_nms, center_to_corner, clip_boxes, corner_to_center
from utils.detection.detections import Detections
from utils.detection.ssd import SMALLEST_SIDE, halving_block
from utils.train import Step

NO_OBJECT = -1
"""Class of a cell in which no object has its centre."""
COORDINATES = 5.0
"""Weight of the box part in the loss: the paper's."""
EMPTY = 0.5
"""Weight of the confidence of boxes that stand for nothing: there are many of them."""


class Cells(NamedTuple):
    """What the cells of B pictures say: S rows and columns, b boxes a cell, C classes.

    Attributes:
        raw: `(B, S, S, b, 4)` in (0, 1): centre within the cell (x, y), square roots of width and height.
        confidence: `(B, S, S, b)` in (0, 1): does this box hold an object, and how well does it fit?
        classes: `(B, S, S, C)` in (0, 1): if an object is here, which? One answer for all boxes of the cell.
    """

    raw: Tensor
    confidence: Tensor
    classes: Tensor

    @property
    def boxes(self) -> Tensor:
        """Relative corners `(B, S, S, b, 4)`, not clipped to the picture."""
        size = self.raw.shape[1]
        steps = torch.arange(size, device=self.raw.device, dtype=self.raw.dtype)
        x = (self.raw[..., 0] + steps[:, None]) / size
        y = (self.raw[..., 1] + steps[:, None, None]) / size
        sides = self.raw[..., 2:] ** 2
        return center_to_corner(torch.cat((torch.stack((x, y), dim=-1), sides), dim=-1))


class CellTargets(NamedTuple):
    """What the cells should say.

    Attributes:
        classes: `(B, S, S)` int64, the class of the object whose centre lies in the cell, or NO_OBJECT.
        raw: `(B, S, S, 4)` as `Cells.raw`, of that object; 0 elsewhere.
        boxes: `(B, S, S, 4)` its relative corners; 0 elsewhere.
    """

    classes: Tensor
    raw: Tensor
    boxes: Tensor


class YoloLoss(NamedTuple):
    """The four parts of the loss, each a scalar: sums of squares a picture, weighted."""

    coordinates: Tensor
    objects: Tensor
    empty: Tensor
    classes: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, to go downhill on."""
        return self.coordinates + self.objects + self.empty + self.classes


class TinyYOLO(nn.Module):
    """A grid detector of the size of TinySSD's first levels: three halvings, two convolutions, one 1 x 1 head.

    Args:
        num_classes: classes of objects, at least 1; background is a low confidence, not a class.
        boxes: guesses a cell, at least 1.
        grid: cells a side; None takes the map as it is, an eighth of the picture.

    Raises:
        ValueError: for counts below 1.

    Example:
        >>> cells = TinyYOLO(1)(torch.zeros(2, 3, 64, 64))
        >>> cells.boxes.shape, cells.confidence.shape, cells.classes.shape
        (torch.Size([2, 8, 8, 2, 4]), torch.Size([2, 8, 8, 2]), torch.Size([2, 8, 8, 1]))
    """

    def __init__(self, num_classes: int, *, boxes: int = 2, grid: int | None = None) -> None:
        super().__init__()
        if min(num_classes, boxes, 1 if grid is None else grid) < 1:
            raise ValueError(
                f"expected num_classes, boxes and grid >= 1, got {num_classes}, {boxes} and {grid}. "
                "Fix: grid=None for an eighth of the picture"
            )
        self.num_classes, self.num_boxes = num_classes, boxes
        self.body = nn.Sequential(halving_block(3, 16), halving_block(16, 32), halving_block(32, 64))
        # A cell must see more than itself; the dilated layer looks two cells around at the price of one.
        self.neck = nn.Sequential(_layer(64, 128, dilation=1), _layer(128, 128, dilation=2))
        self.resize = nn.Identity() if grid is None else nn.AdaptiveAvgPool2d(grid)
        self.head = nn.Conv2d(128, boxes * 5 + num_classes, kernel_size=1)

    def forward(self, x: Tensor) -> Cells:
        """Predict for square pictures `(B, 3, H, H)`, H >= 64.

        Raises:
            ValueError: for another shape.
        """
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] != x.shape[3] or x.shape[2] < SMALLEST_SIDE:
            raise ValueError(
                f"expected square pictures (B, 3, H, H), H >= {SMALLEST_SIDE}; got {tuple(x.shape)}. Fix: resize"
            )
        scores = self.head(self.resize(self.neck(self.body(x)))).permute(0, 2, 3, 1)
        return split_cells(scores, boxes=self.num_boxes)


def _layer(channels_in: int, channels_out: int, *, dilation: int) -> nn.Sequential:
    conv = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=dilation, dilation=dilation)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


def split_cells(scores: Tensor, *, boxes: int) -> Cells:
    """Turn a head's output `(B, S, S, boxes * 5 + C)`, any real numbers, into Cells; x, y, w, h, confidence first.

    Raises:
        ValueError: if fewer than `boxes * 5 + 1` numbers a cell are there.
    """
    if scores.ndim != 4 or scores.shape[3] <= boxes * 5:
        raise ValueError(
            f"expected scores (B, S, S, {boxes} * 5 + classes), got {tuple(scores.shape)}. "
            "Fix: channels last, .permute(0, 2, 3, 1)"
        )
    # In float32 also under autocast: a product of two small scores decides the order of detections.
    values = scores.float().sigmoid()
    guesses = values[..., : boxes * 5].unflatten(-1, (boxes, 5))
    return Cells(guesses[..., :4], guesses[..., 4], values[..., boxes * 5 :])


@torch.no_grad()
def encode_cells(labels: Tensor, *, grid: int) -> CellTargets:
    """Give each object to the cell that holds its centre.

    Args:
        labels: `(B, M, 5)` rows `[class, x1, y1, x2, y2]`, relative corners; a negative class is no object.
        grid: cells a side, S.

    Returns:
        CellTargets. A cell has one object at most: of several with their centre in it the first row stays.
        M may be 0. A centre on the right or lower edge of the picture counts for the last cell.

    Raises:
        ValueError: for another shape or grid < 1.

    Example:
        >>> encode_cells(torch.tensor([[[3, 0.5, 0.0, 1.0, 0.5]]]), grid=2).classes  # centre at (.75, .25)
        tensor([[[-1,  3],
                 [-1, -1]]])
    """
    if labels.ndim != 3 or labels.shape[2] != 5 or grid < 1:
        raise ValueError(
            f"expected labels (B, M, 5) and grid >= 1, got {tuple(labels.shape)} and {grid}. "
            "Fix: labels[None] for one picture"
        )
    batch = len(labels)
    classes = torch.full((batch, grid, grid), NO_OBJECT, dtype=torch.int64, device=labels.device)
    raw = torch.zeros(batch, grid, grid, 4, device=labels.device)
    boxes = torch.zeros_like(raw)
    center, sides = corner_to_center(labels[..., 1:]).split(2, dim=-1)
    column, row = (center * grid).long().clamp(0, grid - 1).unbind(-1)
    inside = center * grid - torch.stack((column, row), dim=-1)
    values = torch.cat((inside, sides.clamp(min=0).sqrt()), dim=-1)
    # The last row first, so that the first has the last word; one object a picture at a time, so no write is torn.
    for k in reversed(range(labels.shape[1])):
        picture = (labels[:, k, 0] >= 0).nonzero()[:, 0]
        where = (picture, row[picture, k], column[picture, k])
        classes[where] = labels[picture, k, 0].long()
        raw[where] = values[picture, k]
        boxes[where] = labels[picture, k, 1:].float()
    return CellTargets(classes, raw, boxes)


def yolo_loss(cells: Cells, targets: CellTargets) -> YoloLoss:
    """The paper's loss: squared errors, of the one box of a cell that fits its object best, and of its confidence.

    That box is asked for the object's place and for a confidence equal to its IoU; all other boxes are asked for a
    confidence of 0; the classes count only in cells that have an object.

    Args:
        cells: of TinyYOLO.
        targets: of `encode_cells` for the same grid.

    Raises:
        ValueError: if the grids differ or a class is beyond those of the network.
    """
    if cells.classes.shape[:3] != targets.classes.shape:
        raise ValueError(
            f"expected targets for cells {tuple(cells.classes.shape[:3])}, got {tuple(targets.classes.shape)}. "
            "Fix: encode_cells(labels, grid=cells.classes.shape[1])"
        )
    pictures = max(len(targets.classes), 1)
    here = (targets.classes != NO_OBJECT).nonzero(as_tuple=True)
    wanted = targets.classes[here]
    if wanted.device.type == "cpu" and wanted.numel() and wanted.max() >= cells.classes.shape[3]:
        raise ValueError(f"expected classes below {cells.classes.shape[3]}, got {int(wanted.max())}")
    with torch.no_grad():
        overlap = paired_iou(cells.boxes[here], targets.boxes[here][:, None])  # (n, b)
        fit, best = overlap.max(dim=1)
    responsible = torch.zeros_like(cells.confidence)
    responsible[(*here, best)] = 1
    distance = (cells.raw[(*here, best)] - targets.raw[here]) ** 2
    objects = (cells.confidence[(*here, best)] - fit) ** 2
    empty = cells.confidence**2 * (1 - responsible)
    kind = torch.zeros_like(cells.classes[here]).scatter_(1, wanted[:, None], 1)
    classes = (cells.classes[here] - kind) ** 2
    return YoloLoss(
        COORDINATES * distance.sum() / pictures,
        objects.sum() / pictures,
        EMPTY * empty.sum() / pictures,
        classes.sum() / pictures,
    )


def paired_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the IoU of boxes that belong together, corners `(..., 4)` each, broadcast: `(...)`; 0 without area."""
    corner = torch.maximum(first[..., :2], second[..., :2])
    sides = (torch.minimum(first[..., 2:], second[..., 2:]) - corner).clamp(min=0)
    overlap = sides.prod(dim=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(dim=-1) for boxes in (first, second)]
    return overlap / (areas[0] + areas[1] - overlap).clamp(min=1e-9)


def yolo_step(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Step:
    """Run TinyYOLO on one batch of pictures and labels `(B, M, 5)`; a step function for `train.fit`."""
    x, labels = batch
    cells = model(x)
    parts = yolo_loss(cells, encode_cells(labels, grid=cells.classes.shape[1]))
    count = len(labels)
    sums = {f"{name} loss": (part.detach() * count, count) for name, part in parts._asdict().items()}
    return Step(parts.total, {"loss": (parts.total.detach() * count, count), **sums})


@torch.no_grad()
def find_objects(
    cells: Cells, *, score_threshold: float = 0.01, iou_threshold: float = 0.5
) -> list[Detections]:
    """Turn what the cells say into the objects of each picture, best score first.

    The score is confidence times the probability of the class; boxes of a class that overlap a better one by more
    than `iou_threshold` go. Empty Detections where nothing reaches `score_threshold`.
    """
    likeliest, labels = cells.classes.max(dim=-1)
    scores = (cells.confidence * likeliest[..., None]).flatten(1)  # (B, S * S * b)
    labels = labels[..., None].expand_as(cells.confidence).flatten(1)
    found = []
    for boxes, score, label in zip(cells.boxes.flatten(1, 3), scores, labels, strict=True):
        sure = score >= score_threshold
        boxes, score, label = clip_boxes(boxes[sure]), score[sure], label[sure]
        keep = batched_nms(boxes, score, label, iou_threshold=iou_threshold)
        found.append(Detections(boxes[keep], score[keep], label[keep]))
    return found

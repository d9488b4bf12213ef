"""How good a detector is: average precision as COCO defines it, computed by torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.detection.boxes import as_float
from utils.detection.detections import Detections
from utils.detection.ssd import detect_batch

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""The thresholds of COCO: .5, .55 ... .95."""
# As quotients, so that a recall of 3 / 10 meets the point 30 / 100; torchmetrics' own float32 points lie beside it.
_RECALLS = [step / 100 for step in range(101)]
MOST_DETECTIONS = 100
"""Per picture and class; COCO counts no more."""


class PrecisionRecall(NamedTuple):
    """A precision-recall curve, ready to plot.

    Attributes:
        recall: `(101,)` 0, .01 ... 1: share of the objects found.
        precision: `(101,)` best precision at that recall or beyond; 0 where the recall is never reached.
        scores: `(101,)` the score threshold that gives it; 0 where the recall is never reached.
    """

    recall: Tensor
    precision: Tensor
    scores: Tensor

    @property
    def average(self) -> float:
        """The area under the curve: the average precision."""
        return self.precision.mean().item()


@dataclass(frozen=True, eq=False, repr=False)
class AveragePrecision:
    """Average precision by IoU threshold and class; nan where no picture has an object to find.

    Attributes:
        classes: the classes met in labels or detections, ascending.
        precision: `(10, 101, K)` float32 for each of IOU_THRESHOLDS, recall and class; nan for classes without object.
        scores: `(10, 101, K)` the score thresholds that belong to them.
    """

    classes: tuple[int, ...]
    precision: Tensor
    scores: Tensor

    @property
    def mean(self) -> float:
        """COCO's AP: the mean over thresholds .5 to .95 and over classes that have objects."""
        return self.precision.nanmean().item()

    @property
    def ap50(self) -> float:
        """The mean over classes at IoU .5, the measure of Pascal VOC (with COCO's 101 recall points)."""
        return self.by_iou[0.5]

    @property
    def by_iou(self) -> dict[float, float]:
        """The mean over classes at each threshold."""
        return {iou: part.nanmean().item() for iou, part in zip(IOU_THRESHOLDS, self.precision, strict=True)}

    @property
    def by_class(self) -> dict[int, float]:
        """The mean over thresholds for each class."""
        return {label: self.precision[:, :, k].mean().item() for k, label in enumerate(self.classes)}

    def curve(self, label: int, *, iou: float = 0.5) -> PrecisionRecall:
        """Return the precision-recall curve of one class at one of IOU_THRESHOLDS.

        Raises:
            ValueError: for another threshold or a class that was not met.
        """
        matches = [k for k, threshold in enumerate(IOU_THRESHOLDS) if math.isclose(iou, threshold)]
        if not matches or label not in self.classes:
            raise ValueError(
                f"expected iou of {IOU_THRESHOLDS} and label of {self.classes}, got iou={iou}, label={label}"
            )
        where = (matches[0], slice(None), self.classes.index(label))
        return PrecisionRecall(torch.tensor(_RECALLS), self.precision[where], self.scores[where])

    def __repr__(self) -> str:
        return f"AveragePrecision(mean={self.mean:.3f}, ap50={self.ap50:.3f}, classes={self.classes})"


def average_precision(
    detections: Sequence[Detections], labels: Sequence[Tensor] | Tensor
) -> AveragePrecision:
    """Compare detections with the true boxes.

    Detections are taken best score first; each may claim one object of its class whose IoU reaches the threshold
    and which is still free (the one of highest IoU), else it is a false alarm. Precision at each recall is the best
    at that recall or beyond, and the average goes over 101 recalls.

    Args:
        detections: for each picture its Detections; beyond MOST_DETECTIONS a class the weakest do not count.
        labels: for each picture rows `(M, 5)` `[class, x1, y1, x2, y2]` in the unit of the detections; rows with a
            negative class are ignored. A padded batch `(B, M, 5)` will do.

    Returns:
        AveragePrecision; its means are nan if there is no object at all.

    Raises:
        ValueError: if the numbers of pictures differ, there is none, or labels have other shapes.

    Example:
        >>> found = Detections(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([0.9]), torch.tensor([0]))
        >>> average_precision([found], [torch.tensor([[0.0, 0, 0, 1, 0.8]])]).ap50  # IoU .8
        1.0
    """
    if len(detections) != len(labels) or len(labels) == 0:
        raise ValueError(
            f"expected detections and labels for equally many pictures, at least one; got {len(detections)} and "
            f"{len(labels)}"
        )
    # Imported here since it takes seconds and loads a drawing library.
    from torchmetrics.detection import MeanAveragePrecision

    limits = [1, 10, MOST_DETECTIONS]
    metric = MeanAveragePrecision(
        iou_thresholds=list(IOU_THRESHOLDS),
        rec_thresholds=_RECALLS,
        max_detection_thresholds=limits,
        extended_summary=True,
    )
    metric.warn_on_many_detections = False
    metric.update([_as_found(item) for item in detections], [_as_true(rows) for rows in labels])
    result = metric.compute()
    classes = tuple(result["classes"].reshape(-1).tolist())
    # (T, R, K, area, limit): all areas and the largest limit. -1 marks a class without an object.
    precision = result["precision"][..., 0, -1].float()
    scores = result["scores"][..., 0, -1].float()
    absent = precision < 0
    return AveragePrecision(
        classes, precision.masked_fill(absent, torch.nan), scores.masked_fill(absent, torch.nan)
    )


def evaluate_detector(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    score_threshold: float = 0.01,
    iou_threshold: float = 0.5,
    max_candidates: int = 400,
) -> AveragePrecision:
    """Return the average precision of a detector on batches of pictures and labels; its mode is given back.

    Args:
        model: maps pictures `(B, 3, H, W)` to `ssd.Predictions`.
        batches: pairs of pictures, on the model's device, and labels `(B, M, 5)`.
        score_threshold: low, since average precision looks at all thresholds.
        iou_threshold: of non-maximum suppression.
        max_candidates: anchors a picture that suppression looks at, best first.

    Raises:
        ValueError: without batches.
    """
    found: list[Detections] = []
    truth: list[Tensor] = []
    for x, labels in batches:
        found += detect_batch(
            model,
            x,
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_candidates=max_candidates,
        )
        truth += list(labels)
    return average_precision(found, truth)


def _as_found(item: Detections) -> dict[str, Tensor]:
    return {
        "boxes": as_float(item.boxes).cpu(),
        "scores": item.scores.float().cpu(),
        "labels": item.labels.cpu(),
    }


def _as_true(rows: Tensor) -> dict[str, Tensor]:
    if rows.ndim != 2 or rows.shape[1] != 5:
        raise ValueError(f"expected labels (M, 5) for each picture, got {tuple(rows.shape)}")
    rows = rows[rows[:, 0] >= 0].cpu()
    return {"boxes": as_float(rows[:, 1:]), "labels": rows[:, 0].long()}

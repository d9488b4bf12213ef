"""Measures that stay tensors until somebody asks: averages over examples, accuracy, mean IoU of a segmentation."""

from __future__ import annotations

import torch
from torch import Tensor

Sums = dict[str, tuple[Tensor, "Tensor | int"]]
IGNORE = 255  # the void label of VOC masks


class Averages:
    """Example-weighted averages over batches of any size, without asking the device for a number in between.

    A mean of batch means gives a last, smaller batch too much weight; sums divided by counts do not.

    Example:
        >>> averages = Averages()
        >>> averages.add({"loss": (torch.tensor(6.0), 3)})   # three examples with loss 2
        >>> averages.add({"loss": (torch.tensor(8.0), 1)})   # one example with loss 8
        >>> averages.means()
        {'loss': 3.5}
    """

    def __init__(self) -> None:
        self._totals: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor | int] = {}

    def add(self, sums: Sums) -> None:
        """Add `name -> (sum over the examples, number of examples)`; nothing of the batch is kept."""
        for name, (total, count) in sums.items():
            if name not in self._totals:
                self._totals[name], self._counts[name] = _zero(total), _zero(count)
            self._totals[name] += total.detach()
            self._counts[name] += count.detach() if isinstance(count, Tensor) else count

    def means(self) -> dict[str, float]:
        """Return sum / count by name as numbers: the only moment the device is waited for.

        Empty dict if nothing was added; nan for a metric whose count is 0.
        """
        if not self._totals:
            return {}
        device = next(iter(self._totals.values())).device
        real = torch.float32 if device.type == "mps" else torch.float64
        totals, counts = (
            torch.stack([torch.as_tensor(value).to(device, real) for value in column.values()])
            for column in (self._totals, self._counts)
        )
        return dict(zip(self._totals, (totals / counts).tolist(), strict=True))


def _zero(value: Tensor | int) -> Tensor | int:
    """Where to add up: integers stay exact, and a long sum of float32 numbers is kept in float64."""
    if not isinstance(value, Tensor):
        return 0
    # MPS has no float64.
    real = torch.float32 if value.device.type == "mps" else torch.float64
    return torch.zeros((), dtype=real if value.is_floating_point() else torch.int64, device=value.device)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the number of right predictions as a 0-dim tensor.

    Args:
        logits: scores `(N, K)`, or `(N,)`/`(N, 1)` for one-logit binary nets (positive means class 1);
            `(N, K, H, W)` counts pixels.
        labels: class indices `(N,)`, or `(N, H, W)`.

    Empty input gives 0.

    Raises:
        ValueError: if the number of predictions and labels differ.
    """
    if logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1):
        predictions = (logits.reshape(-1) > 0).to(labels.dtype)
    else:
        predictions = logits.argmax(dim=1)
    if predictions.shape != labels.shape:
        raise ValueError(
            f"expected one label a prediction, got predictions {tuple(predictions.shape)} "
            f"and labels {tuple(labels.shape)}"
        )
    return (predictions == labels).sum()


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of right predictions as a number; nan for empty input. Shapes as in `correct`."""
    return correct(logits, labels).item() / labels.numel() if labels.numel() else float("nan")


class ConfusionMatrix:
    """Counts of (true class, predicted class), kept on the device; the source of pixel accuracy and mean IoU.

    Args:
        num_classes: K; the matrix is `(K, K)`, row = truth.
        ignore: label that is left out, by default 255, the void border of VOC masks.
    """

    def __init__(self, num_classes: int, *, ignore: int = IGNORE) -> None:
        if num_classes < 1:
            raise ValueError(f"expected at least one class, got num_classes={num_classes}")
        self.num_classes, self.ignore = num_classes, ignore
        self.counts: Tensor | None = None

    def add(self, predictions: Tensor, labels: Tensor) -> None:
        """Count class indices of any equal shape `(...)`.

        Raises:
            ValueError: if the shapes differ.
        """
        if predictions.shape != labels.shape:
            raise ValueError(
                f"expected equal shapes, got {tuple(predictions.shape)} and {tuple(labels.shape)}"
            )
        kept = labels != self.ignore
        truth, guess = labels[kept].long(), predictions[kept].long()
        pairs = torch.stack((truth, guess))
        if ((pairs < 0) | (pairs >= self.num_classes)).any():
            raise ValueError(
                f"a label or prediction is outside 0..{self.num_classes - 1}. "
                f"Fix: num_classes must cover all classes; only {self.ignore} is ignored."
            )
        counts = torch.bincount(truth * self.num_classes + guess, minlength=self.num_classes**2)
        counts = counts.reshape(self.num_classes, self.num_classes)
        self.counts = counts if self.counts is None else self.counts + counts

    @property
    def pixel_accuracy(self) -> float:
        """Share of counted places whose prediction is right; nan if nothing was counted."""
        if self.counts is None:
            return float("nan")
        return (self.counts.diagonal().sum() / self.counts.sum()).item()

    @property
    def iou(self) -> Tensor:
        """Intersection over union by class `(K,)`, float32; nan for a class in neither truth nor prediction."""
        if self.counts is None:
            return torch.full((self.num_classes,), float("nan"))
        hits = self.counts.diagonal()
        return hits / (self.counts.sum(0) + self.counts.sum(1) - hits)

    @property
    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that occur; nan if none does."""
        return self.iou.nanmean().item()

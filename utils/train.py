"""The training loop of the course: a generator that yields one Record an epoch and draws nothing.

    for record in fit(model, train, optimizer, epochs=5, valid=valid):
        plot.update(record)

Chapter 18 writes the loop out by hand and then compares it with this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from utils import checkpoint as checkpoints
from utils.device import device_of, move
from utils.history import Record
from utils.metrics import Averages, Sums, correct


class Step(NamedTuple):
    """What one batch gives: the loss to go downhill on, and metric name -> (sum over examples, count)."""

    loss: Tensor
    sums: Sums


StepFunction = Callable[[nn.Module, Any], Step]


def classification_step(
    model: nn.Module, batch: tuple[Tensor, Tensor], *, label_smoothing: float = 0.0
) -> Step:
    """Cross-entropy and accuracy of one batch.

    Args:
        model: maps `(N, ...)` to logits `(N, K)`.
        batch: `(x, labels)`, labels `(N,)` integer classes.
        label_smoothing: as in `F.cross_entropy`; `functools.partial` sets it.
    """
    x, labels = batch
    logits = model(x)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)
    count = labels.numel()
    return Step(loss, {"loss": (loss.detach() * count, count), "accuracy": (correct(logits, labels), count)})


def regression_step(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Step:
    """Mean squared error of one batch; `model(x)` and the targets must have the same shape `(N, ...)`.

    Raises:
        ValueError: if the shapes differ, since `(N, 1)` against `(N,)` would broadcast to `(N, N)` in silence.
    """
    x, targets = batch
    predictions = model(x)
    if predictions.shape != targets.shape:
        raise ValueError(
            f"expected predictions and targets of one shape, got {tuple(predictions.shape)} and "
            f"{tuple(targets.shape)}. Fix: reshape the targets, e.g. y.reshape(-1, 1)."
        )
    loss = F.mse_loss(predictions.float(), targets)
    count = len(targets)
    return Step(loss, {"loss": (loss.detach() * count, count)})


def fit(
    model: nn.Module,
    batches: Iterable,
    optimizer: torch.optim.Optimizer,
    step: StepFunction = classification_step,
    *,
    epochs: int,
    valid: Iterable | None = None,
    scheduler: Any = None,
    schedule_by: str = "epoch",
    device: torch.device | str | None = None,
    autocast: torch.dtype | None = None,
    checkpoint: str | Path | None = None,
) -> Iterator[Record]:
    """Train for `epochs`, yielding a Record after each.

    Nothing happens until the records are asked for: `History(fit(...))` trains to the end, a loop that breaks stops.
    Metrics are averages over examples, named `train loss`, `valid accuracy` and so on. The device is waited for
    once an epoch. The model is in train mode inside an epoch and back in its former mode at each yield.

    Args:
        model: on its device already, or moved by `device`; its weights are never re-initialised.
        batches: re-iterable batches (`Batches` or a DataLoader); what one batch is, only `step` knows.
        optimizer: over the model's parameters.
        step: `step(model, batch) -> Step`.
        epochs: number of passes in all, those of a resumed checkpoint included.
        valid: batches evaluated without gradients after each epoch, or None.
        scheduler: a learning-rate scheduler or None; ReduceLROnPlateau is shown the newest loss.
        schedule_by: `epoch` or `batch`: when the scheduler steps (OneCycleLR wants `batch`).
        device: where to train; None keeps the model where it is.
        autocast: torch.bfloat16 for mixed precision (see `utils.device.low_precision`), or None.
        checkpoint: file written after each epoch and continued from if it exists; a run that was killed and
            resumed gives the same weights as one that was not, bit for bit on a CPU.

    Raises:
        ValueError: at once for arguments that do not fit; when it runs for empty batches or a checkpoint of
            another model or other settings.
        FloatingPointError: when a loss was not finite; it names the epoch and the batch.
    """
    if epochs < 0:
        raise ValueError(f"expected epochs >= 0, got {epochs}")
    if schedule_by not in ("epoch", "batch"):
        raise ValueError(f"expected schedule_by 'epoch' or 'batch', got {schedule_by!r}")
    if schedule_by == "batch" and isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise ValueError("ReduceLROnPlateau looks at the loss of an epoch. Fix: schedule_by='epoch'.")
    if isinstance(batches, Iterator):
        raise ValueError(
            f"expected batches that can be walked once an epoch, got an iterator ({type(batches).__name__}). "
            "Fix: a list, Batches or a DataLoader."
        )
    if device is not None:
        model.to(device)
    return _records(
        checkpoints.Run(model, optimizer, scheduler, batches),
        step,
        epochs,
        valid,
        schedule_by,
        autocast,
        checkpoint,
    )


def _records(run, step, epochs, valid, schedule_by, autocast, checkpoint) -> Iterator[Record]:
    """The generator behind `fit`, whose arguments are checked before it starts."""
    model, optimizer, scheduler, batches = run
    device = device_of(model)
    records, random_state = [], None
    if checkpoint is not None:
        records, random_state = checkpoints.resume(checkpoint, run, epochs=epochs)
    by_batch = scheduler if schedule_by == "batch" else None
    yield from records[:-1]
    if records:
        # The file was written just before this record came out: what the loop's body draws next is drawn as then.
        checkpoints.set_random_state(batches, random_state)
        yield records[-1]
    for epoch in range(len(records) + 1, epochs + 1):
        start = time.perf_counter()
        train = _train_epoch(model, batches, optimizer, step, epoch, by_batch, device, autocast)
        train_seconds = time.perf_counter() - start
        examples = train.pop("examples")
        metrics = {f"train {name}": value for name, value in train.items()}
        if valid is not None:
            scores = evaluate(model, valid, step, autocast=autocast)
            metrics |= {f"valid {name}": value for name, value in scores.items()}
        if scheduler is not None and schedule_by == "epoch":
            _step_scheduler(scheduler, metrics)
        seconds = time.perf_counter() - start
        records = [*records, Record(epoch, metrics, seconds, examples / train_seconds)]
        if checkpoint is not None:
            checkpoints.save(checkpoint, run, records)
        yield records[-1]


def _train_epoch(model, batches, optimizer, step, epoch, scheduler, device, autocast) -> dict[str, float]:
    """One pass over the batches in train mode; the means of the metrics and the number of examples."""
    averages, losses, examples = Averages(), _Losses(device), 0
    with _mode(model, training=True):
        for batch in batches:
            batch = move(batch, device)
            with _autocast(device, autocast):
                loss, sums = step(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            averages.add(sums)
            losses.add(loss)
            examples += _length(batch)
            del batch  # before the next one is made, which takes over its memory
    if not losses.count:
        raise ValueError("no batches to train on. Fix: check that the data set is not empty.")
    losses.check_finite(epoch)
    return averages.means() | {"examples": examples}


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterable,
    step: StepFunction = classification_step,
    *,
    autocast: torch.dtype | None = None,
) -> dict[str, float]:
    """Return the example-weighted means of a step's metrics, without gradients and in eval mode.

    The mode of the model is given back as it was. Metrics with a count of 0 are nan.

    Raises:
        ValueError: if there are no batches.
    """
    device, averages = device_of(model), Averages()
    with _mode(model, training=False), _autocast(device, autocast):
        for batch in batches:
            averages.add(step(model, move(batch, device)).sums)
            del batch
    means = averages.means()
    if not means:
        raise ValueError("no batches to evaluate on. Fix: check that the data set is not empty.")
    return means


@torch.no_grad()
def predict(model: nn.Module, batches: Iterable | Tensor, *, autocast: torch.dtype | None = None) -> Tensor:
    """Return the model's outputs for all batches in order, `(N, ...)` on the CPU, in eval mode.

    Args:
        batches: batches whose first element is the input, such as `(x, labels)`, or batches of inputs; a tensor
            `(N, ...)` is one batch.
    """
    device, outputs = device_of(model), []
    if isinstance(batches, Tensor):
        batches = [batches]
    with _mode(model, training=False), _autocast(device, autocast):
        for batch in batches:
            x = batch[0] if isinstance(batch, (tuple, list)) else batch
            outputs.append(model(move(x, device)).float())
    if not outputs:
        raise ValueError("no batches to predict on. Fix: check that the data set is not empty.")
    return torch.cat(outputs).cpu()


@contextmanager
def _mode(model: nn.Module, *, training: bool):
    """Set train or eval mode, and give every submodule its own mode back, also after an error or Stop."""
    before = [(module, module.training) for module in model.modules()]
    held_in_eval = [module for module, was_training in before if not was_training]
    part_of_a_training_model = model.training
    model.train(training)
    if training and part_of_a_training_model:
        # Parts that the caller holds in eval mode on purpose (a frozen backbone's batch norm) stay so.
        for module in held_in_eval:
            module.training = False
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training


def _step_scheduler(scheduler: Any, metrics: dict[str, float]) -> None:
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        scheduler.step(metrics.get("valid loss", metrics["train loss"]))
    else:
        scheduler.step()


def _autocast(device: torch.device, dtype: torch.dtype | None):
    return torch.autocast(device.type, dtype=dtype) if dtype is not None else nullcontext()


def _length(batch: Any) -> int:
    while isinstance(batch, (tuple, list, dict)):
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return len(batch)


class _Losses:
    """The losses of an epoch in one block on the device, looked at once: a look at each would be a wait in each step.

    One block and not a list, since a tiny tensor kept from each step would break up the free memory that the next
    step's activations take over while it is still in the cache.
    """

    def __init__(self, device: torch.device) -> None:
        self.values, self.count = torch.zeros(1024, device=device), 0

    def add(self, loss: Tensor) -> None:
        if self.count == len(self.values):
            self.values = torch.cat((self.values, torch.zeros_like(self.values)))
        self.values[self.count] = loss.detach()
        self.count += 1

    def check_finite(self, epoch: int) -> None:
        values = self.values[: self.count]
        finite = torch.isfinite(values)
        if not finite.all():
            batch = int((~finite).nonzero()[0]) + 1
            raise FloatingPointError(
                f"the loss was {values[batch - 1].item()} in epoch {epoch}, batch {batch} of {self.count}. "
                "Fix: a smaller learning rate, normalised inputs, or clipped gradients; "
                "a checkpoint, if there is one, still holds the epoch before."
            )

"""The book's training loops and measures: its signatures, steps and printed lines, without a wait in every step.

With equal seeds and batches the weights are those of d2l 0.17.0. Losses and hits stay on the device until the epoch
ends; the curve gets the book's points then. At scale `sample` `utils.d2l.budget` bounds the work of a call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from utils.d2l.budget import Plan, plan
from utils.d2l.installed import book
from utils.d2l.layers import try_all_gpus
from utils.d2l.loaders import on_device
from utils.device import device_of, move
from utils.metrics import Averages

__all__ = [
    "accuracy",
    "evaluate_accuracy",
    "evaluate_accuracy_gpu",
    "evaluate_loss",
    "train_batch_ch13",
    "train_ch3",
    "train_ch6",
    "train_ch13",
    "train_epoch_ch3",
]  # fmt: skip

LEGEND = ["train loss", "train acc", "test acc"]


def accuracy(y_hat: Tensor, y: Tensor) -> float:
    """Return the number (not the share) of right predictions; scores `(N, K, ...)` or classes, labels `(N, ...)`."""
    return float(_hits(y_hat, y))


def _means(averages: Averages) -> dict[str, float]:
    means = averages.means()
    _check_some(means)
    return means


def _check_some(found: Any) -> None:
    if not found:
        raise ValueError("no batches. Fix: check that the set is not empty, or used up as generators are.")


def _hits(y_hat: Tensor, y: Tensor) -> Tensor:
    if y_hat.ndim > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(dim=1)
    return (y_hat.type(y.dtype) == y).sum()


def evaluate_accuracy(net: Callable, data_iter: Iterable) -> float:
    """Return the share of right predictions over all batches; like the book's it leaves `net` in eval mode."""
    return _share_right(net, data_iter, None)


def evaluate_accuracy_gpu(net: Callable, data_iter: Iterable, device: Any = None) -> float:
    """The same on `device`, by default the net's own."""
    if device is None and isinstance(net, nn.Module):
        device = device_of(net)
    return _share_right(net, data_iter if device is None else on_device(data_iter, device), device)


@torch.no_grad()
def _share_right(net: Callable, batches: Iterable, device: Any) -> float:
    if isinstance(net, nn.Module):
        net.eval()
    averages = Averages()
    for X, y in batches:
        if device is not None:
            X, y = move(X, device), y.to(device)
        averages.add({"right": (_hits(net(X), y), y.numel())})
    return _means(averages)["right"]


@torch.no_grad()
def evaluate_loss(net: Callable, data_iter: Iterable, loss: Callable) -> float:
    """Return the mean loss over all examples; `loss` gives one number an example, or their mean."""
    averages = Averages()
    for X, y in data_iter:
        out = net(X)
        value = loss(out, y.reshape(out.shape))
        averages.add({"loss": (value.sum(), value.numel())})
    return _means(averages)["loss"]


def train_epoch_ch3(net: Any, train_iter: Iterable, loss: Callable, updater: Any) -> tuple[float, float]:
    """Train for one epoch and return the mean loss and the share of right predictions.

    Args:
        net: a module, or any function of X.
        loss: mean over the batch (d2l 0.17.0), or one number an example (`reduction='none'`, later editions).
        updater: an optimizer, or `updater(batch_size)` over parameters that hold the gradient of the summed loss.
    """
    if isinstance(net, nn.Module):
        net.train()
    averages = Averages()
    for X, y in train_iter:
        y_hat = net(X)
        value = loss(y_hat, y)
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            value.mean().backward()
            updater.step()
        else:
            value.sum().backward()
            updater(X.shape[0])
        value = value.detach()
        total = value.sum() if value.ndim else value * len(y)
        averages.add({"loss": (total, y.numel()), "right": (_hits(y_hat.detach(), y), y.numel())})
    means = _means(averages)
    return means["loss"], means["right"]


def train_ch3(
    net: Any, train_iter: Iterable, test_iter: Iterable, loss: Callable, num_epochs: int, updater: Any
) -> None:
    """Train and draw loss and accuracies epoch by epoch.

    The book ends with asserts (loss below .5, accuracies above .7), which stop a short run that is in order; here a
    line says so.
    """
    animator = book.Animator(xlabel="epoch", xlim=[1, num_epochs], ylim=[0.3, 0.9], legend=LEGEND)
    todo = plan(net, train_iter, num_epochs)
    train_loss = train_acc = test_acc = float("nan")
    for epoch in range(todo.epochs):
        train_loss, train_acc = train_epoch_ch3(net, _Cut(train_iter, todo), loss, updater)
        test_acc = evaluate_accuracy(net, _Cut(test_iter, todo))
        animator.add(epoch + 1, (train_loss, train_acc, test_acc))
    if train_loss >= 0.5 or train_acc <= 0.7 or test_acc <= 0.7:
        print(
            f"loss {train_loss:.3f}, train acc {train_acc:.3f}, test acc {test_acc:.3f}: "
            "the book expects a loss below 0.5 and accuracies above 0.7"
        )


class _Cut:
    """A plan's part of re-iterable batches."""

    def __init__(self, batches: Iterable, todo: Plan) -> None:
        self.batches, self.plan = batches, todo

    def __iter__(self):
        return self.plan.cut(self.batches)


def train_ch6(
    net: nn.Module, train_iter: Iterable, test_iter: Iterable, num_epochs: int, lr: float, device: Any
) -> None:
    """Train with SGD on `device`, after drawing the weights of all linear and convolution layers anew (Xavier).

    The book draws them too: load pretrained weights afterwards, or use train_ch13.
    """

    def init_weights(module: nn.Module) -> None:
        if type(module) in (nn.Linear, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)

    net.apply(init_weights)
    print("training on", device)
    net.to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()

    def step(X: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        optimizer.zero_grad()
        y_hat = net(X)
        value = loss(y_hat, y)
        value.backward()
        optimizer.step()
        return value.detach() * len(X), _hits(y_hat.detach(), y)

    _train(net, train_iter, test_iter, num_epochs, device, step, device, {})


def train_batch_ch13(
    net: nn.Module, X: Any, y: Tensor, loss: Callable, trainer: torch.optim.Optimizer, devices: Sequence[Any]
) -> tuple[Tensor, float]:
    """Train on one batch and return the summed loss (a tensor without graph) and the number of right predictions.

    The gradient is that of the sum: with `reduction='none'` a learning rate of 5e-5 at 128 examples is one of 6.4e-3
    for the mean.
    """
    total, hits = _step_ch13(net, move(X, devices[0]), y.to(devices[0]), loss, trainer)
    return total, float(hits)


def _step_ch13(net: nn.Module, X: Any, y: Tensor, loss: Callable, trainer: Any) -> tuple[Tensor, Tensor]:
    net.train()
    trainer.zero_grad()
    pred = net(X)
    total = loss(pred, y).sum()
    total.backward()
    trainer.step()
    return total.detach(), _hits(pred.detach(), y)


def train_ch13(
    net: nn.Module,
    train_iter: Iterable,
    test_iter: Iterable,
    loss: Callable,
    trainer: torch.optim.Optimizer,
    num_epochs: int,
    devices: Sequence[Any] | None = None,
) -> None:
    """Train with the given optimizer on one device or several (`nn.DataParallel` over GPUs); weights are kept.

    Args:
        loss: one number an example (`reduction='none'`); see `train_batch_ch13`.
        devices: None or an empty list (which d2l 1.0.3 makes of a machine without GPU) takes `try_all_gpus()`.
    """
    devices = list(devices or try_all_gpus())
    net = net.to(devices[0])
    if len(devices) > 1:
        net = nn.DataParallel(net, device_ids=devices)

    def step(X: Any, y: Tensor) -> tuple[Tensor, Tensor]:
        return _step_ch13(net, X, y, loss, trainer)

    _train(net, train_iter, test_iter, num_epochs, devices[0], step, devices, {"ylim": [0, 1]})


def _train(net, train_iter, test_iter, num_epochs, device, step, where, options) -> None:
    """The loop that train_ch6 and train_ch13 share: epochs, curve, and the two closing lines."""
    animator = book.Animator(xlabel="epoch", xlim=[1, num_epochs], legend=LEGEND, **options)
    train_iter, test_iter = on_device(train_iter, device), on_device(test_iter, device)
    todo = plan(net, train_iter, num_epochs)
    seconds, points, test_acc, examples = 0.0, [(float("nan"), float("nan"))], float("nan"), 0
    for epoch in range(todo.epochs):
        started, tally = time.perf_counter(), _Tally()
        net.train()
        for X, y in todo.cut(train_iter):
            X, y = move(X, device), y.to(device)
            tally.add(*step(X, y), y)
        points, examples = tally.running(), examples + tally.examples
        seconds += time.perf_counter() - started
        every = max(1, len(points) // 5)
        for i, (loss, acc) in enumerate(points, start=1):
            if i % every == 0 or i == len(points):
                animator.add(epoch + i / len(points), (loss, acc, None))
        test_acc = evaluate_accuracy_gpu(net, _Cut(test_iter, todo), device)
        animator.add(epoch + 1, (None, None, test_acc))
    print(f"loss {points[-1][0]:.3f}, train acc {points[-1][1]:.3f}, test acc {test_acc:.3f}")
    print(f"{examples / max(seconds, 1e-9):.1f} examples/sec on {where!s}")


class _Tally:
    """Losses and hits of an epoch, kept on the device until the epoch is over."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []
        self.hits: list[Tensor] = []
        self.sizes: list[tuple[int, int]] = []

    @property
    def examples(self) -> int:
        return sum(size for size, _ in self.sizes)

    def add(self, loss: Tensor, hits: Tensor, labels: Tensor) -> None:
        self.losses.append(loss)
        self.hits.append(hits)
        self.sizes.append((labels.shape[0], labels.numel()))

    def running(self) -> list[tuple[float, float]]:
        """Mean loss and share of hits after each batch, over the epoch so far: the one wait for the device."""
        _check_some(self.sizes)
        examples, predictions = torch.tensor(self.sizes, dtype=torch.float64).cumsum(0).unbind(1)
        losses, hits = (torch.stack(values).cpu().double().cumsum(0) for values in (self.losses, self.hits))
        return list(zip((losses / examples).tolist(), (hits / predictions).tolist(), strict=True))

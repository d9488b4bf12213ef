"""Seconds until a net knows as much as the book teaches it, by d2l's loop and by ours; `benchmarks.race` runs it.

The book's side trains by its own recipe, loader and loop, ten epochs with an evaluation and a drawing after each. The
mean of its final test accuracies is the target. Our side trains the same net, with the course's pipeline and a modern
recipe of fixed length, and passes if every seed ends above the target. Both clocks run from the first batch to the
last evaluation; opening the data set is outside of both. All on the real, whole Fashion-MNIST.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn

from benchmarks.bench_fashion_mnist import book_dropout, book_mlp, book_softmax, silently
from benchmarks.harness import machine
from utils.d2l import original as d2l
from utils.datasets.fashion_mnist import load_fashion_mnist
from utils.device import seed_everything
from utils.models.bn_lenet import bn_lenet
from utils.models.lenet import lenet
from utils.models.resnet import resnet
from utils.train import evaluate, fit

BOOK_EPOCHS = 10
SEEDS = (0, 1, 2)
Run = dict[str, float]  # seed, seconds, accuracy


class Standardise(nn.Module):
    """Pixels with the mean 0 and the deviation 1 of Fashion-MNIST's training pictures."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.286) / 0.353


def init_he(module: nn.Module) -> None:
    """He's normal weights and no bias, for layers with ReLU."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


@dataclass(frozen=True)
class Contest:
    """One net, trained in two ways.

    Attributes:
        slug, title: on the command line and in the table.
        book: makes the book's net.
        rate: of the book's plain SGD.
        loop: the book's training function, `train_ch3` or `train_ch6`.
        ours: makes the net of the modern recipe.
        epochs, peak, batch_size: of the modern recipe.
    """

    slug: str
    title: str
    book: Callable[[], nn.Module]
    rate: float
    loop: str
    ours: Callable[[], nn.Module]
    epochs: int
    peak: float
    batch_size: int


def contests() -> list[Contest]:
    """The nets of chapters 6, 7, 10, 18, 23 and 24."""

    def modern(net: nn.Module) -> nn.Module:
        return nn.Sequential(Standardise(), net).apply(init_he)

    relu_lenet = partial(lenet, activation=nn.ReLU, pooling=nn.MaxPool2d)
    relu_bn_lenet = partial(bn_lenet, activation=nn.ReLU)
    return [
        Contest("softmax", "softmax regression", book_softmax, 0.1, "train_ch3",
                lambda: modern(book_softmax()), 1, 0.01, 256),
        Contest("mlp", "MLP", book_mlp, 0.1, "train_ch3", lambda: modern(book_mlp()), 1, 0.006, 256),
        Contest("dropout", "MLP with dropout", book_dropout, 0.5, "train_ch3",
                lambda: modern(book_dropout()), 2, 0.006, 256),
        Contest("lenet", "LeNet", lenet, 0.9, "train_ch6", lambda: modern(relu_lenet()), 1, 0.01, 128),
        Contest("bn_lenet", "LeNet, batch norm", bn_lenet, 1.0, "train_ch6",
                lambda: modern(relu_bn_lenet()), 1, 0.02, 128),
        Contest("resnet18", "ResNet-18", resnet, 0.05, "train_ch6", lambda: modern(resnet()), 2, 0.003, 128),
    ]  # fmt: skip


def by_the_book(contest: Contest, seed: int) -> Run:
    """Ten epochs of d2l's own loop; the accuracy is that of the last epoch."""
    seed_everything(seed)
    train, test = d2l.load_data_fashion_mnist(256)
    model = contest.book()
    start = time.perf_counter()
    if contest.loop == "train_ch3":
        updater = torch.optim.SGD(model.parameters(), contest.rate)
        with contextlib.suppress(AssertionError):  # it ends with asserts on what softmax regression reaches
            silently(d2l.train_ch3, model, train, test, nn.CrossEntropyLoss(), BOOK_EPOCHS, updater)
    else:
        silently(d2l.train_ch6, model, train, test, BOOK_EPOCHS, contest.rate, torch.device("cpu"))
    seconds = time.perf_counter() - start
    return as_run(seed, seconds, evaluate(model, load_fashion_mnist().test)["accuracy"])


class First:
    """The first batches of a loader."""

    def __init__(self, loader, count: int):
        self.loader, self.count = loader, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator:
        return islice(iter(self.loader), self.count)


def projected(contest: Contest, steps: int = 10) -> Run:
    """Ten epochs of the book's ResNet-18 take hours: time some steps and batches, and multiply.

    Starting the workers and drawing are left out. The accuracy is the one that the book prints.
    """
    seed_everything(0)
    train, test = d2l.load_data_fashion_mnist(256, resize=96)
    took = []
    for count in (steps, 2 * steps):
        start = time.perf_counter()
        silently(
            d2l.train_ch6,
            contest.book(),
            First(train, count),
            First(test, 1),
            1,
            contest.rate,
            torch.device("cpu"),
        )
        took.append(time.perf_counter() - start)
    start = time.perf_counter()
    d2l.evaluate_accuracy_gpu(contest.book(), First(test, 4))
    evaluation = (time.perf_counter() - start) / 4 * len(test)
    epoch = (took[1] - took[0]) / steps * len(train) + evaluation
    return as_run(0, BOOK_EPOCHS * epoch, 0.893)


def modern_recipe(contest: Contest, seed: int) -> Run:
    """AdamW, one cycle, standardised pixels, He's weights; one evaluation at the end."""
    data = load_fashion_mnist(contest.batch_size, seed=seed)
    seed_everything(seed)
    start = time.perf_counter()
    model = contest.ours()
    if contest.slug in ("lenet", "resnet18"):  # measured: it slows the LeNet with batch norm down
        model.to(memory_format=torch.channels_last)
    train_modern(model, data.train, contest.epochs, contest.peak)
    accuracy = evaluate(model, data.test)["accuracy"]
    return as_run(seed, time.perf_counter() - start, accuracy)


def train_modern(
    model: nn.Module, batches, epochs: int, peak: float, autocast: torch.dtype | None = None
) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=epochs * len(batches), pct_start=0.2, anneal_strategy="linear"
    )
    run = fit(
        model, batches, optimizer, epochs=epochs, scheduler=cycle, schedule_by="batch", autocast=autocast
    )
    for _ in run:
        pass


def as_run(seed: int, seconds: float, accuracy: float) -> Run:
    return {"seed": seed, "seconds": round(seconds, 2), "accuracy": round(accuracy, 4)}


def race(contest: Contest) -> dict:
    """Both sides in turns, seed by seed."""
    row: dict = {"title": contest.title, "epochs": contest.epochs, "projected": contest.slug == "resnet18"}
    row |= {"book": [], "ours": [], "machine": machine()}
    for seed in SEEDS:
        if not row["projected"] or seed == 0:
            row["book"].append(projected(contest) if row["projected"] else by_the_book(contest, seed))
        row["ours"].append(modern_recipe(contest, seed))
        print(f"{contest.slug}, seed {seed}: book {row['book'][-1]}, ours {row['ours'][-1]}", flush=True)
    return row

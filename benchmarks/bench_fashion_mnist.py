"""Reading Fashion-MNIST and training the first three nets on it: our pipeline against d2l's own loader and loops.

    python -m benchmarks.bench_fashion_mnist --only reading --rounds 5

Both sides use the same pictures: all 70,000 if Debian's package dataset-fashion-mnist or `make data` brought them,
else the sample. d2l's functions run unchanged, plotting included, as a reader of the book runs them.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from benchmarks.harness import Apart, Case, main
from utils.d2l import original as d2l
from utils.datasets import fashion_mnist
from utils.datasets.fashion_mnist import load_fashion_mnist
from utils.device import keep_freed_memory, seed_everything
from utils.models.bn_lenet import bn_lenet
from utils.models.lenet import init_xavier, lenet
from utils.train import evaluate, fit


def scale() -> str:
    """`full` where the whole set is at hand without a download, else `sample`."""
    from utils.datasets.download import find_present

    whole = fashion_mnist._SYSTEM_COPY.is_dir() or find_present("fashion-mnist")
    return "full" if whole else "sample"


def prepare(folder: Path) -> None:
    """Lay the pictures out as torchvision's downloader leaves them, and go where d2l's `../data` leads there."""
    raw = folder / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in fashion_mnist.root().glob("*.gz"):
        (raw / file.name.removesuffix(".gz")).write_bytes(gzip.decompress(file.read_bytes()))
    (folder / "notebooks").mkdir()
    os.chdir(folder / "notebooks")


@contextlib.contextmanager
def books_data(at: str | None = None) -> Iterator[None]:
    """Scale `at` or the largest at hand, in a folder where d2l finds the pictures; then back in the former one."""
    os.environ["COURSE_SCALE"] = at or scale()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        try:
            yield
        finally:
            os.chdir(here)


def consume(batches) -> int:
    """Walk all batches, as training does; the number of examples."""
    return sum(len(y) for _, y in batches)


def same_pixels(ours, theirs) -> bool:
    """All pictures of the two test splits are equal, pixel for pixel."""
    pairs = zip(ours, theirs, strict=True)
    return all(torch.equal(x, p) and torch.equal(y, q) for (x, y), (p, q) in pairs)


def silently(function, *arguments):
    """d2l prints and displays while it trains; the work is done, the text goes nowhere."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


def reading() -> Iterator[Case]:
    """An epoch of the training set; for the larger size a second or later one, where ours are already resized."""
    for side, floor, rounds in ((None, 30, 3), (96, 20, 3), (224, None, 2)):
        ours, theirs = load_fashion_mnist(resize=side), d2l.load_data_fashion_mnist(256, side)
        yield Case(
            "reading an epoch",
            f"{len(ours.train.images):,} pictures at {side or 28}",
            partial(consume, ours.train),
            partial(consume, theirs[0]),
            partial(same_pixels, ours.test, theirs[1]),
            floor=floor,
            rounds=rounds,
        )


def book_softmax() -> nn.Module:
    """The book's concise softmax regression."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).apply(book_init)


def book_mlp() -> nn.Module:
    """The book's concise MLP."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)).apply(book_init)


def book_dropout() -> nn.Module:
    """The book's concise MLP with dropout."""
    layers = [
        nn.Linear(784, 256),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(256, 256),
        nn.ReLU(),
        nn.Dropout(0.5),
    ]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(256, 10)).apply(book_init)


def book_init(module: nn.Module) -> None:
    """Normal weights with a deviation of 0.01, as in both chapters."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)


@dataclass(frozen=True)
class Training:
    """A recipe of the book.

    Attributes:
        build: makes the net.
        rate: of plain SGD.
        loop: the book's training function, which initialises by itself if it is `train_ch6`.
        layout: of our tensors, by measurement, net by net.
        tolerance: how far apart the accuracies of two runs of one epoch may be.
        floor: the ratio that was promised.
    """

    build: Callable[[], nn.Module]
    rate: float
    loop: str
    layout: torch.memory_format
    tolerance: float
    floor: float


TRAININGS = {
    "softmax regression": Training(book_softmax, 0.1, "train_ch3", torch.contiguous_format, 0.08, 20),
    "MLP, 256 hidden": Training(book_mlp, 0.1, "train_ch3", torch.contiguous_format, 0.08, 12),
    "MLP with dropout": Training(book_dropout, 0.5, "train_ch3", torch.contiguous_format, 0.12, 5),
    "LeNet, sigmoid": Training(lenet, 0.9, "train_ch6", torch.channels_last, 0.3, 3),
    "LeNet, batch norm": Training(bn_lenet, 1.0, "train_ch6", torch.contiguous_format, 0.3, 3),
}


def train_ours(name: str, epochs: int) -> float:
    """Train by the book's recipe through our pipeline, evaluating each epoch; the last test accuracy."""
    keep_freed_memory()
    recipe = TRAININGS[name]
    seed_everything(0)
    data, model = load_fashion_mnist(), recipe.build().to(memory_format=recipe.layout)
    if recipe.loop == "train_ch6":
        model.apply(init_xavier)
    optimizer = torch.optim.SGD(model.parameters(), recipe.rate)
    history = list(fit(model, data.train, optimizer, epochs=epochs, valid=data.test))
    return history[-1]["valid accuracy"]


def train_theirs(name: str, epochs: int) -> float:
    """The same through the book's loader and its loop."""
    recipe = TRAININGS[name]
    seed_everything(0)
    train, test = d2l.load_data_fashion_mnist(256)
    model = recipe.build()
    if recipe.loop == "train_ch3":
        updater = torch.optim.SGD(model.parameters(), recipe.rate)
        # It ends with asserts on fixed limits, which a single epoch does not reach.
        with contextlib.suppress(AssertionError):
            silently(d2l.train_ch3, model, train, test, nn.CrossEntropyLoss(), epochs, updater)
    else:
        silently(d2l.train_ch6, model, train, test, epochs, recipe.rate, torch.device("cpu"))
    return evaluate(model, load_fashion_mnist().test)["accuracy"]


def training(epochs: int = 1) -> Iterator[Case]:
    """One epoch of each recipe, wall clock: loading, evaluation and, on the book's side, drawing included."""
    for name, recipe in TRAININGS.items():
        ours, theirs = (Apart(partial, side, name, epochs) for side in (train_ours, train_theirs))
        yield Case(
            f"training, {name}",
            f"{epochs} epoch",
            ours,
            theirs,
            lambda ours=ours, theirs=theirs, recipe=recipe: abs(ours() - theirs()) < recipe.tolerance,
            floor=recipe.floor,
            rounds=5,
        )
        ours.close(), theirs.close()


def evaluation() -> Iterator[Case]:
    """The test set through a LeNet."""
    seed_everything(0)
    model, batches = lenet(), load_fashion_mnist(batch_size=1000).test
    theirs = d2l.load_data_fashion_mnist(256)[1]
    yield Case(
        "evaluating LeNet",
        f"{len(batches.images):,} pictures",
        partial(evaluate, model, batches),
        partial(d2l.evaluate_accuracy_gpu, model, theirs),
        lambda: abs(evaluate(model, batches)["accuracy"] - d2l.evaluate_accuracy_gpu(model, theirs)) < 1e-6,
        floor=2,
        rounds=5,
    )


def cases() -> Iterator[Case]:
    """Reading, evaluating, training."""
    yield from reading()
    yield from evaluation()
    yield from training()


if __name__ == "__main__":
    with books_data():
        main(cases)

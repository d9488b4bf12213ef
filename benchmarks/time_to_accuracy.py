"""`make race`: seconds until a net knows as much as the book's recipe teaches it, by d2l's loop and by ours.

The book's side trains by its own recipe, loader and loop, ten epochs with an evaluation and a drawing after each. The
mean of its final test accuracies is the target. Our side trains the same net, with the course's pipeline and a modern
recipe of fixed length, and passes if every seed ends above the target. Both clocks run from the first batch to the
last evaluation; opening the data set is outside of both. All on the real, whole Fashion-MNIST.

    python -m benchmarks.time_to_accuracy                        # about 30 minutes on two cores; resumes
    python -m benchmarks.time_to_accuracy --only "softmax mlp"
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.bench_fashion_mnist import book_dropout, book_mlp, book_softmax, prepare, scale, silently
from benchmarks.harness import machine, quiet
from utils import measured
from utils.d2l import original as d2l
from utils.datasets.fashion_mnist import load_fashion_mnist
from utils.device import keep_freed_memory, low_precision, seed_everything
from utils.measured.race import passes, ratio_of, target_of
from utils.models.bn_lenet import bn_lenet
from utils.models.lenet import init_xavier, lenet
from utils.models.resnet import resnet
from utils.train import evaluate, fit

NAME = "time_to_accuracy"
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
    return _run(seed, seconds, evaluate(model, load_fashion_mnist().test)["accuracy"])


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
    return _run(0, BOOK_EPOCHS * epoch, 0.893)


def modern_recipe(contest: Contest, seed: int) -> Run:
    """AdamW, one cycle, standardised pixels, He's weights; one evaluation at the end."""
    data = load_fashion_mnist(contest.batch_size, seed=seed)
    seed_everything(seed)
    start = time.perf_counter()
    model = contest.ours()
    if contest.slug in ("lenet", "resnet18"):  # measured: it slows the LeNet with batch norm down
        model.to(memory_format=torch.channels_last)
    _train(model, data.train, contest.epochs, contest.peak)
    accuracy = evaluate(model, data.test)["accuracy"]
    return _run(seed, time.perf_counter() - start, accuracy)


def _train(model: nn.Module, batches, epochs: int, peak: float, autocast: torch.dtype | None = None) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=epochs * len(batches), pct_start=0.2, anneal_strategy="linear"
    )
    run = fit(
        model, batches, optimizer, epochs=epochs, scheduler=cycle, schedule_by="batch", autocast=autocast
    )
    for _ in run:
        pass


def _run(seed: int, seconds: float, accuracy: float) -> Run:
    return {"seed": seed, "seconds": round(seconds, 2), "accuracy": round(accuracy, 4)}


def same_steps(seed: int, loop: str, **change) -> Run:
    """LeNet between d2l's loop and the modern recipe: one ingredient after the other.

    Args:
        loop: `d2l` for its train_ch6, `sgd` for plain SGD in ours, `cycle` for the modern recipe.
        change: `epochs`, `relu` (ReLU, maximum pooling, He's weights), `fast` (channels_last), `autocast`.
    """
    batch_size = 128 if loop == "cycle" else 256
    data = load_fashion_mnist(batch_size, seed=seed)
    seed_everything(seed)
    start = time.perf_counter()
    relu, epochs = change.get("relu", False), change.get("epochs", BOOK_EPOCHS)
    model = (
        lenet(activation=nn.ReLU, pooling=nn.MaxPool2d).apply(init_he) if relu else lenet().apply(init_xavier)
    )
    if loop == "cycle":
        model = nn.Sequential(Standardise(), model)
    if change.get("fast"):
        model.to(memory_format=torch.channels_last)
    if loop == "d2l":
        silently(d2l.train_ch6, model, data.train, data.test, epochs, 0.9, torch.device("cpu"))
    elif loop == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), 0.1 if relu else 0.9)
        for _ in fit(model, data.train, optimizer, epochs=epochs, valid=data.test):
            pass
    else:
        _train(model, data.train, epochs, 0.01, change.get("autocast"))
    accuracy = evaluate(model, data.test)["accuracy"]
    return _run(seed, time.perf_counter() - start, accuracy)


STEPS = {
    "pictures in memory": ("d2l", {}),
    "no waiting in each step": ("sgd", {}),
    "ReLU, maximum pooling, He's weights": ("sgd", {"relu": True}),
    "AdamW, one cycle, standardised pixels": ("cycle", {"relu": True}),
    "channels_last": ("cycle", {"relu": True, "fast": True}),
    "bfloat16": ("cycle", {"relu": True, "fast": True, "autocast": torch.bfloat16}),
}
"""What is added to LeNet's training, in this order, and how `same_steps` does it."""


def shortest(seeds: tuple[int, ...], target: float, loop: str, change: dict) -> tuple[int, list[Run]]:
    """The least number of epochs, in whole epochs up to ten, after which every seed has reached the target."""
    if not change:
        return BOOK_EPOCHS, [same_steps(seed, loop) for seed in seeds]  # still the book's recipe
    for epochs in range(1, BOOK_EPOCHS + 1):
        runs = [same_steps(seed, loop, epochs=epochs, **change) for seed in seeds]
        if min(run["accuracy"] for run in runs) >= target:
            break
    return epochs, runs


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


def ingredients(target: float) -> dict:
    """LeNet's rows, one for each ingredient that is added."""
    rows: dict = {"title": "LeNet, step by step", "machine": machine(), "target": target, "steps": []}
    for name, (loop, change) in STEPS.items():
        epochs, runs = shortest(SEEDS, target, loop, change)
        # Measured all the same where the processor has no matrix units, to show that it does not pay there.
        pays = not change.get("autocast") or low_precision(torch.device("cpu")) is not None
        rows["steps"].append({"name": name, "epochs": epochs, "runs": runs, "pays": pays})
        print(f"{name}: {epochs} epochs, {runs}", flush=True)
    return rows


def table(rows: dict) -> str:
    """Markdown of the contests, then of LeNet's ingredients."""
    if not rows:
        return "Nothing has been run yet: `make race`."
    lines = [
        "| net | book: accuracy | book: s | ours: epochs | ours: accuracy | ours: s | times as fast |",
        "|" + "---|" * 7,
    ]
    for slug, row in rows.items():
        if slug == "steps":
            continue
        accuracy, seconds = (_listed(row, key) for key in ("accuracy", "seconds"))
        times = f"{ratio_of(row):.0f}" + ("" if passes(row) else " (does not reach it)")
        cells = row["title"], accuracy[0], seconds[0] + " projected" * row["projected"], str(row["epochs"]), *(
            accuracy[1], seconds[1], times)  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    if "steps" in rows:
        lines += ["", "| LeNet, added | epochs | test accuracy | s |", "|---|---|---|---|"]
        for step in rows["steps"]["steps"]:
            name = step["name"] + " (does not pay here)" * (not step["pays"])
            cells = [
                ", ".join(_number(key, run[key]) for run in step["runs"]) for key in ("accuracy", "seconds")
            ]
            lines.append(f"| {name} | {step['epochs']} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _listed(row: dict, key: str) -> list[str]:
    return [", ".join(_number(key, run[key]) for run in row[side]) for side in ("book", "ours")]


def _number(key: str, value: float) -> str:
    if key == "accuracy":
        return f"{value:.3f}"
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def main(arguments: list[str] | None = None) -> int:
    """0 when all that was asked for is measured; 2 for an unknown name, or without the real pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", default="", help="names such as 'softmax lenet steps'; default what is missing"
    )
    options = parser.parse_args(arguments)
    known = {contest.slug: contest for contest in contests()}
    names = [*known, "steps"]
    if unknown := set(options.only.split()) - set(names):
        print(f"unknown: {' '.join(sorted(unknown))}; expected some of: {' '.join(names)}")
        return 2
    if scale() != "full":
        print("The race is about the real 60,000 + 10,000 pictures. Fix: make data.")
        return 2
    rows = measured.read(NAME)
    todo = options.only.split() or [name for name in names if name not in rows]
    print(
        f"{len(todo)} of {len(names)} to measure: half a minute to eight minutes each; close other programs.",
        flush=True,
    )
    keep_freed_memory()
    for name in todo:
        if name == "steps" and "lenet" not in rows:
            print("steps: needs lenet first")
            continue
        with quiet():
            rows[name] = race(known[name]) if name in known else ingredients(target_of(rows["lenet"]))
        order = [slug for slug in names if slug in rows]
        rows = {slug: rows[slug] for slug in order}
        measured.write(NAME, rows)
    print(table(rows))
    return 0


if __name__ == "__main__":
    os.environ["COURSE_SCALE"] = scale()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        try:
            code = main()
        finally:
            os.chdir(here)
    sys.exit(code)

"""LeNet between d2l's loop and the modern recipe, one ingredient after the other: rows for `benchmarks.race`."""

from __future__ import annotations

import time

import torch
from torch import nn

from benchmarks.bench_fashion_mnist import silently
from benchmarks.harness import machine
from benchmarks.time_to_accuracy import BOOK_EPOCHS, SEEDS, Run, Standardise, as_run, init_he, train_modern
from utils.d2l import original as d2l
from utils.datasets.fashion_mnist import load_fashion_mnist
from utils.device import low_precision, seed_everything
from utils.models.lenet import init_xavier, lenet
from utils.train import evaluate, fit


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
        train_modern(model, data.train, epochs, 0.01, change.get("autocast"))
    accuracy = evaluate(model, data.test)["accuracy"]
    return as_run(seed, time.perf_counter() - start, accuracy)


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

"""Training steps of the large nets at the book's sizes: `python -m benchmarks.bench_nets`.

Theirs is the step of the book's `train_ch6`, on the same net with the same weights: contiguous tensors, float32, the
usual allocator, two looks at the loss. Ours is what the chapters use at scale `full`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from benchmarks.harness import Case, main, usual_allocator
from utils.device import keep_freed_memory, low_precision, seed_everything
from utils.metrics import correct
from utils.models.alexnet import alexnet
from utils.models.googlenet import googlenet
from utils.models.lenet import init_xavier
from utils.models.nin import nin
from utils.models.resnet import resnet
from utils.models.vgg import VGG11, narrow, vgg
from utils.train import classification_step

NETS = {
    "ResNet-18": (resnet, 96, 64),
    "GoogLeNet": (googlenet, 96, 64),
    "AlexNet": (alexnet, 224, 32),
    "VGG-11 / 4": (lambda: vgg(narrow(VGG11, 4)), 224, 32),
    "NiN": (nin, 224, 32),
}


def cases() -> Iterator[Case]:
    """A step of each net; the floor is 3 where bfloat16 is faster, 1.3 elsewhere."""
    dtype = low_precision("cpu")
    for name, (build, side, batch) in NETS.items():
        seed_everything(0)
        model = build().apply(init_xavier)
        x, y = torch.rand(batch, 1, side, side), torch.randint(10, (batch,))
        theirs = book_step(deepcopy(model), x, y)
        ours = our_step(model, x, y, dtype)
        tolerance = 1e-3 if dtype is None else 3e-2

        def check(ours=ours, theirs=theirs, tolerance=tolerance) -> bool:
            torch.manual_seed(1)  # the same dropout on both sides
            first = ours()
            torch.manual_seed(1)
            return abs(first - theirs()) < tolerance

        kind = "bfloat16" if dtype else "float32"
        yield Case(f"step of {name}, {kind}", f"{batch} x 1 x {side} x {side}", ours, theirs, check,
                   floor=3 if dtype else 1.3, rounds=5)  # fmt: skip


def our_step(model: nn.Module, x: Tensor, y: Tensor, dtype: torch.dtype | None) -> Callable[[], float]:
    """`fit`'s step; a learning rate of 0 leaves the net as it is, at the cost of a real step."""
    model.to(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)

    def ours() -> float:
        keep_freed_memory()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is not None):
            step = classification_step(model, (x, y))
        optimizer.zero_grad()
        step.loss.backward()
        optimizer.step()
        return step.loss.item()

    return ours


def book_step(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], float]:
    """The body of the book's loop, its sums included."""
    optimizer, criterion = torch.optim.SGD(model.parameters(), lr=0.0), nn.CrossEntropyLoss()

    def theirs() -> float:
        usual_allocator()
        optimizer.zero_grad()
        logits = model(x)
        loss = criterion(logits, y)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            float(loss * x.shape[0]), float(correct(logits, y))
        return loss.item()

    return theirs


if __name__ == "__main__":
    main(cases)

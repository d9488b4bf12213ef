"""Training steps of the large nets at the book's sizes: `python -m benchmarks.bench_nets`.

Theirs is the step of the book's `train_ch6`, on the same net with the same weights: contiguous tensors, float32, the
usual allocator, two looks at the loss. Ours is what the chapters use at scale `full`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmarks.harness import Apart, Case, main
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
    "ResNet-18": (resnet, 96, 256),
    "GoogLeNet": (googlenet, 96, 128),
    "AlexNet": (alexnet, 224, 128),
    "VGG-11 / 4": (lambda: vgg(narrow(VGG11, 4)), 224, 128),
    "NiN": (nin, 224, 128),
}


def cases() -> Iterator[Case]:
    """A step of each net; the floor is 3 where bfloat16 is faster, 1.3 elsewhere."""
    dtype = low_precision("cpu")
    tolerance = 1e-3 if dtype is None else 3e-2
    for name, (_, side, batch) in NETS.items():
        ours, theirs = Apart(our_step, name, dtype), Apart(book_step, name)
        kind = "bfloat16" if dtype else "float32"

        def same_curve(ours=ours, theirs=theirs) -> bool:
            return all(abs(ours(0.01) - theirs(0.01)) < tolerance for _ in range(3))

        yield Case(f"step of {name}, {kind}", f"{batch} x 1 x {side} x {side}", ours, theirs, same_curve,
                   floor=3 if dtype else 1.3, rounds=5)  # fmt: skip
        ours.close(), theirs.close()


def net_and_batch(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """The same weights and pictures in each process."""
    build, side, batch = NETS[name]
    seed_everything(0)
    return build().apply(init_xavier), torch.rand(batch, 1, side, side), torch.randint(10, (batch,))


def our_step(name: str, dtype: torch.dtype | None) -> Callable[..., float]:
    """`fit`'s step, which returns the loss; a rate of 0 leaves the net as it is, at the cost of a real step."""
    keep_freed_memory()
    model, x, y = net_and_batch(name)
    model.to(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)

    def ours(rate: float = 0.0) -> float:
        optimizer.param_groups[0]["lr"] = rate
        torch.manual_seed(1)  # the same dropout on both sides
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is not None):
            step = classification_step(model, (x, y))
        optimizer.zero_grad()
        step.loss.backward()
        optimizer.step()
        return step.loss.item()

    return ours


def book_step(name: str) -> Callable[..., float]:
    """The body of the book's loop, its sums included."""
    model, x, y = net_and_batch(name)
    optimizer, criterion = torch.optim.SGD(model.parameters(), lr=0.0), nn.CrossEntropyLoss()

    def theirs(rate: float = 0.0) -> float:
        optimizer.param_groups[0]["lr"] = rate
        torch.manual_seed(1)
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

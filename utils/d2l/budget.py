"""How much of a training call is done at scale `sample`: light nets train in full, heavy ones a few batches.

An AlexNet on 224 x 224 pictures takes hours on a processor where a LeNet takes seconds. So the work is counted, not
the epochs: a call whose multiplications stay below `WORK` is the book's, batch for batch; of one above it, as much is
done as fits. What was left out is printed. At scale `full` nothing is.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from utils.device import device_of, move
from utils.settings import settings

WORK = 4e11
"""Floating-point operations of a training call at `sample`: some ten seconds on one processor core."""


class Plan(NamedTuple):
    """What a call does: epochs, batches of each, and examples of each batch; None is all of them."""

    epochs: int
    batches: int | None = None
    examples: int | None = None

    def cut(self, batches: Iterable) -> Iterator[tuple[Any, Tensor]]:
        """Yield the batches `(X, y)` of a pass over the training or the test set, as many and as large as planned."""
        for X, y in itertools.islice(batches, self.batches):
            if self.examples is not None and isinstance(X, Tensor):
                X, y = X[: self.examples], y[: self.examples]
            yield X, y


def plan(net: Any, batches: Iterable, epochs: int) -> Plan:
    """Return what of `epochs` passes over `batches` is to be done at the present scale, and print what is not.

    The cost of an example is that of a forward pass on two, times three for the way back.
    """
    everything = Plan(epochs)
    if settings.scale == "full" or not isinstance(net, nn.Module) or not hasattr(batches, "__len__"):
        return everything
    count = len(batches)
    if not count or not epochs:
        return everything
    # The look at the first batch must not move the random numbers that training draws.
    with torch.random.fork_rng(devices=[]):
        X = next(iter(batches))[0]
        if not isinstance(X, Tensor):
            return everything
        affordable = WORK / max(1.0, 3 * operations(net, move(X[:2], device_of(net))) / len(X[:2]))
    if len(X) * count * epochs <= affordable:
        return everything
    if affordable < 2 * len(X):
        chosen = Plan(1, min(2, count), max(4, math.floor(affordable / min(2, count))))
    else:
        chosen = Plan(1, min(count, math.floor(affordable / len(X))))
        chosen = chosen._replace(epochs=min(epochs, math.floor(affordable / len(X) / chosen.batches)))
    size = min(len(X), chosen.examples or len(X))
    print(
        f"scale sample: {chosen.epochs} of {epochs} epochs, {chosen.batches} of {count} batches, {size} of {len(X)} "
        "examples each; COURSE_SCALE=full does all"
    )
    return chosen


@torch.no_grad()
def operations(net: nn.Module, inputs: Tensor) -> int:
    """Return the floating-point operations of a forward pass, without touching the net's state."""
    # Imported late: only heavy use needs it, and it takes a moment.
    from torch.utils.flop_counter import FlopCounterMode

    lazy = any(isinstance(module, nn.modules.lazy.LazyModuleMixin) for module in net.modules())
    net = copy.deepcopy(net) if lazy else net
    before = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with FlopCounterMode(display=False) as counter:
            net(inputs)
    finally:
        for module, training in before:
            module.training = training
    return counter.get_total_flops()

"""Exercises of chapter 12: counting parameters, a layer of one's own, shared weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from utils.exercises import Exercise, Mistake


def _shared() -> nn.Module:
    layer = nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(4, 8), layer, nn.ReLU(), layer, nn.BatchNorm1d(8))


def _frozen() -> nn.Module:
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    net[0].requires_grad_(False)
    return net


# Only counted, never run: on the meta device they cost nothing and draw no random numbers at import.
with torch.device("meta"):
    _MODULES = ((_shared(),), (_frozen(),), (nn.Sequential(nn.ReLU()),))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def _count_frozen_too(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _count_state(module: nn.Module) -> int:
    return sum(value.numel() for value in module.state_dict().values())


def _count_twice(module: nn.Module) -> int:
    named = module.named_parameters(remove_duplicate=False)
    return sum(p.numel() for _, p in named if p.requires_grad)


def _count_tensors(module: nn.Module) -> int:
    return len([p for p in module.parameters() if p.requires_grad])


class _Scale(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class _ScaleTensor(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = torch.ones(n, requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class _ScaleData(_Scale):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.data


class _ScaleOne(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class _ScaleRandom(_Scale):
    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.weight = nn.Parameter(torch.rand(n))


_WHY_TENSOR = (
    "It computes, but has no parameters: a plain tensor is not registered, so no optimizer gets it. "
    "Wrap it: nn.Parameter(torch.ones(n))."
)
_WHY_DATA = "No gradient arrives at the weight: compute with self.weight itself, not with self.weight.data."
_WHY_ONE = "There is one weight for all features. Each of the n features needs its own: torch.ones(n)."
_WHY_START = "The weights should start at 1, so that a fresh layer gives back its input."


def _judge_scale(kind: Any) -> Any:
    """Return None for a layer that scales and learns, a sentence for one that does not, ... for the stub."""
    if not isinstance(kind, type):
        return f"Expected the class itself, such as MyScale, got a {type(kind).__name__}."
    layer, x = kind(3), torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, 0.0]])
    y = layer(x)
    if y is None or y is ...:
        return ...
    parameters = list(layer.parameters())
    if not parameters:
        return _WHY_TENSOR
    if not y.requires_grad:
        return _WHY_DATA
    if sum(p.numel() for p in parameters) != 3:
        return _WHY_ONE
    if not torch.allclose(y, x):
        return _WHY_START
    with torch.no_grad():
        parameters[0].copy_(torch.tensor([2.0, 3.0, -1.0]).reshape(parameters[0].shape))
    expected = x * torch.tensor([2.0, 3.0, -1.0])
    if layer(x).shape != x.shape or not torch.allclose(layer(x), expected):
        return "With weights 2, 3, -1 the columns of the input should come out times 2, 3 and -1."
    return None


EXERCISES = {
    "12.1": Exercise(
        prompt="The number of values an optimizer could change in a module.",
        solution=_count,
        hint="module.parameters() lists a shared tensor once; each has .numel() and .requires_grad.",
        cases=_MODULES,
        mistakes=(
            Mistake(
                _count_frozen_too,
                "Frozen parameters are counted too. Ask each for requires_grad: those without are left alone.",
            ),
            Mistake(
                _count_state,
                "state_dict() also holds buffers (batch norm's running mean), frozen values, and names a shared "
                "tensor twice. parameters() does not.",
            ),
            Mistake(_count_twice, "A shared parameter is counted once for each place. It is one tensor."),
            Mistake(_count_tensors, "That is the number of tensors; each holds numel() numbers."),
        ),
        praise="Shared once, frozen and buffers not at all.",
    ),
    "12.2": Exercise(
        prompt="A layer that scales each of n features by a learnt weight that starts at 1.",
        solution=_Scale,
        hint="nn.Parameter(torch.ones(n)) in __init__, and x * self.weight in forward: rows broadcast.",
        mistakes=(
            Mistake(_ScaleTensor, _WHY_TENSOR),
            Mistake(_ScaleData, _WHY_DATA),
            Mistake(_ScaleOne, _WHY_ONE),
            Mistake(_ScaleRandom, _WHY_START),
        ),
        judge=_judge_scale,
        praise="Registered, followed by autograd, and neutral at the start.",
    ),
    "12.3": Exercise(
        prompt="The number of parameters of a net with a shared layer.",
        solution=3456,
        hint="64 · 32 + 32 for the first, once 32 · 32 + 32 for the shared one, and the last has no bias.",
        mistakes=(
            Mistake(4512, "The shared layer is counted twice. It is one weight and one bias in two places."),
            Mistake(3392, "Only weights. The first layer and the shared one have 32 biases each."),
            Mistake(3466, "The last layer was made with bias=False."),
        ),
        praise="2,080 + 1,056 + 320.",
    ),
}

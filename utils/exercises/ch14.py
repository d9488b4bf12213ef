"""Exercises of chapter 14: naming a device, averaging gradients of unequal shares, memory of a training step."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_COUNTS = ((0, 0), (1, 0), (1, 1), (3, 1), (2, 5))
_GRADIENTS = (
    ([torch.tensor([1.0, 2.0]), torch.tensor([5.0, -2.0])], [96, 32]),
    ([torch.tensor([[0.5]]), torch.tensor([[2.0]]), torch.tensor([[-1.0]])], [2, 5, 1]),
    ([torch.tensor([3.0, 4.0])], [7]),
)


def _device(count: int, i: int) -> str:
    return f"cuda:{i}" if i < count else "cpu"


def _device_one_too_many(count: int, i: int) -> str:
    return f"cuda:{i}" if i <= count else "cpu"


def _device_from_one(count: int, i: int) -> str:
    return f"cuda:{i + 1}" if i < count else "cpu"


def _device_always_first(count: int, i: int) -> str:
    return "cuda:0" if count else "cpu"


def _device_no_index(count: int, i: int) -> str:
    return "cuda" if i < count else "cpu"


def _average(gradients: list[Tensor], sizes: list[int]) -> Tensor:
    return sum(g * n for g, n in zip(gradients, sizes, strict=True)) / sum(sizes)


def _average_plain(gradients: list[Tensor], sizes: list[int]) -> Tensor:
    return torch.stack(gradients).mean(dim=0)


def _average_sum(gradients: list[Tensor], sizes: list[int]) -> Tensor:
    return torch.stack(gradients).sum(dim=0)


def _average_undivided(gradients: list[Tensor], sizes: list[int]) -> Tensor:
    return _average(gradients, sizes) * sum(sizes)


def _average_inverse(gradients: list[Tensor], sizes: list[int]) -> Tensor:
    return sum(g / n for g, n in zip(gradients, sizes, strict=True)) / sum(1 / n for n in sizes)


EXERCISES = {
    "14.1": Exercise(
        prompt="The name of the device to use, for a number of GPUs and a wanted index.",
        solution=_device,
        hint="With two GPUs the indices are 0 and 1.",
        cases=_COUNTS,
        mistakes=(
            Mistake(
                _device_one_too_many,
                "One too many: with one GPU there is cuda:0 and no cuda:1. The index must be below the count.",
            ),
            Mistake(_device_from_one, "Indices start at 0: the first GPU is cuda:0."),
            Mistake(_device_always_first, "This always gives the first GPU. The wanted index should count."),
            Mistake(
                _device_no_index, "Plain cuda is whichever GPU is current. Put the wanted index behind it."
            ),
        ),
        praise="Never a device that is not there.",
    ),
    "14.2": Exercise(
        prompt="The gradient of the mean over a whole batch, from the means over shares of unequal size.",
        solution=_average,
        hint="Turn each mean back into a sum, add the sums, and divide by the number of all examples.",
        cases=_GRADIENTS,
        mistakes=(
            Mistake(
                _average_plain,
                "The mean of the means: right for equal shares only. An example in a small share would count for "
                "more than one in a large share.",
            ),
            Mistake(
                _average_sum, "This adds the means. Two processes would take steps twice as long as one."
            ),
            Mistake(
                _average_undivided,
                "This is the sum over all examples. Divide by their number to get the mean.",
            ),
            Mistake(
                _average_inverse,
                "The weights are upside down: the share with more examples should count for more.",
            ),
        ),
        praise="Every example counts the same, whichever process saw it.",
    ),
    "14.3": Exercise(
        prompt="Gigabytes for weights, gradients and Adam's memory of 25 million float32 parameters.",
        solution=0.4,
        hint="Four bytes a number; one weight, one gradient, and two numbers that Adam keeps.",
        mistakes=(
            Mistake(
                0.1, "These are the weights alone. A training step also holds gradients and Adam's memory."
            ),
            Mistake(0.2, "Weights and gradients. Adam keeps two more numbers for each weight."),
            Mistake(0.3, "Adam keeps two numbers for each weight: the mean gradient and the mean square."),
            Mistake(0.8, "That would be float64. A float32 number takes four bytes."),
            Mistake(400, "That is in megabytes."),
        ),
        praise="Four numbers of four bytes for each parameter, before a single activation.",
    ),
}

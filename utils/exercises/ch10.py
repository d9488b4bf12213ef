"""Exercises of chapter 10: dropout by a mask, its variance, the units it keeps."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_CASES = (
    (torch.tensor([1.0, 2.0, -3.0, 4.0]), torch.tensor([1.0, 0.0, 1.0, 0.0]), 0.5),
    (torch.tensor([[0.5, -1.0], [2.0, 8.0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 0.2),
    (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]), 0.0),
)


def _dropout(x: Tensor, keep: Tensor, p: float) -> Tensor:
    return x * keep / (1 - p)


def _dropout_unscaled(x: Tensor, keep: Tensor, p: float) -> Tensor:
    return x * keep


def _dropout_divided_by_p(x: Tensor, keep: Tensor, p: float) -> Tensor:
    return x * keep / p


def _dropout_multiplied(x: Tensor, keep: Tensor, p: float) -> Tensor:
    return x * keep * (1 - p)


def _dropout_inverted(x: Tensor, keep: Tensor, p: float) -> Tensor:
    return x * (1 - keep) / (1 - p)


def _dropout_by_count(x: Tensor, keep: Tensor, p: float) -> Tensor:
    return x * keep / keep.mean()


EXERCISES = {
    "10.1": Exercise(
        prompt="Dropout of x by a given mask of ones and zeros.",
        solution=_dropout,
        hint="Zeros where the mask is zero. What factor makes up for them on average?",
        cases=_CASES,
        mistakes=(
            Mistake(
                _dropout_unscaled,
                "The right elements are zero, but the rest is too small on average: divide by 1 - p.",
            ),
            Mistake(
                _dropout_divided_by_p,
                "Divided by p, the probability to go. A unit stays with probability 1 - p.",
            ),
            Mistake(
                _dropout_multiplied,
                "Multiplying by 1 - p makes the mean smaller still. (The first paper did that, but at test time.)",
            ),
            Mistake(_dropout_inverted, "The mask says which to keep; yours drops those."),
            Mistake(
                _dropout_by_count,
                "Scaled by the share that this mask happens to keep. The factor is 1 / (1 - p) whatever the draw.",
            ),
        ),
        praise="Same mean, fewer units.",
    ),
    "10.2": Exercise(
        prompt="The variance of a unit of value 3 under dropout with p = 0.2.",
        solution=2.25,
        hint="The result is 0 or 3 / 0.8. Its mean is 3; what is the mean of its square?",
        mistakes=(
            Mistake(
                0.25,
                "That is p / (1 - p), the variance for the value 1. It grows with the square of the value.",
            ),
            Mistake(1.44, "That is the variance without the division by 0.8."),
            Mistake(0.75, "The variance goes with the square of the value: 9 times p / (1 - p)."),
            Mistake(1.5, "That is the standard deviation; the variance is its square."),
        ),
        praise="9 · 0.2 / 0.8 = 2.25, a standard deviation of half the value.",
    ),
    "10.3": Exercise(
        prompt="Units kept on average, of 256 with p = 0.2 and 256 with p = 0.5.",
        solution=332.8,
        hint="A unit stays with probability 1 - p; expectations add up.",
        mistakes=(
            Mistake(179.2, "That is how many are dropped."),
            Mistake(204.8, "That is the first layer alone."),
            Mistake(358.4, "Close: you averaged the dropout as 0.3; the mean of 0.2 and 0.5 is 0.35."),
        ),
        praise="204.8 and 128: about two thirds.",
    ),
}

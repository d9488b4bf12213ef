"""Exercises of chapter 07: the perceptron rule, counting parameters, slopes, XOR by lifting."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_UPDATES = (
    (torch.tensor([1.0, -1.0]), 0.5, torch.tensor([2.0, 1.0]), 1),
    (torch.tensor([1.0, -1.0]), 0.5, torch.tensor([2.0, 1.0]), -1),
    (torch.tensor([1.0, 2.0]), 0.0, torch.tensor([-1.0, -3.0]), 1),
    (torch.tensor([0.0, 0.0]), 0.0, torch.tensor([3.0, 1.0]), 1),
)
_VALUES = ((torch.tensor([0.5, 0.9, 0.01, 1.0]),),)
_CORNERS = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0))


def _update(w: Tensor, b: float, x: Tensor, y: int) -> tuple[Tensor, float]:
    if y * (w @ x + b) <= 0:
        return w + y * x, b + y
    return w, b


def _update_not_at_zero(w: Tensor, b: float, x: Tensor, y: int) -> tuple[Tensor, float]:
    if y * (w @ x + b) < 0:
        return w + y * x, b + y
    return w, b


def _update_always(w: Tensor, b: float, x: Tensor, y: int) -> tuple[Tensor, float]:
    return w + y * x, b + y


def _update_away(w: Tensor, b: float, x: Tensor, y: int) -> tuple[Tensor, float]:
    if y * (w @ x + b) <= 0:
        return w - y * x, b - y
    return w, b


def _update_without_offset(w: Tensor, b: float, x: Tensor, y: int) -> tuple[Tensor, float]:
    if y * (w @ x + b) <= 0:
        return w + y * x, b
    return w, b


def _slope(s: Tensor) -> Tensor:
    return s * (1 - s)


def _slope_of_sigmoid_of_s(s: Tensor) -> Tensor:
    sigmoid = torch.sigmoid(s)
    return sigmoid * (1 - sigmoid)


def _slope_of_tanh(s: Tensor) -> Tensor:
    return 1 - s**2


def _slope_half(s: Tensor) -> Tensor:
    return 1 - s


def _judge_xor(answer: Any) -> Any:
    """None if the four numbers compute XOR from (x1, x2, x1 x2), else what is wrong."""
    try:
        w1, w2, w3, b = (float(value) for value in answer)
    except (TypeError, ValueError):
        return "Expected four numbers: the weights of x1, x2 and x1·x2, then the offset."
    sums = [w1 * x1 + w2 * x2 + w3 * x1 * x2 + b for x1, x2, _ in _CORNERS]
    wrong = [corner for corner, total in zip(_CORNERS, sums, strict=True) if (total > 0) != bool(corner[2])]
    if not wrong:
        return None
    if w3 == 0:
        return "With a weight of 0 for x1·x2 this is a line in the plane, and no line computes XOR."
    if len(wrong) == 4:
        return "All four answers are turned round: change the sign of every number."
    x1, x2, target = wrong[0]
    return f"For ({x1}, {x2}) the answer should be {target}; the sum there is {sums[_CORNERS.index(wrong[0])]:g}."


EXERCISES = {
    "07.1": Exercise(
        prompt="One update of the perceptron rule; a sum of 0 counts as a mistake.",
        solution=_update,
        hint="When is y times the sum not positive? Then the point itself, with its sign, is added to the weights.",
        cases=_UPDATES,
        mistakes=(
            Mistake(
                _update_not_at_zero,
                "Nearly. A sum of exactly 0 counts as a mistake; otherwise a start at zero never moves.",
            ),
            Mistake(_update_always, "A point on the right side changes nothing. Check the sign first."),
            Mistake(_update_away, "The sign is turned: this moves the line away from the point it missed."),
            Mistake(
                _update_without_offset, "The offset has to learn too: its input is always 1, so it gets + y."
            ),
        ),
        praise="Three lines, 1958, and the whole of SGD is in them.",
    ),
    "07.2": Exercise(
        prompt="The number of parameters of a multilayer perceptron 784-256-128-10, offsets included.",
        solution=784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10,
        hint="Each layer has inputs × outputs weights and one offset for each output.",
        mistakes=(
            Mistake(784 * 256 + 256 * 128 + 128 * 10, "These are the weights. Add an offset for each unit."),
            Mistake(
                784 * 256 + 784 + 256 * 128 + 256 + 128 * 10 + 128,
                "There is one offset for each output of a layer, not for each input.",
            ),
            Mistake(
                784 * 256 + 256 + 256 * 10 + 10,
                "That is the net with one hidden layer; this one has a layer of 128 units more.",
            ),
        ),
        praise="Most of the 235,146 sit in the first layer, as always with pictures.",
    ),
    "07.3": Exercise(
        prompt="The slope of the sigmoid, from its value.",
        solution=_slope,
        hint="Differentiate 1/(1 + exp(-x)) and look for s and 1 - s in the result.",
        cases=_VALUES,
        mistakes=(
            Mistake(
                _slope_of_sigmoid_of_s,
                "s is the value of the sigmoid already; do not apply the sigmoid once more.",
            ),
            Mistake(_slope_of_tanh, "That is the slope of tanh from its value."),
            Mistake(_slope_half, "One factor is missing: the slope vanishes at s = 0 as well as at s = 1."),
        ),
        praise="At most 0.25, at s = 0.5.",
    ),
    "07.4": Exercise(
        prompt="Weights and offset of one perceptron on (x1, x2, x1·x2) that computes XOR.",
        solution=[1.0, 1.0, -2.0, -0.5],
        hint="Start from OR, which is x1 + x2 - 0.5 > 0. Only (1, 1) is wrong then: which weight touches it alone?",
        judge=_judge_xor,
        mistakes=(
            Mistake(
                [1.0, 1.0, 0.0, -0.5],
                "With a weight of 0 for x1·x2 this is a line in the plane, and no line computes XOR.",
            ),
            Mistake(
                [-1.0, -1.0, 2.0, 0.5],
                "All four answers are turned round: change the sign of every number.",
            ),
            Mistake([1.0, 1.0, -1.0, -0.5], "For (1, 1) the answer should be 0; the sum there is 0.5."),
        ),
        praise="A lift to three dimensions, and a non-linear one: the product does it.",
    ),
}

"""Exercises of chapter 24: the block's last step, counting layers, a schedule with warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake


def _double(x: Tensor) -> Tensor:
    return 2 * x - 1


_X = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]])
_G = torch.tensor([[-3.0, 1.0, 0.25], [1.0, -0.5, 4.0]])
_BLOCKS = ((_X, _G, None), (_X, _G, _double), (-_X, _G, _double))


def _residual(x: Tensor, g: Tensor, shortcut: Callable[[Tensor], Tensor] | None) -> Tensor:
    way = x if shortcut is None else shortcut(x)
    return torch.relu(way + g)


def _no_relu(x, g, shortcut):
    return (x if shortcut is None else shortcut(x)) + g


def _relu_on_branch(x, g, shortcut):
    return (x if shortcut is None else shortcut(x)) + torch.relu(g)


def _shortcut_forgotten(x, g, shortcut):
    return torch.relu(x + g)


def _shortcut_on_branch(x, g, shortcut):
    return torch.relu(x + (g if shortcut is None else shortcut(g)))


def _no_shortcut(x, g, shortcut):
    return torch.relu(g)


def _rate(step: int, peak: float, warm: int, total: int) -> float:
    if step < warm:
        return peak * step / warm
    return peak * (1 + math.cos(math.pi * (step - warm) / (total - warm))) / 2


def _cosine_from_zero(step, peak, warm, total):
    if step < warm:
        return peak * step / warm
    return peak * (1 + math.cos(math.pi * step / total)) / 2


def _cosine_too_late(step, peak, warm, total):
    if step < warm:
        return peak * step / warm
    return peak * (1 + math.cos(math.pi * (step - warm) / total)) / 2


def _quarter_wave(step, peak, warm, total):
    if step < warm:
        return peak * step / warm
    return peak * math.cos(math.pi * (step - warm) / (total - warm))


def _no_warm_up(step, peak, warm, total):
    return peak * (1 + math.cos(math.pi * step / total)) / 2


EXERCISES = {
    "24.1": Exercise(
        prompt="The last step of a residual block: input x, branch g, shortcut a function or None.",
        solution=_residual,
        hint="Which of the two goes through the shortcut, and what comes after the sum?",
        cases=_BLOCKS,
        mistakes=(
            Mistake(_no_relu, "The sum is right; the block ends with a ReLU."),
            Mistake(_relu_on_branch, "Add first, then take the ReLU: a branch must be able to subtract."),
            Mistake(_shortcut_forgotten, "x has to pass through the shortcut when there is one."),
            Mistake(
                _shortcut_on_branch, "The shortcut is the way of x; the branch has already been computed."
            ),
            Mistake(_no_shortcut, "This is the plain block: x itself is missing."),
        ),
        praise="A plus sign, and the deepest nets can be trained.",
    ),
    "24.2": Exercise(
        prompt="Weight layers of a net with (3, 4, 23, 3) blocks of three convolutions, a stem and a dense layer.",
        solution=3 * (3 + 4 + 23 + 3) + 2,
        hint="Count the blocks, then the convolutions in them; then what comes before and after.",
        mistakes=(
            Mistake(
                99, "Those are the convolutions of the blocks. The stem and the dense layer are missing."
            ),
            Mistake(100, "One is missing: there is a stem as well as a dense layer."),
            Mistake(68, "You counted two convolutions a block; these blocks have three."),
            Mistake(105, "Shortcuts are not counted: leave out the four 1 x 1 convolutions."),
            Mistake(33, "That is the number of blocks."),
        ),
        praise="ResNet-101.",
    ),
    "24.3": Exercise(
        prompt="A rate that rises from 0 to `peak` at step `warm`, then follows half a cosine down to 0 at `total`.",
        solution=_rate,
        hint="Which share of the total - warm steps after the warm-up is over? Put it into the cosine.",
        cases=((0, 0.4, 10, 50), (5, 0.4, 10, 50), (10, 0.4, 10, 50), (20, 0.4, 10, 50), (50, 0.4, 10, 50)),
        mistakes=(
            Mistake(
                _cosine_from_zero,
                "The cosine counts from step 0, so the rate jumps down where the warm-up ends. Count from `warm`.",
            ),
            Mistake(
                _cosine_too_late,
                "The cosine has total - warm steps to come down; with `total` it does not reach 0 in time.",
            ),
            Mistake(
                _quarter_wave, "A rate below zero climbs. Lift the cosine to between 0 and 1: (1 + cos) / 2."
            ),
            Mistake(
                _no_warm_up, "The cosine alone: the first `warm` steps should rise from 0 in a straight line."
            ),
        ),
        praise="Starts at 0, peaks once, ends at 0.",
    ),
}

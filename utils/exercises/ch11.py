"""Exercises of chapter 11: Xavier's bound, gradient clipping, He's standard deviation."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_LAYERS = ((784, 256), (100, 50), (1, 5))
_GRADIENTS = (
    (torch.tensor([3.0, 4.0]), 1.0),
    (torch.tensor([0.3, -0.4]), 1.0),
    (torch.tensor([[6.0, 0.0], [0.0, -8.0]]), 5.0),
    (torch.zeros(3), 2.0),
)


def _bound(n_in: int, n_out: int) -> float:
    return (6 / (n_in + n_out)) ** 0.5


def _bound_std(n_in: int, n_out: int) -> float:
    return (2 / (n_in + n_out)) ** 0.5


def _bound_variance(n_in: int, n_out: int) -> float:
    return 6 / (n_in + n_out)


def _bound_inputs(n_in: int, n_out: int) -> float:
    return (6 / n_in) ** 0.5


def _bound_half(n_in: int, n_out: int) -> float:
    return (3 / (n_in + n_out)) ** 0.5


def _clip(gradient: Tensor, theta: float) -> Tensor:
    norm = gradient.norm()
    return gradient * (theta / norm) if norm > theta else gradient


def _clip_always(gradient: Tensor, theta: float) -> Tensor:
    return gradient * (theta / gradient.norm())


def _clip_elements(gradient: Tensor, theta: float) -> Tensor:
    return gradient.clamp(-theta, theta)


def _clip_squared(gradient: Tensor, theta: float) -> Tensor:
    squared = (gradient**2).sum()
    return gradient * (theta / squared) if squared > theta else gradient


def _clip_to_one(gradient: Tensor, theta: float) -> Tensor:
    norm = gradient.norm()
    return gradient / norm if norm > theta else gradient


EXERCISES = {
    "11.1": Exercise(
        prompt="The bound a of Xavier's uniform distribution on [-a, a].",
        solution=_bound,
        hint="The variance is to be 2 / (n_in + n_out), and a uniform distribution on [-a, a] has a² / 3.",
        cases=_LAYERS,
        mistakes=(
            Mistake(
                _bound_std,
                "That is the standard deviation. A uniform distribution reaches root(3) times as far.",
            ),
            Mistake(_bound_variance, "The root is missing: this is the square of the bound."),
            Mistake(_bound_inputs, "Only the inputs count here; that is He's uniform bound, for ReLU."),
            Mistake(
                _bound_half,
                "With 3 in place of 6 the variance is 1 / (n_in + n_out), half of what is wanted.",
            ),
        ),
        praise="Root(6 / (n_in + n_out)), as in nn.init.xavier_uniform_.",
    ),
    "11.2": Exercise(
        prompt="A gradient shortened to length theta if it is longer.",
        solution=_clip,
        hint="Multiply by min(1, theta / norm), and mind a gradient of zero.",
        cases=_GRADIENTS,
        mistakes=(
            Mistake(
                _clip_always,
                "Short gradients are stretched to theta, and zero is divided by zero. Leave short ones alone.",
            ),
            Mistake(
                _clip_elements,
                "Each element is cut on its own, which turns the direction. Scale the whole vector.",
            ),
            Mistake(_clip_squared, "You compare and divide by the squared norm; take the root."),
            Mistake(_clip_to_one, "Long gradients come out with length 1, whatever theta is."),
        ),
        praise="Bounded, and the direction is kept.",
    ),
    "11.3": Exercise(
        prompt="He's standard deviation for 200 inputs and 50 outputs.",
        solution=0.1,
        hint="The variance is 2 / n_in.",
        mistakes=(
            Mistake(0.01, "That is the variance; the standard deviation is its root."),
            Mistake(0.2, "Here the outputs were counted; the forward rule takes the 200 inputs."),
            Mistake(round(0.005**0.5, 4), "Without the factor of two that ReLU's lost half calls for."),
            Mistake(round(0.008**0.5, 4), "That is Xavier's, from 2 / (200 + 50)."),
        ),
        praise="Root(2 / 200).",
    ),
}

"""Exercises of chapter 04: numeric gradients, a gradient by hand, counting passes, accumulation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

Function = Callable[[Tensor], Tensor]


def _cube_and_product(x: Tensor) -> Tensor:
    return x[0] ** 3 + x[0] * x[1]


def _sines(x: Tensor) -> Tensor:
    return torch.sin(x).sum() * x[-1]


_FUNCTIONS = (
    (_cube_and_product, torch.tensor([2.0, -1.0], dtype=torch.float64)),
    (_sines, torch.tensor([0.3, 1.0, -0.5], dtype=torch.float64)),
    (_sines, torch.tensor([0.7], dtype=torch.float64)),
)
_DATA = (
    (
        torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, -6.0]]),
        torch.tensor([0.5, -1.0]),
        torch.tensor([1.0, 0.0, 2.0]),
    ),
    (torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([1.0, 1.0, 1.0]), torch.tensor([5.0])),
)


def _differences(f: Function, x: Tensor, *, ahead: float, behind: float, width: float) -> Tensor:
    steps = torch.eye(len(x), dtype=x.dtype)
    return torch.stack([(f(x + ahead * step) - f(x - behind * step)) / width for step in steps])


def _numeric_gradient(f: Function, x: Tensor) -> Tensor:
    h = 1e-5
    gradient = torch.zeros_like(x)
    for i in range(len(x)):
        step = torch.zeros_like(x)
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def _without_the_two(f: Function, x: Tensor) -> Tensor:
    return 2 * _numeric_gradient(f, x)


def _sign_turned(f: Function, x: Tensor) -> Tensor:
    return -_numeric_gradient(f, x)


def _one_sided(f: Function, x: Tensor) -> Tensor:
    return _differences(f, x, ahead=1e-3, behind=0.0, width=1e-3)


def _all_at_once(f: Function, x: Tensor) -> Tensor:
    slope = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5
    return torch.full_like(x, float(slope))


def _not_divided(f: Function, x: Tensor) -> Tensor:
    return _differences(f, x, ahead=1e-5, behind=1e-5, width=1.0)


def _regression_gradient(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return 2 * X.T @ (X @ w - y)


def _regression_without_the_two(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return X.T @ (X @ w - y)


def _regression_sign_turned(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return 2 * X.T @ (y - X @ w)


def _regression_mean(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    return 2 * X.T @ (X @ w - y) / len(y)


def _regression_norm_without_square(X: Tensor, w: Tensor, y: Tensor) -> Tensor:
    residual = X @ w - y
    return X.T @ residual / residual.norm()


EXERCISES = {
    "04.1": Exercise(
        prompt="The gradient of a function by central differences.",
        solution=_numeric_gradient,
        hint="For each i, a step of zeros with h at place i. In float64 h = 1e-5 is about right.",
        cases=_FUNCTIONS,
        mistakes=(
            Mistake(
                _without_the_two,
                "Twice too large: from x - h to x + h it is 2h, not h.",
            ),
            Mistake(_sign_turned, "The sign is turned: the value ahead minus the value behind."),
            Mistake(
                _one_sided,
                "A one-sided difference is off by about h/2 times the curvature. Step to both sides.",
            ),
            Mistake(
                _all_at_once,
                "All coordinates move at once, so this is the sum of all slopes. Move one at a time.",
            ),
            Mistake(_not_divided, "The difference is there, the division by 2h is missing."),
        ),
        praise="It takes 2n evaluations for n inputs: now you know why nobody trains with it.",
    ),
    "04.2": Exercise(
        prompt="The gradient of the squared norm of Xw - y by w.",
        solution=_regression_gradient,
        hint="A row of 2 (Xw - y), shape (1, n), times the Jacobian X, shape (n, d).",
        cases=_DATA,
        mistakes=(
            Mistake(_regression_without_the_two, "Half of it: the square brings down a factor of 2."),
            Mistake(
                _regression_sign_turned,
                "The sign is turned. The derivative of Xw - y by w is X, not -X; this vector points downhill.",
            ),
            Mistake(
                _regression_mean, "This is the gradient of the mean of the squares. The sum was asked for."
            ),
            Mistake(
                _regression_norm_without_square,
                "This is the gradient of the norm itself. Here the norm is squared.",
            ),
        ),
        praise="One (1, n) row times one (n, d) matrix.",
    ),
    "04.3": Exercise(
        prompt="Reverse passes for the Jacobian of a function from 1,000 numbers to 3.",
        solution=3,
        hint="One reverse pass gives one row of the Jacobian. How many rows are there?",
        mistakes=(
            Mistake(1000, "That is the number of forward passes, one a column. Reverse gives a row a pass."),
            Mistake(3000, "That is the number of entries. A reverse pass gives 1,000 of them at once."),
            Mistake(1, "One pass gives the slopes of one output. There are three."),
            Mistake(1003, "Inputs and outputs do not add up. One reverse pass gives a whole row."),
        ),
        praise="A row for each output, whatever the number of inputs.",
    ),
    "04.4": Exercise(
        prompt="x.grad after three times (x * x).sum().backward() at x = (1, 2).",
        solution=[6.0, 12.0],
        hint="One call gives 2x. What does backward do with what is already in .grad?",
        mistakes=(
            Mistake([2.0, 4.0], "That is one gradient. Nothing was zeroed in between, so they add up."),
            Mistake([3.0, 12.0], "That is 3x². The gradient of x² is 2x, and it is added three times."),
            Mistake(
                [8.0, 16.0], "Powers of two: the gradient is added three times, it is not doubled each time."
            ),
            Mistake([3.0, 6.0], "That is 3x. The gradient of x² is 2x."),
        ),
        praise="2x, three times.",
    ),
}

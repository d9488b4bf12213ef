"""Exercises of chapter 09: a step with weight decay, projection onto a ball, half-life of a weight."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_STEPS = (
    (torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.3, 0.0, -1.0]), 0.1, 0.5),
    (torch.tensor([[2.0, 0.0], [1.0, -4.0]]), torch.tensor([[0.0, 1.0], [2.0, -1.0]]), 0.2, 3.0),
    (torch.tensor([1.0, 1.0]), torch.tensor([0.5, -0.5]), 0.1, 0.0),
)
_VECTORS = (
    (torch.tensor([3.0, 4.0]), 4.0),
    (torch.tensor([0.3, -0.4]), 4.0),
    (torch.tensor([0.0, 0.0, 0.0]), 1.0),
    (torch.tensor([-2.0, 0.1, 1.0]), 0.25),
)


def _step(w: Tensor, gradient: Tensor, learning_rate: float, decay: float) -> Tensor:
    return (1 - learning_rate * decay) * w - learning_rate * gradient


def _step_without_rate(w: Tensor, gradient: Tensor, learning_rate: float, decay: float) -> Tensor:
    return (1 - decay) * w - learning_rate * gradient


def _step_growing(w: Tensor, gradient: Tensor, learning_rate: float, decay: float) -> Tensor:
    return (1 + learning_rate * decay) * w - learning_rate * gradient


def _step_decay_last(w: Tensor, gradient: Tensor, learning_rate: float, decay: float) -> Tensor:
    return (1 - learning_rate * decay) * (w - learning_rate * gradient)


def _step_doubled(w: Tensor, gradient: Tensor, learning_rate: float, decay: float) -> Tensor:
    return (1 - 2 * learning_rate * decay) * w - learning_rate * gradient


def _step_absolute(w: Tensor, gradient: Tensor, learning_rate: float, decay: float) -> Tensor:
    return w - learning_rate * (gradient + decay * torch.sign(w))


def _step_plain(w: Tensor, gradient: Tensor, learning_rate: float, decay: float) -> Tensor:
    return w - learning_rate * gradient


def _project(w: Tensor, theta: float) -> Tensor:
    norm = w.norm()
    return w * (theta**0.5 / norm) if norm**2 > theta else w


def _project_always(w: Tensor, theta: float) -> Tensor:
    return w * (theta**0.5 / w.norm())


def _project_to_theta(w: Tensor, theta: float) -> Tensor:
    norm = w.norm()
    return w * (theta / norm) if norm > theta else w


def _project_elements(w: Tensor, theta: float) -> Tensor:
    return w.clamp(-(theta**0.5), theta**0.5)


def _project_by_square(w: Tensor, theta: float) -> Tensor:
    squared = w @ w
    return w * (theta / squared) if squared > theta else w


EXERCISES = {
    "09.1": Exercise(
        prompt="One step of SGD with weight decay.",
        solution=_step,
        hint="The gradient of λ/2 · w² is λw. Add it to the gradient and take an ordinary step.",
        cases=_STEPS,
        mistakes=(
            Mistake(
                _step_without_rate,
                "The shrinking has lost the learning rate: the factor is 1 - rate · decay, since λw is part of "
                "the gradient and takes the step with it.",
            ),
            Mistake(_step_growing, "The weights grow. The penalty's gradient is subtracted like the loss's."),
            Mistake(
                _step_decay_last,
                "You shrink the result of the step, and so the gradient as well. Shrink the old weights, then "
                "subtract the step.",
            ),
            Mistake(
                _step_doubled,
                "Twice too strong: that is the gradient of λw². The penalty is λ/2 · w², so that the 2 cancels.",
            ),
            Mistake(_step_absolute, "This pulls by a constant amount: it is the L1 penalty λ|w|."),
            Mistake(_step_plain, "A plain step: the decay does not appear in it."),
        ),
        praise="Shrink, then move.",
    ),
    "09.2": Exercise(
        prompt="The point nearest to w with squared norm at most theta.",
        solution=_project,
        hint="Inside the ball nothing happens. Outside, keep the direction and make the length the root of theta.",
        cases=_VECTORS,
        mistakes=(
            Mistake(
                _project_always,
                "Vectors inside the ball are stretched to its surface too (and the zero vector divides by zero). "
                "Inside, nothing may happen.",
            ),
            Mistake(
                _project_to_theta, "theta limits the squared norm, so the length may be the root of theta."
            ),
            Mistake(
                _project_elements,
                "Each element is cut on its own: that is a box, and the direction of w changes.",
            ),
            Mistake(
                _project_by_square,
                "Dividing by the squared norm gives a length of theta / norm. Scale by root(theta) / norm.",
            ),
        ),
        praise="Right, and the direction of w is kept.",
    ),
    "09.3": Exercise(
        prompt="Steps until a weight without gradient has halved, at rate 0.1 and decay 0.01.",
        solution=693,
        hint="Each step multiplies by 1 - 0.1 · 0.01. Which power of that is one half?",
        mistakes=(
            Mistake(
                500,
                "That subtracts a thousandth of the first value each time. Each step takes a thousandth of what "
                "is left, so it takes longer.",
            ),
            Mistake(69, "That forgets the learning rate: the factor is 1 - 0.1 · 0.01 and not 1 - 0.01."),
            Mistake(692, "After 692 steps a little more than half is left; one more is needed."),
            Mistake(1000, "After 1 / (rate · decay) steps it has fallen to 1/e, about 0.37."),
        ),
        praise="log(0.5) / log(0.999) is 692.8, so 693 steps: about 0.69 / (rate · decay).",
    ),
}

"""Exercises of chapter 05: Huber's loss, a step with weight decay, counting updates."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_ERRORS = (
    (torch.tensor([-3.0, -1.0, 0.0, 0.5, 4.0]), 1.0),
    (torch.tensor([-3.0, -1.0, 0.0, 0.5, 4.0]), 2.0),
    (torch.tensor([0.2, -0.1, 0.9]), 0.5),
)
_STEPS = (
    (torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.5]), 0.1, 0.0),
    (torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.5]), 0.1, 0.3),
    (torch.tensor([4.0, 0.0, 1.0]), torch.zeros(3), 0.5, 0.2),
)


def _huber(errors: Tensor, delta: float) -> Tensor:
    size = errors.abs()
    return torch.where(size <= delta, 0.5 * errors**2, delta * (size - 0.5 * delta))


def _huber_with_jump(errors: Tensor, delta: float) -> Tensor:
    size = errors.abs()
    return torch.where(size <= delta, 0.5 * errors**2, delta * size)


def _huber_slope_one(errors: Tensor, delta: float) -> Tensor:
    size = errors.abs()
    return torch.where(size <= delta, 0.5 * errors**2, size - 0.5 * delta)


def _smooth_l1(errors: Tensor, delta: float) -> Tensor:
    return _huber(errors, delta) / delta


def _huber_unsigned(errors: Tensor, delta: float) -> Tensor:
    return torch.where(errors <= delta, 0.5 * errors**2, delta * (errors - 0.5 * delta))


def _step(w: Tensor, gradient: Tensor, lr: float, decay: float) -> Tensor:
    return w - lr * (gradient + decay * w)


def _step_growing(w: Tensor, gradient: Tensor, lr: float, decay: float) -> Tensor:
    return w - lr * (gradient - decay * w)


def _step_decay_without_rate(w: Tensor, gradient: Tensor, lr: float, decay: float) -> Tensor:
    return (1 - decay) * w - lr * gradient


def _step_twice_the_decay(w: Tensor, gradient: Tensor, lr: float, decay: float) -> Tensor:
    return w - lr * (gradient + 2 * decay * w)


def _step_without_decay(w: Tensor, gradient: Tensor, lr: float, decay: float) -> Tensor:
    return w - lr * gradient


EXERCISES = {
    "05.1": Exercise(
        prompt="Huber's loss for any delta, entry by entry.",
        solution=_huber,
        hint="Inside ½e², outside a straight line. At |e| = delta both value and slope have to agree.",
        cases=_ERRORS,
        mistakes=(
            Mistake(
                _huber_with_jump,
                "The slopes agree, the values do not: at |e| = delta the loss jumps from ½ delta² to delta². Take "
                "½ delta² off the straight part.",
            ),
            Mistake(
                _huber_slope_one,
                "Right for delta = 1. Otherwise the straight part needs the slope of ½e² at delta: delta.",
            ),
            Mistake(
                _smooth_l1,
                "This is smooth L1, Huber's loss divided by delta. The two are equal for delta = 1 only.",
            ),
            Mistake(
                _huber_unsigned, "Large negative errors are charged by the square: compare |e| with delta."
            ),
        ),
        praise="No jump in the value and none in the slope.",
    ),
    "05.2": Exercise(
        prompt="One step of SGD with the penalty λ/2 ‖w‖².",
        solution=_step,
        hint="What is the gradient of the penalty? Add it to the other gradient before the step.",
        cases=_STEPS,
        mistakes=(
            Mistake(_step_growing, "The sign of the decay is turned: these weights grow."),
            Mistake(
                _step_decay_without_rate,
                "The decay has to be multiplied by the learning rate as well: it is part of the gradient.",
            ),
            Mistake(
                _step_twice_the_decay,
                "Twice the decay: this belongs to the penalty λ‖w‖². With the ½ the gradient is λw.",
            ),
            Mistake(_step_without_decay, "The gradient step is right; the penalty is missing."),
        ),
        praise="The same as (1 - lr · λ) w - lr · gradient, hence the name weight decay.",
    ),
    "05.3": Exercise(
        prompt="Updates in five epochs of 1,000 examples in batches of 64, the last one kept.",
        solution=80,
        hint="How many batches has one epoch? Every epoch starts anew.",
        mistakes=(
            Mistake(75, "Fifteen full batches hold 960 examples. The last 40 make a batch as well."),
            Mistake(78, "Count by epoch: the last batch of each epoch is smaller, nothing is carried over."),
            Mistake(
                79, "Count by epoch: the last batch of each epoch is smaller, nothing runs on into the next."
            ),
            Mistake(16, "That is one epoch; five were asked for."),
        ),
        praise="Sixteen batches an epoch, the last of them with 40 examples.",
    ),
}

"""Exercises of chapter 13: choosing a checkpoint, taking a snapshot, what eval() switches."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from utils.exercises import Exercise, Mistake

_NAN = float("nan")
_LOSSES = (([0.5, 0.4, 0.45],), ([_NAN, 0.3, 0.2, 0.4],), ([0.3, 0.2, 0.2, 0.9],))


def _best(losses: list[float]) -> int:
    return min(range(len(losses)), key=lambda i: math.inf if math.isnan(losses[i]) else losses[i])


def _best_naive(losses: list[float]) -> int:
    return losses.index(min(losses))


def _best_largest(losses: list[float]) -> int:
    return max(range(len(losses)), key=lambda i: -math.inf if math.isnan(losses[i]) else losses[i])


def _best_latest(losses: list[float]) -> int:
    return len(losses) - 1 - _best(losses[::-1])


def _best_value(losses: list[float]) -> float:
    return losses[_best(losses)]


def _best_last(losses: list[float]) -> int:
    return len(losses) - 1


def _snapshot(model: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(model.state_dict())


def _snapshot_shared(model: nn.Module) -> dict[str, Tensor]:
    return model.state_dict()


def _snapshot_parameters(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def _snapshot_model(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model)


_WHY_SHARED = (
    "The snapshot changed with the model. state_dict() and detach() hand out the model's own tensors: copy them, "
    "with copy.deepcopy or .clone() for each."
)
_WHY_BUFFERS = (
    "Entries are missing: parameters are not all of the state. Batch norm's running mean and variance are buffers; "
    "state_dict() has both."
)
_WHY_MODEL = (
    "That is a second model. It would do, but a dict of tensors is what load_state_dict and a file take."
)


def _judge_snapshot(function: Any) -> Any:
    """Return None for a faithful, independent copy of the state, a sentence for another, ... for the stub."""
    if not callable(function):
        return f"Expected a function, got a {type(function).__name__}."
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    before = copy.deepcopy(model.state_dict())
    taken = function(model)
    if taken is None or taken is ...:
        return ...
    if isinstance(taken, nn.Module):
        return _WHY_MODEL
    if not isinstance(taken, dict):
        return f"Expected a dict of names and tensors, got a {type(taken).__name__}."
    if not before.keys() <= taken.keys():
        return _WHY_BUFFERS
    model(torch.randn(8, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    if not all(torch.equal(taken[name], value) for name, value in before.items()):
        return _WHY_SHARED
    return None


EXERCISES = {
    "13.1": Exercise(
        prompt="The index of the lowest validation loss: the earliest of several, ignoring nan.",
        solution=_best,
        hint="min(range(len(losses)), key=...) with a key that turns nan into infinity.",
        cases=_LOSSES,
        mistakes=(
            Mistake(
                _best_naive,
                "Right until a nan comes: every comparison with nan is false, so min() may stop at it. Treat nan as "
                "infinitely bad.",
            ),
            Mistake(_best_largest, "That is the worst epoch: a loss is better when it is lower."),
            Mistake(
                _best_latest,
                "Of several equal losses this takes the last. The earlier one cost less training.",
            ),
            Mistake(_best_value, "That is the loss itself. The index of the epoch was asked for."),
            Mistake(_best_last, "The last epoch is not the best one once the validation loss has turned."),
        ),
        praise="Earliest, lowest, and not fooled by nan.",
    ),
    "13.2": Exercise(
        prompt="A snapshot of a model's state that does not change when training goes on.",
        solution=_snapshot,
        hint="state_dict() gives the names and tensors; what is missing is a copy.",
        mistakes=(
            Mistake(_snapshot_shared, _WHY_SHARED),
            Mistake(_snapshot_parameters, _WHY_BUFFERS),
            Mistake(_snapshot_model, _WHY_MODEL),
        ),
        judge=_judge_snapshot,
        praise="Parameters and buffers, and a copy of each.",
    ),
    "13.3": Exercise(
        prompt="The letters of what net.eval() changes.",
        solution="ac",
        hint="Two kinds of layers look at the flag. Gradients and optimizers do not know it.",
        mistakes=(
            Mistake("abc", "Gradients are recorded in eval mode too; torch.no_grad() stops them."),
            Mistake(
                "acd",
                "The optimizer does not ask for the mode: the chapter's table shows weights that moved.",
            ),
            Mistake("abcd", "Neither gradients nor optimizer steps know of the mode: those are (b) and (d)."),
            Mistake("a", "Dropout is one of two. Which other layer treats a batch differently?"),
            Mistake("c", "Batch norm is one of two. Which other layer behaves at random in training?"),
        ),
        praise="Dropout and batch norm, nothing else.",
    ),
}

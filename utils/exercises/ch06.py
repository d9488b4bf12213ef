"""Exercises of chapter 06: softmax, cross-entropy, margins."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_SCORES = (
    (torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.5, -1.0]]),),
    (torch.tensor([[0.0, -4.0, 2.0, 2.5], [1.0, 0.0, 0.3, 0.1]]),),
    (torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]]),),
)
_LABELLED = (
    (torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.5, -1.0]]), torch.tensor([2, 0])),
    (torch.tensor([[2.0, -1.0], [0.0, 3.0], [1.0, 1.0]]), torch.tensor([1, 1, 0])),
    (torch.tensor([[0.0, 200.0]]), torch.tensor([0])),
)


def _softmax(scores: Tensor) -> Tensor:
    exponentials = torch.exp(scores - scores.max(dim=1, keepdim=True).values)
    return exponentials / exponentials.sum(dim=1, keepdim=True)


def _softmax_overflowing(scores: Tensor) -> Tensor:
    return torch.exp(scores) / torch.exp(scores).sum(dim=1, keepdim=True)


def _softmax_over_columns(scores: Tensor) -> Tensor:
    return torch.softmax(scores, dim=0)


def _softmax_over_everything(scores: Tensor) -> Tensor:
    return torch.softmax(scores.flatten(), dim=0).reshape(scores.shape)


def _share(scores: Tensor) -> Tensor:
    return scores / scores.sum(dim=1, keepdim=True)


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    shifted = scores - scores.max(dim=1, keepdim=True).values
    log_normaliser = shifted.exp().sum(dim=1).log()
    return (log_normaliser - shifted[range(len(labels)), labels]).mean()


def _cross_entropy_overflowing(scores: Tensor, labels: Tensor) -> Tensor:
    return -_softmax(scores)[range(len(labels)), labels].log().mean()


def _cross_entropy_summed(scores: Tensor, labels: Tensor) -> Tensor:
    return _cross_entropy(scores, labels) * len(labels)


def _cross_entropy_positive_log(scores: Tensor, labels: Tensor) -> Tensor:
    return -_cross_entropy(scores, labels)


def _cross_entropy_of_guess(scores: Tensor, labels: Tensor) -> Tensor:
    return _cross_entropy(scores, scores.argmax(dim=1))


EXERCISES = {
    "06.1": Exercise(
        prompt="A softmax over the rows of a matrix that stays finite for scores as large as 1000.",
        solution=_softmax,
        hint="Which number can you subtract from a whole row without changing the result?",
        cases=_SCORES,
        mistakes=(
            Mistake(
                _softmax_overflowing,
                "Right for small scores, but exp(1000) is infinite and inf / inf is nan. Subtract each row's "
                "largest score first.",
            ),
            Mistake(
                _softmax_over_columns,
                "The columns sum to one, not the rows: the classes run along dim=1. Summing over the batch mixes "
                "pictures that have nothing to do with each other.",
            ),
            Mistake(
                _softmax_over_everything,
                "The whole matrix sums to one. Each row is one picture and needs a sum of its own: dim=1 with "
                "keepdim=True.",
            ),
            Mistake(
                _share, "These are shares of the sum; without the exponential a score below zero breaks them."
            ),
        ),
        praise="Rows sum to one and nothing overflows.",
    ),
    "06.2": Exercise(
        prompt="The mean cross-entropy of scores (N, K) and labels (N,), without a loss of torch.",
        solution=_cross_entropy,
        hint="log(exp(a) / sum(exp)) is a - log(sum(exp)): with the largest score subtracted nothing overflows.",
        cases=_LABELLED,
        mistakes=(
            Mistake(
                _cross_entropy_overflowing,
                "Right for small scores. For (0, 200) the probability rounds to 0 and its log to -inf: take the "
                "logarithm on paper first, as the hint says.",
            ),
            Mistake(_cross_entropy_summed, "This is the sum over the batch; the mean was asked for."),
            Mistake(
                _cross_entropy_positive_log,
                "The sign is turned: log of a probability is negative, the loss is not.",
            ),
            Mistake(
                _cross_entropy_of_guess,
                "This charges for the class that was guessed. The label says which probability counts.",
            ),
        ),
        praise="Finite where softmax-then-log is not.",
    ),
    "06.3": Exercise(
        prompt="The lead m of the true class over nine others that gives a loss of 0.1.",
        solution=-math.log((math.exp(0.1) - 1) / 9),
        tolerance=0.006,
        hint="The loss is log(1 + 9 exp(-m)). Set it to 0.1 and solve for m.",
        mistakes=(
            Mistake(
                -math.log(math.exp(0.1) - 1),
                "That is the lead over one rival. There are nine, each with its own exp(0) in the sum.",
            ),
            Mistake(
                -math.log(0.1),
                "That is -log(0.1), the loss at probability 0.1. The loss, not the probability, is to be 0.1.",
            ),
            Mistake(0.9, "That is about the probability of the true class, exp(-0.1). Which score gives it?"),
        ),
        praise="The true class needs a probability of 0.905, which against nine rivals takes a lead of 4.45.",
    ),
}

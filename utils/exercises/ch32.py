"""Exercises of chapter 32: ids in order, averaging views, torn groups of duplicates, parameters of a head."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake


def _order(ids: list[str]) -> list[str]:
    return sorted(ids, key=int)


def _order_as_text(ids: list[str]) -> list[str]:
    return sorted(ids)


def _order_as_numbers(ids: list[str]) -> list[int]:
    return sorted(int(name) for name in ids)


def _order_by_length(ids: list[str]) -> list[str]:
    return sorted(ids, key=len)


def _order_counted(ids: list[str]) -> list[str]:
    return [str(number) for number in range(1, len(ids) + 1)]


def _average(logits: Tensor) -> Tensor:
    return logits.softmax(2).mean(0)


def _average_of_logits(logits: Tensor) -> Tensor:
    return logits.mean(0).softmax(1)


def _average_raw(logits: Tensor) -> Tensor:
    return logits.mean(0)


def _average_over_views(logits: Tensor) -> Tensor:
    return logits.softmax(0).mean(0)


def _average_summed(logits: Tensor) -> Tensor:
    return logits.softmax(2).sum(0)


def _folds_of(groups: list[int], folds: list[int]) -> dict[int, set[int]]:
    where: dict[int, set[int]] = {}
    for group, fold in zip(groups, folds, strict=True):
        where.setdefault(group, set()).add(fold)
    return where


def _torn(groups: list[int], folds: list[int]) -> int:
    return sum(len(places) > 1 for places in _folds_of(groups, folds).values())


def _torn_pictures(groups: list[int], folds: list[int]) -> int:
    where = _folds_of(groups, folds)
    return sum(len(where[group]) > 1 for group in groups)


def _torn_any_size(groups: list[int], folds: list[int]) -> int:
    return sum(count > 1 for count in Counter(groups).values())


def _torn_whole(groups: list[int], folds: list[int]) -> int:
    return sum(len(places) == 1 for places in _folds_of(groups, folds).values())


_LOGITS = (
    (torch.tensor([[[4.0, 0.0]], [[0.0, 1.5]], [[0.0, 1.5]]]),),
    (torch.linspace(-3, 4, 24).reshape(2, 3, 4).sin() * 5,),
)

EXERCISES = {
    "32.1": Exercise(
        prompt="Ids of a submission in the order of their numbers.",
        solution=_order,
        hint="`sorted` takes a `key`: what should be compared in place of the text?",
        cases=((["1", "10", "100", "2"],), (["30", "4", "205", "12", "3"],)),
        mistakes=(
            Mistake(
                _order_as_text, "Sorted as text, '10' comes before '2'. That is the order of the folder."
            ),
            Mistake(_order_as_numbers, "The order is right, but ids are text: return them as they came."),
            Mistake(_order_by_length, "By length only: '30' stays before '12'. Compare the numbers."),
            Mistake(_order_counted, "Ids may start anywhere and have gaps: sort those there are."),
        ),
        praise="Now the rows and the answers must move together: sort pairs, not two lists.",
    ),
    "32.2": Exercise(
        prompt="From logits (V, N, K) to the mean of the views' probabilities, (N, K).",
        solution=_average,
        hint="First make probabilities of each view (over the classes, the last dimension), then average the views.",
        cases=_LOGITS,
        mistakes=(
            Mistake(
                _average_of_logits,
                "That is the softmax of the mean logits: a loud view outvotes two cautious ones. Softmax first.",
            ),
            Mistake(
                _average_raw, "Those are mean logits; they do not sum to 1. Softmax first, then the mean."
            ),
            Mistake(
                _average_over_views,
                "The softmax ran over the views (dimension 0). Classes are the last dimension.",
            ),
            Mistake(_average_summed, "Summed, not averaged: the rows sum to V."),
        ),
        praise="Its log-loss is never above the mean log-loss of the views.",
    ),
    "32.3": Exercise(
        prompt="How many groups have pictures in more than one fold?",
        solution=_torn,
        hint="Collect the set of folds of each group, and count the sets with more than one member.",
        cases=(
            ([0, 0, 1, 1, 2, 3, 3, 3], [0, 1, 2, 2, 0, 1, 1, 0]),
            ([5, 7, 5, 7, 9], [0, 0, 0, 1, 1]),
            ([1, 1, 2, 2], [0, 0, 1, 1]),
        ),
        mistakes=(
            Mistake(_torn_pictures, "Those are the pictures of torn groups; count each group once."),
            Mistake(
                _torn_any_size,
                "Those are the groups with more than one picture. A group in one fold is no leak.",
            ),
            Mistake(_torn_whole, "Those are the groups that stayed together."),
        ),
        praise="It must be 0 before a validation score means anything.",
    ),
    "32.4": Exercise(
        prompt="Parameters of the head 2,048 -> 256 -> 120, biases included.",
        solution=555_384,
        hint="A linear layer from a to b has a times b weights and b biases.",
        mistakes=(
            Mistake(555_008, "The biases are missing: 256 and 120 of them."),
            Mistake(287_096, "That is the head behind 1,000 class scores; here 2,048 features enter."),
            Mistake(245_880, "That is a single layer from 2,048 to 120: the hidden layer of 256 is missing."),
            Mistake(524_544, "That is the first layer; the second, from 256 to 120, is missing."),
        ),
        praise="Nearly twice the notes' head, all of it in the first layer.",
    ),
}

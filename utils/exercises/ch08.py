"""Exercises of chapter 08: folds, the price of a kernel matrix, leaks, VC dimension."""

from __future__ import annotations

from utils.exercises import Exercise, Mistake

_FOLDS = ((10, 5, 0), (10, 5, 4), (11, 3, 0), (11, 3, 1), (11, 3, 2))


def _fold(count: int, k: int, i: int) -> list[int]:
    start = i * (count // k) + min(i, count % k)
    size = count // k + (i < count % k)
    return list(range(start, start + size))


def _fold_without_rest(count: int, k: int, i: int) -> list[int]:
    return list(range(i * (count // k), (i + 1) * (count // k)))


def _fold_rest_at_end(count: int, k: int, i: int) -> list[int]:
    start = i * (count // k)
    return list(range(start, count if i == k - 1 else start + count // k))


def _fold_from_one(count: int, k: int, i: int) -> list[int]:
    return _fold(count, k, i - 1)


def _fold_training_part(count: int, k: int, i: int) -> list[int]:
    inside = set(_fold(count, k, i))
    return [index for index in range(count) if index not in inside]


EXERCISES = {
    "08.1": Exercise(
        prompt="The validation indices of fold i (from 0) of count examples in k folds.",
        solution=_fold,
        hint="Every fold has count // k examples, the first count % k of them one more. Where does fold i start?",
        cases=_FOLDS,
        mistakes=(
            Mistake(
                _fold_without_rest,
                "Right if k divides the count. For 11 in 3 folds the last two examples are never validated: give "
                "one more to each of the first count % k folds.",
            ),
            Mistake(
                _fold_rest_at_end,
                "Everything is covered, but the last fold takes the whole rest. Spread it over the first folds.",
            ),
            Mistake(_fold_from_one, "The folds are counted from 0: fold 0 is the first."),
            Mistake(_fold_training_part, "This is the training part. The validation indices are the others."),
        ),
        praise="Disjoint, and together everything.",
    ),
    "08.2": Exercise(
        prompt="Gigabytes of the kernel matrix of 60,000 pictures in float32.",
        solution=14.4,
        hint="n² entries; how many bytes has a float32?",
        mistakes=(
            Mistake(28.8, "That is float64 with 8 bytes; a float32 has 4."),
            Mistake(3.6, "That is the number of entries, in thousand millions. Each takes 4 bytes."),
            Mistake(
                0.18816,
                "That is the size of the pictures, 60,000 × 784 × 4 bytes. The matrix compares each with each.",
            ),
        ),
        praise="And four times as much for twice the pictures.",
    ),
    "08.3": Exercise(
        prompt="Which steps leak: A standardise all rows, B split, C fit on train, D choose the penalty on test.",
        solution={"A", "D"},
        hint="In which steps does a number that was computed from test rows influence the model?",
        mistakes=(
            Mistake(
                {"D"},
                "D leaks, the test set is used for choosing. There is one more: whose mean was subtracted?",
            ),
            Mistake(
                {"A"}, "A leaks: the mean contains the test rows. There is one more: what chose the penalty?"
            ),
            Mistake({"A", "B", "D"}, "A random split looks at no values, so B is harmless."),
            Mistake({"A", "C", "D"}, "The fit itself sees training rows only; what leaks is around it."),
        ),
        praise="Statistics from the training rows, and a validation set for the penalty.",
    ),
    "08.4": Exercise(
        prompt="The VC dimension of thresholds on the line with one direction.",
        solution=1,
        hint="One point can be labelled 0 or 1. With two points a < b: can a get 1 and b get 0?",
        mistakes=(
            Mistake(
                2,
                "Two points a < b: the label 1 for a and 0 for b is out of reach, as 1 is always on the right.",
            ),
            Mistake(
                3, "That is the line in the plane. Here there are points on a line and a single threshold."
            ),
            Mistake(0, "A single point can be given both labels, by a threshold on either side of it."),
        ),
        praise="With both directions allowed it would be 2, which is N + 1 for N = 1.",
    ),
}

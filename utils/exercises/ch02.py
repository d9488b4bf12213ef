"""Exercises of chapter 02: filling by training means, one-hot with a class for the rest, counting columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_NAN = float("nan")
_TABLES = (
    (
        pd.DataFrame({"area": [80.0, 120.0, _NAN], "rooms": [2.0, _NAN, 4.0]}),
        pd.DataFrame({"area": [_NAN, 50.0, 40.0], "rooms": [9.0, _NAN, 7.0]}),
    ),
    (pd.DataFrame({"year": [1900.0, 1950.0]}), pd.DataFrame({"year": [_NAN]})),
)
_COLUMNS = (
    (["Pave", None, "Grvl", "Pave"], ["Grvl", "Pave"]),
    (["Marble", "Pave"], ["Pave"]),
    ([None], ["a", "b", "c"]),
)


def _tensor(table: pd.DataFrame) -> Tensor:
    return torch.tensor(table.to_numpy(dtype=float))


def _fill(train: pd.DataFrame, test: pd.DataFrame) -> Tensor:
    return _tensor(test.fillna(train.mean()))


def _fill_by_test(train: pd.DataFrame, test: pd.DataFrame) -> Tensor:
    return _tensor(test.fillna(test.mean()))


def _fill_by_both(train: pd.DataFrame, test: pd.DataFrame) -> Tensor:
    return _tensor(test.fillna(pd.concat([train, test]).mean()))


def _fill_by_zero(train: pd.DataFrame, test: pd.DataFrame) -> Tensor:
    return _tensor(test.fillna(0))


def _drop_rows(train: pd.DataFrame, test: pd.DataFrame) -> Tensor:
    return _tensor(test.dropna())


def _unfilled(train: pd.DataFrame, test: pd.DataFrame) -> Tensor:
    return _tensor(test)


def _one_hot(column: Sequence[str | None], categories: Sequence[str]) -> Tensor:
    out = torch.zeros(len(column), len(categories) + 1)
    for row, word in enumerate(column):
        out[row, categories.index(word) if word in categories else -1] = 1
    return out


def _one_hot_without_rest(column: Sequence[str | None], categories: Sequence[str]) -> Tensor:
    return _one_hot(column, categories)[:, :-1]


def _one_hot_rest_is_zero(column: Sequence[str | None], categories: Sequence[str]) -> Tensor:
    out = _one_hot(column, categories)
    out[:, -1] = 0
    return out


def _one_hot_unknown_is_zero(column: Sequence[str | None], categories: Sequence[str]) -> Tensor:
    out = _one_hot(column, categories)
    out[:, -1] = torch.tensor([float(word is None) for word in column])
    return out


def _one_hot_rest_first(column: Sequence[str | None], categories: Sequence[str]) -> Tensor:
    return _one_hot(column, categories).roll(1, dims=1)


EXERCISES = {
    "02.1": Exercise(
        prompt="The numbers of a test table, holes filled with the column means of the training table.",
        solution=_fill,
        hint="table.mean() gives a mean a column, and fillna takes such a Series. Whose mean?",
        cases=_TABLES,
        mistakes=(
            Mistake(
                _fill_by_test,
                "These are the test rows' own means. A house that arrives alone has none: use what training knew.",
            ),
            Mistake(
                _fill_by_both,
                "Means of both tables together: that is the leak. Only the training rows may be looked at.",
            ),
            Mistake(_fill_by_zero, "A house of 0 square metres. Fill with the column means of `train`."),
            Mistake(_drop_rows, "Rows are gone. Each test row needs a prediction, so none may be dropped."),
            Mistake(
                _unfilled,
                "The holes are still there: fillna returns a new table, it does not change the old one.",
            ),
        ),
        praise="What is learnt comes from the training rows.",
    ),
    "02.2": Exercise(
        prompt="One-hot (N, K + 1) for fixed categories, the last column for anything else.",
        solution=_one_hot,
        hint="Start with zeros (N, K + 1) and set a single 1 in each row: at the word's place, or at the end.",
        cases=_COLUMNS,
        mistakes=(
            Mistake(
                _one_hot_without_rest, "The last column is missing: K categories and one for everything else."
            ),
            Mistake(
                _one_hot_rest_is_zero,
                "Missing words have no 1 at all. Each row needs one, in the last column.",
            ),
            Mistake(
                _one_hot_unknown_is_zero,
                "Right for None; a word that is not among the categories belongs into the last column as well.",
            ),
            Mistake(_one_hot_rest_first, "The column for the rest comes last, not first."),
        ),
        praise="Each row has exactly one 1, whatever stands in it.",
    ),
    "02.3": Exercise(
        prompt="Columns that get_dummies(dummy_na=True) makes of 3 number columns and one with 4 words and NaN.",
        solution=8,
        hint="The number columns stay. The words make one column each, and dummy_na adds something.",
        mistakes=(
            Mistake(7, "That is without dummy_na: missing is a class of its own and has a column too."),
            Mistake(5, "Those are the columns of the words. The number columns are still there."),
            Mistake(4, "That is what went in. The column of words becomes one column for each word."),
        ),
        praise="3 + 4 + 1.",
    ),
}

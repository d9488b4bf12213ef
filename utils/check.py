"""Feedback for the reader: exercises that answer back, and results with the band they should fall into.

check("06.1", my_softmax)      # not attempted / right / what is wrong and why
check.hint("06.1")
check.solution("06.1")
check.within({"test accuracy": (0.83, 0.80, 0.87)}, seed=0)
"""

from __future__ import annotations

import copy
import importlib
import inspect
import math
import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from utils.exercises import Exercise
from utils.settings import settings


class Verdict(NamedTuple):
    """What is thought of an answer: `missing`, `right` or `wrong`, and a sentence for the reader."""

    status: str
    message: str


class Check:
    """Called with an exercise's number and an answer; see the module's text."""

    def __call__(self, number: str, answer: Any = ...) -> None:
        """Print what is right or wrong with an answer. Never raises for an answer, however odd."""
        verdict = self.judge(number, answer)
        mark = {"missing": "[ ] not attempted", "right": "[x] right", "wrong": "[!] not yet"}[verdict.status]
        print(f"{number} {mark}. {verdict.message}")

    def judge(self, number: str, answer: Any) -> Verdict:
        """Return the verdict on an answer without printing.

        Raises:
            ValueError: if there is no such exercise.
        """
        exercise = find(number)
        if answer is None or answer is ...:
            return _missing(number)
        if exercise.judge is not None:
            return _custom(number, exercise, answer)
        if not exercise.cases:
            return _judge_value(exercise, answer)
        return _judge_function(number, exercise, answer)

    def hint(self, number: str) -> None:
        """Print a nudge that does not give the answer away."""
        print(f"{number} hint: {find(number).hint}")

    def solution(self, number: str) -> None:
        """Print the reference answer."""
        solution = find(number).solution
        if callable(solution):
            print(textwrap.dedent(inspect.getsource(solution)).rstrip())
        else:
            print(f"{number} solution: {solution!r}")

    def within(
        self, results: Mapping[str, tuple[float, float, float]], *, seed: int | str, device: Any = "cpu"
    ) -> None:
        """Show results beside the band each should fall into, and fail if one does not.

        Args:
            results: name -> (value, lowest, highest expected at this scale). The first is the chapter's headline.
            seed: the seed, or seeds, they were made with.
            device: where.

        Raises:
            AssertionError: naming the first result outside its band.
        """
        lines = [f"| result | here | expected ({settings.scale}) |", "|---|---|---|"]
        lines += [
            f"| {name} | {value:.3f} | {low:.3g} to {high:.3g} |"
            for name, (value, low, high) in results.items()
        ]
        lines += ["", f"device {device}, scale {settings.scale}, seed {seed}"]
        name, (value, _, _) = next(iter(results.items()))
        _display("\n".join(lines), headline=f"{name} {value:.3f}")
        for name, (value, low, high) in results.items():
            assert low <= value <= high, (
                f"{name} is {value:.4g}, expected {low:.4g} to {high:.4g} at scale {settings.scale}. A value just "
                "outside may be noise: run again with another seed. One far outside is a bug."
            )


def find(number: str) -> Exercise:
    """Return exercise `CC.N` of chapter CC.

    Raises:
        ValueError: if the chapter has no exercise of that number; the text lists those it has.
    """
    chapter = str(number).partition(".")[0]
    try:
        exercises = importlib.import_module(f"utils.exercises.ch{chapter}").EXERCISES
    except ModuleNotFoundError as error:
        if error.name != f"utils.exercises.ch{chapter}":
            raise
        exercises = {}
    if number not in exercises:
        raise ValueError(f"no exercise {number!r}, chapter {chapter} has: {', '.join(exercises) or 'none'}")
    return exercises[number]


def _missing(number: str) -> Verdict:
    return Verdict(
        "missing", f"Fill in the stub and run the cell again; check.hint({number!r}) gives a nudge."
    )


def _right(exercise: Exercise) -> Verdict:
    return Verdict("right", exercise.praise)


def _custom(number: str, exercise: Exercise, answer: Any) -> Verdict:
    try:
        problem = exercise.judge(answer)
    except NotImplementedError:
        return _missing(number)
    except Exception as error:
        problem = f"It raised {type(error).__name__}: {error}"
    if problem is ...:
        return _missing(number)
    return Verdict("wrong", problem) if problem else _right(exercise)


def _judge_value(exercise: Exercise, answer: Any) -> Verdict:
    if same(answer, exercise.solution, exercise.tolerance):
        return _right(exercise)
    for mistake in exercise.mistakes:
        if same(answer, mistake.answer, exercise.tolerance):
            return Verdict("wrong", mistake.why)
    return Verdict("wrong", f"{_short(answer)} is not it. {exercise.hint}")


def _judge_function(number: str, exercise: Exercise, answer: Any) -> Verdict:
    if not callable(answer):
        return Verdict("wrong", f"Expected a function, got {type(answer).__name__} {_short(answer)}.")
    expected = [exercise.solution(*copy.deepcopy(case)) for case in exercise.cases]
    got: list[Any] = []
    for case in exercise.cases:
        try:
            got.append(answer(*copy.deepcopy(case)))
        except NotImplementedError:
            return _missing(number)
        except Exception as error:
            shown = ", ".join(_short(value) for value in case)
            return Verdict("wrong", f"For ({shown}) it raised {type(error).__name__}: {error}")
    if all(value is None or value is ... for value in got):
        return _missing(number)
    wrong = [i for i, value in enumerate(got) if not same(value, expected[i])]
    if not wrong:
        return _right(exercise)
    for mistake in exercise.mistakes:
        if same(got, [mistake.answer(*copy.deepcopy(case)) for case in exercise.cases]):
            return Verdict("wrong", mistake.why)
    i = wrong[0]
    shown = ", ".join(_short(value) for value in exercise.cases[i])
    return Verdict("wrong", f"For ({shown}) expected {_short(expected[i])}, got {_short(got[i])}.")


def same(got: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Return whether two answers agree: numbers to `tolerance`, containers element by element, text exactly.

    Shapes must agree; a number equals a one-element tensor without dimensions; nan equals nan.
    """
    if isinstance(expected, (list, tuple)) and not _numeric(expected):
        return isinstance(got, (list, tuple)) and len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and got.keys() == expected.keys()
            and all(same(got[k], expected[k]) for k in got)
        )
    if isinstance(got, np.bool_) or (
        isinstance(got, torch.Tensor) and got.dtype == torch.bool and got.ndim == 0
    ):
        got = bool(got)
    if isinstance(expected, (bool, str)) or expected is None:
        return isinstance(got, type(expected)) and got == expected
    try:
        a, b = _tensor(got), _tensor(expected)
    except (TypeError, ValueError, RuntimeError):
        return got is expected or (type(got) is type(expected) and bool(np.all(got == expected)))
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=tolerance, equal_nan=True)


def _numeric(values: Any) -> bool:
    return bool(values) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values
    )


def _tensor(value: Any) -> torch.Tensor:
    if isinstance(value, (str, bytes)):
        raise TypeError("text is no number")
    return torch.as_tensor(value).detach().cpu().to(torch.float64)


def _short(value: Any, limit: int = 90) -> str:
    if isinstance(value, torch.Tensor) and value.numel() > 8:
        text = f"tensor of shape {tuple(value.shape)}"
    elif isinstance(value, float):
        text = f"{value:.5g}" if math.isfinite(value) else str(value)
    else:
        text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _display(markdown: str, *, headline: str) -> None:
    """Show a table in a front end that has one, print it elsewhere; IPython is looked up only if it runs."""
    import sys

    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(markdown)
        return
    from IPython.display import display

    metadata = {"course": {"headline": headline}}
    display({"text/markdown": markdown, "text/plain": markdown}, raw=True, metadata=metadata)


check = Check()

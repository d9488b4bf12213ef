"""Exercises by chapter: a reference answer, and the wrong answers people give with what to tell them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer (of the same kind as the solution) and the sentence that helps out of it."""

    answer: Any
    why: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        prompt: the task in a sentence; the chapter says it at length.
        solution: reference answer: a function if there are `cases`, else a value.
        hint: a nudge that does not give the answer away.
        cases: argument tuples a function is tried on; the solution computes what is expected.
        mistakes: tried in order when an answer is wrong.
        judge: own rule in place of cases: `answer -> None` if right, a sentence if wrong, `...` if not attempted.
        praise: what a right answer is told.
        tolerance: how far a number may be off, for values that are asked for in rounded form.
    """

    prompt: str
    solution: Any
    hint: str
    cases: tuple[tuple, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    judge: Callable[[Any], Any] | None = None
    praise: str = "Well done."
    tolerance: float = 1e-4

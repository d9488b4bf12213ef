import inspect

import pytest
import torch

from utils import check as checks
from utils.check import check, same
from utils.exercises import Exercise, Mistake
from utils.settings import settings

DOUBLE = Exercise(
    prompt="Twice x.",
    solution=lambda x: 2 * x,
    hint="Add it to itself.",
    cases=((1,), (torch.tensor([2.0, 3.0]),)),
    mistakes=(Mistake(lambda x: x * x, "That is the square."), Mistake(lambda x: x + 2, "That adds two.")),
    praise="Twice.",
)
SEVEN = Exercise("Seven.", 7, "After six.", mistakes=(Mistake(8, "One too many."),))


@pytest.fixture(autouse=True)
def book(monkeypatch):
    known = {"99.1": DOUBLE, "99.2": SEVEN}
    monkeypatch.setattr(checks, "find", lambda number: known[number])


def spoils_its_input(x):
    x += 1
    return 2 * (x - 1)


def raises(x):
    raise KeyError("oops")


def not_written(x):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("number", "answer", "status", "message"),
    [
        ("99.1", ..., "missing", "check.hint('99.1')"),
        ("99.1", None, "missing", "Fill in the stub"),
        ("99.1", lambda x: None, "missing", "Fill in"),
        ("99.1", lambda x: ..., "missing", "Fill in"),
        ("99.1", not_written, "missing", "Fill in"),
        ("99.1", lambda x: x + x, "right", "Twice."),
        ("99.1", spoils_its_input, "right", "Twice."),
        ("99.1", lambda x: x * x, "wrong", "That is the square."),
        ("99.1", lambda x: x + 2, "wrong", "That adds two."),
        ("99.1", lambda x: 3 * x, "wrong", "For (1) expected 2, got 3."),
        ("99.1", lambda x: None if isinstance(x, int) else 2 * x, "wrong", "expected 2, got None"),
        ("99.1", raises, "wrong", "raised KeyError: 'oops'"),
        ("99.1", lambda: 1, "wrong", "raised TypeError"),
        ("99.1", 5, "wrong", "Expected a function, got int 5."),
        ("99.2", 7, "right", "Well done."),
        ("99.2", 7.00001, "right", "Well done."),
        ("99.2", torch.tensor(7), "right", "Well done."),
        ("99.2", 8, "wrong", "One too many."),
        ("99.2", "seven", "wrong", "'seven' is not it. After six."),
        ("99.2", object(), "wrong", "is not it"),
    ],
)
def test_verdicts(number, answer, status, message):
    verdict = check.judge(number, answer)
    assert verdict.status == status and message in verdict.message


def test_calling_prints_one_line_and_never_raises(capsys):
    check("99.1")
    check("99.1", lambda x: x + x)
    check("99.2", 8)
    check.hint("99.1")
    check.solution("99.2")
    assert capsys.readouterr().out.splitlines() == [
        "99.1 [ ] not attempted. Fill in the stub and run the cell again; check.hint('99.1') gives a nudge.",
        "99.1 [x] right. Twice.",
        "99.2 [!] not yet. One too many.",
        "99.1 hint: Add it to itself.",
        "99.2 solution: 7",
    ]


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (1, 1.0, True),
        ([1, 2], (1, 2), True),
        (torch.tensor([1.0, 2.0]), [1, 2], True),
        (torch.zeros(2, 1), torch.zeros(2), False),
        (float("nan"), float("nan"), True),
        (1, True, False),
        (True, True, True),
        (torch.tensor(True), True, True),
        (torch.tensor(1), True, False),
        ("a", "a", True),
        ("1", 1, False),
        ({"a": [1, "b"]}, {"a": [1, "b"]}, True),
        ({"a": 1}, {"b": 1}, False),
        ((torch.zeros(2), 3), (torch.zeros(2), 3), True),
        ((torch.zeros(2), 3), (torch.zeros(3), 3), False),
        ([1], [1, 2], False),
        (1.0001, 1.0, True),
        (1.001, 1.0, False),
        (torch.float32, torch.float32, True),
        (torch.float32, torch.float64, False),
    ],
)
def test_sameness(got, expected, equal):
    assert same(got, expected) is equal


def test_within_shows_the_band_and_fails_outside_it(capsys, monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "sample")
    check.within({"accuracy": (0.8, 0.7, 0.9), "loss": (1.0, 1.0, 2)}, seed=3)
    shown = capsys.readouterr().out
    assert "| accuracy | 0.800 | 0.7 to 0.9 |" in shown and "seed 3" in shown and settings.scale in shown
    with pytest.raises(AssertionError, match="loss is 2.5, expected 1 to 2 at scale sample"):
        check.within({"accuracy": (0.8, 0.7, 0.9), "loss": (2.5, 1, 2)}, seed=3)
    with pytest.raises(AssertionError, match="accuracy is nan"):
        check.within({"accuracy": (float("nan"), 0, 1)}, seed=3)


def test_solutions_are_shown_as_source(capsys):
    check.solution("99.1")
    assert "lambda x: 2 * x" in capsys.readouterr().out
    assert inspect.isfunction(DOUBLE.solution)

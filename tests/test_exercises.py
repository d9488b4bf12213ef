"""Every exercise of every chapter: the reference passes, each known mistake gets its own hint, stubs are harmless."""

import importlib
import pkgutil

import pytest

import utils.exercises
from utils.check import check, find

MODULES = [m.name for m in pkgutil.iter_modules(utils.exercises.__path__) if m.name.startswith("ch")]
NUMBERS = [n for m in MODULES for n in importlib.import_module(f"utils.exercises.{m}").EXERCISES]
MISTAKES = [(n, i) for n in NUMBERS for i in range(len(find(n).mistakes))]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_is_right(number):
    verdict = check.judge(number, find(number).solution)
    assert verdict.status == "right", verdict.message


@pytest.mark.parametrize(("number", "index"), MISTAKES)
def test_each_known_mistake_is_answered_with_its_own_hint(number, index):
    mistake = find(number).mistakes[index]
    verdict = check.judge(number, mistake.answer)
    assert (verdict.status, verdict.message) == ("wrong", mistake.why)


@pytest.mark.parametrize("number", NUMBERS)
def test_stubs_count_as_not_attempted(number):
    stubs = [..., None] + [lambda *args: None] * bool(find(number).cases)
    assert {check.judge(number, stub).status for stub in stubs} == {"missing"}


@pytest.mark.parametrize("number", NUMBERS)
def test_hints_and_solutions_print(number, capsys):
    check.hint(number)
    check.solution(number)
    assert len(capsys.readouterr().out) > 40


def test_numbers_match_their_modules():
    for module in MODULES:
        numbers = importlib.import_module(f"utils.exercises.{module}").EXERCISES
        assert all(number.startswith(module.removeprefix("ch") + ".") for number in numbers), module
        assert len(numbers) >= 2, f"{module}: at least two checked exercises a chapter"


def test_each_exercise_knows_a_mistake():
    assert [number for number in NUMBERS if not find(number).mistakes] == []


def test_unknown_numbers_are_listed():
    with pytest.raises(ValueError, match=r"no exercise '06.99', chapter 06 has: 06.1, 06.2"):
        find("06.99")
    with pytest.raises(ValueError, match="chapter 77 has: none"):
        find("77.1")

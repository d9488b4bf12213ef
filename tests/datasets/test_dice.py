"""Random numbers that never change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.datasets.dice import Dice


def test_numbers_are_pinned() -> None:
    dice = Dice("pinned", 7)
    assert [dice.integer(0, 999) for _ in range(6)] == [7, 827, 239, 852, 332, 513]
    assert Dice("pinned", 7).integers(-5, 5, (2, 4)).tolist() == [[1, 3, 1, 3], [1, 0, 2, 4]]


def test_same_key_same_numbers_other_key_others() -> None:
    first, again, other = (
        [Dice(*key).integer(0, 10**6) for _ in range(1)] for key in (("a", 1), ("a", 1), ("a", 2))
    )
    assert first == again != other
    assert Dice("a", 12).integer(0, 10**6) != Dice("a1", 2).integer(0, 10**6)


@given(st.integers(-1000, 1000), st.integers(0, 2000))
def test_numbers_stay_in_range_and_reach_both_ends(low: int, span: int) -> None:
    dice = Dice(low, span)
    numbers = dice.integers(low, low + span, (200,))
    assert numbers.min() >= low
    assert numbers.max() <= low + span
    assert all(low <= dice.integer(low, low + span) <= low + span for _ in range(80))


def test_ends_are_included() -> None:
    dice = Dice("ends")
    assert {dice.integer(3, 5) for _ in range(200)} == {3, 4, 5}
    assert set(np.unique(dice.integers(3, 5, (200,)))) == {3, 4, 5}
    assert dice.integers(0, 9, (0, 3)).shape == (0, 3)


def test_choice_chance_and_order() -> None:
    dice = Dice("choice")
    assert {dice.choice("abc") for _ in range(100)} == set("abc")
    assert not any(dice.chance(0) for _ in range(100))
    assert all(dice.chance(100) for _ in range(100))
    shuffled = dice.shuffled(range(50))
    assert sorted(shuffled) == list(range(50))
    assert shuffled != list(range(50))
    assert dice.shuffled([]) == []


def test_empty_ranges_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="low <= high"):
        Dice(0).integer(2, 1)
    with pytest.raises(ValueError, match="at least one option"):
        Dice(0).choice([])

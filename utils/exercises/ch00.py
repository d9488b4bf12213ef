"""Exercises of chapter 00: unzipping, and one switch for two scales."""

from __future__ import annotations

from utils.exercises import Exercise, Mistake


class _Scale:
    """Stands in for `settings` at one of the scales."""

    def __init__(self, scale: str) -> None:
        self.scale = scale

    def pick(self, *, sample, full):
        return sample if self.scale == "sample" else full

    def __repr__(self) -> str:
        return f"settings at scale {self.scale!r}"


def _unzip(pairs: list[tuple]) -> tuple[list, list]:
    return [first for first, _ in pairs], [second for _, second in pairs]


def _unzip_star(pairs: list[tuple]) -> tuple:
    return tuple(zip(*pairs, strict=True))


def _zip_halves(pairs: list[tuple]) -> list:
    return list(zip(pairs, strict=True))


def _unzip_swapped(pairs: list[tuple]) -> tuple[list, list]:
    firsts, seconds = _unzip(pairs)
    return seconds, firsts


EXERCISES = {
    "00.1": Exercise(
        prompt="From a list of pairs to a pair of lists.",
        solution=_unzip,
        hint="Two list comprehensions do it. zip(*pairs) nearly does: what does it give for an empty list?",
        cases=(([(1, "a"), (2, "b")],), ([("x", 0.5)],), ([],)),
        mistakes=(
            Mistake(
                _unzip_star,
                "Right for full lists. For an empty one zip(*pairs) has nothing to unpack and gives () in place of "
                "two empty lists.",
            ),
            Mistake(_zip_halves, "Without the star, zip sees one sequence and wraps each pair once more."),
            Mistake(_unzip_swapped, "The two lists are the wrong way round."),
        ),
    ),
    "00.2": Exercise(
        prompt="2 epochs at scale sample, 20 at scale full.",
        solution=lambda settings: settings.pick(sample=2, full=20),
        hint="settings.pick takes two keywords named like the scales.",
        cases=((_Scale("sample"),), (_Scale("full"),)),
        mistakes=(
            Mistake(
                lambda settings: settings.pick(sample=20, full=2),
                "The two numbers are swapped: the sample is the short run.",
            ),
            Mistake(lambda settings: 2, "That ignores the switch: at scale full it would still be 2."),
            Mistake(lambda settings: 20, "That ignores the switch: at scale sample it would be 20."),
        ),
        praise="One line, no `if CI` anywhere.",
    ),
}

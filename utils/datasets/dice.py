"""Random numbers that are the same on every machine and with every NumPy: the scenes are drawn with these."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_WORD = 32


class Dice:
    """Whole random numbers from a key.

    NumPy promises the raw bits of Philox for ever, but not the numbers its Generator makes of them. So this class
    takes the raw bits and maps them to a range with integer arithmetic only.

    Args:
        key: numbers or words; the same key gives the same numbers, another key unrelated ones.

    Example:
        >>> Dice("hotdog", 3).integer(0, 10) == Dice("hotdog", 3).integer(0, 10)
        True
    """

    def __init__(self, *key: int | str) -> None:
        digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
        self._bits = np.random.Philox(key=np.frombuffer(digest, dtype="<u8").astype(np.uint64))
        self._stock: list[int] = []

    def _words(self, count: int) -> np.ndarray:
        return self._bits.random_raw(count) >> np.uint64(_WORD)

    def integer(self, low: int, high: int) -> int:
        """Return a number in low..high, both ends included.

        Raises:
            ValueError: if the range is empty.
        """
        if high < low:
            raise ValueError(f"expected low <= high, got {low} and {high}")
        if not self._stock:
            self._stock = self._words(64).tolist()
        return low + (self._stock.pop() * (high - low + 1) >> _WORD)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return an int64 array of that shape with numbers in low..high, both ends included."""
        count = int(np.prod(shape))
        span = np.uint64(high - low + 1)
        return (low + (self._words(count) * span >> np.uint64(_WORD)).astype(np.int64)).reshape(shape)

    def chance(self, percent: int) -> bool:
        """Return True in that many cases of a hundred."""
        return self.integer(0, 99) < percent

    def choice(self, options: Sequence[T]) -> T:
        """Return one of the options.

        Raises:
            ValueError: if there are none.
        """
        if not options:
            raise ValueError("expected at least one option to choose from, got none")
        return options[self.integer(0, len(options) - 1)]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return all options in a random order (Fisher and Yates)."""
        order = list(options)
        for last in range(len(order) - 1, 0, -1):
            other = self.integer(0, last)
            order[last], order[other] = order[other], order[last]
        return order

"""Exercises of chapter 30: side of a transposed convolution, IoU by class from counts, VOC's colours from bits."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_COUNTS = (
    (torch.tensor([[50, 3, 1], [4, 20, 6], [2, 0, 10]]),),
    (torch.tensor([[7, 0], [5, 1]]),),
    (torch.tensor([[0, 9, 0, 1], [2, 3, 4, 0], [0, 0, 8, 0], [1, 1, 1, 1]]),),
)


def _side(n: int, kernel: int, stride: int, padding: int) -> int:
    return (n - 1) * stride + kernel - 2 * padding


def _side_of_convolution(n: int, kernel: int, stride: int, padding: int) -> int:
    return (n + 2 * padding - kernel) // stride + 1


def _side_with_padding_added(n: int, kernel: int, stride: int, padding: int) -> int:
    return (n - 1) * stride + kernel + 2 * padding


def _side_padded_once(n: int, kernel: int, stride: int, padding: int) -> int:
    return (n - 1) * stride + kernel - padding


def _side_one_step_too_many(n: int, kernel: int, stride: int, padding: int) -> int:
    return n * stride + kernel - 2 * padding


def _side_multiplied(n: int, kernel: int, stride: int, padding: int) -> int:
    return n * stride


def _iou(counts: Tensor) -> Tensor:
    hits = counts.diagonal()
    return hits / (counts.sum(0) + counts.sum(1) - hits)


def _recall(counts: Tensor) -> Tensor:
    return counts.diagonal() / counts.sum(1)


def _precision(counts: Tensor) -> Tensor:
    return counts.diagonal() / counts.sum(0)


def _dice(counts: Tensor) -> Tensor:
    return 2 * counts.diagonal() / (counts.sum(0) + counts.sum(1))


def _hits_counted_twice(counts: Tensor) -> Tensor:
    return counts.diagonal() / (counts.sum(0) + counts.sum(1))


def _share_of_all(counts: Tensor) -> Tensor:
    return counts.diagonal() / counts.sum()


def _bits(number: int, *, lowest_first: bool = False, order: tuple[int, ...] = (0, 1, 2)) -> tuple[int, ...]:
    color = [0, 0, 0]
    for bit in range(8):
        place = bit // 3 if lowest_first else 7 - bit // 3
        color[order[bit % 3]] |= (number >> bit & 1) << place
    return tuple(color)


def _color(number: int) -> tuple[int, int, int]:
    color = [0, 0, 0]
    for bit in range(8):
        color[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return tuple(color)


def _color_from_low_bits(number: int) -> tuple[int, ...]:
    return _bits(number, lowest_first=True)


def _color_blue_first(number: int) -> tuple[int, ...]:
    return _bits(number, order=(2, 1, 0))


def _color_in_blocks(number: int) -> tuple[int, int, int]:
    # Bits 0 to 2 to red, 3 to 5 to green, 6 and 7 to blue.
    parts = (number & 7, number >> 3 & 7, number >> 6)
    return tuple(sum((part >> bit & 1) << (7 - bit) for bit in range(3)) for part in parts)


def _color_grey(number: int) -> tuple[int, int, int]:
    return number, number, number


EXERCISES = {
    "30.1": Exercise(
        prompt="Side of the output of a transposed convolution.",
        solution=_side,
        hint="Stamps stand `stride` apart; the last one reaches a whole kernel. Padding is cut off at both ends.",
        cases=((2, 2, 1, 0), (10, 64, 32, 16), (6, 5, 3, 2), (1, 4, 2, 1), (7, 3, 2, 1)),
        mistakes=(
            Mistake(
                _side_of_convolution, "That is the formula of the ordinary convolution; here the side grows."
            ),
            Mistake(
                _side_with_padding_added,
                "Padding counts as if the convolution went the other way: it makes this output smaller.",
            ),
            Mistake(_side_padded_once, "Padding is cut off at both ends, so it counts twice."),
            Mistake(
                _side_one_step_too_many,
                "One step too many: n stamps have n - 1 gaps between them, the last one adds its kernel.",
            ),
            Mistake(
                _side_multiplied,
                "Stride times side is right for kernel 2 s and padding s / 2, as in the FCN, and not in general.",
            ),
        ),
        praise="For 10, 64, 32, 16 it gives 320, the height of the book's picture.",
    ),
    "30.2": Exercise(
        prompt="IoU of each class (K,) from counts (K, K), row = truth, column = prediction.",
        solution=_iou,
        hint="Intersection is the diagonal. The union is row plus column, in which the diagonal was counted twice.",
        cases=_COUNTS,
        mistakes=(
            Mistake(_recall, "That is the recall: false alarms, the rest of the column, cost nothing in it."),
            Mistake(
                _precision, "That is the precision: missed pixels, the rest of the row, cost nothing in it."
            ),
            Mistake(_dice, "That is the Dice coefficient, 2 IoU / (1 + IoU): never smaller than the IoU."),
            Mistake(
                _hits_counted_twice,
                "Row plus column holds the diagonal twice: a perfect class would get 0.5. Take it away once.",
            ),
            Mistake(
                _share_of_all, "Divided by all pixels, rare classes can never score. Use the class's union."
            ),
        ),
        praise="Its mean is the mean IoU; a class with many pixels counts no more than a rare one.",
    ),
    "30.3": Exercise(
        prompt="VOC's colour (red, green, blue) of a class number, from its bits.",
        solution=_color,
        hint="Bit 0 goes to red, bit 1 to green, bit 2 to blue, bit 3 to red again; the first round lands in bit 7.",
        cases=((0,), (1,), (6,), (15,), (20,), (255,)),
        mistakes=(
            Mistake(
                _color_from_low_bits,
                "Filled from the low end, all colours are nearly black. The first round goes into bit 7 (128).",
            ),
            Mistake(_color_blue_first, "Red and blue have changed places: bit 0 is red."),
            Mistake(
                _color_in_blocks,
                "The bits take turns: 0 red, 1 green, 2 blue, 3 red. Here three in a row went to one channel.",
            ),
            Mistake(_color_grey, "That is a grey: class 15 would look like class 16. Deal out the bits."),
        ),
        praise="Neighbouring numbers get colours that differ most: the bits that change often weigh most.",
    ),
}

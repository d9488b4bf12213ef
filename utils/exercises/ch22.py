"""Exercises of chapter 22: parameters of an Inception block, joining paths, split windows."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

Pair = tuple[int, int]


def _parameters(in_channels: int, c1: int, c2: Pair, c3: Pair, c4: int) -> int:
    one = in_channels * c1 + c1
    three = in_channels * c2[0] + c2[0] + 9 * c2[0] * c2[1] + c2[1]
    five = in_channels * c3[0] + c3[0] + 25 * c3[0] * c3[1] + c3[1]
    return one + three + five + in_channels * c4 + c4


def _without_biases(in_channels: int, c1: int, c2: Pair, c3: Pair, c4: int) -> int:
    return _parameters(in_channels, c1, c2, c3, c4) - (c1 + sum(c2) + sum(c3) + c4)


def _without_squeeze(in_channels: int, c1: int, c2: Pair, c3: Pair, c4: int) -> int:
    three, five = 9 * in_channels * c2[1] + c2[1], 25 * in_channels * c3[1] + c3[1]
    return in_channels * c1 + c1 + three + five + in_channels * c4 + c4


def _without_pooling_path(in_channels: int, c1: int, c2: Pair, c3: Pair, c4: int) -> int:
    return _parameters(in_channels, c1, c2, c3, c4) - (in_channels * c4 + c4)


def _windows_by_side(in_channels: int, c1: int, c2: Pair, c3: Pair, c4: int) -> int:
    return _parameters(in_channels, c1, c2, c3, c4) - 6 * c2[0] * c2[1] - 20 * c3[0] * c3[1]


def _join(one: Tensor, three: Tensor, five: Tensor, pooled: Tensor) -> Tensor:
    return torch.cat([one, three, five, pooled], dim=1)


def _join_batch(one: Tensor, three: Tensor, five: Tensor, pooled: Tensor) -> Tensor:
    return torch.cat([one, three, five, pooled], dim=0)


def _join_side(one: Tensor, three: Tensor, five: Tensor, pooled: Tensor) -> Tensor:
    return torch.cat([one, three, five, pooled], dim=3)


def _join_sum(one: Tensor, three: Tensor, five: Tensor, pooled: Tensor) -> Tensor:
    return one + three + five + pooled


def _join_stack(one: Tensor, three: Tensor, five: Tensor, pooled: Tensor) -> Tensor:
    return torch.stack([one, three, five, pooled], dim=1)


def _join_reversed(one: Tensor, three: Tensor, five: Tensor, pooled: Tensor) -> Tensor:
    return torch.cat([pooled, five, three, one], dim=1)


def _paths(channels: int, side: int) -> tuple[Tensor, ...]:
    numbers = torch.arange(4.0 * 2 * channels * side * side).reshape(4, 2, channels, side, side)
    return tuple(numbers)


EXERCISES = {
    "22.1": Exercise(
        prompt="Parameters of an Inception block from its numbers.",
        solution=_parameters,
        hint="Six convolutions. A k x k one from a to b channels has k * k * a * b weights and b biases.",
        cases=(
            (192, 64, (96, 128), (16, 32), 32),
            (480, 192, (96, 208), (16, 48), 64),
            (3, 2, (4, 5), (2, 3), 4),
        ),
        mistakes=(
            Mistake(
                _without_biases, "The weights are right; each of the six convolutions has biases as well."
            ),
            Mistake(
                _without_squeeze,
                "The 3 x 3 and the 5 x 5 do not see all input channels: a 1 x 1 squeezes them first.",
            ),
            Mistake(
                _without_pooling_path, "The pooling has no parameters, but the 1 x 1 that follows it does."
            ),
            Mistake(_windows_by_side, "A 3 x 3 window has 9 weights for a pair of channels, a 5 x 5 has 25."),
        ),
        praise="For the first block that is 163,696.",
    ),
    "22.2": Exercise(
        prompt="Join the outputs of four paths.",
        solution=_join,
        hint="Height, width and batch agree; along which dimension may they differ?",
        cases=(_paths(1, 2), _paths(3, 1)),
        mistakes=(
            Mistake(
                _join_batch, "These lie along the batch: four times the pictures. The channels are dim=1."
            ),
            Mistake(
                _join_side, "These lie side by side, as a wider picture. Channels are the second dimension."
            ),
            Mistake(_join_sum, "A sum mixes the paths; the next layer could no longer tell them apart."),
            Mistake(
                _join_stack,
                "stack makes a new, fifth dimension, and needs equal channels. cat lays them in line.",
            ),
            Mistake(_join_reversed, "Joined along the right dimension, in the wrong order."),
        ),
        praise="The next block sees all four answers at every pixel.",
    ),
    "22.3": Exercise(
        prompt="Weights of a 1 x 7 and a 7 x 1 convolution with 128 channels throughout.",
        solution=2 * 7 * 128 * 128,
        hint="How many weights has one of the two for each pair of channels?",
        mistakes=(
            Mistake(49 * 128 * 128, "That is the one 7 x 7 that they replace."),
            Mistake(7 * 128 * 128, "That is one of the two."),
            Mistake(2 * 7 * 128, "Each filter reads all 128 input channels."),
            Mistake(2 * 7 * 128 * 128 + 256, "Biases were to be left out."),
        ),
        praise="14 in place of 49 weights for each pair of channels.",
    ),
}

"""Exercises of chapter 17: max pooling, its gradient, and the zeros around a mean."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_generator = torch.Generator().manual_seed(17)


def _distinct(rows: int, columns: int) -> Tensor:
    """Return a table of different whole numbers, half of them negative."""
    order = torch.randperm(rows * columns, generator=_generator).float() - rows * columns // 2
    return order.reshape(rows, columns)


_TABLES = (
    (_distinct(4, 6), 2),
    (_distinct(7, 7), 3, 2),
    (_distinct(5, 8), 2, 1),
    (-1 - _distinct(4, 4).abs(), 4),
)
_ARRIVING = tuple(
    (_distinct(2 * h, 2 * w), torch.arange(1.0, h * w + 1).reshape(h, w)) for h, w in ((1, 1), (2, 3), (3, 2))
)


def _pool(x: Tensor, size: int, stride: int, reduce) -> Tensor:
    result = torch.zeros((x.shape[0] - size) // stride + 1, (x.shape[1] - size) // stride + 1)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            result[i, j] = reduce(x[i * stride : i * stride + size, j * stride : j * stride + size])
    return result


def _max_pool(x: Tensor, size: int, stride: int | None = None) -> Tensor:
    stride = size if stride is None else stride
    result = torch.zeros((x.shape[0] - size) // stride + 1, (x.shape[1] - size) // stride + 1)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            top, left = i * stride, j * stride
            result[i, j] = x[top : top + size, left : left + size].max()
    return result


def _max_pool_stride_one(x: Tensor, size: int, stride: int | None = None) -> Tensor:
    return _max_pool(x, size, 1 if stride is None else stride)


def _max_pool_stride_ignored(x: Tensor, size: int, stride: int | None = None) -> Tensor:
    return _max_pool(x, size)


def _max_pool_mean(x: Tensor, size: int, stride: int | None = None) -> Tensor:
    return _pool(x, size, size if stride is None else stride, torch.mean)


def _max_pool_above_zero(x: Tensor, size: int, stride: int | None = None) -> Tensor:
    return _max_pool(x, size, stride).clamp(min=0)


def _gradient(x: Tensor, arriving: Tensor) -> Tensor:
    result = torch.zeros_like(x)
    for i in range(arriving.shape[0]):
        for j in range(arriving.shape[1]):
            window = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            result[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = (window == window.max()) * arriving[i, j]
    return result


def _spread(arriving: Tensor) -> Tensor:
    return arriving.repeat_interleave(2, 0).repeat_interleave(2, 1)


def _gradient_copied(x: Tensor, arriving: Tensor) -> Tensor:
    return _spread(arriving)


def _gradient_shared(x: Tensor, arriving: Tensor) -> Tensor:
    return _spread(arriving) / 4


def _gradient_ones(x: Tensor, arriving: Tensor) -> Tensor:
    return (_gradient(x, arriving) != 0).float()


def _gradient_times_x(x: Tensor, arriving: Tensor) -> Tensor:
    return _gradient(x, arriving) * x


def _gradient_of_minimum(x: Tensor, arriving: Tensor) -> Tensor:
    return _gradient(-x, arriving)


EXERCISES = {
    "17.1": Exercise(
        prompt="Max pooling of a 2-D tensor with a square window and a stride (default: the window).",
        solution=_max_pool,
        hint="Output place (i, j) looks at the window whose corner is (i * stride, j * stride).",
        cases=_TABLES,
        mistakes=(
            Mistake(
                _max_pool_stride_one,
                "Right when a stride is given. Without one, pooling moves by the size of its window, not by 1.",
            ),
            Mistake(
                _max_pool_stride_ignored,
                "The given stride is not used: the window always moves by its own size.",
            ),
            Mistake(_max_pool_mean, "These are means; the largest number was asked for."),
            Mistake(
                _max_pool_above_zero,
                "A window of negative numbers has a negative maximum. Zero got in, perhaps from the start of a loop.",
            ),
        ),
        praise="As nn.MaxPool2d does it.",
    ),
    "17.2": Exercise(
        prompt="The gradient of the input of 2 x 2 max pooling with stride 2.",
        solution=_gradient,
        hint="For each window: zeros, and the arriving number at the place of the largest input.",
        cases=_ARRIVING,
        mistakes=(
            Mistake(
                _gradient_copied,
                "Each pixel of a window got the whole gradient. Three of the four had no influence: only the winner "
                "gets it.",
            ),
            Mistake(
                _gradient_shared,
                "That is the way back of the mean. Of a maximum, the winner gets everything.",
            ),
            Mistake(
                _gradient_ones,
                "The places are right; the winner gets the number that arrives, which need not be 1.",
            ),
            Mistake(
                _gradient_times_x,
                "The places are right. The maximum hands its input on with slope 1: do not multiply by the input.",
            ),
            Mistake(_gradient_of_minimum, "The gradient went to the smallest number of each window."),
        ),
        praise="One winner a window, and the sum is kept.",
    ),
    "17.3": Exercise(
        prompt="The smallest number in the 2 x 2 mean of 8 x 8 ones with one rim of counted zeros.",
        solution=0.25,
        hint="Which window sees most of the rim? How many of its four numbers are ones?",
        mistakes=(
            Mistake(0.5, "That is along the edges. A window in the corner sees even more of the rim."),
            Mistake(1.0, "That is without counting the zeros (count_include_pad=False)."),
            Mistake(0.0, "No window lies in the rim alone: the rim is one pixel wide, the window two."),
            Mistake(0.75, "The corner window holds three zeros and one 1, not the other way round."),
        ),
        praise="A corner window holds one 1 and three zeros.",
    ),
}

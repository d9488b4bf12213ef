"""Exercises of chapter 15: the sliding window, receptive fields, weights of small and large kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_generator = torch.Generator().manual_seed(15)
_WINDOWS = tuple(
    (
        torch.randint(-3, 4, shape, generator=_generator).float(),
        torch.randint(-3, 4, kernel, generator=_generator).float(),
        stride,
    )
    for shape, kernel, stride in (
        ((4, 5), (2, 3), 1),
        ((7, 6), (3, 2), 2),
        ((5, 5), (5, 5), 1),
        ((8, 9), (2, 2), 3),
    )
)
_STACKS = (
    ([(3, 1), (3, 1)],),
    ([(3, 1)],),
    ([(5, 1), (2, 2), (5, 1), (2, 2)],),
    ([(7, 2), (3, 2), (3, 1), (3, 1)],),
)


def _corr2d(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    rows, columns = kernel.shape
    result = torch.zeros((x.shape[0] - rows) // stride + 1, (x.shape[1] - columns) // stride + 1)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            top, left = i * stride, j * stride
            result[i, j] = (x[top : top + rows, left : left + columns] * kernel).sum()
    return result


def _corr2d_flipped(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return _corr2d(x, kernel.flip(0, 1), stride)


def _corr2d_averaged(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return _corr2d(x, kernel, stride) / kernel.numel()


def _corr2d_without_stride(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return _corr2d(x, kernel, 1)


def _corr2d_not_moved(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    thinned = _corr2d(x, kernel, stride)
    return _corr2d(x, kernel, 1)[: thinned.shape[0], : thinned.shape[1]]


def _corr2d_matmul(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    rows, columns = kernel.shape
    result = _corr2d(x, kernel, stride)
    for i in range(result.shape[0]):
        for j in range(result.shape[1]):
            top, left = i * stride, j * stride
            result[i, j] = (x[top : top + rows, left : left + columns] @ kernel.T).sum()
    return result


def _receptive_field(layers: list[tuple[int, int]]) -> int:
    seen, step = 1, 1
    for kernel, stride in layers:
        seen += (kernel - 1) * step
        step *= stride
    return seen


def _field_added(layers: list[tuple[int, int]]) -> int:
    return sum(kernel for kernel, _ in layers)


def _field_without_strides(layers: list[tuple[int, int]]) -> int:
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def _field_own_stride(layers: list[tuple[int, int]]) -> int:
    seen, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        seen += (kernel - 1) * step
    return seen


def _field_reversed(layers: list[tuple[int, int]]) -> int:
    return _receptive_field(layers[::-1])


EXERCISES = {
    "15.1": Exercise(
        prompt="The cross-correlation of a picture (H, W) and a kernel (h, w) with a stride, without padding.",
        solution=_corr2d,
        hint="Output place (i, j) looks at the window whose upper left corner is (i * stride, j * stride).",
        cases=_WINDOWS,
        mistakes=(
            Mistake(
                _corr2d_flipped,
                "This is the convolution of the mathematicians: the kernel is flipped. Lay it on as it is.",
            ),
            Mistake(
                _corr2d_averaged,
                "These are averages; the products are added up and not divided by their number.",
            ),
            Mistake(
                _corr2d_without_stride,
                "Right for stride 1. With a stride there are fewer places: (n - k) // stride + 1 along each side.",
            ),
            Mistake(
                _corr2d_not_moved,
                "The shape is right, but the window moves by 1. Its corner is at (i * stride, j * stride).",
            ),
            Mistake(
                _corr2d_matmul,
                "That is a matrix product of window and kernel; multiply number by number with *.",
            ),
        ),
        praise="That is what nn.Conv2d computes, for one channel.",
    ),
    "15.2": Exercise(
        prompt="The receptive field, along one side, of a list of layers (kernel, stride).",
        solution=_receptive_field,
        hint="Keep two numbers: how many pixels are seen (1 at first) and how far apart neighbours are (1 too). "
        "A layer adds (kernel - 1) times the distance, then its stride multiplies the distance.",
        cases=_STACKS,
        mistakes=(
            Mistake(
                _field_added,
                "The windows of neighbours overlap: a second 3 x 3 layer adds 2 pixels, not 3. Add kernel - 1.",
            ),
            Mistake(
                _field_without_strides,
                "Right as long as all strides are 1. After a stride of 2, neighbours are two pixels apart and each "
                "further step counts double.",
            ),
            Mistake(
                _field_own_stride,
                "Nearly: a layer's own stride does not widen its own window, only those of the layers after it. "
                "Multiply after adding.",
            ),
            Mistake(
                _field_reversed,
                "The strides count for the layers after them; you went from the last layer up.",
            ),
        ),
        praise="The third stack is LeNet's: 16 pixels of 28.",
    ),
    "15.3": Exercise(
        prompt="The largest m for which 64 -> m -> 64 by 3 x 3 has fewer weights than 64 -> 64 by 5 x 5.",
        solution=88,
        hint="Two layers have 9 * 64 * m weights each; one 5 x 5 layer has 25 * 64 * 64.",
        mistakes=(
            Mistake(89, "One too many: 89 channels cost 102,528 weights, and the 5 x 5 layer has 102,400."),
            Mistake(64, "With 64 they have 73,728 weights against 102,400. There is room for more."),
            Mistake(
                177,
                "That counts one of the two layers only: 64 to m and m to 64 both have 9 * 64 * m weights.",
            ),
            Mistake(
                88.9,
                "That is where they are equal (25 * 64 / 18). Channels are whole, and fewer was asked for.",
            ),
        ),
        praise="25 / 18 of 64 is 88.9.",
    ),
}

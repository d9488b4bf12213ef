"""Exercises of chapter 21: global average pooling, parameters of a NiN block, dense layer to 1x1 convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake


def _global_average(maps: Tensor) -> Tensor:
    return maps.mean(dim=(2, 3))


def _average_kept(maps: Tensor) -> Tensor:
    return maps.mean(dim=(2, 3), keepdim=True)


def _global_maximum(maps: Tensor) -> Tensor:
    return maps.amax(dim=(2, 3))


def _average_of_channels(maps: Tensor) -> Tensor:
    return maps.mean(dim=1)


def _global_sum(maps: Tensor) -> Tensor:
    return maps.sum(dim=(2, 3))


def _block_parameters(in_channels: int, out_channels: int, kernel_size: int) -> int:
    first = in_channels * out_channels * kernel_size**2 + out_channels
    return first + 2 * (out_channels * out_channels + out_channels)


def _without_biases(in_channels: int, out_channels: int, kernel_size: int) -> int:
    return in_channels * out_channels * kernel_size**2 + 2 * out_channels * out_channels


def _one_of_two(in_channels: int, out_channels: int, kernel_size: int) -> int:
    first = in_channels * out_channels * kernel_size**2 + out_channels
    return first + out_channels * out_channels + out_channels


def _from_the_input(in_channels: int, out_channels: int, kernel_size: int) -> int:
    first = in_channels * out_channels * kernel_size**2 + out_channels
    return first + 2 * (in_channels * out_channels + out_channels)


def _kernel_once(in_channels: int, out_channels: int, kernel_size: int) -> int:
    first = in_channels * out_channels * kernel_size + out_channels
    return first + 2 * (out_channels * out_channels + out_channels)


def _conv_weight(weight: Tensor) -> Tensor:
    return weight[:, :, None, None]


def _conv_weight_turned(weight: Tensor) -> Tensor:
    return weight.T[:, :, None, None]


def _conv_weight_in_front(weight: Tensor) -> Tensor:
    return weight[None, None]


def _conv_weight_unchanged(weight: Tensor) -> Tensor:
    return weight


_MAPS = (
    (torch.arange(24.0).reshape(1, 2, 3, 4),),
    (torch.tensor([[[[1.0, 3.0]], [[-2.0, 0.0]]], [[[4.0, 4.0]], [[0.5, 1.5]]]]),),
    (torch.ones(2, 3, 1, 1),),
)

EXERCISES = {
    "21.1": Exercise(
        prompt="Global average pooling, (N, C, H, W) to (N, C).",
        solution=_global_average,
        hint="A mean over two dimensions at once: which ones?",
        cases=_MAPS,
        mistakes=(
            Mistake(
                _average_kept,
                "The numbers are right, the shape is (N, C, 1, 1): flatten it, or leave keepdim out.",
            ),
            Mistake(_global_maximum, "That is global max pooling. Here every position counts the same."),
            Mistake(_average_of_channels, "This averages over the channels; the positions were meant."),
            Mistake(_global_sum, "The sum grows with the size of the picture; divide by the positions."),
        ),
        praise="One line, and no parameters.",
    ),
    "21.2": Exercise(
        prompt="Parameters of a NiN block.",
        solution=_block_parameters,
        hint="Three convolutions with biases. What goes into the second one, and how large is its kernel?",
        cases=((1, 96, 11), (96, 256, 5), (384, 10, 3), (3, 2, 1)),
        mistakes=(
            Mistake(
                _without_biases, "The weights are right; each of the three convolutions has biases, too."
            ),
            Mistake(_one_of_two, "There are two 1 x 1 convolutions."),
            Mistake(
                _from_the_input,
                "The 1 x 1 convolutions do not see the block's input: they go from out_channels to out_channels.",
            ),
            Mistake(_kernel_once, "The kernel has kernel_size x kernel_size weights for a pair of channels."),
        ),
        praise="With 384, 10 and 3 that is 34,790, all that NiN has in place of a dense head.",
    ),
    "21.3": Exercise(
        prompt="The weight of a dense layer as the weight of a 1 x 1 convolution.",
        solution=_conv_weight,
        hint="nn.Conv2d keeps its weight as (outputs, inputs, kernel height, kernel width).",
        cases=(
            (torch.arange(6.0).reshape(2, 3),),
            (torch.tensor([[1.0, 2.0], [3.0, 4.0]]),),
            (torch.ones(4, 1),),
        ),
        mistakes=(
            Mistake(
                _conv_weight_turned, "Inputs and outputs are exchanged: Linear stores (outputs, inputs), too."
            ),
            Mistake(_conv_weight_in_front, "The two new dimensions, the kernel's sides, belong at the end."),
            Mistake(
                _conv_weight_unchanged,
                "Same numbers, but a convolution's weight has four dimensions: add two of size one.",
            ),
        ),
        praise="That is how a classifier becomes a net for pictures of any size.",
    ),
}

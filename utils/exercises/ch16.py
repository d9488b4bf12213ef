"""Exercises of chapter 16: parameters and cost of a convolution, 1x1 convolutions as matrix products."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_generator = torch.Generator().manual_seed(16)
_PIXELS = tuple(
    tuple(torch.randint(-3, 4, size, generator=_generator).float() for size in (shape, (out, shape[1])))
    for shape, out in (((1, 3, 2, 4), 2), ((2, 2, 3, 3), 5), ((3, 4, 1, 2), 1), ((2, 3, 3, 2), 3))
)


def _parameters(channels_in: int, channels_out: int, kernel: int, bias: bool) -> int:
    return channels_out * (channels_in * kernel * kernel + bool(bias))


def _parameters_without_inputs(channels_in: int, channels_out: int, kernel: int, bias: bool) -> int:
    return channels_out * (kernel * kernel + bool(bias))


def _parameters_one_bias(channels_in: int, channels_out: int, kernel: int, bias: bool) -> int:
    return channels_out * channels_in * kernel * kernel + bool(bias)


def _parameters_bias_per_kernel(channels_in: int, channels_out: int, kernel: int, bias: bool) -> int:
    return channels_out * channels_in * (kernel * kernel + bool(bias))


def _parameters_kernel_once(channels_in: int, channels_out: int, kernel: int, bias: bool) -> int:
    return channels_out * (channels_in * kernel + bool(bias))


def _parameters_always_bias(channels_in: int, channels_out: int, kernel: int, bias: bool) -> int:
    return _parameters(channels_in, channels_out, kernel, True)


def _conv_1x1(x: Tensor, weights: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return (weights @ x.reshape(n, c, h * w)).reshape(n, len(weights), h, w)


def _conv_1x1_misread(x: Tensor, weights: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return (x.reshape(n * h * w, c) @ weights.T).reshape(n, len(weights), h, w)


def _conv_1x1_not_turned_back(x: Tensor, weights: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return (x.permute(0, 2, 3, 1).reshape(-1, c) @ weights.T).reshape(n, len(weights), h, w)


def _conv_1x1_channels_last(x: Tensor, weights: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1) @ weights.T


def _conv_1x1_batch_forgotten(x: Tensor, weights: Tensor) -> Tensor:
    return _conv_1x1(x, weights)[0]


EXERCISES = {
    "16.1": Exercise(
        prompt="Parameters of a convolution layer from channels in and out, kernel side, and bias.",
        solution=_parameters,
        hint="How many weights has one kernel, if it has a layer for each input channel? How many kernels are there?",
        cases=((3, 6, 5, True), (64, 128, 3, True), (64, 64, 1, False), (1, 1, 3, False), (16, 8, 7, True)),
        mistakes=(
            Mistake(
                _parameters_without_inputs,
                "Each kernel has k x k weights for every input channel, not k x k in all.",
            ),
            Mistake(
                _parameters_one_bias,
                "Each output channel has a bias of its own; you counted one for the layer.",
            ),
            Mistake(
                _parameters_bias_per_kernel,
                "There is one bias for each output channel. You counted one for each pair of channels.",
            ),
            Mistake(_parameters_kernel_once, "The kernel is square: its side counts twice."),
            Mistake(_parameters_always_bias, "Right with biases; without them there are channels_out fewer."),
        ),
        praise="(64, 128, 3, True) gives the 73,856 of this chapter.",
    ),
    "16.2": Exercise(
        prompt="A 1x1 convolution of a batch (N, C, H, W) with weights (O, C), by a matrix product.",
        solution=_conv_1x1,
        hint="Matrix (O, C) times (N, C, H*W) is done for each picture of the batch by @.",
        cases=_PIXELS,
        mistakes=(
            Mistake(
                _conv_1x1_misread,
                "The shape is right and the numbers are mixed up: reshape to (-1, C) does not move the channels to the "
                "end, it cuts memory at other places. Keep (N, C, H*W), or permute first.",
            ),
            Mistake(
                _conv_1x1_not_turned_back,
                "The product is right; then its channels are last in memory. Reshape to (N, H, W, O) and permute back.",
            ),
            Mistake(
                _conv_1x1_channels_last, "The numbers are right, the channels are last: permute(0, 3, 1, 2)."
            ),
            Mistake(
                _conv_1x1_batch_forgotten,
                "The dimension of the batch is missing: the result is (N, O, H, W).",
            ),
        ),
        praise="A dense layer for each pixel.",
    ),
    "16.3": Exercise(
        prompt="Multiply-adds of 64 -> 128 channels, 3x3, stride 2, padding 1, on 56 x 56.",
        solution=57_802_752,
        hint="The formula counts the places of the OUTPUT. How many are left after a stride of 2?",
        mistakes=(
            Mistake(231_211_008, "That is with stride 1. The output has 28 x 28 places, not 56 x 56."),
            Mistake(
                115_605_504,
                "Twice too many: a multiply-add is counted once here (or one side was not halved).",
            ),
            Mistake(73_728, "Those are the weights. Each of them is used at every place of the output."),
            Mistake(6_422_528, "The nine pixels of each kernel are missing."),
            Mistake(53_747_712, "That has 27 x 27 places: with a padding of 1 the output is 28 x 28."),
        ),
        praise="As many as half a 3 x 3 layer of 64 channels at full size.",
    ),
}

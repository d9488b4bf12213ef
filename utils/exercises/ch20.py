"""Exercises of chapter 20: receptive fields, VGG's dense layer, the block."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from utils.exercises import Exercise, Mistake


def _receptive_field(layers: int, kernel: int) -> int:
    return layers * (kernel - 1) + 1


def _field_multiplied(layers: int, kernel: int) -> int:
    return layers * kernel


def _field_without_one(layers: int, kernel: int) -> int:
    return layers * (kernel - 1)


def _field_to_the_power(layers: int, kernel: int) -> int:
    return kernel**layers


def _field_area(layers: int, kernel: int) -> int:
    return _receptive_field(layers, kernel) ** 2


def _block(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), nn.ReLU()]
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def _block_without_padding(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    block = _block(num_convs, in_channels, out_channels)
    for layer in block[:-1:2]:
        layer.padding = (0, 0)
    return block


def _block_with_one_relu(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    block = _block(num_convs, in_channels, out_channels)
    return nn.Sequential(*block[:-1:2], nn.ReLU(), block[-1])


def _block_without_pooling(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    return _block(num_convs, in_channels, out_channels)[:-1]


def _block_of_one(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    return _block(1, in_channels, out_channels)


def _block_pooling_each(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    parts = [_block(1, in_channels if i == 0 else out_channels, out_channels) for i in range(num_convs)]
    return nn.Sequential(*(layer for part in parts for layer in part))


def _block_with_wrong_channels(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    convs = [nn.Conv2d(in_channels, out_channels, 3, padding=1) for _ in range(num_convs)]
    return nn.Sequential(*(layer for conv in convs for layer in (conv, nn.ReLU())), nn.MaxPool2d(2))


_CHANNELS = "It fails on its second convolution: that one gets what the first put out, out_channels of them."
_PADDING = "The convolutions shrink the picture. With padding=1 a 3 x 3 kernel keeps its size."
_ONE_RELU = (
    "One ReLU for several convolutions: without one after each, the stack is a single large convolution."
)
_NO_POOLING = "The size stays: the pooling at the end is missing."
_NUMBER = "The number of convolutions is not num_convs."
_POOLS = "The size is halved more than once: pool after the last convolution only."


def _judge_block(answer):
    """Three blocks, on 12 x 12 pixels."""
    cases = ((1, 3, 4), (2, 3, 4), (3, 2, 5))
    blocks = [answer(*case) for case in cases]
    if all(block is None or block is ... for block in blocks):
        return ...
    for (num_convs, in_channels, out_channels), block in zip(cases, blocks, strict=True):
        if not isinstance(block, nn.Module):
            return f"Expected an nn.Module such as nn.Sequential, got {type(block).__name__}."
        convs = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d)]
        relus = [layer for layer in block.modules() if isinstance(layer, nn.ReLU)]
        pools = [layer for layer in block.modules() if isinstance(layer, nn.MaxPool2d)]
        if len(convs) != num_convs:
            return _NUMBER
        if any(a.out_channels != b.in_channels for a, b in pairwise(convs)):
            return _CHANNELS
        if any(conv.padding not in ((1, 1), "same") for conv in convs):
            return _PADDING
        if len(relus) != num_convs:
            return _ONE_RELU
        if len(pools) != 1:
            return _POOLS if pools else _NO_POOLING
        shape = tuple(block(torch.rand(2, in_channels, 12, 12)).shape)
        if shape != (2, out_channels, 6, 6):
            return f"For a picture of 12 x 12 the output is {shape}, expected (2, {out_channels}, 6, 6)."
    return None


EXERCISES = {
    "20.1": Exercise(
        prompt="Side of the receptive field of a stack of convolutions with stride 1.",
        solution=_receptive_field,
        hint="One 3 x 3 layer sees 3. How many pixels does each further layer add on each side?",
        cases=((1, 3), (2, 3), (3, 3), (2, 5), (4, 1), (1, 7)),
        mistakes=(
            Mistake(
                _field_multiplied,
                "The windows overlap: the second layer adds kernel - 1, not kernel, pixels.",
            ),
            Mistake(_field_without_one, "The middle pixel itself is missing: one layer of 3 x 3 sees 3."),
            Mistake(
                _field_to_the_power,
                "That would be the growth if each layer also had a stride of `kernel`. With stride 1 it is linear.",
            ),
            Mistake(_field_area, "That is the number of pixels; the side was asked for."),
        ),
        praise="Three layers of 3 x 3 see 7.",
    ),
    "20.2": Exercise(
        prompt="Parameters of the first dense layer of the quarter-width VGG-11 on 224 x 224 pictures.",
        solution=128 * 49 * 4096 + 4096,
        hint="What is left of the picture after five halvings, and with how many channels?",
        mistakes=(
            Mistake(128 * 49 * 4096, "These are the weights; each of the 4096 units has a bias, too."),
            Mistake(
                512 * 49 * 4096 + 4096,
                "That is the full VGG-11. Its last block has 512 channels, this one 128.",
            ),
            Mistake(
                128 * 49 * 1024 + 1024, "The ratio divides channels only; the dense layers keep 4096 units."
            ),
            Mistake(128 * 7 * 4096 + 4096, "The map that is flattened has two sides of 7."),
        ),
        praise="25.7 of the 43.1 million parameters.",
    ),
    "20.3": Exercise(
        prompt="A VGG block: convolutions of 3 x 3 with ReLU, then max pooling.",
        solution=_block,
        hint="A loop that appends a convolution and a ReLU, and changes in_channels after the first turn.",
        judge=_judge_block,
        mistakes=(
            Mistake(_block_without_padding, _PADDING),
            Mistake(_block_with_one_relu, _ONE_RELU),
            Mistake(_block_without_pooling, _NO_POOLING),
            Mistake(_block_of_one, _NUMBER),
            Mistake(_block_pooling_each, _POOLS),
            Mistake(_block_with_wrong_channels, _CHANNELS),
        ),
        praise="Right for one, two and three convolutions.",
    ),
}

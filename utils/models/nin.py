"""Network in Network after Lin et al. (2013), with the sizes of the book: 1x1 convolutions, no dense layer."""

from __future__ import annotations

from torch import nn


def nin_block(
    in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int
) -> nn.Sequential:
    """Return a convolution and two 1x1 convolutions, a ReLU after each: `(N, in, h, w) -> (N, out, h', w')`."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, kernel_size=1), nn.ReLU(),
    )  # fmt: skip


def nin(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    stem: tuple[int, int, int] = (11, 4, 0),
    channels: tuple[int, int, int] = (96, 256, 384),
    dropout: float = 0.5,
) -> nn.Sequential:
    """Return NiN `(N, in_channels, h, w) -> (N, num_classes)`: 1,992,166 parameters, the same for every h and w.

    The logits are averages of ReLU outputs and so never negative, as in the book.

    Args:
        stem: kernel, stride and padding of the first block's convolution; `(5, 1, 2)` suits 28 pixels.
        channels: widths of the first three blocks; the fourth has one channel a class.
        dropout: probability before the last block; 0 adds no layer.

    Pictures that the three poolings shrink to nothing raise torch's RuntimeError; with the stem as it stands the
    smallest side is 67 pixels.

    Source: Lin, Chen and Yan, "Network in network", arXiv:1312.4400.

    Example:
        >>> net = nin(stem=(5, 1, 2), channels=(24, 64, 96))
    """
    a, b, c = channels
    kernel, stride, padding = stem
    return nn.Sequential(
        nin_block(in_channels, a, kernel, stride, padding),
        nn.MaxPool2d(3, stride=2),
        nin_block(a, b, kernel_size=5, stride=1, padding=2),
        nn.MaxPool2d(3, stride=2),
        nin_block(b, c, kernel_size=3, stride=1, padding=1),
        nn.MaxPool2d(3, stride=2),
        *([nn.Dropout(dropout)] if dropout else []),
        nin_block(c, num_classes, kernel_size=3, stride=1, padding=1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )

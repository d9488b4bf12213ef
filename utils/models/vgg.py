"""VGG networks after Simonyan and Zisserman (2014): blocks of 3x3 convolutions, then three dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

# (number of convolutions, channels) of each block
VGG11 = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
VGG13 = ((2, 64), (2, 128), (2, 256), (2, 512), (2, 512))
VGG16 = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
VGG19 = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))

Architecture = Sequence[tuple[int, int]]


def vgg_block(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
    """Return `num_convs` 3x3 convolutions with ReLU, then max pooling: `(N, in, h, w) -> (N, out, h/2, w/2)`.

    Odd sides are rounded down by the pooling.

    Raises:
        ValueError: for fewer than one convolution.
    """
    if num_convs < 1:
        raise ValueError(f"expected at least 1 convolution in a block, got num_convs={num_convs}")
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), nn.ReLU()]
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2))


def vgg(
    architecture: Architecture = VGG11,
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    side: int = 224,
    hidden: int = 4096,
    dropout: float = 0.5,
) -> nn.Sequential:
    """Return a VGG network `(N, in_channels, side, side) -> (N, num_classes)`; VGG-11 has 128,806,154 parameters.

    Args:
        architecture: (number of convolutions, channels) of each block, such as `VGG11` or `narrow(VGG11, 4)`.
        side: height and width of the pictures in pixels; each block halves it.
        hidden: units of each of the two hidden dense layers.
        dropout: probability after each of them; 0 adds no layer.

    Raises:
        ValueError: if nothing is left of the pictures after the last block.

    Source: "Very deep convolutional networks for large-scale image recognition", arXiv:1409.1556.

    Example:
        >>> net = vgg(narrow(VGG11, 8), side=32, hidden=256)
    """
    left = side >> len(architecture)
    if left < 1:
        raise ValueError(
            f"{len(architecture)} blocks halve {side} pixels to nothing, expected at least "
            f"{1 << len(architecture)}. Fix: resize the pictures or leave blocks out."
        )
    blocks = []
    channels = in_channels
    for num_convs, out_channels in architecture:
        blocks.append(vgg_block(num_convs, channels, out_channels))
        channels = out_channels
    drop = (lambda: [nn.Dropout(dropout)]) if dropout else list
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(channels * left * left, hidden), nn.ReLU(), *drop(),
        nn.Linear(hidden, hidden), nn.ReLU(), *drop(),
        nn.Linear(hidden, num_classes),
    )  # fmt: skip


def narrow(architecture: Architecture, ratio: int) -> tuple[tuple[int, int], ...]:
    """Return the architecture with all channels divided by `ratio`, rounded down.

    Raises:
        ValueError: if a block is left without channels.

    Example:
        >>> narrow(VGG11, 4)
        ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128))
    """
    thin = tuple((num_convs, channels // ratio) for num_convs, channels in architecture)
    if any(channels < 1 for _, channels in thin):
        raise ValueError(f"ratio {ratio} leaves a block without channels: {thin}")
    return thin

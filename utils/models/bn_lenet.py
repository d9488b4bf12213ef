"""LeNet with batch normalisation after each weight layer but the last (Ioffe and Szegedy, 2015), and its twin."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def bn_lenet(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    activation: Callable[[], nn.Module] = nn.Sigmoid,
    batch_norm: bool = True,
) -> nn.Sequential:
    """Return the notes' LeNet with batch norm for 28x28 pictures: `(N, in_channels, 28, 28) -> (N, num_classes)`.

    44,878 parameters for grey pictures. Unlike `lenet` the first convolution has no padding, so 16 x 4 x 4 = 256
    numbers are left for the dense layers.

    Args:
        activation: layer class after each normalised layer.
        batch_norm: False gives the same net without it (44,426 parameters), to compare with.

    Source: "Batch normalization", arXiv:1502.03167.

    Example:
        >>> bn_lenet()(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def norm(layer: type[nn.Module], features: int) -> list[nn.Module]:
        return [layer(features)] if batch_norm else []

    return nn.Sequential(
        nn.Conv2d(in_channels, 6, kernel_size=5), *norm(nn.BatchNorm2d, 6), activation(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), *norm(nn.BatchNorm2d, 16), activation(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.Linear(256, 120), *norm(nn.BatchNorm1d, 120), activation(),
        nn.Linear(120, 84), *norm(nn.BatchNorm1d, 84), activation(),
        nn.Linear(84, num_classes),
    )  # fmt: skip

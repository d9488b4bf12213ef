"""AlexNet after Krizhevsky et al. (2012), in the book's single-stream version without response normalisation."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

CHANNELS = (96, 256, 384, 384, 256)


def alexnet(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    side: int = 224,
    stem: tuple[int, int, int] = (11, 4, 1),
    channels: tuple[int, int, int, int, int] = CHANNELS,
    hidden: int = 4096,
    dropout: float = 0.5,
    activation: Callable[[], nn.Module] = nn.ReLU,
    pooling: Callable[..., nn.Module] = nn.MaxPool2d,
) -> nn.Sequential:
    """Return AlexNet `(N, in_channels, side, side) -> (N, num_classes)`: 46,764,746 parameters as it stands.

    Args:
        side: height and width of the pictures in pixels; the first dense layer depends on it.
        stem: kernel, stride and padding of the first convolution; `(5, 1, 2)` suits pictures of 28 pixels.
        channels: outputs of the five convolutions.
        hidden: units of each of the two hidden dense layers.
        dropout: probability after each of them; 0 adds no layer.
        activation: layer class after each hidden weight layer.
        pooling: layer class called as `pooling(3, stride=2)`; nn.MaxPool2d or nn.AvgPool2d.

    Raises:
        ValueError: if nothing is left of the pictures after the third pooling.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks".

    Example:
        >>> net = alexnet(side=28, stem=(5, 1, 2), channels=(12, 32, 48, 48, 32), hidden=512)
    """
    a, b, c, d, e = channels
    kernel, stride, padding = stem
    left = _side_after_features(side, stem)
    drop = (lambda: [nn.Dropout(dropout)]) if dropout else list
    return nn.Sequential(
        nn.Conv2d(in_channels, a, kernel, stride=stride, padding=padding), activation(),
        pooling(3, stride=2),
        nn.Conv2d(a, b, kernel_size=5, padding=2), activation(),
        pooling(3, stride=2),
        nn.Conv2d(b, c, kernel_size=3, padding=1), activation(),
        nn.Conv2d(c, d, kernel_size=3, padding=1), activation(),
        nn.Conv2d(d, e, kernel_size=3, padding=1), activation(),
        pooling(3, stride=2),
        nn.Flatten(),
        nn.Linear(e * left * left, hidden), activation(), *drop(),
        nn.Linear(hidden, hidden), activation(), *drop(),
        nn.Linear(hidden, num_classes),
    )  # fmt: skip


def _side_after_features(side: int, stem: tuple[int, int, int]) -> int:
    kernel, stride, padding = stem
    left = (side + 2 * padding - kernel) // stride + 1
    for _ in range(3):
        left = (left - 3) // 2 + 1
    if left < 1:
        raise ValueError(
            f"pictures of {side} pixels are too small for AlexNet with a stem of kernel {kernel}, stride {stride}, "
            f"padding {padding}. Fix: resize them, or take a gentler stem such as (5, 1, 2)."
        )
    return left

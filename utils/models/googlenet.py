"""GoogLeNet after Szegedy et al. (2014) in the book's version: nine Inception blocks, no auxiliary heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Outputs of the four paths: 1x1, (1x1, 3x3), (1x1, 5x5), 1x1 after pooling. One tuple an Inception block.
STAGES = (
    ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)),
    (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)),
)


class Inception(nn.Module):
    """Four paths side by side, joined along the channels: `(N, in, h, w) -> (N, c1 + c2[1] + c3[1] + c4, h, w)`.

    Args:
        in_channels: channels of the input.
        c1: outputs of the 1x1 path.
        c2: outputs of the 1x1 and of the 3x3 convolution.
        c3: outputs of the 1x1 and of the 5x5 convolution.
        c4: outputs of the 1x1 convolution after the 3x3 max pooling.
        batch_norm: batch normalisation between each convolution and its ReLU (Inception v2).

    Source: "Going deeper with convolutions", arXiv:1409.4842.

    Example:
        >>> Inception(192, 64, (96, 128), (16, 32), 32)(torch.zeros(1, 192, 28, 28)).shape
        torch.Size([1, 256, 28, 28])
    """

    def __init__(
        self,
        in_channels: int,
        c1: int,
        c2: tuple[int, int],
        c3: tuple[int, int],
        c4: int,
        *,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        bn = batch_norm
        self.path1 = _conv(in_channels, c1, 1, batch_norm=bn)
        self.path2 = nn.Sequential(
            _conv(in_channels, c2[0], 1, batch_norm=bn), _conv(c2[0], c2[1], 3, batch_norm=bn)
        )
        self.path3 = nn.Sequential(
            _conv(in_channels, c3[0], 1, batch_norm=bn), _conv(c3[0], c3[1], 5, batch_norm=bn)
        )
        self.path4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), _conv(in_channels, c4, 1, batch_norm=bn)
        )
        self.out_channels = c1 + c2[1] + c3[1] + c4

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.path1(x), self.path2(x), self.path3(x), self.path4(x)], dim=1)


def googlenet(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    width: float = 1.0,
    stem_stride: int = 2,
    batch_norm: bool = False,
) -> nn.Sequential:
    """Return GoogLeNet `(N, in_channels, h, w) -> (N, num_classes)` as six stages b1 to b5 and a dense layer.

    With width 1 it has 5,977,530 parameters, the same for every h and w.

    Args:
        width: factor for all channel numbers, rounded, at least 1.
        stem_stride: stride of the first convolution; 1 suits pictures of 28 pixels.
        batch_norm: batch normalisation after each convolution (Inception v2).

    Source: "Going deeper with convolutions", arXiv:1409.4842.

    Example:
        >>> googlenet(width=0.25, stem_stride=1)(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 10])
    """
    first, wide = _scaled(64, width), _scaled(192, width)
    b1 = nn.Sequential(_conv(in_channels, first, 7, stride=stem_stride, batch_norm=batch_norm), _halve())
    b2 = nn.Sequential(
        _conv(first, first, 1, batch_norm=batch_norm), _conv(first, wide, 3, batch_norm=batch_norm), _halve()
    )
    stages, channels = [], wide
    for blocks in STAGES:
        layers: list[nn.Module] = []
        for numbers in blocks:
            block = Inception(channels, *_scaled(numbers, width), batch_norm=batch_norm)
            layers.append(block)
            channels = block.out_channels
        stages.append(layers)
    b3, b4 = (nn.Sequential(*layers, _halve()) for layers in stages[:2])
    b5 = nn.Sequential(*stages[2], nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())
    return nn.Sequential(b1, b2, b3, b4, b5, nn.Linear(channels, num_classes))


def _conv(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, batch_norm: bool
) -> nn.Sequential:
    """A convolution that keeps the size at stride 1, and its ReLU; batch norm brings its own bias."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=not batch_norm)
    return nn.Sequential(conv, *([nn.BatchNorm2d(out_channels)] if batch_norm else []), nn.ReLU())


def _halve() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, padding=1)


def _scaled(numbers, width: float):
    if isinstance(numbers, tuple):
        return tuple(_scaled(number, width) for number in numbers)
    return max(1, round(numbers * width))

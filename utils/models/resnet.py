"""Residual networks after He et al. (2015) in the book's version, and their plain twins without shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

# Residual blocks of each of the four stages; two 3x3 convolutions a block.
RESNET18 = (2, 2, 2, 2)
RESNET34 = (3, 4, 6, 3)

STEMS = ("large", "small")


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm, added to what came in: `(N, in, h, w) -> (N, out, h/s, w/s)`.

    Odd sides are rounded up by a stride of 2.

    Args:
        in_channels, num_channels: of the input and of the output.
        use_1x1conv: a 1x1 convolution on the shortcut; needed when channels or size change.
        strides: of the first 3x3 and of the 1x1 convolution.
        shortcut_norm: batch norm after the 1x1 convolution, as in torchvision; the book has none.
        residual: False leaves the shortcut out, which makes a plain block of the same depth.

    Raises:
        ValueError: if channels or size change and nothing on the shortcut changes them as well.

    Source: "Deep residual learning for image recognition", arXiv:1512.03385.

    Example:
        >>> Residual(3, 6, use_1x1conv=True, strides=2)(torch.zeros(4, 3, 6, 6)).shape
        torch.Size([4, 6, 3, 3])
    """

    def __init__(
        self,
        in_channels: int,
        num_channels: int,
        *,
        use_1x1conv: bool = False,
        strides: int = 1,
        shortcut_norm: bool = False,
        residual: bool = True,
    ) -> None:
        super().__init__()
        if residual and not use_1x1conv and (in_channels != num_channels or strides != 1):
            raise ValueError(
                f"cannot add {in_channels} channels at stride 1 to {num_channels} channels at stride {strides}. "
                "Fix: use_1x1conv=True."
            )
        self.residual = residual
        self.conv1 = nn.Conv2d(in_channels, num_channels, kernel_size=3, padding=1, stride=strides)
        self.bn1 = nn.BatchNorm2d(num_channels)
        self.conv2 = nn.Conv2d(num_channels, num_channels, kernel_size=3, padding=1)
        self.bn2 = nn.BatchNorm2d(num_channels)
        self.conv3 = self.bn3 = None
        if residual and use_1x1conv:
            self.conv3 = nn.Conv2d(in_channels, num_channels, kernel_size=1, stride=strides)
            self.bn3 = nn.BatchNorm2d(num_channels) if shortcut_norm else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if not self.residual:
            return F.relu(y)
        if self.conv3 is not None:
            x = self.conv3(x)
        if self.bn3 is not None:
            x = self.bn3(x)
        return F.relu(y + x)


def resnet(
    blocks: Sequence[int] = RESNET18,
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    width: int = 64,
    stem: str = "large",
    shortcut_norm: bool = False,
    residual: bool = True,
) -> nn.Sequential:
    """Return a residual net `(N, in_channels, h, w) -> (N, num_classes)`: stem, four stages, pooling, dense layer.

    ResNet-18 for grey pictures has 11,178,378 parameters, 20 convolutions and 17 batch norms, for every h and w.

    Args:
        blocks: residual blocks of each stage, such as `RESNET18` or `RESNET34`; any number of stages.
        width: channels of the stem and of the first stage; each further stage doubles them.
        stem: `large` (7x7 with stride 2, max pooling: a quarter of the side) or `small` (3x3, the side stays), for
            pictures of about 32 pixels.
        shortcut_norm: batch norm on the 1x1 shortcuts, as in torchvision.
        residual: False gives the plain net of the same depth.

    Raises:
        ValueError: for an unknown stem, or a stage without blocks.

    Source: "Deep residual learning for image recognition", arXiv:1512.03385.

    Example:
        >>> resnet(width=8, stem="small", in_channels=3)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """
    if stem not in STEMS:
        raise ValueError(f"unknown stem {stem!r}, expected one of {STEMS}")
    if not blocks or min(blocks) < 1:
        raise ValueError(f"expected at least one block in each stage, got blocks={tuple(blocks)}")
    stages, channels = [], width
    for i, count in enumerate(blocks):
        out = width * 2**i
        first = {"use_1x1conv": True, "strides": 2} if i else {}
        options = {"shortcut_norm": shortcut_norm, "residual": residual}
        layers = [Residual(channels, out, **first, **options)]
        layers += [Residual(out, out, **options) for _ in range(count - 1)]
        stages.append(nn.Sequential(*layers))
        channels = out
    head = (nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, num_classes))
    return nn.Sequential(_stem(in_channels, width, stem), *stages, *head)


def _stem(in_channels: int, width: int, stem: str) -> nn.Sequential:
    if stem == "small":
        conv = nn.Conv2d(in_channels, width, kernel_size=3, padding=1)
        return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())
    return nn.Sequential(
        nn.Conv2d(in_channels, width, kernel_size=7, stride=2, padding=3),
        nn.BatchNorm2d(width), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )  # fmt: skip

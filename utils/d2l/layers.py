"""Devices, cross-correlation and the residual block, under the book's names."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.models import resnet
from utils.settings import settings

__all__ = ["Residual", "corr2d", "cpu", "gpu", "meshgrid", "num_gpus", "try_all_gpus", "try_gpu"]


def cpu() -> torch.device:
    """Return the CPU (a name of d2l 1.0)."""
    return torch.device("cpu")


def gpu(i: int = 0) -> torch.device:
    """Return GPU number i, whether or not there is one (a name of d2l 1.0)."""
    return torch.device(f"cuda:{i}")


def num_gpus() -> int:
    """Return how many GPUs may be used: those of CUDA, or none if COURSE_DEVICE says `cpu`."""
    return 0 if settings.device == "cpu" else torch.cuda.device_count()


def try_gpu(i: int = 0) -> torch.device:
    """Return GPU number i if there is one, else the CPU."""
    return gpu(i) if num_gpus() > i else cpu()


def try_all_gpus() -> list[torch.device]:
    """Return all GPUs, or [cpu] if there is none (d2l 1.0.3 returns an empty list then)."""
    return [gpu(i) for i in range(num_gpus())] or [cpu()]


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Return the cross-correlation of `(H, W)` with a window `(h, w)`: float32 `(H - h + 1, W - w + 1)`."""
    return F.conv2d(X.float()[None, None], K.float()[None, None])[0, 0]


def meshgrid(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the coordinates of a grid, first index down: torch's default, without its warning."""
    return torch.meshgrid(*tensors, indexing="ij")


class Residual(resnet.Residual):
    """The residual block of both editions of the book: `(N, in, h, w) -> (N, num_channels, h/s, w/s)`.

    `Residual(3, 6, use_1x1conv=True, strides=2)` is that of the notes and of d2l 0.17: channels in, channels out.
    `Residual(6, use_1x1conv=True, strides=2)` is that of d2l 1.0: channels out only, those coming in are taken from
    the first batch. A number in second place is the 0.17 call, a bool or nothing the 1.0 call.

    Raises:
        ValueError: for the 0.17 call, if channels or size change and there is no 1x1 convolution.
    """

    def __init__(
        self,
        input_channels: int | None = None,
        num_channels: int | bool | None = None,
        use_1x1conv: bool | int = False,
        strides: int = 1,
    ) -> None:
        if input_channels is None:  # Residual(num_channels=6) of d2l 1.0
            input_channels, num_channels = num_channels, None
        if num_channels is not None and not isinstance(num_channels, bool):
            super().__init__(input_channels, num_channels, use_1x1conv=bool(use_1x1conv), strides=strides)
            return
        if isinstance(num_channels, bool):  # Residual(channels, use_1x1conv, strides) of d2l 1.0, by position
            strides = strides if isinstance(use_1x1conv, bool) else use_1x1conv
            use_1x1conv = num_channels
        nn.Module.__init__(self)
        self._make_lazy(input_channels, use_1x1conv, strides)

    def _make_lazy(self, channels: int, use_1x1conv: bool, strides: int) -> None:
        self.residual, self.conv3, self.bn3 = True, None, None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.conv1 = nn.LazyConv2d(channels, kernel_size=3, padding=1, stride=strides)
            self.conv2 = nn.LazyConv2d(channels, kernel_size=3, padding=1)
            if use_1x1conv:
                self.conv3 = nn.LazyConv2d(channels, kernel_size=1, stride=strides)
            self.bn1, self.bn2 = nn.LazyBatchNorm2d(), nn.LazyBatchNorm2d()

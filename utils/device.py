"""Where to compute: device choice, seeds, moving batches, low precision where the hardware gains from it."""

from __future__ import annotations

import ctypes
import platform
import random
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from utils.settings import settings


def pick_device(name: str | None = None) -> torch.device:
    """Return the device to compute on: cuda before mps before cpu, unless one is named.

    Args:
        name: `auto`, `cpu`, `mps`, `cuda` or `cuda:N`; None takes COURSE_DEVICE (default `auto`).

    Raises:
        ValueError: if the name is unknown or this machine does not have that device.
    """
    name = str(name or settings.device).lower()
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, colon, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (colon and not index.isdecimal()):
        raise ValueError(
            f"unknown device {name!r}, expected auto, cpu, mps, cuda or cuda:N. "
            "Fix: unset COURSE_DEVICE, or set it to one of these."
        )
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if int(index or 0) >= present[kind]:
        raise ValueError(
            f"device {name!r} asked for, but this machine has {present[kind]} {kind} device(s). "
            "Fix: COURSE_DEVICE=auto takes the best one there is."
        )
    return torch.device(name)


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the model's first parameter or buffer; cpu for a model that has neither."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def move(batch: Any, device: torch.device | str) -> Any:
    """Move every tensor in a nest of tuples, lists, dicts and named tuples to `device`; leave the rest alone."""
    if isinstance(batch, Tensor):
        # Towards the CPU a copy that does not block may be read before it has arrived.
        return batch.to(device, non_blocking=torch.device(device).type == "cuda")
    if isinstance(batch, Mapping):
        return {key: move(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(move(value, device) for value in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(move(value, device) for value in batch)
    return batch


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and every torch device, so that a chapter run twice prints the same numbers."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)


def low_precision(device: torch.device | str) -> torch.dtype | None:
    """Return bfloat16 where it is faster (GPUs since Ampere, CPUs with matrix units such as AMX), else None.

    Pass the result to `fit(..., autocast=...)`. None means: stay in float32, it would only be slower.
    """
    kind = torch.device(device).type
    if (
        kind == "cuda"
        and torch.cuda.is_available()
        and torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        return torch.bfloat16
    if kind == "cpu" and _has_bf16_instructions() and _bf16_product_is_faster():
        return torch.bfloat16
    return None


def _has_bf16_instructions() -> bool:
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, bool)() for name in probes)


@cache
def _bf16_product_is_faster() -> bool:
    """Race two matrix products, once, for about 30 ms.

    The name of an instruction does not tell: with AVX512-BF16 and no AMX, one maker's processors train large nets
    1.7 times faster in bfloat16 and another's 1.6 times slower.
    """
    contestants = [torch.ones(512, 512), torch.ones(512, 512, dtype=torch.bfloat16)]
    best = [float("inf"), float("inf")]
    for _ in range(6):
        for place, matrix in enumerate(contestants):
            start = time.perf_counter()
            matrix @ matrix
            best[place] = min(best[place], time.perf_counter() - start)
    return best[0] > 1.2 * best[1]


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed memory for the next step in place of giving it back to the system.

    Big activations are otherwise returned and faulted in again at each step: TinySSD trains up to 1.8 times
    faster on a CPU with this, at the price of memory that stays with the process. Linux with glibc only.

    Returns:
        True if the setting was taken.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(mmap_threshold, 1 << 30) and mallopt(trim_threshold, 2**31 - 1))


def describe(device: torch.device | str) -> str:
    """Return one line for result tables, such as `cpu, 2 threads` or `cuda (NVIDIA T4)`."""
    device = torch.device(device)
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' * (threads > 1)}" if device.type == "cpu" else str(device)

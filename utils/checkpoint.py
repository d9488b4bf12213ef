"""Checkpoints of a training run: written atomically, loaded with weights_only, resumed bit for bit."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from utils.history import Record

VERSION = 2


class Run(NamedTuple):
    """Everything whose state decides how training goes on."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: Any
    batches: Any


def save(path: str | Path, run: Run, records: list[Record]) -> None:
    """Write the run to `path`: first beside it, then renamed, so that a crash leaves the old file whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "version": VERSION,
        "records": [record.as_dict() for record in records],
        "model": run.model.state_dict(),
        "optimizer": {"settings": _settings(run.optimizer), "state": run.optimizer.state_dict()},
        "scheduler": {
            "settings": _settings(run.scheduler),
            "state": run.scheduler.state_dict() if run.scheduler is not None else None,
        },
        "random": _random_state(run.batches),
    }
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def resume(path: str | Path, run: Run, *, epochs: int) -> tuple[list[Record], dict | None]:
    """Load `path` into the run; return its records and the random state to go on with.

    An absent file gives `([], None)`. Nothing is changed if the file does not fit.

    Raises:
        ValueError: if the file is truncated, of another kind or model, was written with other settings of the
            optimizer or scheduler, or ran longer than `epochs`.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"expected a checkpoint file, {path} is a folder. Fix: name a file in it.")
    if not path.exists():
        return [], None
    content = _read(path)
    records = [Record(**record) for record in content["records"]]
    if len(records) > epochs:
        raise ValueError(
            f"{path} holds {len(records)} epochs, but only {epochs} were asked for. "
            f"Fix: epochs={len(records)} or more, or another checkpoint file."
        )
    _check_fits(run.model, content["model"], path)
    _check_settings(run.optimizer, content["optimizer"]["settings"], "optimizer", path)
    _check_settings(run.scheduler, content["scheduler"]["settings"], "scheduler", path)
    try:
        run.optimizer.load_state_dict(content["optimizer"]["state"])
    except ValueError as error:
        raise ValueError(
            f"{path} is of another optimizer: {error}. Fix: delete it or name another file."
        ) from None
    run.model.load_state_dict(content["model"])
    if run.scheduler is not None:
        run.scheduler.load_state_dict(content["scheduler"]["state"])
    return records, content["random"]


def _read(path: Path) -> dict:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError:
        raise
    except Exception as error:  # an unpickler may raise anything on bytes that are no pickle
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} is no whole checkpoint ({path.stat().st_size:,} bytes: {reason}). "
            "Fix: delete it to train from the start, or restore a copy."
        ) from None
    keys = {"version", "records", "model", "optimizer", "scheduler", "random"}
    if not isinstance(content, dict) or not keys <= content.keys() or content["version"] != VERSION:
        raise ValueError(
            f"{path} is no checkpoint of this course (expected version {VERSION} with {sorted(keys)}). "
            "Fix: name another file; a bare state_dict is loaded with model.load_state_dict."
        )
    return content


def _check_fits(model: nn.Module, stored: dict, path: Path) -> None:
    present = model.state_dict()
    problems = [f"{name} is missing in the file" for name in present.keys() - stored.keys()]
    problems += [f"{name} is unknown to the model" for name in stored.keys() - present.keys()]
    problems += [
        f"{name} is {tuple(stored[name].shape)} in the file, {tuple(present[name].shape)} in the model"
        for name in present.keys() & stored.keys()
        if stored[name].shape != present[name].shape
    ]
    if problems:
        raise ValueError(
            f"{path} is of another model: {sorted(problems)[0]}"
            + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")
            + ". Fix: delete it, or give this model a checkpoint file of its own."
        )


def _settings(part: Any) -> dict[str, Any]:
    """What a reader chose: the class of an optimizer or scheduler, and the plain values it was made with."""
    if part is None:
        return {"kind": "none"}
    chosen = part.defaults if isinstance(part, torch.optim.Optimizer) else {}
    plain = {name: value for name, value in chosen.items() if isinstance(value, (bool, int, float, str))}
    if (steps := getattr(part, "total_steps", None)) is not None:
        plain["total_steps"] = steps
    return {"kind": type(part).__name__, **plain}


def _check_settings(part: Any, stored: dict[str, Any], what: str, path: Path) -> None:
    """A changed learning rate would otherwise be overruled by the file in silence."""
    present = _settings(part)
    changed = [
        f"{name} was {old}, is {present.get(name)}"
        for name, old in stored.items()
        if present.get(name) != old
    ]
    if changed:
        raise ValueError(
            f"{path} was written with another {what}: {', '.join(changed)}. "
            "Fix: delete it or name another file to train from the start, or put the old settings back."
        )


def _random_state(batches: Any) -> dict:
    """States of every generator a step may draw from, as tensors and plain lists (weights_only loads no more)."""
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    generator = getattr(batches, "generator", None)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [version, list(numbers), gauss],
        "numpy": [kind, keys.tolist(), position, has_gauss, cached],
        "batches": generator.get_state() if generator is not None else None,
    }


def set_random_state(batches: Any, state: dict) -> None:
    """Put every generator back where `save` found it."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))  # noqa: NPY002
    generator = getattr(batches, "generator", None)
    if generator is not None and state["batches"] is not None:
        generator.set_state(state["batches"])

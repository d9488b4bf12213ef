"""Makes a data set on first use: whole or not at all, once even if two processes ask, and again if a file is gone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import FileLock
from PIL import Image

from utils.settings import settings

T = TypeVar("T")
R = TypeVar("R")

STAMP = "complete.json"
Build = Callable[[Path], str]


def generated(name: str, version: str, build: Build) -> Path:
    """Return the folder of a generated set, making it first if it is not there whole.

    The set is written into a temporary folder beside the final one, which takes the final name when all files are
    there. A process that is killed on the way leaves only the temporary folder, and the next one removes it.

    Args:
        name: of the set; with the version it names the folder below `settings.generated_root`.
        version: raise it when the pictures change; the old folder is then left alone.
        build: writes all files into the folder it is given and returns a digest of their contents.

    Raises:
        OSError: if the folder cannot be written; nothing half-made is left under the final name.

    Example:
        >>> generated("hotdog", "1", build_hotdog)  # doctest: +SKIP
        PosixPath('.../data/generated/hotdog-1')
    """
    final = settings.generated_root / f"{name}-{version}"
    if is_whole(final):
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(final.parent / f".{final.name}.lock")):
        if not is_whole(final):
            started = time.perf_counter()
            _say(f"Composing the {name} set, once ...")
            _make(final, build)
            _say(f" done in {time.perf_counter() - started:.1f} s: {final}\n")
    return final


def _make(final: Path, build: Build) -> None:
    scratch = final.parent / f".{final.name}.part"
    # The caller holds the lock, so whatever lies there was left by a process that died.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        digest = build(scratch)
        _write_stamp(scratch, digest)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(scratch, final)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    _sync_folder(final.parent)


def is_whole(folder: Path) -> bool:
    """Say whether the folder carries the stamp of a finished set and every file on it with its size."""
    try:
        files = json.loads((folder / STAMP).read_text(encoding="utf-8"))["files"]
        return all(os.path.getsize(folder / name) == size for name, size in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def stamp_digest(folder: Path) -> str:
    """Return the digest of the contents that was noted when the set was made."""
    return json.loads((folder / STAMP).read_text(encoding="utf-8"))["digest"]


def _write_stamp(folder: Path, digest: str) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    with (folder / STAMP).open("w", encoding="utf-8", newline="\n") as file:
        json.dump({"digest": digest, "files": files}, file, indent=0)
        file.flush()
        # After a power cut the sizes in the stamp tell whether the other files got to the disk.
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder, and renames durably by itself.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _say(text: str) -> None:
    """Write to the error stream, so that a program's output stays its own."""
    sys.stderr.write(text)
    sys.stderr.flush()


def in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Map over items with a few threads and yield the results in order, a bounded number ahead.

    Pillow and NumPy let go of the interpreter while they compute, so that threads are worth it, and unlike processes
    they need no `if __name__ == "__main__"` in the caller.
    """
    workers = min(4, os.cpu_count() or 1)
    source = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(function, item) for item in islice(source, workers * 4)]
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting.extend(pool.submit(function, item) for item in islice(source, 1))
        finally:
            for future in waiting:
                future.cancel()


def digest_of(*parts: np.ndarray | bytes | str) -> bytes:
    """Return 16 bytes that depend on the values, types and shapes of the parts, and on nothing else."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            part = np.ascontiguousarray(part.astype(part.dtype.newbyteorder("<"), copy=False))
            hasher.update(f"{part.dtype.str}{part.shape}".encode())
            hasher.update(part.data)
        else:
            hasher.update(part.encode() if isinstance(part, str) else part)
            hasher.update(b"|")
    return hasher.digest()


def combine(digests: Iterable[bytes]) -> str:
    """Return one digest, in hexadecimal, of many in order."""
    return hashlib.blake2b(b"".join(digests), digest_size=16).hexdigest()


def save_png(picture: Image.Image | np.ndarray, path: Path) -> None:
    """Save without loss; fast rather than small, for these files never leave the machine."""
    # Strategy 3 of zlib looks for runs only: here it is both faster and smaller than the default at level 1.
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(path, compress_level=1, compress_type=3)


def write_text(path: Path, text: str) -> None:
    """Write a table with line ends that are the same everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")

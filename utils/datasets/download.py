"""Fetching the real data sets: `fetch(name)` returns a folder that is whole, or raises one clear error.

A set is present if its folder holds the stamp file. Folder and stamp appear together, by one rename, after hash,
unpacking and layout have passed; so a kill or a full disk at any moment leaves nothing that looks finished.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pooch

from utils.datasets.archives import is_archive, unpack
from utils.datasets.progress import megabytes, note
from utils.datasets.registry import RealSet, RemoteFile, Source, lookup
from utils.datasets.transport import DiskFullError, Transfer, TransferError
from utils.settings import settings

STAMP = ".complete.json"


def fetch(name: str, *, progress: bool = True) -> Path:
    """Return the folder of a real data set below `settings.full_root`, downloading and unpacking it if absent.

    If the set is there, no file is written and no socket opened. Two processes that ask at once download once.

    Args:
        name: a name of the registry, e.g. `hotdog`; `python -m utils.datasets` lists them.
        progress: report on the error stream.

    Returns:
        The folder that holds the paths in the entry's `layout`.

    Raises:
        ValueError: for an unknown name, too little disk, a file or folder put there by hand that is not the set,
            or an archive that is not safe to unpack or lacks something.
        FileNotFoundError: if no source had the right file; the message says what came, and where to put the
            file by hand.

    Example:
        >>> fetch("hotdog") / "train" / "hotdog"  # doctest: +SKIP
    """
    entry = lookup(name)
    found = find_present(entry)
    if found is not None:
        return found
    with (
        _writable(settings.full_root),
        _locked(downloads_folder() / f".{entry.name}.lock", progress=progress),
    ):
        return find_present(entry) or _install(entry, progress=progress)


def find_present(entry: RealSet) -> Path | None:
    """Return the folder of a set that has been fetched whole, or None. Reads one small file."""
    home = settings.full_root / entry.name
    try:
        stamp = json.loads((home / STAMP).read_text(encoding="utf-8"))
        if stamp["files"] == {file.name: file.hash for file in entry.files}:
            return home / stamp["root"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no stamp, or not one of ours: the set counts as absent
    return None


def downloads_folder() -> Path:
    """Return the folder for archives: unfinished downloads live there, and files put there by hand are used."""
    return settings.full_root / "downloads"


def download_file(file: RemoteFile, folder: Path, *, progress: bool = True) -> Path:
    """Return `folder / file.name` with the right hash, taking it from the first source that has it.

    A file that is there already is checked and used, never overwritten. An unfinished one is resumed.

    Raises:
        ValueError: if the file there has another hash, or the disk is full.
        FileNotFoundError: if no source had the file; the message tells what each one said.

    Example:
        >>> download_file(lookup("houses").files[0], Path("tables"))  # doctest: +SKIP
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file.name
    with _locked(folder / f".{file.name}.lock", progress=progress):
        if target.exists():
            return _checked(target, file)
        said = []
        for source in file.sources():
            try:
                return _take(source, file, target, progress=progress)
            except TransferError as error:
                said.append(f"{source.url}: {error}")
                note(said[-1], progress=progress and len(said) < len(file.sources()))
    raise FileNotFoundError(
        f"{file.name} could not be fetched ({'; '.join(said)}). "
        f"Fix: connect and call again, or put the file at {target} by hand ({_in_words(file.hash)}), "
        "or name a folder or URL that has it in COURSE_DATA_MIRROR."
    )


def _take(source: Source, file: RemoteFile, target: Path, *, progress: bool) -> Path:
    part = target.with_name(file.name + ".part")
    transfer = Transfer(part, size=file.size, progress=progress)
    size = f" ({megabytes(file.size)})" if file.size else ""
    note(f"{file.name}{size} from {source.url}", progress=progress)
    transfer.run(source.url)
    got = _digest(part, source.hash)
    if got != source.hash and transfer.resumed:
        # The older bytes it was built on may be at fault, not the host: once more, from the start.
        part.unlink()
        transfer.run(source.url)
        got = _digest(part, source.hash)
    if got != source.hash:
        part.unlink()
        raise TransferError(
            f"wrong file: expected {_in_words(source.hash)}, got {_in_words(got)}", retry=False
        )
    os.replace(part, target)
    return target


def _digest(path: Path, like: str) -> str:
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{pooch.file_hash(path, algorithm)}"


def _in_words(known_hash: str) -> str:
    algorithm, _, digest = known_hash.partition(":")
    return f"{algorithm.upper().replace('SHA', 'SHA-')} {digest}"


def _checked(target: Path, file: RemoteFile) -> Path:
    got = [_digest(target, known) for known in file.hashes]
    if not any(pair[0] == pair[1] for pair in zip(got, file.hashes, strict=True)):
        raise ValueError(
            f"{target} is another file: expected {_in_words(file.hash)}, got {_in_words(got[0])}. "
            "Fix: move it away and call again."
        )
    return target


def _install(entry: RealSet, *, progress: bool) -> Path:
    home, building = settings.full_root / entry.name, settings.full_root / f".building-{entry.name}"
    _refuse_foreign(home)
    _check_room(entry)
    shutil.rmtree(building, ignore_errors=True)  # what a killed process left; the lock says it is nobody's
    own = [file for file in entry.files if not (downloads_folder() / file.name).exists()]
    try:
        for file in entry.files:
            archive = download_file(file, downloads_folder(), progress=progress)
            _place(archive, building / file.into, progress=progress)
        root = find_layout(building, entry)
        _stamp(building, root, entry)
        os.replace(building, home)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{entry.name} could not be written below {building}: {error}.") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for file in own:  # an archive that somebody put there by hand is left alone
        (downloads_folder() / file.name).unlink(missing_ok=True)
    note(f"{entry.name}: ready in {home}", progress=progress)
    return home / root.relative_to(building)


def _refuse_foreign(home: Path) -> None:
    if home.is_dir() and not any(home.iterdir()):
        home.rmdir()
    if home.exists():
        raise ValueError(
            f"{home} was not put there by this version of the course, and is not overwritten. "
            "Fix: move it away and call again."
        )


def _check_room(entry: RealSet) -> None:
    here = sum(
        path.stat().st_size for file in entry.files for path in downloads_folder().glob(f"{file.name}*")
    )
    needed = max((entry.size or 0) - here, 0) + (entry.unpacked or entry.size or 0)
    free = shutil.disk_usage(settings.full_root).free
    if needed > free:
        raise DiskFullError(
            f"{entry.name} needs {megabytes(needed)} on disk, {settings.full_root} has {megabytes(free)} free. "
            "Fix: free some space, or set COURSE_DATA to a folder on another disk."
        )


def _place(archive: Path, folder: Path, *, progress: bool) -> None:
    if is_archive(archive):
        note(f"{archive.name}: unpacking", progress=progress)
        unpack(archive, folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(archive, folder / archive.name)


def find_layout(folder: Path, entry: RealSet) -> Path:
    """Return the folder, or the one inside it at most two levels down, that has all paths of the layout.

    Publishers wrap their archives in a folder or two; readers should not have to know.

    Raises:
        ValueError: if there is none.
    """
    wraps = [folder, *sorted(folder.glob("*/")), *sorted(folder.glob("*/*/"))]
    for root in wraps:
        if root.is_dir() and all((root / path).exists() for path in entry.layout):
            return root
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    raise ValueError(f"{entry.name} is incomplete: expected {', '.join(entry.layout)}, got {there[:8]}.")


def _flush_disk() -> None:
    """Bring the set's files to the disk, so that a power cut cannot leave a stamp without them."""
    if hasattr(os, "sync"):
        os.sync()


def _stamp(building: Path, root: Path, entry: RealSet) -> None:
    record = {
        "set": entry.name,
        "root": root.relative_to(building).as_posix(),
        "files": {file.name: file.hash for file in entry.files},
        "license": entry.license,
    }
    _flush_disk()
    with (building / STAMP).open("w", encoding="utf-8") as file:
        json.dump(record, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        (folder / "downloads").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"cannot write to {folder} ({error.strerror}). Fix: set COURSE_DATA to a folder of yours."
        ) from error
    yield


@contextmanager
def _locked(path: Path, *, progress: bool) -> Iterator[None]:
    """Hold a lock that the system frees when the process ends, however it ends."""
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0.2)
    except filelock.Timeout:
        note(f"another process is fetching {path.stem[1:]}; waiting for it", progress=progress)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()

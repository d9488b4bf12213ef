"""Unpacking of archives that nobody has vouched for: every member is checked, nothing is written outside."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
_CHUNK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Limits:
    """What an honest archive stays below; beyond it is taken for a bomb.

    Attributes:
        ratio: unpacked bytes over archive bytes. JPEG and PNG hardly shrink and tables about tenfold, so 200
            leaves room; a bomb of nested zeros has 1,000 and more.
        free: unpacked bytes that are always allowed, so that a tiny archive with a text file passes.
        total: unpacked bytes.
        members: number of files and folders.
    """

    ratio: float = 200.0
    free: int = 1 << 20
    total: int = 32 << 30
    members: int = 200_000


class Unpacked(NamedTuple):
    """How much came out of an archive."""

    files: int
    bytes: int


class _Member(NamedTuple):
    name: str
    size: int
    kind: str  # "file", "folder", or what it is that we refuse
    open: object


def is_archive(path: Path) -> bool:
    """Return whether `unpack` would take this file, judged by its name."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(archive: Path, folder: Path, *, limits: Limits | None = None) -> Unpacked:
    """Unpack a zip or tar file into `folder`, which must be a fresh one: on an error it holds a part of it.

    Files get default permissions; nothing but files and folders is made. An empty archive gives an empty folder.

    Args:
        archive: `.zip`, `.tar`, `.tar.gz` or `.tgz`.
        folder: made if missing.
        limits: see `Limits`.

    Raises:
        ValueError: naming archive and member, if a member's path is absolute, climbs with `..`, has a drive,
            a backslash, a colon or a control character, or comes twice; if it is a link, device or pipe; if it is
            encrypted; if there is too much of it; or if the archive is damaged.

    Source: CVE-2007-4559 (tar paths), and Fifield 2019, "A better zip bomb".

    Example:
        >>> unpack(Path("two_files.zip"), Path("fresh"))  # doctest: +SKIP
        Unpacked(files=2, bytes=1024)
    """
    limits = limits or Limits()
    if not is_archive(archive):
        raise ValueError(f"{archive.name} is no archive, expected a name that ends in {', '.join(SUFFIXES)}.")
    allowed = min(limits.total, max(limits.free, int(archive.stat().st_size * limits.ratio)))
    folder.mkdir(parents=True, exist_ok=True)
    seen: dict[str, str] = {}
    files = total = 0
    with _readable(archive):
        for member in _members(archive):
            path = _safe_path(archive, member, seen)
            total += member.size
            if total > allowed or len(seen) > limits.members:
                raise _refusal(
                    archive, member.name, f"unpacks to more than {allowed:,} bytes or too many files"
                )
            _write(archive, member, folder / path)
            files += member.kind == "file"
    return Unpacked(files, total)


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise ValueError(f"{archive.name} is damaged or no archive: {error}. Fix: fetch it again.") from error


def _members(archive: Path) -> Iterator[_Member]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as pack:
            for info in pack.infolist():
                # orig_filename: zipfile cuts names at a NUL and swaps separators, and we judge what was written.
                name = info.orig_filename
                yield _Member(name, info.file_size, _zip_kind(info), lambda info=info: pack.open(info))
    else:
        with tarfile.open(archive) as pack:
            for info in pack:
                yield _Member(info.name, info.size, _tar_kind(info), lambda info=info: pack.extractfile(info))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & 0x1:
        return "encrypted file"
    if mode == stat.S_IFLNK:
        return "link"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "device or pipe"
    return "folder" if info.is_dir() else "file"


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "folder"
    if info.issym() or info.islnk():
        return "link"
    if info.issparse():
        return "sparse file"
    return "file" if info.isreg() else "device or pipe"


def _safe_path(archive: Path, member: _Member, seen: dict[str, str]) -> PurePosixPath:
    """Return the member's path below the target, or refuse it. The rules are the same on every system."""
    name = member.name
    if member.kind not in ("file", "folder"):
        raise _refusal(archive, name, f"is a {member.kind}")
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive:
        raise _refusal(archive, name, "has an absolute path")
    if "\\" in name or ":" in name or any(ord(letter) < 32 for letter in name):
        raise _refusal(archive, name, "has a character that is unsafe in a path")
    path = PurePosixPath(name)
    if ".." in path.parts:
        raise _refusal(archive, name, "climbs out of the folder")
    # One spelling per file: two would overwrite each other, on some systems even if only the case differs.
    key = str(path).casefold()
    if key in seen and "file" in (member.kind, seen[key]):
        raise _refusal(archive, name, "comes twice")
    seen[key] = member.kind
    return path


def _write(archive: Path, member: _Member, target: Path) -> None:
    try:
        if member.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, target.open("xb") as sink:
            written = _copy(source, sink, member.size)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _refusal(archive, member.name, "is a file where another member needs a folder") from error
    if written != member.size:
        raise _refusal(
            archive, member.name, f"has {written:,} bytes or more, its header says {member.size:,}"
        )


def _copy(source: IO[bytes], sink: IO[bytes], size: int) -> int:
    written = 0
    while written <= size and (chunk := source.read(_CHUNK)):
        sink.write(chunk)
        written += len(chunk)
    return written


def _refusal(archive: Path, name: str, reason: str) -> ValueError:
    return ValueError(
        f"{archive.name} refused: member {name!r} {reason}. Fix: take the archive from its publisher."
    )

"""Moving one file to this machine: resumed after a break, retried with a growing pause, never waiting for ever.

pooch's HTTPDownloader waits for whole chunks, so a host that drips a byte a second holds it for hours, and it
cannot go on from a broken file; hence `Transfer`, on requests. The hash is checked by who calls it (pooch does).
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import requests
import urllib3

from utils.datasets.progress import Progress, megabytes, note

_CHUNK = 1 << 16
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try again.

    Attributes:
        connect: seconds until the host must have answered the call.
        read: seconds without a single byte.
        window: seconds over which the speed is measured.
        min_speed: bytes a second below which the host counts as stalled.
        attempts: tries in a row that bring nothing new.
        pause: seconds before the second try; doubled each time.
    """

    connect: float = 10.0
    read: float = 30.0
    window: float = 30.0
    min_speed: float = 1024.0
    attempts: int = 3
    pause: float = 1.0


PATIENCE = Patience()


class TransferError(OSError):
    """A transfer that failed; `retry` says whether another try may help."""

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.retry = retry


class DiskFullError(ValueError):
    """There is no room for the file; the message says how much is needed."""


class Transfer:
    """Brings a file from a URL to `part`, and goes on from what is there already.

    Args:
        part: where the growing file lives, across calls and processes.
        size: expected bytes, or None; far more is refused.
        progress: whether to show how far it is.

    `resumed` tells whether the last run built upon bytes of an earlier one.

    Example:
        >>> Transfer(Path("hotdog.zip.part")).run("https://example.org/hotdog.zip")  # doctest: +SKIP
    """

    def __init__(self, part: Path, *, size: int | None = None, progress: bool = True) -> None:
        self.part, self.size, self.progress = part, size, progress
        self.resumed = False

    def run(self, url: str) -> None:
        """Return when `part` is whole, as far as the host's word goes.

        Raises:
            TransferError: if the host has no such file, or gave up on us `PATIENCE.attempts` times in a row.
            DiskFullError: if it does not fit; `part` is kept.
        """
        self.resumed = False
        self._reached = self._length()
        fetch = self._copy if is_local(url) else self._get
        try:
            self._try_often(fetch, url)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFullError(
                f"the disk of {self.part.parent} is full after {megabytes(self._length())}. "
                "Fix: free some space and call again, it goes on from there."
            ) from error

    def _length(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _try_often(self, fetch: Callable[[str], None], url: str) -> None:
        attempt = 1
        while True:
            try:
                return fetch(url)
            except TransferError as error:
                # A link that breaks but brings more each time deserves patience; only standstill counts.
                if self._length() > self._reached + _CHUNK:
                    self._reached, attempt = self._length(), 0
                if not error.retry or attempt >= PATIENCE.attempts:
                    raise
                pause = PATIENCE.pause * 2 ** max(attempt - 1, 0)
                note(f"{self.part.stem}: {error}; again in {pause:.0f} s", progress=self.progress)
                time.sleep(pause)
                attempt += 1

    def _get(self, url: str) -> None:
        offset = self._length()
        # identity: a packed reply would make byte positions meaningless.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
        timeout = (PATIENCE.connect, PATIENCE.read)
        try:
            with requests.get(url, headers=headers, timeout=timeout, stream=True) as reply:
                if reply.status_code == 416 and _range_total(reply) == offset:
                    return  # killed after the last byte: nothing is missing
                start = self._start(reply, offset)
                self._receive(arriving(reply.raw), start, _content_length(reply))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransferError(_in_words(error), retry="host not found" not in _in_words(error)) from error

    def _start(self, reply: requests.Response, offset: int) -> int:
        """Return the position of the reply's first byte, or raise if it is not the file."""
        code = reply.status_code
        if code == 416 or (code == 206 and _range_start(reply) != offset):
            self.part.unlink(missing_ok=True)
            raise TransferError("the host has another file than the part that is here", retry=True)
        if code not in (200, 206):
            raise TransferError(f"HTTP {code} {reply.reason}", retry=code >= 500 or code in (408, 429))
        if reply.headers.get("Content-Type", "").startswith("text/html"):
            raise TransferError("a web page came instead of the file (a log-in page?)", retry=False)
        self.resumed |= code == 206
        return offset if code == 206 else 0

    def _copy(self, url: str) -> None:
        path = local_path(url)
        if not path.is_file():
            raise TransferError(f"no file {path}", retry=False)
        with path.open("rb") as source:
            self._receive(iter(lambda: source.read(_MEBIBYTE), b""), 0, path.stat().st_size)

    def _receive(self, chunks: Iterator[bytes], start: int, length: int | None) -> None:
        self._check_room(length)
        ceiling = 2 * self.size + _MEBIBYTE if self.size else None
        end = start + length if length is not None else None
        position = start
        with (
            self.part.open("r+b" if start else "wb") as out,
            Progress(self.part.stem, total=end or self.size, enabled=self.progress) as shown,
        ):
            out.truncate(start)
            out.seek(start)
            for chunk in chunks:
                out.write(chunk)
                position += len(chunk)
                shown.move_to(position)
                if ceiling and position > ceiling:
                    raise TransferError(
                        f"more than {megabytes(ceiling)} came, expected {megabytes(self.size)}", retry=False
                    )
        if end is not None and position != end:
            raise TransferError(f"broken off after {position:,} of {end:,} bytes", retry=True)

    def _check_room(self, length: int | None) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if length is not None and length > free:
            raise DiskFullError(
                f"{self.part.stem} needs {megabytes(length)} more, {self.part.parent} has {megabytes(free)} free. "
                "Fix: free some space, or set COURSE_DATA to a folder on another disk."
            )


def arriving(raw: urllib3.HTTPResponse) -> Iterator[bytes]:
    """Yield bytes as they come, and give up on a host that drips.

    Raises:
        TransferError: if less than `PATIENCE.min_speed` bytes a second came during `PATIENCE.window`.
    """
    # read1 hands over what is there; read would sit until the chunk is full, however slowly that fills.
    read = getattr(raw, "read1", None) or (lambda amount: raw.read(1024))
    since, received = time.monotonic(), 0
    while chunk := read(_CHUNK):
        yield chunk
        received += len(chunk)
        elapsed = time.monotonic() - since
        if elapsed >= PATIENCE.window:
            if received < PATIENCE.min_speed * elapsed:
                raise TransferError(f"the host stalled: {received:,} bytes in {elapsed:.0f} s", retry=True)
            since, received = time.monotonic(), 0


def is_local(url: str) -> bool:
    """Return whether a source is a folder path or `file:` URL and not on the network."""
    return urlsplit(url).scheme not in ("http", "https")


def local_path(url: str) -> Path:
    """Return the path that a `file:` URL or a plain path means; a query or a drive letter stays in the path."""
    if url.lower().startswith("file:"):
        parts = urlsplit(url)
        return Path(url2pathname(parts.path if not parts.netloc else unquote(parts.netloc) + parts.path))
    return Path(url).expanduser()


def _content_length(reply: requests.Response) -> int | None:
    text = reply.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _range_start(reply: requests.Response) -> int | None:
    first = reply.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdigit() else None


def _range_total(reply: requests.Response) -> int | None:
    total = reply.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _in_words(error: Exception) -> str:
    """Return the kernel of an error of requests, whose own text wraps it in four layers of class names."""
    text = str(error)
    if isinstance(error, requests.ConnectTimeout):
        return f"no answer within {PATIENCE.connect:g} s"
    if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return f"silent for {PATIENCE.read:g} s"
    for sign, words in (
        ("NameResolution", "host not found (no network?)"),
        ("refused", "connection refused"),
        ("unreachable", "network unreachable"),
        ("reset", "connection reset"),
        ("IncompleteRead", "connection broken before the end"),
        ("CERTIFICATE", "the host's certificate is not trusted"),
    ):
        if sign in text:
            return words
    return f"{type(error).__name__}: {text[:120]}"

"""A fault server, and archives of the real sets' layout served from it."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from fault_server import FaultServer

from utils.datasets import download, registry, transport
from utils.datasets.registry import RealSet, RemoteFile


@pytest.fixture
def server() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.close()


@pytest.fixture
def full_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the course at an empty data folder, with no mirror, no proxy and little patience."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data folder"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transport, "PATIENCE", transport.Patience(2.0, 0.4, 0.4, 1024.0, 3, 0.01))
    monkeypatch.setattr(download, "_flush_disk", lambda: None)  # slow where many share a disk
    return tmp_path / "data folder" / "full"


def pack(name: str, files: Mapping[str, bytes]) -> bytes:
    """Return an archive, its kind told by `name`, of the files given as path -> content; the same bytes each time."""
    out = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                # A ZipInfo without a date has that of 1980; a plain name would get the clock's.
                archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0) if name.endswith("gz") else out.getvalue()


def local_file(file: RemoteFile, content: bytes, urls: tuple[str, ...]) -> RemoteFile:
    digest = f"sha1:{hashlib.sha1(content).hexdigest()}"
    return dataclasses.replace(file, hash=digest, urls=urls, size=len(content), local=())


@pytest.fixture
def serve_archive(
    server: FaultServer, full_root: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RealSet]:
    """`serve_archive(name, files, *faults)` makes `fetch(name)` take its files from the local server.

    `files` maps paths inside the archive to bytes; for a set of several plain files (houses, fashion-mnist) it maps
    their names. `faults` are what the sources do, one source each (default: one that works). The registry entry
    keeps its layout, and gets the hash of what is served; `settings.full_root` is an empty temporary folder.
    """

    def serve(name: str, files: Mapping[str, bytes], *faults: str) -> RealSet:
        entry = registry.lookup(name)
        replaced = []
        for file in entry.files:
            archived = len(entry.files) == 1 and file.name.endswith((".zip", ".tar", ".gz"))
            content = pack(file.name, files) if archived else files[file.name]
            server.files[file.name] = content
            urls = tuple(f"{server.url}/{fault}/{file.name}" for fault in faults or ("ok",))
            replaced.append(local_file(file, content, urls))
        entry = dataclasses.replace(entry, files=tuple(replaced), unpacked=None)
        monkeypatch.setitem(registry.REGISTRY, entry.name, entry)
        return entry

    return serve

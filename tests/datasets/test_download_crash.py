"""Full disks, kills and races: what is there afterwards is whole, or counts as absent."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from real_sets import HOTDOG, assert_nothing_whole, assert_whole

from utils.datasets import registry
from utils.datasets.download import fetch, find_present
from utils.datasets.registry import REGISTRY

REPOSITORY = Path(__file__).parents[2]


def test_too_little_disk_is_said_before_anything_is_fetched(serve_archive, server, full_root, monkeypatch):
    serve_archive("hotdog", HOTDOG)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(ValueError, match=r"needs .* on disk, .* has 1.0 kB free"):
        fetch("hotdog", progress=False)
    assert server.requests.total() == 0
    assert_nothing_whole(full_root)


def test_too_little_disk_for_what_the_server_announces(serve_archive, full_root, monkeypatch):
    entry = serve_archive("hotdog", HOTDOG)
    unknown = dataclasses.replace(entry, files=(dataclasses.replace(entry.files[0], size=None),))
    monkeypatch.setitem(REGISTRY, "hotdog", unknown)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(ValueError, match=r"needs .* more"):
        fetch("hotdog", progress=False)
    assert_nothing_whole(full_root)


def test_disk_fills_up_while_downloading(serve_archive, server, full_root, monkeypatch):
    entry = serve_archive("hotdog", HOTDOG)
    opened = Path.open

    def small_disk(self, mode="r", *arguments, **named):
        file = opened(self, mode, *arguments, **named)
        return _SmallDisk(file) if self.suffix == ".part" else file

    with monkeypatch.context() as patch, pytest.raises(ValueError, match="full after"):
        patch.setattr(Path, "open", small_disk)
        fetch("hotdog", progress=False)
    assert_nothing_whole(full_root)
    had, server.sent = (full_root / "downloads" / "hotdog.zip.part").stat().st_size, 0
    assert_whole(fetch("hotdog", progress=False))
    assert had > 0 and server.sent == entry.size - had


class _SmallDisk:
    """A file on a disk with 100 kB of room."""

    def __init__(self, file):
        self.file, self.written = file, 0

    def write(self, chunk):
        if self.written + len(chunk) > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written += len(chunk)
        return self.file.write(chunk)

    def __enter__(self):
        return self

    def __exit__(self, *trace):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_disk_fills_up_while_unpacking(serve_archive, full_root, monkeypatch):
    serve_archive("hotdog", HOTDOG)

    def full(source, sink, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(ValueError, match="No space left"):
        patch.setattr("utils.datasets.archives._copy", full)
        fetch("hotdog", progress=False)
    assert not (full_root / "hotdog").exists() and not list(full_root.glob(".building*"))
    assert_whole(fetch("hotdog", progress=False))


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 512 kB, where mounting is allowed."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True, check=False
    )
    if not done or done.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full(tiny_disk, serve_archive, full_root, monkeypatch):
    serve_archive("hotdog", HOTDOG)  # 300 kB packed, 300 kB unpacked
    monkeypatch.setenv("COURSE_DATA", str(tiny_disk))
    with pytest.raises(ValueError, match="on disk"):  # the check beforehand
        fetch("hotdog", progress=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 40))
    with pytest.raises(ValueError, match="No space left"):  # the disk itself, while unpacking
        fetch("hotdog", progress=False)
    assert not (tiny_disk / "full" / "hotdog").exists() and not list((tiny_disk / "full").glob(".building*"))
    shutil.rmtree(tiny_disk / "full")
    (tiny_disk / "ballast").write_bytes(bytes(350_000))
    with pytest.raises(ValueError, match="full after"):  # and while downloading
        fetch("hotdog", progress=False)
    assert find_present(registry.lookup("hotdog")) is None


# A process of its own that fetches the set whose registry entry is given; used to be killed, and to race.
CHILD = """
import dataclasses, sys
from utils.datasets import registry
from utils.datasets.download import fetch
url, digest, size = sys.argv[1:]
file = registry.RemoteFile("hotdog.zip", digest, (url,), int(size))
registry.REGISTRY["hotdog"] = dataclasses.replace(registry.REGISTRY["hotdog"], files=(file,))
print(fetch("hotdog"))
"""


def start_child(entry: registry.RealSet) -> subprocess.Popen:
    file = entry.files[0]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, file.urls[0], file.hash, str(file.size)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def test_kill_in_the_middle_then_resume(serve_archive, server, full_root):
    entry = serve_archive("hotdog", HOTDOG, "slowrange")
    part = full_root / "downloads" / "hotdog.zip.part"
    child = start_child(entry)
    wait_for(lambda: part.exists() and part.stat().st_size > 50_000)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert_nothing_whole(full_root)
    assert_whole(fetch("hotdog", progress=False))
    assert server.ranges[-1] is not None
    assert not part.exists()


def test_kill_while_unpacking(serve_archive, full_root):
    entry = serve_archive("hotdog", HOTDOG)
    child_code = CHILD.replace(
        "print(fetch",
        "import os, signal\nfrom utils.datasets import archives\ncopy = archives._copy\n"
        "def die(source, sink, size, count=[0]):\n"
        "    count[0] += 1\n"
        "    if count[0] == 20: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return copy(source, sink, size)\n"
        "archives._copy = die\nprint(fetch",
    )
    file = entry.files[0]
    command_line = [sys.executable, "-c", child_code, file.urls[0], file.hash, str(file.size)]
    done = subprocess.run(
        command_line, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert list(full_root.glob(".building*")) and not (full_root / "hotdog").exists()
    assert find_present(entry) is None
    assert_whole(fetch("hotdog", progress=False))
    assert not list(full_root.glob(".building*"))


def test_two_processes_at_once_download_once(serve_archive, server):
    entry = serve_archive("hotdog", HOTDOG, "slow")
    children = [start_child(entry) for _ in range(3)]
    said = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    assert server.requests["slow"] == 1
    assert sum("waiting" in err for _, err in said) >= 1
    assert_whole(Path(said[0][0].strip()))


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="COURSE_DATA"):
        fetch("hotdog", progress=False)

"""Downloads against a server that misbehaves: each ends in a whole set or in one clear error."""

from __future__ import annotations

import ast
import dataclasses
import errno
import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib import util
from pathlib import Path
from types import SimpleNamespace

import pytest
import torchvision
from fault_server import FaultServer

from utils.datasets import __main__ as command
from utils.datasets import download, registry, transport
from utils.datasets.download import download_file, fetch, find_present
from utils.datasets.progress import Progress
from utils.datasets.registry import REGISTRY, RemoteFile

REPOSITORY = Path(__file__).parents[2]
NOISE = random.Random(0).randbytes(300_000)  # does not compress: the archive is about as large
HOTDOG = {
    f"hotdog/{split}/{kind}/{i}.png": NOISE[i * 9000 : (i + 1) * 9000] + f"{split}{kind}".encode()
    for split in ("train", "test")
    for kind in ("hotdog", "not-hotdog")
    for i in range(8)
}
LAYOUTS = {
    "hotdog": HOTDOG,
    "bananas": {
        f"banana-detection/bananas_{split}/{path}": split.encode()
        for split in ("train", "val")
        for path in ("images/0.png", "label.csv")
    },
    "cifar10": {
        f"cifar-10-batches-py/{part}": part.encode()
        for part in ("data_batch_1", "test_batch", "batches.meta")
    },
    "cifar10-tiny": {
        f"kaggle_cifar10_tiny/{path}": b"x" for path in ("train/1.png", "test/1.png", "trainLabels.csv")
    },
    "dogs": {f"kaggle_dog_tiny/{path}": b"x" for path in ("train/a.jpg", "test/b.jpg", "labels.csv")},
    "fashion-mnist": {
        file.name: gzip.compress(file.name.encode()) for file in REGISTRY["fashion-mnist"].files
    },
    "houses": {file.name: b"Id,SalePrice\n1,2\n" for file in REGISTRY["houses"].files},
    "voc": {
        f"VOCdevkit/VOC2012/{path}": b"x"
        for path in (
            "JPEGImages/a.jpg",
            "SegmentationClass/a.png",
            "ImageSets/Segmentation/train.txt",
            "ImageSets/Segmentation/val.txt",
        )
    },
}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != download.STAMP
    }


def assert_nothing_whole(full_root: Path, name: str = "hotdog") -> None:
    """Neither the set, nor a half-made folder, nor an archive under its final name."""
    assert find_present(registry.lookup(name)) is None
    assert not (full_root / name).exists()
    assert not list(full_root.glob(".building*"))
    archives = [
        path.name for path in (full_root / "downloads").glob("*") if path.suffix not in (".lock", ".part")
    ]
    assert archives == []


def assert_whole(root: Path) -> None:
    assert tree(root) == {path.removeprefix("hotdog/"): content for path, content in HOTDOG.items()}


def test_every_set_has_a_layout_test():
    assert set(LAYOUTS) == set(REGISTRY)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_set_is_fetched_into_its_layout(name, serve_archive, full_root):
    entry = serve_archive(name, LAYOUTS[name])
    root = fetch(name, progress=False)
    assert full_root / name in (root, *root.parents)
    assert all((root / path).exists() for path in entry.layout)
    assert sorted(tree(root).values()) == sorted(LAYOUTS[name].values())
    assert [path.name for path in (full_root / "downloads").iterdir() if path.suffix != ".lock"] == []


def test_a_present_set_opens_no_socket_and_writes_nothing(serve_archive, full_root, monkeypatch):
    serve_archive("hotdog", HOTDOG)
    root = fetch("hotdog", progress=False)
    (root / "train" / "mine.txt").write_text("the reader's own notes")
    before = {path: path.stat().st_mtime_ns for path in full_root.rglob("*")}

    def refuse(*arguments, **named):
        raise AssertionError("touched")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(download.filelock, "FileLock", refuse)
    assert fetch("hotdog") == root
    assert {path: path.stat().st_mtime_ns for path in full_root.rglob("*")} == before


FATAL = {
    "html403": "HTTP 403",
    "html200": "web page",
    "error500": "HTTP 500",
    "truncated": "broken",
    "nolength": "wrong file: expected SHA-1",
    "wrong": "wrong file: expected SHA-1",
    "drip": "stalled",
    "silent": "silent for",
    "reset": "reset",
    "reset_norange": "reset",
    "loop": "redirect",
    "endless": "more than",
    "nosuchfault/x": "404",
}


@pytest.mark.parametrize("fault", sorted(FATAL))
def test_a_fault_is_one_clear_error(fault, serve_archive, full_root, server):
    entry = serve_archive("hotdog", HOTDOG, fault)
    if fault.startswith("nosuch"):
        del server.files["hotdog.zip"]
    with pytest.raises(FileNotFoundError) as caught:
        fetch("hotdog", progress=False)
    message = str(caught.value)
    assert FATAL[fault] in message
    assert "\n" not in message and len(message) < 700
    assert entry.files[0].urls[0] in message
    assert str(full_root / "downloads" / "hotdog.zip") in message
    assert entry.files[0].hash.removeprefix("sha1:") in message
    assert "COURSE_DATA_MIRROR" in message
    assert_nothing_whole(full_root)


@pytest.mark.parametrize("fault", sorted(FATAL))
def test_after_a_fault_the_next_source_or_call_succeeds(fault, serve_archive, full_root):
    serve_archive("hotdog", HOTDOG, fault, "ok")
    assert_whole(fetch("hotdog", progress=False))


@pytest.mark.parametrize(
    "fault", ["ok", "norange", "redirect", "flaky", "reset_once", "reset_often", "slowrange"]
)
def test_a_fault_that_can_be_lived_with(fault, serve_archive, server):
    entry = serve_archive("hotdog", HOTDOG, fault)
    assert_whole(fetch("hotdog", progress=False))
    if fault == "reset_often":  # more breaks than attempts, but each brought something
        assert server.requests[fault] == 5 > transport.PATIENCE.attempts
        assert server.sent == entry.size


def test_a_reset_is_resumed_and_not_begun_anew(serve_archive, server):
    entry = serve_archive("hotdog", HOTDOG, "reset_once")
    fetch("hotdog", progress=False)
    assert server.sent == entry.size
    assert server.ranges[0] is None and server.ranges[1].startswith("bytes=")


def test_a_client_error_is_not_asked_again_but_a_server_error_is(serve_archive, server):
    for fault, count in (("html403", 1), ("error500", 3), ("truncated", 4)):
        serve_archive("hotdog", HOTDOG, fault)
        with pytest.raises(FileNotFoundError):
            fetch("hotdog", progress=False)
        assert server.requests[fault] == count


@pytest.mark.parametrize("fault", ["ok", "norange", "badrange"])
@pytest.mark.parametrize("content", ["right", "wrong", "whole", "too long"])
def test_an_old_part_is_built_upon_or_thrown_away(content, fault, serve_archive, server, full_root):
    entry = serve_archive("hotdog", HOTDOG, fault)
    whole = server.files["hotdog.zip"]
    part = full_root / "downloads" / "hotdog.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(
        {"right": whole[:100_000], "wrong": b"?" * 100_000, "whole": whole, "too long": whole + b"!"}[content]
    )
    assert_whole(fetch("hotdog", progress=False))
    if fault == "ok":
        assert server.sent == {
            "right": entry.size - 100_000,
            "wrong": 2 * entry.size - 100_000,
            "whole": 0,
        }.get(content, entry.size)


def test_server_gone(serve_archive, server, full_root):
    serve_archive("hotdog", HOTDOG)
    server.close()
    with pytest.raises(FileNotFoundError, match="connection refused"):
        fetch("hotdog", progress=False)
    assert_nothing_whole(full_root)


def test_server_gone_half_way_then_back(serve_archive, server, full_root):
    entry = serve_archive("hotdog", HOTDOG, "reset_norange")
    with pytest.raises(FileNotFoundError):
        fetch("hotdog", progress=False)
    part = full_root / "downloads" / "hotdog.zip.part"
    assert 0 < part.stat().st_size < entry.size
    serve_archive("hotdog", HOTDOG, "ok")
    server.sent, had = 0, part.stat().st_size
    assert_whole(fetch("hotdog", progress=False))
    assert server.sent == entry.size - had
    assert not part.exists()


def test_no_network_fails_at_once_and_tells_what_to_do(full_root, monkeypatch):
    def no_name(*arguments, **named):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    started = time.monotonic()
    with pytest.raises(FileNotFoundError) as caught:
        fetch("bananas", progress=False)
    assert (
        str(caught.value).count("host not found") == 2
    )  # https, then http; no retry, or this test would drag
    assert time.monotonic() - started < 5
    assert "banana-detection.zip by hand" in str(caught.value)


def test_a_file_put_there_by_hand_needs_no_network_and_is_kept(serve_archive, server, full_root):
    serve_archive("hotdog", HOTDOG)
    by_hand = full_root / "downloads" / "hotdog.zip"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(server.files["hotdog.zip"])
    assert_whole(fetch("hotdog", progress=False))
    assert server.requests.total() == 0
    assert by_hand.exists()


def test_a_strange_file_put_there_by_hand_is_refused_and_kept(serve_archive, server, full_root):
    entry = serve_archive("hotdog", HOTDOG)
    by_hand = full_root / "downloads" / "hotdog.zip"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"mine")
    with pytest.raises(ValueError, match="another file") as caught:
        fetch("hotdog", progress=False)
    assert entry.files[0].hash[5:] in str(caught.value)
    assert hashlib.sha1(b"mine").hexdigest() in str(caught.value)
    assert by_hand.read_bytes() == b"mine"


def test_a_strange_folder_is_refused_and_kept_but_an_empty_one_is_fine(serve_archive, full_root):
    serve_archive("hotdog", HOTDOG)
    (full_root / "hotdog").mkdir(parents=True)
    (full_root / "hotdog" / "mine").write_text("x")
    with pytest.raises(ValueError, match="not put there"):
        fetch("hotdog", progress=False)
    (full_root / "hotdog" / "mine").unlink()
    assert_whole(fetch("hotdog", progress=False))


def test_a_stamp_of_another_release_does_not_count(serve_archive, full_root):
    serve_archive("hotdog", HOTDOG)
    root = fetch("hotdog", progress=False)
    serve_archive("hotdog", HOTDOG | {"hotdog/new.txt": b"new"})
    assert find_present(registry.lookup("hotdog")) is None
    for stamp in ("", "[]", "{}", json.dumps({"files": {}, "root": "."})):
        (full_root / "hotdog" / download.STAMP).write_text(stamp)
        assert find_present(registry.lookup("hotdog")) is None
    assert root.exists()


def test_an_archive_without_the_layout_is_refused(serve_archive, full_root):
    serve_archive("hotdog", {"hotdog/train/hotdog/1.png": b"x"})
    with pytest.raises(ValueError, match=r"incomplete.*not-hotdog"):
        fetch("hotdog", progress=False)
    assert not (full_root / "hotdog").exists() and not list(full_root.glob(".building*"))


def test_an_evil_archive_leaves_nothing(serve_archive, full_root):
    serve_archive("hotdog", HOTDOG | {"../../escaped.txt": b"x"})
    with pytest.raises(ValueError, match="escaped"):
        fetch("hotdog", progress=False)
    assert not list(full_root.parents[1].rglob("escaped.txt"))
    assert not (full_root / "hotdog").exists() and not list(full_root.glob(".building*"))


@pytest.mark.parametrize("form", ["http", "folder", "file url", "gone", "wrong"])
def test_mirror(form, serve_archive, server, full_root, tmp_path, monkeypatch):
    serve_archive("hotdog", HOTDOG, "norange")
    folder = tmp_path / "my mirror"
    folder.mkdir()
    (folder / "hotdog.zip").write_bytes(server.files["hotdog.zip"] if form != "wrong" else b"other")
    mirror = {
        "http": f"{server.url}/ok",
        "folder": str(folder),
        "file url": folder.as_uri(),
        "gone": str(tmp_path / "nowhere"),
        "wrong": str(folder),
    }[form]
    monkeypatch.setenv("COURSE_DATA_MIRROR", mirror)
    assert_whole(fetch("hotdog", progress=False))
    assert server.requests["ok"] == (form == "http")
    assert server.requests["norange"] == (form in ("gone", "wrong"))


def test_unknown_name_lists_the_known_ones(full_root):
    with pytest.raises(
        ValueError, match="bananas, cifar10, cifar10-tiny, dogs, fashion-mnist, hotdog, houses, voc"
    ):
        fetch("hotdogs")
    assert not full_root.exists()
    assert registry.lookup("Fashion_MNIST").name == "fashion-mnist"


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

    monkeypatch.setattr(Path, "open", small_disk)
    with pytest.raises(ValueError, match="full after"):
        fetch("hotdog", progress=False)
    assert_nothing_whole(full_root)
    monkeypatch.undo()
    os.environ["COURSE_DATA"] = str(full_root.parent)
    try:
        had, server.sent = (full_root / "downloads" / "hotdog.zip.part").stat().st_size, 0
        download_file(entry.files[0], full_root / "downloads", progress=False)
    finally:
        del os.environ["COURSE_DATA"]
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

    monkeypatch.setattr("utils.datasets.archives._copy", full)
    with pytest.raises(ValueError, match="No space left"):
        fetch("hotdog", progress=False)
    assert not (full_root / "hotdog").exists() and not list(full_root.glob(".building*"))
    monkeypatch.undo()


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


def test_torchvision_finds_fashion_mnist_where_we_put_it(serve_archive, full_root, monkeypatch):
    import struct

    def idx(*shape: int) -> bytes:
        body = bytes(i % 10 for i in range(int(torchvision.tv_tensors.torch.Size(shape).numel())))
        return gzip.compress(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + body)

    files = {
        file.name: idx(3, 28, 28) if "images" in file.name else idx(3)
        for file in REGISTRY["fashion-mnist"].files
    }
    serve_archive("fashion-mnist", files)
    fetch("fashion-mnist", progress=False)
    kind = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(
        kind, "resources", [(name, hashlib.md5(body).hexdigest()) for name, body in files.items()]
    )
    monkeypatch.setattr(kind, "mirrors", [])
    train = kind(full_root / "fashion-mnist", train=True, download=True)
    assert len(train) == 3 and train[2][1] == 2


def test_hashes_are_those_of_torchvision_and_of_the_book():
    fashion = {file.name: file.hash for file in REGISTRY["fashion-mnist"].files}
    assert fashion == {name: f"md5:{md5}" for name, md5 in torchvision.datasets.FashionMNIST.resources}
    cifar = REGISTRY["cifar10"].files[0]
    assert (cifar.hash, cifar.urls[0]) == (
        f"md5:{torchvision.datasets.CIFAR10.tgz_md5}",
        torchvision.datasets.CIFAR10.url,
    )
    spec = util.find_spec("d2l")
    if spec is None or spec.origin is None:
        pytest.skip("the book's package d2l is not installed")
    # Read, not imported: importing d2l sets up plotting.
    book = book_hashes(Path(spec.origin).with_name("torch.py").read_text(encoding="utf-8"))
    ours = {
        file.name: file.hash for entry in REGISTRY.values() for file in entry.files if file.hash[:4] == "sha1"
    }
    assert len(ours) == 7
    for name, sha1 in ours.items():
        assert sha1 == f"sha1:{book[name]}"


def book_hashes(source: str) -> dict[str, str]:
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and "DATA_HUB[" in ast.unparse(node.targets[0]):
            url, sha1 = node.value.elts
            found[url.right.value if isinstance(url, ast.BinOp) else url.value] = sha1.value
    return found


def test_registry_is_well_formed():
    for entry in REGISTRY.values():
        assert entry.license and entry.about and entry.layout
        for file in entry.files:
            kind, digest = file.hash.split(":")
            assert len(digest) == {"sha1": 40, "md5": 32}[kind]
            assert all(
                url.startswith(("https://", "http://")) and url.endswith(file.name) for url in file.urls
            )
            assert [url.startswith("https") for url in file.urls] == sorted(
                (url.startswith("https") for url in file.urls), reverse=True
            ), "https first"


def test_importing_does_nothing():
    code = (
        "import socket, sys\n"
        "socket.socket.connect = socket.getaddrinfo = None\n"
        "import utils.datasets.download, utils.datasets.__main__\n"
        "print([name for name in ('torch', 'torchvision', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_command_prints_the_table(serve_archive, full_root, capsys):
    serve_archive("houses", LAYOUTS["houses"])
    fetch("houses", progress=False)
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "scale", "present", "size", "licence"]
    table = {(line.split()[0], line.split()[1]): line for line in lines[1:]}
    assert all((name, "full") in table for name in REGISTRY)
    assert "  yes  " in table["houses", "full"] and "  no  " in table["voc", "full"]
    assert "2.0 GB to fetch" in table["voc", "full"] and "MIT" in table["fashion-mnist", "full"]
    assert len(lines) == len(set(lines))


def test_command_fetches_by_name_and_goes_on_after_a_failure(serve_archive, capsys):
    serve_archive("hotdog", HOTDOG, "html403")
    entry = serve_archive("houses", LAYOUTS["houses"])
    assert command.main(["fetch", "hotdog", "houses"]) == 1
    shown = capsys.readouterr()
    assert shown.out.index(entry.license) < shown.out.index("houses: /")
    assert "error: hotdog: hotdog.zip could not be fetched" in shown.err
    assert "Traceback" not in shown.err
    assert command.main(["fetch", "houses"]) == 0
    assert command.main(["fetch", "nonsense"]) == 1
    assert "unknown data set 'nonsense'" in capsys.readouterr().err


def test_command_fetches_all(serve_archive, capsys):
    for name, files in LAYOUTS.items():
        serve_archive(name, files)
    assert command.main(["fetch"]) == 0
    assert all(f"{name}: /" in capsys_out for capsys_out in [capsys.readouterr().out] for name in REGISTRY)


def test_interrupted_command_says_how_to_go_on(serve_archive, capsys, monkeypatch):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "fetch", interrupt)
    assert command.main(["fetch", "hotdog"]) == 130
    assert "call again to go on" in capsys.readouterr().err


def test_progress_is_plain_lines_off_a_terminal(capsys):
    with Progress("a.zip", total=1000, pause=0.0) as progress:
        for position in range(0, 1001, 10):
            progress.move_to(position)
    lines = capsys.readouterr().err.splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[0] == "a.zip: 100 B of 1.0 kB (10%)"
    with Progress("b", total=None, pause=0.0) as progress:
        progress.move_to(5)
    with Progress("c", total=0, enabled=False, pause=0.0) as progress:
        progress.move_to(0)
    assert capsys.readouterr().err == "b: 5 B\n"


def test_progress_is_a_bar_on_a_terminal_or_lines_without_tqdm(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("a.zip", total=1000) as progress:
        progress.move_to(500)
        progress.move_to(0)
        progress.move_to(1000)
    assert "100%" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with Progress("a.zip", total=1000, pause=0.0) as progress:
        progress.move_to(500)
    assert capsys.readouterr().err == "a.zip: 500 B of 1.0 kB (50%)\n"


def test_a_file_of_its_own(server: FaultServer, full_root: Path, tmp_path: Path):
    server.files["weights.pth"] = NOISE
    digest = hashlib.sha256(NOISE).hexdigest()
    file = RemoteFile("weights.pth", f"sha256:{digest}", (f"{server.url}/ok/weights.pth",))
    target = download_file(file, tmp_path / "cache", progress=False)
    assert target.read_bytes() == NOISE
    assert download_file(file, tmp_path / "cache", progress=False) == target
    assert server.requests["ok"] == 1


def test_local_paths():
    assert transport.local_path("file:///a%20b/c") == Path("/a b/c")
    assert transport.local_path("/a b/c#1") == Path("/a b/c#1")
    assert transport.is_local("/a") and transport.is_local("C:\\a") and not transport.is_local("https://a/b")

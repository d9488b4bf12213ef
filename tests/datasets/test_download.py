"""Downloads against a server that misbehaves: each ends in a whole set or in one clear error."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest
from fault_server import FaultServer
from real_sets import HOTDOG, NOISE, assert_nothing_whole, assert_whole

from utils.datasets import download, registry, transport
from utils.datasets.download import download_file, fetch, find_present
from utils.datasets.registry import RemoteFile


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
    assert server.sent < 50_000_000, "an endless body must be cut off"
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


def test_a_reply_that_starts_elsewhere_is_not_built_upon(server, full_root, tmp_path):
    server.files["a.bin"] = NOISE
    part = tmp_path / "a.bin.part"
    part.write_bytes(NOISE[:1000])
    transfer = transport.Transfer(part, progress=False)
    transfer.run(f"{server.url}/badrange/a.bin")
    assert part.read_bytes() == NOISE and not transfer.resumed


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
    asked = []

    def no_name(host, *arguments, **named):
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    with pytest.raises(FileNotFoundError) as caught:
        fetch("bananas", progress=False)
    assert len(asked) == 2  # https, then http; no second try, for a reader without network should not wait
    assert str(caught.value).count("host not found") == 2
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

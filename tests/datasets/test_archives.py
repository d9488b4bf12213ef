"""Evil and broken archives: each is refused by name, and nothing lands outside the folder."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import pack
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.datasets.archives import Limits, is_archive, unpack

KINDS = ("a.zip", "a.tar", "a.tar.gz", "a.tgz")


def zip_of(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return path


def tar_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for info in members:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def assert_refused(archive: Path, name: str, reason: str, **limits) -> None:
    """One line that names archive, member and reason; nothing written beside the target folder."""
    outside, target = archive.parent.parent, archive.parent / f"out of {archive.name}"
    before = {path for path in outside.rglob("*") if archive.parent not in path.parents}
    with pytest.raises(ValueError, match=reason) as caught:
        unpack(archive, target / "deep", limits=Limits(**limits) if limits else None)
    assert archive.name in str(caught.value) and repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {path for path in outside.rglob("*") if archive.parent not in path.parents} == before
    assert {path.name for path in target.glob("*")} <= {"deep"}


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_archive(box, kind):
    files = {"top/a.txt": b"a", "top/deep/er/b.bin": os.urandom(3_000_000), "c d.é": b"", "./dot.txt": b"."}
    (box / kind).write_bytes(pack(kind, files))
    unpacked = unpack(box / kind, box / "out")
    assert unpacked == (4, 3_000_002)
    for name, content in files.items():
        assert (box / "out" / name).read_bytes() == content


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_archive_and_empty_folders(box, kind):
    (box / kind).write_bytes(pack(kind, {}))
    assert unpack(box / kind, box / "out") == (0, 0)
    assert list((box / "out").iterdir()) == []
    if kind.endswith("zip"):
        zip_of(box / kind, ("folder/", b""), ("folder/sub/", b""))
    else:
        tar_of(box / kind, *(member(name, tarfile.DIRTYPE) for name in ("folder", "folder", "folder/sub")))
    assert unpack(box / kind, box / "folders") == (0, 0)
    assert (box / "folders" / "folder" / "sub").is_dir()


BAD_PATHS = {
    "../escape": "climbs",
    "a/../../escape": "climbs",
    "a/..": "climbs",
    "/etc/escape": "absolute",
    "//host/escape": "absolute",
    "C:/escape": "absolute",
    "c:escape": "absolute",
    "..\\escape": "unsafe",
    "a\\b": "unsafe",
    "a:stream": "absolute|unsafe",
    "new\nline": "unsafe",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(BAD_PATHS))
def test_a_path_that_leads_elsewhere(box, kind, name):
    archive = box / kind
    if kind.endswith("zip"):
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = name
        zip_of(archive, ("fine", b"x"), (info, b"evil"))
    else:
        tar_of(archive, member("fine"), member(name))
    assert_refused(archive, name, BAD_PATHS[name])


def test_a_zip_name_with_a_nul_is_judged_whole(box):
    archive = zip_of(box / "a.zip", ("innocent.txtX../evil", b"x"))
    archive.write_bytes(archive.read_bytes().replace(b"innocent.txtX", b"innocent.txt\0"))
    assert_refused(archive, "innocent.txt\0../evil", "unsafe")


@pytest.mark.parametrize("kind", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "device or pipe"),
        (tarfile.BLKTYPE, "device or pipe"),
        (tarfile.FIFOTYPE, "device or pipe"),
    ],
)
def test_tar_members_that_are_no_files(box, kind, type_, reason):
    assert_refused(tar_of(box / kind, member("a"), member("evil", type_, "/etc")), "evil", reason)


def test_the_link_and_then_a_file_through_it(box):
    archive = tar_of(box / "a.tar", member("way", tarfile.SYMTYPE, "../.."), member("way/escape", size=3))
    assert_refused(archive, "way", "link")


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(stat.S_IFLNK, "link"), (stat.S_IFCHR, "device"), (stat.S_IFIFO, "pipe"), (stat.S_IFSOCK, "pipe")],
)
def test_zip_members_that_are_no_files(box, mode, reason):
    info = zipfile.ZipInfo("evil")
    info.external_attr = (mode | 0o777) << 16
    assert_refused(zip_of(box / "a.zip", (info, b"/etc/passwd")), "evil", reason)


def test_an_encrypted_zip(box):
    archive = zip_of(box / "a.zip", ("secret", b"x"))
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    assert_refused(archive, "secret", "encrypted")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_by_ratio(box, kind):
    archive = box / kind
    archive.write_bytes(pack(kind, {"small": b"x", "bomb": bytes(30_000_000)}))
    if kind == "a.tar":  # not packed, so no bomb; it must pass
        assert unpack(archive, box / "out").bytes == 30_000_001
    else:
        assert_refused(archive, "bomb", "unpacks to more than")
        assert not (box / f"out of {kind}" / "deep" / "bomb").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_by_total_and_by_number(box, kind):
    archive = box / kind
    archive.write_bytes(pack(kind, {f"{i}": bytes(1000) for i in range(9)}))
    assert_refused(archive, "5", "more than 5,000 bytes", total=5000)
    assert_refused(Path(archive.rename(box / f"2{kind}")), "3", "too many files", members=3)


def test_a_zip_that_lies_about_a_size(box):
    archive = zip_of(box / "a.zip", ("liar", bytes(500_000)))
    content = bytearray(archive.read_bytes())
    size = (500_000).to_bytes(4, "little")
    for magic, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = content.index(magic) + offset
        assert content[start : start + 4] == size
        content[start : start + 4] = (10).to_bytes(4, "little")
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zip"):
        unpack(archive, box / "out")
    assert sum(path.stat().st_size for path in (box / "out").rglob("*")) <= 1000


def test_overlapping_zip_members(box):
    """The better zip bomb: many directory entries that share one packed body."""
    archive = zip_of(box / "a.zip", *((f"{i:04}", os.urandom(400)) for i in range(50)))
    content = bytearray(archive.read_bytes())
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 42 : at + 46] = bytes(4)
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        unpack(archive, box / "out")


def test_a_sparse_tar_member(box):
    info = member("holes", tarfile.GNUTYPE_SPARSE)
    assert_refused(tar_of(box / "a.tar", info), "holes", "sparse")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("second", ["A.TXT", "a.txt", "./a.txt", "b/../a.txt"])
def test_the_same_file_twice(box, kind, second):
    archive = box / kind
    if kind.endswith("zip"):
        info = zipfile.ZipInfo(second)
        with pytest.warns(UserWarning) if second == "a.txt" else open(os.devnull):
            zip_of(archive, ("a.txt", b"1"), (info, b"2"))
    else:
        tar_of(archive, member("a.txt"), member(second))
    assert_refused(archive, second, "twice|climbs")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_where_a_folder_is_needed(box, kind):
    (box / kind).write_bytes(pack(kind, {"a": b"1", "a/b": b"2"}))
    assert_refused(box / kind, "a/b", "needs a folder")
    (box / f"2{kind}").write_bytes(pack(kind, {"a/b": b"2", "a": b"1"}))
    assert_refused(box / f"2{kind}", "a", "needs a folder")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_a_truncated_archive(box, kind, part):
    whole = pack(kind, {"a": os.urandom(50_000), "b": os.urandom(50_000)})
    (box / kind).write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ValueError, match="damaged") as caught:
        unpack(box / kind, box / "out")
    assert kind in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_web_page_by_the_name_of_an_archive(box, kind):
    (box / kind).write_text("<html>403</html>" * 100)
    with pytest.raises(ValueError, match="damaged or no archive"):
        unpack(box / kind, box / "out")


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte(box, kind):
    content = bytearray(pack(kind, {"a": bytes(range(256)) * 400}))
    content[len(content) // 2] ^= 0xFF
    (box / kind).write_bytes(content)
    if kind == "a.tar":  # has no checksum of contents; the hash of the download is there for that
        assert unpack(box / kind, box / "out").bytes == 102_400
    else:
        with pytest.raises(ValueError, match="damaged"):
            unpack(box / kind, box / "out")


def test_other_suffixes_are_refused(box):
    (box / "a.rar").write_bytes(b"x")
    assert not is_archive(box / "a.rar") and not is_archive(box / "a.csv") and not is_archive(box / "a.gz")
    assert all(is_archive(box / kind.upper()) for kind in KINDS)
    with pytest.raises(ValueError, match="expected a name that ends in"):
        unpack(box / "a.rar", box / "out")


def test_xz_under_a_tar_name_that_is_broken(box):
    (box / "a.tar").write_bytes(b"\xfd7zXZ\x00" + os.urandom(100))
    with pytest.raises(ValueError, match="damaged"):
        unpack(box / "a.tar", box / "out")
    (box / "a.tgz").write_bytes(gzip.compress(b"no tar"))
    with pytest.raises(ValueError, match="damaged"):
        unpack(box / "a.tgz", box / "out")


@settings(max_examples=60, deadline=None)
@given(name=st.text(alphabet="a./\\:C ~", min_size=1, max_size=12), kind=st.sampled_from(["a.zip", "a.tar"]))
def test_no_name_whatever_writes_outside(tmp_path_factory, name, kind):
    box = tmp_path_factory.mktemp("box")
    if kind == "a.zip":
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = name
        zip_of(box / kind, (info, b"payload"))
    else:
        tar_of(box / kind, member(name, size=7))
    try:
        unpack(box / kind, box / "out" / "deep")
    except ValueError as error:
        assert kind in str(error)
    written = [path for path in box.rglob("*") if path.is_file() and path.name != kind]
    assert all(box / "out" / "deep" in path.parents for path in written)

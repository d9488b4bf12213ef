"""A generated set is there whole or not at all, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.datasets import generate
from utils.datasets.generate import (
    STAMP,
    combine,
    digest_of,
    generated,
    in_order,
    is_whole,
    stamp_digest,
    write_text,
)

ROOT = Path(__file__).resolve().parents[2]

# A set that writes its files slowly, and says when it is half-way.
SLOW_SET = """
import sys, time
from pathlib import Path
from utils.datasets.generate import generated

def build(folder):
    for number in range(4):
        (folder / f"{number}.txt").write_text(str(number) * 100)
        if number == 1:
            print("half", flush=True)
            time.sleep(float(sys.argv[1]))
    with open(sys.argv[2], "a") as log:
        log.write("built\\n")
    return "digest"

print(generated("slow", "1", build), flush=True)
"""


@pytest.fixture(autouse=True)
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "a folder"))
    return tmp_path / "a folder"


def start(pause: float, log: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SLOW_SET, str(pause), str(log)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def build(folder: Path) -> str:
    (folder / "sub").mkdir()
    write_text(folder / "sub" / "table.csv", "a,b\n1,2\n")
    write_text(folder / "empty.txt", "")
    return "of the contents"


def test_built_once_then_found(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = generated("set", "3", build)
    assert folder == data_root / "generated" / "set-3"
    assert (folder / "sub" / "table.csv").read_bytes() == b"a,b\n1,2\n"
    assert stamp_digest(folder) == "of the contents"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Composing the set set" in captured.err

    def never(folder: Path) -> str:
        raise AssertionError("built twice")

    assert generated("set", "3", never) == folder
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("damage", ["file gone", "file short", "stamp gone", "stamp cut", "stamp foreign"])
def test_a_damaged_set_is_made_again(damage: str) -> None:
    folder = generated("set", "1", build)
    stamp = folder / STAMP
    if damage == "file gone":
        (folder / "sub" / "table.csv").unlink()
    elif damage == "file short":
        (folder / "sub" / "table.csv").write_text("a,")
    elif damage == "stamp gone":
        stamp.unlink()
    elif damage == "stamp cut":
        stamp.write_bytes(stamp.read_bytes()[:20])
    else:
        stamp.write_text(json.dumps({"files": ["sub/table.csv"]}))
    assert not is_whole(folder)
    assert generated("set", "1", build) == folder
    assert is_whole(folder)
    assert (folder / "sub" / "table.csv").read_bytes() == b"a,b\n1,2\n"


def test_files_added_by_hand_do_no_harm() -> None:
    folder = generated("set", "1", build)
    (folder / "notes.txt").write_text("mine")
    assert is_whole(folder)
    generated("set", "1", build)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_failing_build_leaves_nothing(data_root: Path) -> None:
    def fail(folder: Path) -> str:
        (folder / "half.txt").write_text("x")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        generated("set", "1", fail)
    assert not list((data_root / "generated").glob("*set-1*/*"))
    assert is_whole(generated("set", "1", build))


def test_a_failing_rebuild_does_not_pass_for_whole() -> None:
    folder = generated("set", "1", build)
    (folder / "empty.txt").unlink()

    def fail(folder: Path) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generated("set", "1", fail)
    assert not is_whole(folder)


def test_kill_in_the_middle_leaves_nothing_taken_for_whole(data_root: Path, tmp_path: Path) -> None:
    process = start(60, tmp_path / "log")
    assert process.stdout.readline() == "half\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    final = data_root / "generated" / "slow-1"
    assert not final.exists()
    assert list((data_root / "generated").glob(".slow-1.part/*"))
    again = start(0, tmp_path / "log")
    out, _ = again.communicate()
    assert again.returncode == 0
    assert out.splitlines()[-1] == str(final)
    assert is_whole(final)
    assert [path.read_text() for path in sorted(final.glob("*.txt"))] == [str(n) * 100 for n in range(4)]
    assert not (data_root / "generated" / ".slow-1.part").exists()


def test_two_processes_at_once_build_once(data_root: Path, tmp_path: Path) -> None:
    first = start(1.0, tmp_path / "log")
    assert first.stdout.readline() == "half\n"
    second = start(0, tmp_path / "log")
    final = str(data_root / "generated" / "slow-1")
    assert first.communicate()[0].splitlines()[-1] == final
    assert second.communicate()[0].splitlines()[-1] == final
    assert first.returncode == second.returncode == 0
    assert (tmp_path / "log").read_text() == "built\n"


def test_in_order_keeps_order_and_passes_errors_on() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    assert list(in_order(slow_first, range(40))) == [n * n for n in range(40)]
    assert list(in_order(slow_first, [])) == []
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // (number - 5), range(40)))


def test_in_order_stays_a_bounded_number_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate.os, "cpu_count", lambda: 2)
    taken = []

    def source():
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, source())
    assert next(results) == 0
    assert len(taken) <= 9


@given(st.integers(0, 255), st.integers(0, 3))
def test_digests_tell_values_types_and_shapes_apart(value: int, place: int) -> None:
    array = np.zeros((2, 2), dtype=np.uint8)
    other = array.copy()
    other.flat[place] = value
    assert (digest_of(array) == digest_of(other)) == (value == 0)
    assert digest_of(array) != digest_of(array.reshape(4))
    assert digest_of(array) != digest_of(array.astype(np.int8))
    assert digest_of(array.T) == digest_of(array)
    assert digest_of(np.array([1, 2], ">i4")) == digest_of(np.array([1, 2], "<i4"))
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert combine([b"a", b"b"]) != combine([b"b", b"a"])

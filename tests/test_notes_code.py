"""The notes' own code, block by block, on the course's data and today's stack.

One class a note, so that workers share them (tests are dealt out by class). Without the notes beside the course, or
where COURSE_NOTES points, there is nothing to run; that the page and the list agree is tested in any case.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections import Counter

import pytest
import torch

from tools import notes
from utils.d2l import stand_ins, write_pictures
from utils.settings import settings

FOLDER = settings.notes_root
KINDS = {"code": 154, "fragment": 5, "text": 19}
# Note -> blocks that run, and how many of them after a correction.
RUN = {"000": (2, 0), "001": (5, 1), "002": (115, 10), "003": (5, 1), "004": (27, 1)}
needs_notes = pytest.mark.skipif(
    FOLDER is None, reason="the notes are not here; COURSE_NOTES names their folder"
)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder to run in, with the pictures that the notes read; torchvision gives the sample."""
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    write_pictures("../img")
    write_pictures("./img")
    threads = torch.get_num_threads()
    with stand_ins():
        torch.manual_seed(0)
        yield tmp_path
    torch.set_num_threads(threads)


def run(note: str) -> Counter:
    """Run the blocks of a note in one namespace; count what ran, what was corrected first, and what is no code."""
    from matplotlib import pyplot as plt

    found, changes = notes.find(FOLDER), notes.changes()
    kinds = {int(row["number"]): row["kind"] for row in notes.listed()}
    by_number = {block.number: block for block in found}
    corrections = changes["corrections"]
    names, count = {"__name__": "__main__"}, Counter()
    execute(names, changes["usual"], f"usual imports of {note}")
    for block in found:
        if block.note != note:
            continue
        if kinds[block.number] != "code":
            count[kinds[block.number]] += 1
            continue
        for fixture in changes["fixtures"]:
            if fixture["block"] == block.number:
                execute(names, fixture["code"], f"fixture of block {block.number}")
                for number in fixture.get("blocks", ()):
                    execute(names, notes.corrected(by_number[number], corrections), f"block {number}")
        code = notes.corrected(block, corrections)
        execute(names, code, f"block {block.number}")
        count["run"] += 1
        count["corrected"] += code != block.code
        for call in changes["calls"]:
            if call["block"] == block.number:
                execute(names, call["code"], f"call after block {block.number}")
        plt.close("all")
    return count


def execute(names: dict, code: str, what: str) -> None:
    """Run code quietly; an error names the block."""
    started = time.perf_counter()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # six blocks use interfaces that are going out of use
        try:
            exec(compile(notes.runnable(code), what, "exec"), names)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    SECONDS[what] = time.perf_counter() - started


SECONDS: dict[str, float] = {}


def assert_all_run(note: str) -> None:
    count, (expected, corrected) = run(note), RUN[note]
    others = Counter(row["kind"] for row in notes.listed() if row["note"] == note)
    assert (count["run"], count["corrected"]) == (expected, corrected)
    assert (count["fragment"], count["text"]) == (others["fragment"], others["text"])


@needs_notes
class TestNote000:
    def test_every_block_runs(self, workplace):
        assert_all_run("000")


@needs_notes
class TestNote001:
    def test_every_block_runs(self, workplace):
        assert_all_run("001")


@needs_notes
class TestNote002:
    def test_every_block_runs(self, workplace):
        assert_all_run("002")


@needs_notes
class TestNote003:
    def test_every_block_runs(self, workplace):
        assert_all_run("003")


@needs_notes
class TestNote004:
    def test_every_block_runs(self, workplace):
        assert_all_run("004")


class TestTheList:
    def test_adds_up(self):
        rows = notes.listed()
        assert [int(row["number"]) for row in rows] == list(range(1, 179))
        assert Counter(row["kind"] for row in rows) == KINDS
        corrected = {entry["block"] for entry in notes.changes()["corrections"]}
        assert sum(run for run, _ in RUN.values()) == KINDS["code"]
        assert sum(number for _, number in RUN.values()) == len(corrected) == 13

    def test_changes_touch_code_only(self):
        kinds = {int(row["number"]): row["kind"] for row in notes.listed()}
        changes = notes.changes()
        for entry in changes["corrections"] + changes["fixtures"] + changes["calls"]:
            assert kinds[entry["block"]] == "code"

    def test_page_shows_them(self):
        assert notes.PAGE.read_text(encoding="utf-8") == notes.page(), (
            "python -m tools.notes writes the tables anew"
        )

    @needs_notes
    def test_notes_are_the_ones_meant(self):
        found = {str(block.number): (block.note, block.digest) for block in notes.find(FOLDER)}
        meant = {row["number"]: (row["note"], row["digest"]) for row in notes.listed()}
        assert found == meant, [number for number in meant if found.get(number) != meant[number]]


class TestFinding:
    def test_fences_indented_longer_and_with_text_behind(self, tmp_path):
        text = "a\n```python\nx = 1\n```<img>\nb\n    ````\n    y = [\n      2]\n    ````\n"
        text += "<img>\n```\nz\n```\n```\nopen"
        (tmp_path / "000_a.txt").write_text(text)
        found = notes.find(tmp_path)
        assert [block.code for block in found] == ["x = 1\n", "y = [\n  2]\n", "z\n"]
        assert [block.line for block in found] == [2, 6, 11]

    def test_digest_sees_code_and_not_spaces_at_line_ends(self):
        first, second, third = (notes.Block(1, "000", 1, code) for code in ("a\nb\n", "a \nb", "a\n b"))
        assert first.digest == second.digest != third.digest

    def test_a_correction_that_fits_nowhere_or_twice_is_refused(self):
        block = notes.Block(5, "000", 1, "a = b = 1\n")
        assert notes.corrected(block, [{"block": 5, "old": "1", "new": "2"}]) == "a = b = 2\n"
        for old in ("c", "="):
            with pytest.raises(ValueError, match="block 5: expected"):
                notes.corrected(block, [{"block": 5, "old": old, "new": "2"}])

    def test_magics_become_comments(self):
        assert notes.runnable("%matplotlib inline\nx = 5 % 3\n") == "# %matplotlib inline\nx = 5 % 3\n"

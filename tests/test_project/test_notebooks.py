"""Every chapter is in order, and every check sees the fault it is there for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from tools import chapters, nbcheck

CHAPTERS = chapters.all_chapters()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_in_order(path):
    assert nbcheck.problems(path) == []


def test_every_topic_is_claimed_by_one_chapter():
    assert nbcheck.topic_problems(nbcheck.all_claims(CHAPTERS), nbcheck.planned_topics()) == []


def test_titles_differ():
    titles = [chapters.title(chapters.read(path)) for path in CHAPTERS]
    assert all(titles) and len(set(titles)) == len(titles)


def test_planned_topics_are_the_whole_course():
    planned = nbcheck.planned_topics()
    assert list(planned) == [f"T{number:03d}" for number in range(1, 357)]
    assert sorted(set(planned.values())) == [f"{number:02d}" for number in range(33)]


def test_a_good_chapter_has_no_problems(good, save):
    assert nbcheck.problems(save(good)) == []


def _output(kind: str, **fields) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[3].outputs.append(new_output(kind, **fields))


def _source(index: int, text: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[index].__setitem__("source", text)


def _course(key: str, value: object) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.metadata.course.__setitem__(key, value)


def _ledger(**changes: str) -> Callable[[NotebookNode], None]:
    entry = {"topic": "T064", "claim": "c", "verdict": "wrong", "shown": "s"} | changes
    return _course("ledger", [entry])


PNG = {"data": {"image/png": "aGVsbG8="}, "metadata": {}}
FAULTS = {
    "size": (lambda n: n.cells[3].outputs[0].__setitem__("text", "x" * 500_000), "expected under 500 kB"),
    "format": (lambda n: n.__setitem__("nbformat_minor", 4), "expected 4.5"),
    "kernel": (lambda n: n.metadata.kernelspec.__setitem__("name", "conda-env"), "kernelspec"),
    "widget state": (lambda n: n.metadata.__setitem__("widgets", {}), "metadata holds widgets"),
    "cell id": (lambda n: n.cells[2].__setitem__("id", "a1b2"), "id 'a1b2', expected c03"),
    "cell metadata": (lambda n: n.cells[2].metadata.__setitem__("collapsed", True), "only tags are kept"),
    "no title": (_source(0, "Tiny"), "not a heading"),
    "no badge": (_source(0, "# Tiny"), "lacks its badge"),
    "badge of another": (lambda n: _source(0, n.cells[0].source.replace("07_", "08_"))(n), "lacks its badge"),
    "bootstrap": (_source(1, "import os"), "not the bootstrap cell"),
    "no import": (_source(2, "import utils"), "does not start with `import dive_into_vision`"),
    "imports": (_source(2, "import dive_into_vision\n" + "import os\n" * 8), "import cell has 9 lines"),
    "long cell": (_source(3, "x = 1\n" * 26), "has 26 lines, at most 25"),
    "empty cell": (lambda n: n.cells.insert(3, new_code_cell("")), "is empty"),
    "stale": (_source(3, "print(6 * 8)"), "stored outputs are older"),
    "order": (lambda n: n.cells[3].__setitem__("execution_count", 9), "in order"),
    "never run": (lambda n: n.cells[3].__setitem__("execution_count", None), "in order"),
    "error": (_output("error", ename="KeyError", evalue="", traceback=[]), "holds an error (KeyError)"),
    "widget": (_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}}), "widget"),
    "figure without words": (_output("display_data", **PNG), "a figure without text"),
    "too few compared": (lambda n: n.cells[3].metadata.pop("tags"), "1 cells tagged"),
    "nothing to compare": (lambda n: n.cells[3].__setitem__("outputs", []), "no output to compare"),
    "d2l": (_source(3, "from d2l import torch as d2l"), "imports d2l itself"),
    "d2l plain": (_source(3, "import d2l.torch"), "imports d2l itself"),
    "syntax": (_source(3, "print(1"), "does not parse"),
    "no topics": (_course("topics", []), "metadata.course.topics"),
    "odd topic": (_course("topics", ["T1"]), "metadata.course.topics"),
    "no minutes": (_course("minutes", 0), "metadata.course.minutes"),
    "minutes in words": (_course("minutes", "one"), "metadata.course.minutes"),
    "no device": (_course("device", " "), "metadata.course.device"),
    "no data": (lambda n: n.metadata.course.pop("data"), "metadata.course.data"),
    "ledger key": (_course("ledger", [{"topic": "T064"}]), "ledger entry"),
    "ledger empty": (_ledger(claim=""), "ledger entry"),
    "ledger topic": (_ledger(topic="T001"), "does not claim"),
    "dead link": (_source(0, "# T\n\n[there](nowhere.md)"), "nowhere.md leads nowhere"),
    "dead home link": (
        _source(0, "# T\n\n[c](https://github.com/OWNER/dive-into-vision/blob/main/none.py)"),
        "names no file",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen(fault, good, save, monkeypatch):
    monkeypatch.setattr(nbcheck.home, "slug", lambda root=None: "OWNER/dive-into-vision")
    damage, sentence = FAULTS[fault]
    damage(good)
    assert any(sentence in said for said in nbcheck.problems(save(good))), nbcheck.problems(save(good))


def test_a_good_ledger_and_an_announced_error_pass(good, save):
    _ledger()(good)
    good.cells[3].metadata.tags.append("raises-exception")
    _output("error", ename="ValueError", evalue="", traceback=[])(good)
    assert nbcheck.problems(save(good)) == []


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        (
            {"00_a.ipynb": ["T001", "T002"], "01_b.ipynb": ["T003", "T002"]},
            "T002 is claimed by 00_a.ipynb and",
        ),
        ({"00_a.ipynb": ["T001"]}, "T002 of chapter 00 is claimed by no chapter"),
        ({"00_a.ipynb": ["T001", "T002", "T999"]}, "T999, which docs/topics.csv does not know"),
    ],
)
def test_topic_faults_are_seen(claims, sentence):
    planned = {"T001": "00", "T002": "00", "T003": "01"}
    assert any(sentence in said for said in nbcheck.topic_problems(claims, planned))


def test_a_chapter_may_claim_a_topic_planned_elsewhere():
    planned = {"T001": "00", "T002": "00", "T003": "01"}
    assert nbcheck.topic_problems({"00_a.ipynb": ["T001", "T002"], "01_b.ipynb": ["T003"]}, planned) == []
    assert nbcheck.topic_problems({"00_a.ipynb": ["T001", "T002", "T003"]}, planned) == []


def test_a_check_that_is_not_listed_does_nothing(good, save):
    """All public checks of the module run: one that is forgotten in CHECKS would never fail."""
    written = {
        value
        for name, value in vars(nbcheck).items()
        if callable(value) and getattr(value, "__module__", "") == nbcheck.__name__ and _is_check(value)
    }
    assert written == set(nbcheck.CHECKS)


def _is_check(function: Callable) -> bool:
    return list(getattr(function, "__annotations__", {})) == ["notebook", "path", "return"]


def test_command_line_lists_what_exists(capsys):
    assert nbcheck.main(["99"]) == 2
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and Path.cwd().name


def test_tidy_is_idempotent_and_keeps_the_work(good):
    before = good.copy()
    assert chapters.tidy(chapters.tidy(good)) == before


def test_tidy_strips_what_a_front_end_adds(good):
    good.metadata.kernelspec.name = "my-env"
    good.metadata.vscode = {"x": 1}
    good.cells[3].metadata.update({"collapsed": True, "execution": {"started": "now"}})
    good.cells[3].outputs.append(new_output("stream", name="stderr", text="\n"))
    good.cells[4].outputs.append(new_output("stream", name="stderr", text="a warning\n"))
    tidy = chapters.tidy(good)
    assert set(tidy.metadata) == {"kernelspec", "language_info", "course"}
    assert tidy.metadata.kernelspec.name == "python3"
    assert tidy.cells[3].metadata == {"tags": ["nbval-check-output"]}
    assert len(tidy.cells[3].outputs) == 1 and len(tidy.cells[4].outputs) == 2


@pytest.mark.parametrize(
    ("stored", "measured", "kept"), [(1.0, 1.15, 1.0), (1.0, 1.5, 1.5), (None, 0.001, 0.1), (0.1, 0.19, 0.1)]
)
def test_minutes_change_only_when_they_mean_something(good, stored, measured, kept):
    good.metadata.course.minutes = stored
    assert chapters.tidy(good, minutes=measured).metadata.course.minutes == kept


def test_the_fingerprint_knows_code_from_prose(good):
    before = chapters.digest(good)
    good.cells[0].source += " More words."
    assert chapters.digest(good) == before
    good.cells[3].source += " "
    assert chapters.digest(good) != before


def test_a_crash_while_writing_leaves_the_notebook(good, save, monkeypatch):
    path = save(good)
    before = path.read_bytes()
    monkeypatch.setattr(chapters.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    good.cells[0].source = "# Other"
    with pytest.raises(OSError, match="disk full"):
        chapters.write(good, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]

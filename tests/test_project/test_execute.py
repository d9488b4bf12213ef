"""Running chapters: results, failures, interruption, and what is written where."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import chapters, execute, progress

HEADLINE = """
from IPython.display import display
display({"text/plain": "first"}, raw=True, metadata={"course": {"headline": "accuracy .1"}})
display({"text/plain": "last"}, raw=True, metadata={"course": {"headline": "accuracy .9"}})
"""


def run(*paths: Path, store=lambda run, notebook: None, jobs: int = 2) -> list[execute.Run]:
    return execute.run_all(list(paths), jobs=jobs, on_done=store, show=progress.Progress(io.StringIO()))


def test_good_failing_and_dying_chapters_in_one_run(chapter_of):
    fine = chapter_of(
        "import os, sys", HEADLINE, "print(sys.executable, os.environ['OMP_NUM_THREADS'])", name="01_a.ipynb"
    )
    bad = chapter_of("x = 1", "def f():\n    raise KeyError('boom')\n\nf()", "y = 2", name="02_b.ipynb")
    dead = chapter_of("import os", "os.kill(os.getpid(), 9)", name="03_c.ipynb")
    kept = {}
    runs = run(fine, bad, dead, store=lambda run, notebook: kept.__setitem__(run.path.stem, notebook))
    assert [r.status for r in runs] == ["ok", "FAILED", "FAILED"]
    assert runs[0].headline == "accuracy .9" and runs[0].seconds > 0
    threads = max(1, (os.cpu_count() or 1) // 2)
    assert kept["01_a"].cells[3].outputs[0].text == f"{sys.executable} {threads}\n"
    said = execute.failures(runs)
    assert "02_b.ipynb failed in cell 2 of 3: def f():" in said and "KeyError: 'boom'" in said
    assert "\x1b" not in said
    assert "03_c.ipynb failed in cell 2 of 2: os.kill" in said and "the kernel died" in said
    rows = execute.table(runs).splitlines()
    assert rows[0].split() == [
        "chapter",
        "status",
        "seconds",
        "kernel",
        "imports",
        "slowest",
        "cell",
        "result",
    ]
    assert rows[1].startswith("01_a") and rows[1].endswith("accuracy .9") and "FAILED" in rows[2]


def test_the_table_says_where_the_time_went(chapter_of):
    cells = ["import time", "time.sleep(0.2)", "1", "time.sleep(0.6)", "2"]
    [result] = run(chapter_of(*cells, name="01_a.ipynb"))
    kernel, imports, number, slowest = result.spent()
    assert number == 4 and 0.6 <= slowest < 3 and 0.2 <= imports < 3 and kernel > 0
    assert abs(kernel + sum(result.cell_seconds()) - result.seconds) < 1e-6
    assert f"no.  4 {slowest:5.1f}" in execute.table([result])
    waiting = execute.Run(result.path)
    assert waiting.spent() == (0, 0, 0, 0) and "waiting" in execute.table([waiting])


def test_an_announced_error_does_not_stop_a_chapter(good, save):
    good.cells[3].source = "1 / 0"
    good.cells[3].metadata.tags = ["raises-exception"]
    [result] = run(save(good))
    assert result.status == "ok"


def test_in_place_stores_outputs_and_fingerprint_of_what_succeeded(chapter_of):
    fine, bad = chapter_of("print(1)", "2", name="01_a.ipynb"), chapter_of("1 / 0", name="02_b.ipynb")
    before = bad.read_bytes()
    run(fine, bad, store=execute.storing(in_place=True))
    notebook = chapters.read(fine)
    assert [cell.execution_count for cell in chapters.code_cells(notebook)] == [1, 2]
    assert notebook.metadata.course.executed == chapters.digest(notebook)
    assert notebook.metadata.course.minutes >= 0.1
    assert bad.read_bytes() == before


def test_a_plain_run_leaves_the_chapter_alone(chapter_of, tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "BUILD", tmp_path / "build")
    fine, bad = chapter_of("print(1)", name="01_a.ipynb"), chapter_of("print(2)", "1 / 0", name="02_b.ipynb")
    before = fine.read_bytes()
    run(fine, bad, store=execute.storing(in_place=False))
    assert fine.read_bytes() == before
    assert (
        "executed" in json.loads((tmp_path / "build/notebooks/01_a.ipynb").read_text())["metadata"]["course"]
    )
    failed = chapters.read(tmp_path / "build/notebooks/02_b.ipynb")
    assert failed.cells[1].outputs and failed.cells[2].outputs[0].ename == "ZeroDivisionError"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_interruption_stops_every_kernel(chapter_of, tmp_path):
    mark = tmp_path / "pid"
    path = chapter_of(f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))", "time.sleep(120)")
    script = (
        "import sys; from pathlib import Path; from tools import chapters, execute;"
        f"chapters.choose = lambda wanted: [Path({str(path)!r})]; sys.exit(execute.main(['--in-place']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=chapters.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A suite started in the background hands an ignored SIGINT down; a person at a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    before = path.read_bytes()
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "Stopped." in said and "Traceback" not in said
    assert path.read_bytes() == before
    kernel = int(mark.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)


@pytest.mark.parametrize(
    ("wanted", "stems"),
    [
        ("", ["01_a", "06_b"]),
        ("6", ["06_b"]),
        ("06,1", ["01_a", "06_b"]),
        ("06_b.ipynb 06", ["06_b"]),
        (" 01_a ", ["01_a"]),
    ],
)
def test_choosing(wanted, stems, chapter_of):
    folder = chapter_of("1", name="06_b.ipynb").parent
    chapter_of("1", name="01_a.ipynb")
    (folder / "scratch.ipynb").write_text("{}")
    assert [path.stem for path in chapters.choose(wanted, folder=folder)] == stems


def test_choosing_what_is_not_there(chapter_of, tmp_path):
    folder = chapter_of("1", name="06_b.ipynb").parent
    with pytest.raises(ValueError, match="no chapter '7'; there are 06"):
        chapters.choose("6 7", folder=folder)
    with pytest.raises(ValueError, match="there are no chapters"):
        chapters.choose("", folder=tmp_path / "none")


@pytest.mark.parametrize("arguments", [["--chapters", "77"], ["--jobs", "0"], ["--jobs", "two"]])
def test_a_wrong_request_is_one_line(arguments, monkeypatch, capsys, chapter_of):
    folder = chapter_of("1").parent
    choose = chapters.choose
    monkeypatch.setattr(chapters, "choose", lambda wanted: choose(wanted, folder=folder))
    assert execute.main(arguments) == 2
    assert capsys.readouterr().out.strip().count("\n") == 0


def test_an_unknown_scale_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_SCALE", "huge")
    assert execute.main([]) == 2
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "'huge'" in said and "sample" in said and "full" in said


def test_outputs_are_never_stored_at_full_scale(monkeypatch, capsys, chapter_of):
    path = chapter_of("1")
    monkeypatch.setattr(chapters, "choose", lambda wanted: [path])
    monkeypatch.setenv("COURSE_SCALE", "full")
    assert execute.main(["--in-place"]) == 2
    assert "scale sample" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def moving() -> list[execute.Run]:
    paths = [Path("01_a.ipynb"), Path("06_b.ipynb")]
    runs = [execute.Run(path, total=9, cell=4, started=time.monotonic()) for path in paths]
    runs[0].status, runs[1].status = "ok", "running"
    return runs


def test_progress_on_a_terminal_is_one_changing_line():
    stream = Terminal()
    show = progress.Progress(stream)
    show.update(moving())
    show.line("06_b: started")
    show.line("06_b: ok", lasting=True)
    text = stream.getvalue()
    assert "1 of 2 done; 06 cell 4 of 9" in text and "started" not in text
    assert text.count("\n") == 1 and text.endswith("\r\033[K06_b: ok\n")


def test_progress_in_a_log_is_plain_lines():
    stream = io.StringIO()
    show = progress.Progress(stream, pause=0)
    show.line("06_b: started")
    show.update(moving())
    show.clear()
    assert "\r" not in stream.getvalue() and stream.getvalue().count("\n") == 2
    quiet = progress.Progress(stream := io.StringIO(), pause=1000)
    quiet.update(moving())
    assert stream.getvalue() == ""

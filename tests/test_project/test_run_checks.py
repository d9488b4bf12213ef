"""`make test` adds up what its phases count, and fails if any of them does."""

from __future__ import annotations

import sys

import pytest

from tools import run_checks


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("12 passed in 3.21s", (12, 0, 0)),
        ("=== 2 failed, 10 passed, 3 skipped in 61.00s (0:01:01) ===", (10, 2, 3)),
        ("1 failed, 4 passed, 2 errors in 1.00s", (4, 3, 0)),
        ("4 passed, 1 xfailed, 1 warning in 1.00s", (5, 0, 0)),
        ("no tests ran in 0.01s", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_counting_what_pytest_says(summary, expected):
    assert tuple(run_checks.counts(summary).values()) == expected


def test_output_is_shown_as_it_comes_and_the_closing_line_kept(tmp_path, capfd):
    script = "print('one'); print('3 passed in 2.00s'); print('after'); raise SystemExit(5)"
    assert run_checks.follow([sys.executable, "-c", script], cwd=tmp_path) == (5, "3 passed in 2.00s\n")
    assert capfd.readouterr().out.splitlines() == ["one", "3 passed in 2.00s", "after"]


@pytest.fixture
def phases(monkeypatch):
    """Sets what each phase answers: (passed, closing line)."""

    def answer(lint: tuple, tests: tuple, chapters: tuple) -> None:
        for name, (passed, line) in {"lint": lint, "tests": tests, "run_chapters": chapters}.items():
            monkeypatch.setattr(
                run_checks, name, lambda *_, p=passed, text=line: (p, run_checks.counts(text))
            )

    return answer


def closing(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()[-2:]


def test_all_passed(phases, capsys):
    phases((True, ""), (True, "10 passed in 1s"), (True, "5 passed, 1 skipped in 1s"))
    assert run_checks.main([]) == 0
    assert closing(capsys) == ["All in order.", "15 passed, 0 failed, 1 skipped"]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_one_failed_phase_fails_the_whole_but_all_run(bad, phases, capsys):
    answers = [(True, ""), (True, "10 passed in 1s"), (True, "5 passed in 1s")]
    answers[bad] = (False, answers[bad][1])
    phases(*answers)
    assert run_checks.main([]) == 1
    assert closing(capsys) == [
        f"Failed: {['lint', 'tests', 'chapters'][bad]}",
        "15 passed, 1 failed, 0 skipped",
    ]


def test_one_phase_can_be_asked_for(phases, capsys):
    phases((False, ""), (True, "10 passed in 1s"), (False, ""))
    assert run_checks.main(["--only", "tests"]) == 0
    assert closing(capsys)[-1] == "10 passed, 0 failed, 0 skipped"


def test_a_wrong_number_of_jobs_is_one_line(capsys):
    assert run_checks.main(["--jobs", "many"]) == 2
    assert capsys.readouterr().out == "JOBS is 'many', expected 1 or more\n"


def test_no_chapters_is_no_failure(monkeypatch, capsys):
    monkeypatch.setattr(run_checks.chapters, "all_chapters", lambda: [])
    assert run_checks.run_chapters(2) == (True, run_checks.counts(""))


def test_a_wheel_that_does_not_build_fails_the_phase(monkeypatch, capsys, tmp_path):
    def broken(*_):
        raise RuntimeError("no wheel today")

    monkeypatch.setattr(run_checks.chapters, "all_chapters", lambda: [tmp_path / "01_a.ipynb"])
    monkeypatch.setattr(run_checks.alone, "prepare", broken)
    passed, found = run_checks.run_chapters(2)
    assert not passed and found["failed"] == 1 and "no wheel today" in capsys.readouterr().out


def test_style_faults_fail_lint(monkeypatch, tmp_path, capsys):
    """A tree with one fault of each kind: ruff's rules, the layout, and who may import whom."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.ruff.lint]\nselect = ["F"]\n[tool.importlinter]\nroot_package = "package"\n'
        '[[tool.importlinter.contracts]]\nname = "a leaves b alone"\ntype = "forbidden"\n'
        'source_modules = ["package.a"]\nforbidden_modules = ["package.b"]\n'
    )
    for name in ("utils", "package", "notebooks"):
        (tmp_path / name).mkdir()
    for name in ("__init__", "a", "b"):
        (tmp_path / "package" / f"{name}.py").touch()
    monkeypatch.setattr(run_checks.chapters, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run_checks.lint()[0] is True, capsys.readouterr().out
    faults = {
        "utils/unused.py": "import os\n",
        "utils/layout.py": "x = {  1:2 }\n",
        "package/a.py": "import package.b\n",
    }
    for name, text in faults.items():
        before = (tmp_path / name).read_text() if (tmp_path / name).exists() else ""
        (tmp_path / name).write_text(text)
        assert run_checks.lint()[0] is False, name
        (tmp_path / name).write_text(before)

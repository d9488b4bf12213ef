"""Setting up: once, again when something changed, and one line for what can go wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from tools import chapters, setup_env

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with a blank in its name, a requirements file and a pyproject."""
    root = tmp_path / "a b"
    root.mkdir()
    (root / "requirements.txt").write_text("torch>=2.5\n")
    (root / "pyproject.toml").write_text('name = "x"\ndependencies = [\n    "torch>=2.5",\n]\n')
    return root


@pytest.fixture
def installs(monkeypatch) -> list[Path]:
    """Replaces the slow parts; lists the environments that were installed."""
    done: list[Path] = []

    def make(venv: Path) -> None:
        setup_env.python_of(venv).parent.mkdir(parents=True, exist_ok=True)
        setup_env.python_of(venv).touch()

    monkeypatch.setattr(setup_env, "make_venv", make)
    monkeypatch.setattr(setup_env, "install", lambda venv, root: done.append(venv))
    return done


def test_installed_once_and_again_after_a_change(project, installs):
    venv = project / ".venv"
    assert setup_env.setup(venv, root=project) is True
    assert setup_env.setup(venv, root=project) is False
    (project / "requirements.txt").write_text("torch>=2.6\n")
    assert setup_env.setup(venv, root=project) is True
    (project / "pyproject.toml").write_text('name = "x"\ndependencies = [\n    "torch>=2.6",\n]\n')
    assert setup_env.setup(venv, root=project) is True
    (project / "pyproject.toml").write_text('name = "y"\ndependencies = [\n    "torch>=2.6",\n]\n')
    assert setup_env.setup(venv, root=project) is False
    setup_env.python_of(venv).unlink()
    assert setup_env.setup(venv, root=project) is True
    assert len(installs) == 4


def test_another_python_or_place_installs_again(project, installs, monkeypatch):
    venv = project / ".venv"
    setup_env.setup(venv, root=project)
    monkeypatch.setattr(setup_env.sys, "version", "3.99.0")
    assert setup_env.setup(venv, root=project) is True
    outside = project.parent / "venv"
    setup_env.setup(outside, root=project)
    assert setup_env.setup(outside, root=project.rename(project.parent / "moved")) is True


@pytest.mark.parametrize("stop", [KeyboardInterrupt, setup_env.SetupError("x")])
def test_an_interrupted_installation_is_redone(project, installs, monkeypatch, stop):
    venv = project / ".venv"
    setup_env.setup(venv, root=project)
    (project / "requirements.txt").write_text("torch>=2.6\n")
    works = setup_env.install

    def broken(venv: Path, root: Path) -> None:
        raise stop

    monkeypatch.setattr(setup_env, "install", broken)
    with pytest.raises(type(stop) if isinstance(stop, Exception) else stop):
        setup_env.setup(venv, root=project)
    (project / "requirements.txt").write_text("torch>=2.5\n")  # back to what had been installed
    monkeypatch.setattr(setup_env, "install", works)
    assert setup_env.setup(venv, root=project) is True


def test_a_full_disk_is_said_before_anything_is_made(project, installs, monkeypatch):
    monkeypatch.setattr(setup_env.shutil, "disk_usage", lambda _: Usage(0, 0, 300_000_000))
    with pytest.raises(setup_env.SetupError, match=r"take about \d\.\d GB, .* has 0\.3 GB free"):
        setup_env.setup(project / "deep" / "er" / ".venv", root=project)
    assert installs == [] and not (project / "deep").exists()


def test_torch_that_is_there_needs_no_room(tmp_path):
    assert setup_env.needed_gb(tmp_path) >= 2
    (tmp_path / "lib" / "python3.11" / "site-packages" / "torch-2.9.0.dist-info").mkdir(parents=True)
    assert setup_env.needed_gb(tmp_path) < 1


def test_a_folder_with_other_things_is_never_emptied(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(setup_env.SetupError, match="is not a virtual environment"):
        setup_env.make_venv(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_half_made_environment_is_made_again(tmp_path, monkeypatch):
    venv = tmp_path / "a b" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    asked, run = [], subprocess.run

    def watch(command, **options):
        if "venv" not in command:  # the question whether there is a pip, asked of the real environment
            return run(command, **options)
        asked.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(setup_env.subprocess, "run", watch)
    setup_env.make_venv(venv)
    assert [command[1:] for command in asked] == [["-m", "venv", "--clear", str(venv)]]
    assert Path(asked[0][0]).resolve() != setup_env.python_of(venv)


def test_a_whole_environment_is_kept(monkeypatch):
    def refuse(command, **options):
        assert "venv" not in command
        return subprocess.CompletedProcess(
            command, 0, stdout=f"{sys.version_info[0]}.{sys.version_info[1]}\n"
        )

    monkeypatch.setattr(setup_env.subprocess, "run", refuse)
    setup_env.make_venv(Path(sys.prefix))


def test_an_environment_of_another_python_is_made_again(monkeypatch):
    asked = []

    def answer(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="3.9\n")

    monkeypatch.setattr(setup_env.subprocess, "run", answer)
    setup_env.make_venv(Path(sys.prefix))
    assert "--clear" in asked[-1]


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (
            "WARNING: Retrying ... NewConnectionError('...')\nERROR: No matching distribution found for torch",
            "no network",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "the disk is full",
        ),
        ("ERROR: No matching distribution found for d2l==9", "no release of d2l==9 for Python"),
        ("Collecting x\nERROR: Failed to build wheel\nmore", "ERROR: Failed to build wheel"),
        ("", "pip failed"),
    ],
)
def test_the_cause_of_a_failure_in_one_line(log, cause):
    assert cause in setup_env.explain(log) and "\n" not in setup_env.explain(log)


def test_pip_that_cannot_reach_anything_is_one_line_and_a_log(tmp_path, project, monkeypatch, capsys):
    (project / "requirements.txt").write_text("a-package-that-is-not-here\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setattr(setup_env, "ROOT", project)
    monkeypatch.setattr(setup_env, "make_venv", lambda venv: None)
    monkeypatch.setattr(setup_env, "python_of", lambda venv: Path(sys.executable))
    monkeypatch.setattr(setup_env.setup, "__kwdefaults__", {"root": project})
    (project / ".venv").mkdir()
    assert setup_env.main(["--venv", ".venv"]) == 1
    said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 2 and "no network" in said[1] and str(project / "build" / "setup.log") in said[1]
    assert "a-package-that-is-not-here" in (project / "build" / "setup.log").read_text()
    assert not (project / ".venv" / setup_env.STAMP).exists()


def test_a_silent_pip_shows_signs_of_life(tmp_path, monkeypatch, capsys):
    ticks = iter(range(0, 10_000, 20))  # every look at the clock is 20 s later
    monkeypatch.setattr(setup_env.time, "monotonic", lambda: float(next(ticks)))
    script = "import time; print('Collecting x', flush=True); time.sleep(1.2); print('done')"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        setup_env.follow(process, tmp_path / "log")
    assert (tmp_path / "log").read_text() == "Collecting x\ndone\n"
    said = capsys.readouterr().out.splitlines()
    assert said and all("still installing" in line for line in said)


def test_the_current_environment_is_checked_not_changed(project, capsys):
    setup_env.check_current(root=project)
    (project / "requirements.txt").write_text("torch>=99  # far away\nno-such-thing>=1\n-e .\n")
    with pytest.raises(setup_env.SetupError, match=r"torch>=99 \(here .*no-such-thing>=1.*pip install -r"):
        setup_env.check_current(root=project)


def test_an_old_python_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(setup_env.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(setup_env, "setup", lambda venv: pytest.fail("went on to install"))
    assert setup_env.main([]) == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "needs Python 3.11 or newer" in said


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The machinery in a folder with a blank in its name, with one tiny chapter."""
    root = tmp_path_factory.mktemp("with blank") / "a b" / "course"
    shutil.copytree(chapters.ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "utils").mkdir()
    for name in ("utils/__init__.py", "utils/settings.py", "Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(chapters.ROOT / name, root / name)
    (root / "notebooks").mkdir()
    return root


def make(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    if os.name == "nt" or shutil.which("make") is None:
        pytest.skip("no make here: the same tools run without it")
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MAKE", "COURSE_", "PYTHONPATH"))
    }
    return subprocess.run(
        ["make", "--no-print-directory", "-C", str(root), *arguments],
        env=env | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_help_names_every_target(copy):
    text = (copy / "Makefile").read_text()
    targets = text.split(".PHONY:")[1].splitlines()[0].split()
    said = make(copy).stdout
    assert [target for target in targets if f"make {target}" not in said] == ["help"]


def test_make_names_what_exists_for_an_unknown_chapter_or_scale(copy, chapter_of):
    shutil.copy(chapter_of("print('ran')"), copy / "notebooks" / "07_tiny.ipynb")
    current = ("VENV=", f"PYTHON={sys.executable}")
    chapter = make(copy, "execute", "CHAPTERS=77", *current)
    assert chapter.returncode and "no chapter '77'; there are 07" in chapter.stdout
    assert chapter.stdout.count("\n") == 1 and "Traceback" not in chapter.stderr
    scale = make(copy, "execute", "SCALE=huge", *current)
    assert scale.returncode and "'huge'" in scale.stdout and scale.stdout.count("\n") == 1


def test_make_runs_in_a_path_with_a_blank(copy, chapter_of):
    path = copy / "notebooks" / "07_tiny.ipynb"
    shutil.copy(chapter_of("import utils\nprint(utils.__file__)"), path)
    done = make(copy, "execute", "VENV=", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert chapters.read(path).cells[1].outputs[0].text.strip() == str(copy / "utils" / "__init__.py")


def fake_python(folder: Path, version: str, *, new: bool) -> Path:
    """A command that answers like a Python of that version."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "python3"
    script.write_text(
        f'#!/bin/sh\ncase "$1" in --version) echo Python {version};; *) exit {0 if new else 1};; esac\n'
    )
    script.chmod(0o755)
    return script


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
def test_make_says_in_one_line_that_python_is_too_old(copy, tmp_path):
    old = fake_python(tmp_path / "old one", "3.8.20", new=False)
    done = make(copy, "setup", "VENV=nowhere", f"PYTHON={old}")
    assert done.returncode and done.stdout.count("\n") == 1
    assert "needs Python 3.11 or newer" in done.stdout and "3.8.20" in done.stdout
    assert not (copy / "nowhere").exists()


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
def test_make_prefers_a_python_that_is_new_enough(copy, tmp_path):
    old = fake_python(tmp_path / "bin", "3.8.20", new=False)
    newer = old.with_name("python3.12")
    newer.write_text('#!/bin/sh\ncase "$1" in -c) exit 0;; *) echo "asked: $@";; esac\n')
    newer.chmod(0o755)
    done = make(copy, "setup", "VENV=not there", PATH=f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    assert "asked: tools/setup_env.py --venv not there" in done.stdout


def test_clean_spares_data_and_environment(copy):
    for name in (
        "build/x",
        "data/full/x",
        "data/generated/x",
        ".venv/x",
        "tools/__pycache__/x",
        ".ruff_cache/x",
    ):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()
    assert make(copy, "clean").returncode == 0
    left = {name for name in ("build", "tools/__pycache__", ".ruff_cache") if (copy / name).exists()}
    assert left == set()
    assert all((copy / name).exists() for name in ("data/full/x", "data/generated/x", ".venv/x"))

"""`python -m utils.datasets`, and what is shown while one waits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from real_sets import HOTDOG, LAYOUTS

from utils.datasets import __main__ as command
from utils.datasets.download import fetch
from utils.datasets.progress import Progress
from utils.datasets.registry import REGISTRY

REPOSITORY = Path(__file__).parents[2]


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


def test_the_table_knows_what_is_generated(full_root, capsys):
    calls = re.compile(r'\bgenerated\("([a-z0-9-]+)", [A-Z]')
    modules = (REPOSITORY / "utils" / "datasets").glob("*.py")
    named = {name for path in modules for name in calls.findall(path.read_text(encoding="utf-8"))}
    assert {*command.GENERATED, *command.LAID_OUT} == named
    whole = full_root.parent / "generated" / "cifar10-tiny-2"
    (whole / "train").mkdir(parents=True)
    (whole / "train" / "1.png").write_bytes(bytes(2000))
    (whole / "complete.json").write_text(json.dumps({"digest": "", "files": {"train/1.png": 2000}}))
    command.main(["list"])
    lines = {tuple(line.split()[:3]): line for line in capsys.readouterr().out.splitlines()}
    assert "2.0 kB" in lines["cifar10-tiny", "sample", "yes"]
    assert "composed at first use" in lines["cifar10", "sample", "no"]
    assert "laid out at first use" in lines["cifar10-competition", "full", "no"]
    assert ("fashion-mnist", "sample", "yes") in lines


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

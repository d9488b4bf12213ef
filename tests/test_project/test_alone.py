"""The nbval run of `make test` catches a wrong stored output, and runs on the wheel and nothing else."""

from __future__ import annotations

import subprocess
import zipfile

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import alone, chapters
from tools.nbcheck import COMPARED

FROM_WHEEL = """
import dive_into_vision  # makes `utils` the course's own package
import utils, sys
from pathlib import Path
from utils.settings import settings
assert Path(utils.__file__).parts[-3:-1] == ("wheel", "utils"), utils.__file__
assert settings.sample_root.is_dir() and "wheel" in settings.sample_root.parts
assert "decoy" in sys.path[1] or "decoy" in sys.path[0], sys.path
"""


def cell(source: str, printed: str = "", *tags: str):
    """A code cell with a stored output, right or wrong."""
    made = new_code_cell(source, execution_count=1, metadata={"tags": list(tags)} if tags else {})
    if printed:
        made.outputs = [new_output("stream", name="stdout", text=printed)]
    return made


# (source, stored output, tags, expected outcome), one after the other in one notebook; an error ends a notebook.
CELLS = {
    "wheel": (FROM_WHEEL, "", (), "PASSED"),
    "right": ("print(6 * 7)", "42\n", (COMPARED,), "PASSED"),
    "wrong": ("print(6 * 9)", "42\n", (COMPARED,), "FAILED"),
    "unmarked": ("print(6 * 9)", "42\n", (), "PASSED"),
    "announced": ("1 / 0", "", ("raises-exception",), "PASSED"),
    "raises": ("raise KeyError('broken chapter')", "", (), "FAILED"),
}
DECOY = "import utils"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The wheel of this checkout, a decoy, and two notebooks."""
    folder = tmp_path_factory.mktemp("source")
    tried = [cell(source, printed, *tags) for source, printed, tags, _ in CELLS.values()]
    for name, cells in {"01_cells.ipynb": tried, "02_decoy.ipynb": [cell(DECOY)]}.items():
        chapters.write(chapters.tidy(new_notebook(cells=cells)), folder / name)
    return alone.prepare(tmp_path_factory.mktemp("alone place"), sorted(folder.glob("*.ipynb")))


@pytest.fixture(scope="module")
def report(place):
    """What the very command of `make test` says about all of them."""
    return subprocess.run(
        [*alone.nbval_command(2), "-rA"],
        cwd=place.notebooks,
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("name", CELLS)
def test_nbval_tells_right_from_wrong(name, report):
    expected, index = CELLS[name][3], list(CELLS).index(name)
    lines = [line for line in report.stdout.splitlines() if f"01_cells.ipynb::Cell {index}" in line]
    assert any(line.startswith(expected) for line in lines), report.stdout + report.stderr


def test_a_foreign_utils_is_in_the_way(report):
    assert any(line.startswith("FAILED") and "02_decoy" in line for line in report.stdout.splitlines())
    assert "a foreign utils.py was imported" in report.stdout


def test_nbval_fails_as_a_whole(report):
    assert report.returncode == 1
    assert "3 failed, 4 passed" in report.stdout
    assert "54" in report.stdout and "broken chapter" in report.stdout  # what differs is shown


def test_the_wheel_holds_the_package_and_its_data_only(place):
    [wheel] = (place.folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    modules = {path.relative_to(chapters.ROOT).as_posix() for path in (chapters.ROOT / "utils").rglob("*.py")}
    assert modules <= set(names) and "dive_into_vision.py" in names
    assert {name.split("/")[0] for name in names} == {"utils", "dive_into_vision.py"}
    sample = chapters.ROOT / "data" / "sample"
    files = {path.relative_to(sample).as_posix() for path in sample.rglob("*") if path.is_file()}
    assert files == {name.removeprefix("utils/sample/") for name in names if name.startswith("utils/sample/")}


def test_a_wrong_package_on_the_path_is_noticed(place, monkeypatch):
    monkeypatch.setattr(alone, "PROBE", "print('/elsewhere/utils/__init__.py')")
    with pytest.raises(RuntimeError, match="was not the one imported"):
        alone.verify(place)


def test_a_wheel_that_does_not_build_is_named(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'no_such_backend'\n"
    )
    with pytest.raises(RuntimeError, match="wheel"):
        alone.prepare(tmp_path / "place", [], root=tmp_path)

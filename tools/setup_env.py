"""Create the virtual environment, install the requirements once, and say in one line what went wrong.

Standard library only: it runs before anything is installed.

    python tools/setup_env.py --venv .venv     # make it, or see in milliseconds that it is ready
    python tools/setup_env.py --venv ""        # use the Python that runs this; install nothing, only check
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
STAMP = "course-stamp"
LOG = Path("build") / "setup.log"
NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out|Max retries exceeded"
    r"|Network is unreachable|Temporary failure in name resolution|ConnectionResetError|ProxyError|SSLError"
)


class SetupError(Exception):
    """A failure that one line explains."""


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def digest(*, root: Path, venv: Path) -> str:
    """Fingerprint of what an installation depends on: the requirement files, Python, and both places."""
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[.*?^\]", project, flags=re.S | re.M)
    parts = (
        (root / "requirements.txt").read_text(encoding="utf-8"),
        listed.group() if listed else "",
        sys.version,
        str(root),  # the editable install points here: a moved checkout installs again
        str(venv),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def python_of(venv: Path) -> Path:
    """The interpreter of a virtual environment on this system."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def needed_gb(venv: Path) -> float:
    """Free disk that an installation takes: torch for Linux on Intel brings the CUDA libraries along."""
    if any(venv.glob("lib/python*/site-packages/torch-*.dist-info")):
        return 0.5
    cuda = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")
    return 7.0 if cuda else 2.0


def check_disk(venv: Path) -> None:
    """Refuse to start an installation that cannot end.

    Raises:
        SetupError: if the disk of `venv` has less free space than the installation takes.
    """
    place = next(folder for folder in (venv, *venv.parents) if folder.exists())
    free, needed = shutil.disk_usage(place).free / 1e9, needed_gb(venv)
    if free < needed:
        raise SetupError(
            f"not enough disk space: the packages take about {needed:.1f} GB, {place} has {free:.1f} GB free. "
            "Free some, or put the environment elsewhere: make setup VENV=/other/disk/venv"
        )


def make_venv(venv: Path) -> None:
    """Create the environment, or repair a half-made one; never empty a folder that is something else.

    Raises:
        SetupError: if `venv` holds other files, or Python cannot make environments.
    """
    python, version = python_of(venv), f"{sys.version_info[0]}.{sys.version_info[1]}"
    ask = [str(python), "-c", "import pip, sys; print('%d.%d' % sys.version_info[:2])"]
    if python.exists() and subprocess.run(ask, capture_output=True, text=True).stdout.strip() == version:
        return
    if venv.is_dir() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
        raise SetupError(f"{venv} exists and is not a virtual environment: name another folder with VENV=...")
    base = getattr(sys, "_base_executable", sys.executable)  # never the interpreter that is being replaced
    made = subprocess.run(
        [base, "-m", "venv", "--clear", str(venv)], capture_output=True, text=True, errors="replace"
    )
    if made.returncode:
        said = (made.stdout + made.stderr).strip().splitlines() or ["no message"]
        hint = " (on Debian and Ubuntu: apt install python3-venv)" if "ensurepip" in "".join(said) else ""
        raise SetupError(f"cannot create {venv}: {said[-1]}{hint}")


def explain(log: str) -> str:
    """One line for pip's many: the cause of a failed installation."""
    if "No space left on device" in log:
        return "the disk is full"
    if NETWORK.search(log):
        return "no network: pip cannot reach the package index (a proxy? try again when online)"
    found = re.search(r"No matching distribution found for (.+)", log)
    if found:
        return (
            f"no release of {found.group(1).strip()} for Python {platform.python_version()} on {sys.platform}"
        )
    errors = [line for line in log.splitlines() if line.lower().startswith("error")]
    return errors[-1] if errors else "pip failed"


def follow(process: subprocess.Popen, log: Path) -> None:
    """Copy pip's output to the log; on a terminal show the present line, else a sign of life twice a minute.

    pip is silent for minutes while it unpacks, so the clock must not wait for its lines.
    """
    latest, started, shown = "", time.monotonic(), 0.0

    def copy() -> None:
        nonlocal latest
        with log.open("w", encoding="utf-8") as file:
            for line in process.stdout:
                file.write(line)
                file.flush()
                latest = line.strip()

    reader = threading.Thread(target=copy, daemon=True)
    reader.start()
    while reader.is_alive():
        reader.join(0.5)
        seconds = time.monotonic() - started
        if sys.stdout.isatty():
            print(f"\r\033[K  {seconds:4.0f} s  {latest[:70]}", end="", flush=True)
        elif seconds - shown >= 30:
            shown = seconds
            say(f"  still installing ({seconds:.0f} s)")
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


def install(venv: Path, *, root: Path) -> None:
    """Run pip on requirements.txt.

    Raises:
        SetupError: with the cause in one line and the path of pip's own output.
    """
    log = root / LOG
    log.parent.mkdir(exist_ok=True)
    command = [str(python_of(venv)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--retries", "2", "--progress-bar", "off", "-r", "requirements.txt"]
    clean = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "PIP_USER")
    }
    process = subprocess.Popen(
        command,
        cwd=root,
        env=clean | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    with process:
        try:
            follow(process, log)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        cause = explain(log.read_text(encoding="utf-8"))
        raise SetupError(f"installation failed: {cause}. pip's output: {log}")


def setup(venv: Path, *, root: Path = ROOT) -> bool:
    """Make `venv` ready; True if there was anything to do.

    The stamp goes away before the work and comes back after it, so an interrupted installation is redone.
    """
    stamp, wanted = venv / STAMP, digest(root=root, venv=venv)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and python_of(venv).exists():
        return False
    stamp.unlink(missing_ok=True)
    check_disk(venv)
    started = time.monotonic()
    say(
        f"Installing the course into {venv}: 2 to 10 minutes the first time, by your network. Log: {root / LOG}"
    )
    make_venv(venv)
    install(venv, root=root)
    stamp.write_text(wanted, encoding="utf-8")
    say(f"Installed in {time.monotonic() - started:.0f} s.")
    return True


def check_current(*, root: Path = ROOT) -> None:
    """Check that the running Python satisfies requirements.txt; it belongs to the reader, so install nothing.

    Raises:
        SetupError: naming what is missing or too old.
    """
    from importlib import metadata

    try:
        from packaging.requirements import Requirement
    except ModuleNotFoundError:
        from pip._vendor.packaging.requirements import Requirement

    wrong = []
    for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if not text or text.startswith("-"):
            continue
        wanted = Requirement(text)
        try:
            if not wanted.specifier.contains(metadata.version(wanted.name), prereleases=True):
                wrong.append(f"{text} (here {metadata.version(wanted.name)})")
        except metadata.PackageNotFoundError:
            wrong.append(text)
    if wrong:
        shown = ", ".join(wrong[:6]) + (f" and {len(wrong) - 6} more" if len(wrong) > 6 else "")
        raise SetupError(f"missing in {sys.prefix}: {shown}. Fix: python -m pip install -r requirements.txt")


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when the environment is ready, 1 with one line otherwise."""
    if sys.version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        say(
            f"The course needs Python {wanted} or newer, this is {platform.python_version()} ({sys.executable})."
        )
        return 1
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--venv", default=".venv", help="folder of the environment; empty: the current Python"
    )
    venv = parser.parse_args(arguments).venv
    try:
        if venv.strip():
            setup(ROOT / Path(venv).expanduser())
        else:
            check_current()
    except SetupError as error:
        say(f"Setup: {error}")
        return 1
    except KeyboardInterrupt:
        say("Setup interrupted; the next call goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Contact sheets: small enough, with a text each, and right in what they show."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from kit import small_sets  # noqa: F401
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("contact_sheets", ROOT / "tools" / "contact_sheets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("small_sets")
def test_sheets_are_written(tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--out", str(tmp_path / "new"), "catdog", "dogs", "photos"]) == 0
    assert capsys.readouterr().out.count(" kB") == 3
    for name in ("catdog", "dogs", "photos"):
        path = tmp_path / "new" / f"{name}.png"
        assert path.stat().st_size < tool.LIMIT
        with Image.open(path) as sheet:
            assert min(sheet.size) > 200
        assert len((tmp_path / "new" / f"{name}.txt").read_text().split()) > 10


def test_committed_sheets_are_there(tool) -> None:
    folder = ROOT / "docs" / "_static" / "contact"
    assert {path.stem for path in folder.glob("*.png")} == set(tool.SHEETS)
    for path in folder.glob("*.png"):
        assert path.stat().st_size < tool.LIMIT
        assert path.with_suffix(".txt").read_text().strip()


def test_unknown_names_are_refused(tool, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tool.main(["moons"])
    assert "expected some of" in capsys.readouterr().err


def test_grid_and_boxes(tool) -> None:
    red = Image.new("RGB", (8, 4), (255, 0, 0))
    sheet = tool.grid([(red, "a"), (red, "b"), (red, "c")], columns=2, tile=16)
    pixels = np.asarray(sheet)
    assert (pixels == (255, 0, 0)).all(axis=2).sum() == 3 * 16 * 8
    drawn = np.asarray(
        tool.boxed(np.zeros((30, 30, 3), np.uint8), np.array([[5, 6, 20, 25]] * 2), np.array([-1, 0]))
    )
    ys, xs = np.nonzero(drawn.any(axis=2))
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (5, 6, 20, 25)
    nothing = tool.boxed(np.zeros((9, 9, 3), np.uint8), np.array([[1, 1, 5, 5]]), np.array([-1]))
    assert not np.asarray(nothing).any()


def test_a_sheet_that_stays_too_large_is_refused(
    tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "LIMIT", 100)
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="fewer or smaller tiles"):
        tool.save(Image.fromarray(noise), tmp_path / "noise.png")

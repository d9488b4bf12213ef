"""What the course reads from the environment: scale, data folder, device. The only reader of os.environ."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SCALES = ("sample", "full")
_PACKAGE = Path(__file__).resolve().parent


class Settings:
    """One switch for every chapter. Values are read when asked for, so a changed variable counts at once."""

    @property
    def scale(self) -> str:
        """`sample` (default: committed and generated data, minutes on a CPU) or `full` (the real sets).

        Raises:
            ValueError: if COURSE_SCALE is anything else.
        """
        scale = os.environ.get("COURSE_SCALE", "").strip().lower() or "sample"
        if scale not in SCALES:
            raise ValueError(
                f"COURSE_SCALE is {scale!r}, expected 'sample' or 'full'. "
                "Fix: unset it, or set COURSE_SCALE=full for the real data sets."
            )
        return scale

    def pick(self, *, sample: T, full: T) -> T:
        """Return the value that belongs to the present scale: `epochs = settings.pick(sample=3, full=10)`."""
        return sample if self.scale == "sample" else full

    @property
    def device(self) -> str:
        """COURSE_DEVICE as written, or `auto`. `utils.device.pick_device` turns it into a torch.device."""
        return os.environ.get("COURSE_DEVICE", "").strip().lower() or "auto"

    @property
    def sample_root(self) -> Path:
        """Folder of the committed sample data: `data/sample` of the checkout, or the copy inside the wheel."""
        checkout = _PACKAGE.parent / "data" / "sample"
        return checkout if checkout.is_dir() else _PACKAGE / "sample"

    @property
    def data_root(self) -> Path:
        """Folder for what is fetched or generated. COURSE_DATA, else `data/` of the checkout, else a user cache."""
        named = os.environ.get("COURSE_DATA", "").strip()
        if named:
            return Path(named).expanduser().resolve()
        checkout = _PACKAGE.parent / "data"
        if (checkout / "sample").is_dir():
            return checkout
        cache = os.environ.get("XDG_CACHE_HOME", "").strip()
        return (Path(cache) if cache else Path.home() / ".cache") / "dive-into-vision"

    @property
    def generated_root(self) -> Path:
        """Folder of the sets that are composed on first use at scale `sample`; safe to delete."""
        return self.data_root / "generated"

    @property
    def full_root(self) -> Path:
        """Folder of the real sets, fetched at scale `full`."""
        return self.data_root / "full"

    @property
    def mirror(self) -> str | None:
        """COURSE_DATA_MIRROR: base URL or folder that is tried before the public hosts, or None."""
        return os.environ.get("COURSE_DATA_MIRROR", "").strip().rstrip("/") or None

    @property
    def notes_root(self) -> Path | None:
        """Folder of the study notes, for the test that runs their code: COURSE_NOTES, or `shared/notes` beside the
        checkout; None where there are none."""
        named = os.environ.get("COURSE_NOTES", "").strip()
        folder = Path(named).expanduser() if named else _PACKAGE.parent.parent / "shared" / "notes"
        return folder if folder.is_dir() else None

    def __repr__(self) -> str:
        return f"Settings(scale={self.scale!r}, device={self.device!r}, data_root={str(self.data_root)!r})"


settings = Settings()

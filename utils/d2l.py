"""The book's names on today's stack: `from utils import d2l`.

Every name of d2l 0.17.0 is there. Those that no longer work, or that utils does better with the same signature and
the same result, are replaced here; importing this module also mends the installed package in place, so that an
unmodified `from d2l import torch as d2l` works afterwards.
"""

from __future__ import annotations

from typing import Any

import matplotlib_inline.backend_inline
from d2l import torch as book


def use_svg_display() -> None:
    """Draw in SVG, as the book does. IPython no longer has the function the book calls for it."""
    matplotlib_inline.backend_inline.set_matplotlib_formats("svg")


book.use_svg_display = use_svg_display


def __getattr__(name: str) -> Any:
    """Fall through to the installed d2l."""
    try:
        return getattr(book, name)
    except AttributeError:
        raise AttributeError(f"neither utils.d2l nor d2l 0.17.0 has a name {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(book)})

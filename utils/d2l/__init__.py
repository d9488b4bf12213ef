"""The book's names on today's stack: `from utils import d2l`.

Every name of d2l 0.17.0 is there. Those that no longer work, are wrong, or that utils does faster with the same
signature are replaced here; importing this package also mends the installed one in place, so that an unmodified
`from d2l import torch as d2l` works afterwards, also where functions of the book call each other.

`utils.d2l.original` keeps the book's own code, errors included. docs/from_the_book.md lists the names.
"""

from __future__ import annotations

import importlib
from typing import Any

from utils.d2l import boxes, drawing, files, layers, loaders, offline, segmentation, training
from utils.d2l.generations import ONLY_IN_1_0
from utils.d2l.installed import book

MENDED = {
    name: getattr(module, name)
    for module in (boxes, drawing, files, layers, loaders, offline, segmentation, training)
    for name in module.__all__
}
"""What is replaced or added: name -> function or class."""

globals().update(MENDED)
for _name, _value in MENDED.items():
    setattr(book, _name, _value)


def __getattr__(name: str) -> Any:
    """Fall through to the installed d2l."""
    if name == "original":
        return importlib.import_module("utils.d2l.original")
    try:
        return getattr(book, name)
    except AttributeError:
        hint = f"; it belongs to d2l 1.0, take {ONLY_IN_1_0[name]}" if name in ONLY_IN_1_0 else ""
        raise AttributeError(f"neither utils.d2l nor d2l 0.17.0 has a name {name!r}{hint}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(book)})

"""The book's functions as d2l 0.17.0 has them, errors included: `from utils.d2l import original as book`.

A second copy of the installed module, which `utils.d2l` does not mend: for chapters that show what the book's code
does, for tests and for timings. Only the call that IPython has removed is replaced, without which nothing draws.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from types import ModuleType
from typing import Any

from utils.d2l.drawing import use_svg_display
from utils.d2l.installed import book


def _second_copy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("d2l_as_installed", book.__file__)
    module = importlib.util.module_from_spec(spec)
    # The module looks itself up by its name while it runs.
    sys.modules[spec.name] = module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    module.use_svg_display = use_svg_display
    return module


_copy = _second_copy()


def __getattr__(name: str) -> Any:
    return getattr(_copy, name)


def __dir__() -> list[str]:
    return dir(_copy)

"""The package d2l as pip installed it, imported without the warnings of its own old code."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from d2l import torch as book

__all__ = ["book"]

"""The mended names, and the book's own code beside them."""

from __future__ import annotations

import warnings

import matplotlib
import pytest
import torch

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def ours():
    from utils import d2l

    return d2l


@pytest.fixture
def theirs():
    """d2l 0.17.0 as installed; its old code warns."""
    from utils.d2l import original

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield original
    original.plt.close("all")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

"""d2l as it was installed, whatever other tests of the process have mended; its old code warns."""

from __future__ import annotations

import warnings

import pytest
import torch


@pytest.fixture(scope="session")
def d2l():
    from utils.d2l import original

    return original


@pytest.fixture
def book_prior(d2l):
    """d2l's multibox_prior without its warning about meshgrid."""

    def prior(data, sizes, ratios):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return d2l.multibox_prior(data, sizes, ratios)

    return prior


@pytest.fixture(autouse=True)
def one_thread():
    """Several test processes share few cores; more threads only make them wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

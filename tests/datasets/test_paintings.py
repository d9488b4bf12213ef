"""Painted styles: any size, same seed same pixels, colourful, and refused where they cannot be painted."""

import pytest
import torch

from utils.datasets.paintings import PAINTERS, painting


@pytest.mark.parametrize("name", PAINTERS)
@pytest.mark.parametrize("size", [32, 65])
def test_each_painter_paints_at_any_size_and_repeats_itself(name, size):
    picture = painting(name, size, seed=2)
    assert picture.shape == (3, size, size) and picture.dtype == torch.uint8
    assert torch.equal(picture, painting(name, size, seed=2))
    assert not torch.equal(picture, painting(name, size, seed=3))
    assert picture.float().std() > 25


def test_unknown_painters_and_tiny_sizes_are_refused():
    with pytest.raises(ValueError, match="strokes, glass, mosaic, waves, hatching"):
        painting("rembrandt")
    with pytest.raises(ValueError, match="at least 32"):
        painting("waves", 31)

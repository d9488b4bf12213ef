"""Perceptual hashes and groups of near-duplicates."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from utils.datasets.duplicates import BITS, duplicate_groups, hash_distances, perceptual_hash


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Forty smooth, different pictures."""
    noise = torch.rand(40, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return (functional.resize(noise, [96, 128]) * 180 + 20).byte()


def saved_as_jpeg(picture: torch.Tensor, quality: int) -> torch.Tensor:
    buffer = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)


EDITS = {
    "compression": lambda x: torch.stack([saved_as_jpeg(picture, 30) for picture in x]),
    "brightness": lambda x: (x.float() * 1.2).clamp(0, 255).byte(),
    "size": lambda x: functional.resize(x, [60, 80]),
    "grey": lambda x: functional.rgb_to_grayscale(x, 3),
    "one channel": lambda x: functional.rgb_to_grayscale(x, 1),
    "floats": lambda x: x / 255,
}


@pytest.mark.parametrize("edit", EDITS)
def test_small_edits_hardly_move_the_hash(pictures: torch.Tensor, edit: str) -> None:
    before, after = perceptual_hash(pictures), perceptual_hash(EDITS[edit](pictures))
    between = hash_distances(before, after)
    assert between.diagonal().max() <= 6
    assert (between + 99 * torch.eye(len(pictures), dtype=torch.int64)).min() > 6


def test_mirroring_moves_it(pictures: torch.Tensor) -> None:
    distances = hash_distances(perceptual_hash(pictures), perceptual_hash(pictures.flip(3))).diagonal()
    assert distances.float().mean() > 20


def test_half_of_the_bits_are_set(pictures: torch.Tensor) -> None:
    bits = perceptual_hash(pictures)
    assert bits.shape == (40, BITS)
    assert bits.dtype == torch.bool
    assert (bits.sum(1) == BITS // 2).all()


def test_distances_as_counted_one_by_one() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(n, BITS, generator=generator) < 0.5 for n in (7, 5))
    expected = [[sum(p != q for p, q in zip(x, y, strict=True)) for y in b.tolist()] for x in a.tolist()]
    assert hash_distances(a, b).tolist() == expected


def test_chains_are_one_group() -> None:
    bits = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 1, 1]], dtype=torch.bool)
    assert duplicate_groups(bits, max_distance=0).tolist() == [0, 1, 2, 3]
    assert duplicate_groups(bits, max_distance=1).tolist() == [0, 1, 0, 0]
    assert duplicate_groups(bits, max_distance=2).tolist() == [0, 0, 0, 0]


def test_groups_number_by_first_picture() -> None:
    bits = torch.tensor([[1, 0], [0, 1], [1, 0], [0, 1], [0, 0]], dtype=torch.bool)
    assert duplicate_groups(bits, max_distance=0).tolist() == [0, 1, 0, 1, 2]


def test_nothing_and_nonsense() -> None:
    assert perceptual_hash(torch.zeros(0, 3, 8, 8)).shape == (0, BITS)
    assert duplicate_groups(torch.zeros(0, BITS, dtype=torch.bool)).tolist() == []
    assert duplicate_groups(torch.zeros(1, BITS, dtype=torch.bool)).tolist() == [0]
    with pytest.raises(ValueError, match="N, 1 or 3"):
        perceptual_hash(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="max_distance >= 0"):
        duplicate_groups(torch.zeros(1, BITS, dtype=torch.bool), max_distance=-1)

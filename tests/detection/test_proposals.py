from __future__ import annotations

import numpy as np
import pytest
import torch

from utils.detection.boxes import box_iou
from utils.detection.proposals import merge_regions, propose_regions


def slow_merge(patches, colours):
    """The same from the pixels, anew in every round: no bookkeeping that could go wrong."""
    masks = {k: patches == k for k in range(patches.max() + 1)}

    def box(mask):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def touch(a, b):
        grown = np.pad(a, 1)
        return bool(((grown[2:, 1:-1] | grown[:-2, 1:-1] | grown[1:-1, 2:] | grown[1:-1, :-2]) & b).any())

    def distance(a, b):
        x1, y1, x2, y2 = box(a | b)
        both = a.sum() + b.sum()
        colour = np.linalg.norm(colours[a].mean(0) - colours[b].mean(0)) / 100
        return colour + both / patches.size + ((x2 - x1) * (y2 - y1) - both) / patches.size

    found = [box(mask) for mask in masks.values()]
    while True:
        pairs = [(i, j) for i in masks for j in masks if i < j and touch(masks[i], masks[j])]
        if not pairs:
            return found
        i, j = min(pairs, key=lambda pair: distance(masks[pair[0]], masks[pair[1]]))
        masks[len(found)] = masks.pop(i) | masks.pop(j)
        found.append(box(masks[len(found)]))


@pytest.mark.parametrize("seed", range(4))
def test_merging_equals_the_slow_one(seed):
    random = np.random.default_rng(seed)
    blocks = random.permutation(12).reshape(3, 4)
    patches = blocks.repeat([1, 6, 3], axis=0).repeat([2, 5, 1, 3], axis=1)  # of unequal sizes
    if seed > 1:  # odd shapes too: some neighbours share a number
        patches = np.unique(patches // 2, return_inverse=True)[1].reshape(patches.shape)
    colours = random.random((*patches.shape, 3)) * 100
    assert merge_regions(patches, colours) == slow_merge(patches, colours)


def test_small_cases():
    assert merge_regions(np.zeros((0, 0), dtype=int), np.zeros((0, 0, 3))) == []
    assert merge_regions(np.zeros((2, 3), dtype=int), np.zeros((2, 3, 3))) == [(0, 0, 3, 2)]


def test_a_square_of_two_colours_needs_merging():
    picture = torch.full((3, 64, 64), 200, dtype=torch.uint8)
    picture[:, 16:40, 16:28] = torch.tensor([200, 30, 30], dtype=torch.uint8)[:, None, None]
    picture[:, 16:40, 28:40] = torch.tensor([170, 60, 30], dtype=torch.uint8)[:, None, None]
    truth = torch.tensor([[16.0, 16, 40, 40]]) / 64
    merged, patches = (propose_regions(picture, scale=20, merge=merge) for merge in (True, False))
    assert box_iou(truth, merged).max() > 0.8 > box_iou(truth, patches).max()
    assert len(merged) == len(merged.unique(dim=0)) and (merged >= 0).all() and (merged <= 1).all()
    both = torch.cat((merged, patches)).unique(dim=0)
    assert len(both) == len(merged)  # patches are proposals too


def test_sides_and_oblong_pictures():
    picture = torch.zeros(3, 40, 80, dtype=torch.uint8)
    picture[:, 10:30, 20:60] = 255
    boxes = propose_regions(picture, longest_side=1.0, shortest_side=0.0)
    assert box_iou(torch.tensor([[0.25, 0.25, 0.75, 0.75]]), boxes).max() > 0.9
    assert len(propose_regions(picture, longest_side=0.1)) == 0
    assert propose_regions(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape == (0, 4)


def test_errors_say_the_fix():
    for wrong in (torch.zeros(3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            propose_regions(wrong)

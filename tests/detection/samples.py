"""Random boxes and labels for the detection tests."""

from __future__ import annotations

import torch

PYRAMID = {"sizes": [[0.3, 0.4], [0.6, 0.8]], "ratios": [[1, 2, 0.5]] * 2}
SHAPES = [(4, 4), (2, 2)]


def random_boxes(*shape, seed=0, smallest=0.05):
    """Corner boxes `(*shape, 4)` inside the unit square, with sides of at least `smallest`."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(*shape, 2, generator=generator) * (1 - smallest)
    side = smallest + torch.rand(*shape, 2, generator=generator) * (1 - smallest - corner)
    return torch.cat((corner, corner + side), dim=-1)


def random_labels(batch, objects, *, seed=0, classes=3):
    """Label rows `(batch, objects, 5)` without padding."""
    generator = torch.Generator().manual_seed(seed + 1)
    kinds = torch.randint(0, classes, (batch, objects, 1), generator=generator)
    return torch.cat((kinds.float(), random_boxes(batch, objects, seed=seed)), dim=-1)

"""Random changes of a batch for training a detector, in which the boxes follow their pictures.

Pictures are `(B, 3, H, W)` floats in 0 to 1, labels `(B, M, 5)` rows of class and relative corners x1, y1, x2, y2,
padded with a class of -1, as `utils.datasets.bananas` gives them. All draws come from torch's global generator,
one for each picture; an empty batch comes back empty.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def other_colours(x: Tensor) -> Tensor:
    """Another saturation, tint and contrast for each picture `(B, 3, H, W)`; boxes stay where they are."""

    def one(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.empty(len(x), channels, 1, 1, device=x.device).uniform_(low, high)

    grey = x.mean(1, keepdim=True)
    x = (grey + (x - grey) * one(0.4, 1.6)) * one(0.75, 1.25, channels=3)
    mean = x.mean((1, 2, 3), keepdim=True)
    return (mean + (x - mean) * one(0.7, 1.3)).clamp(0, 1)


def flipped(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror left-right, mirror up-down and exchange the axes of each picture, each with probability one half.

    Args:
        x: square pictures `(B, 3, S, S)`.
        y: labels `(B, M, 5)`; rows of padding keep their class of -1.

    Raises:
        ValueError: pictures that are not square, whose axes cannot be exchanged.
    """
    if x.shape[2] != x.shape[3]:
        raise ValueError(f"expected square pictures, got {tuple(x.shape)}. Fix: resize them first.")
    left_right, up_down, exchange = torch.rand(3, len(x), 1, device=x.device) < 0.5
    kind, x1, y1, x2, y2 = y.unbind(-1)
    x = torch.where(left_right[..., None, None], x.flip(3), x)
    x1, x2 = torch.where(left_right, 1 - x2, x1), torch.where(left_right, 1 - x1, x2)
    x = torch.where(up_down[..., None, None], x.flip(2), x)
    y1, y2 = torch.where(up_down, 1 - y2, y1), torch.where(up_down, 1 - y1, y2)
    x = torch.where(exchange[..., None, None], x.transpose(2, 3), x)
    corners = torch.stack((x1, y1, x2, y2), -1)
    corners = torch.where(exchange[..., None], corners[..., [1, 0, 3, 2]], corners)
    return x, torch.cat((kind[..., None], corners), -1)


def zoomed(
    x: Tensor, y: Tensor, *, side: tuple[float, float] = (0.75, 1.35), kept: float = 0.4
) -> tuple[Tensor, Tensor]:
    """Show a random square window of each picture, mirrored beyond the picture's edge.

    Args:
        x: pictures `(B, 3, H, W)`.
        y: labels `(B, M, 5)`.
        side: least and largest side of the window, in sides of the picture: below 1 things become larger.
        kept: objects of which a smaller share than this is left become padding, class -1.
    """
    if len(x) == 0:
        return x, y  # affine_grid does not take empty batches
    window = torch.empty(len(x), 1, device=x.device).uniform_(*side)
    centre = 0.5 + (torch.rand(len(x), 2, device=x.device) - 0.5) * (1 - window).abs()
    affine = torch.cat(
        (torch.eye(2, device=x.device) * window[..., None], (2 * centre - 1)[..., None]), dim=2
    )
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    kind, corners = y[..., :1], y[..., 1:].unflatten(-1, (2, 2))  # (B, M, 2, 2): corner, coordinate
    corners = (corners - centre[:, None, None]) / window[:, None, None] + 0.5
    inside = corners.clamp(0, 1)
    area, left = ((c[..., 1, :] - c[..., 0, :]).prod(-1, keepdim=True) for c in (corners, inside))
    return x, torch.cat((torch.where(left > kept * area, kind, -1), inside.flatten(2)), dim=2)

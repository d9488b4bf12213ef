"""Exercises of chapter 01: cropping, broadcasting, strides, shapes."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_RAMP = torch.arange(3 * 7 * 10, dtype=torch.float32).reshape(3, 7, 10)
_CROPS = ((_RAMP, 4), (_RAMP[:1].transpose(1, 2), 3), (_RAMP[:, :5, :5], 5))
_PICTURES = ((_RAMP / 10,), (torch.tensor([[[1.0, 5.0]], [[-2.0, 0.0]]]),))


def _centre_crop(picture: Tensor, size: int) -> Tensor:
    top, left = (picture.shape[1] - size) // 2, (picture.shape[2] - size) // 2
    return picture[:, top : top + size, left : left + size]


def _corner_crop(picture: Tensor, size: int) -> Tensor:
    return picture[:, :size, :size]


def _crop_with_axes_swapped(picture: Tensor, size: int) -> Tensor:
    top, left = (picture.shape[2] - size) // 2, (picture.shape[1] - size) // 2
    return picture[:, top : top + size, left : left + size]


def _crop_one_short(picture: Tensor, size: int) -> Tensor:
    top, left = (picture.shape[1] - size) // 2, (picture.shape[2] - size) // 2
    return picture[:, top : top + size - 1, left : left + size - 1]


def _crop_rounded_up(picture: Tensor, size: int) -> Tensor:
    top, left = (picture.shape[1] - size + 1) // 2, (picture.shape[2] - size + 1) // 2
    return picture[:, top : top + size, left : left + size]


def _zero_mean(picture: Tensor) -> Tensor:
    return picture - picture.mean(dim=(1, 2), keepdim=True)


def _zero_mean_of_all(picture: Tensor) -> Tensor:
    return picture - picture.mean()


def _zero_mean_a_pixel(picture: Tensor) -> Tensor:
    return picture - picture.mean(dim=0)


def _zero_mean_a_row(picture: Tensor) -> Tensor:
    return picture - picture.mean(dim=2, keepdim=True)


EXERCISES = {
    "01.1": Exercise(
        prompt="A square of `size` pixels out of the middle of a picture (C, H, W).",
        solution=_centre_crop,
        hint="The start is half of what is left over: (H - size) // 2. Rows and columns have one each.",
        cases=_CROPS,
        mistakes=(
            Mistake(_corner_crop, "This is the upper left corner. Start at half of what is left over."),
            Mistake(
                _crop_with_axes_swapped,
                "Rows and columns are exchanged: the shape is (C, H, W), so the height is shape[1].",
            ),
            Mistake(_crop_one_short, "One pixel short: the end of a slice is not included, so no - 1."),
            Mistake(_crop_rounded_up, "One pixel off where the rest is odd: round the start down, with //."),
        ),
        praise="The middle, also of tall and of odd pictures.",
    ),
    "01.2": Exercise(
        prompt="A picture (C, H, W) with mean 0 in each channel.",
        solution=_zero_mean,
        hint="mean(dim=..., keepdim=True) must have the shape (C, 1, 1) to broadcast against (C, H, W).",
        cases=_PICTURES,
        mistakes=(
            Mistake(
                _zero_mean_of_all,
                "The mean over everything is 0 now, but the channels still differ. Each needs a mean of its own.",
            ),
            Mistake(
                _zero_mean_a_pixel,
                "mean(dim=0) averages the channels of each pixel. The axes to average away are rows and columns.",
            ),
            Mistake(
                _zero_mean_a_row, "Each row of each channel has mean 0 here: average over both, dim=(1, 2)."
            ),
        ),
        praise="A (C, 1, 1) mean against (C, H, W).",
    ),
    "01.3": Exercise(
        prompt="The strides of permute(2, 0, 1) of a contiguous (2, 3, 4) tensor.",
        solution=(1, 12, 4),
        hint="Before: (12, 4, 1). permute puts the axes in a new order and moves no number.",
        mistakes=(
            Mistake(
                (12, 4, 1), "Those are the strides before the permute. Each axis takes its stride along."
            ),
            Mistake(
                (6, 3, 1),
                "Those would be the strides of a new contiguous (4, 2, 3) tensor. permute copies nothing, it "
                "reorders the strides that are there.",
            ),
            Mistake(
                (4, 1, 12),
                "That is permute(1, 2, 0), the way back. Axis 2 comes first here, and its stride is 1.",
            ),
            Mistake((4, 48, 16), "Those are bytes. Strides count elements."),
        ),
        praise="The old axis 2 comes first and brings its stride of 1.",
    ),
    "01.4": Exercise(
        prompt="The shape of torch.ones(8, 1, 6, 1) + torch.ones(7, 1, 5).",
        solution=(8, 7, 6, 5),
        hint="Write the shapes below one another, aligned at the right, and take the larger of each pair.",
        mistakes=(
            Mistake((8, 7, 6, 1), "The last pair is 1 and 5: the 1 is repeated five times."),
            Mistake((8, 1, 6, 5), "The second pair from the left is 1 and 7: it becomes 7."),
            Mistake(
                (7, 1, 6, 5), "Aligned at the left. The shorter shape is padded with 1 on its left side."
            ),
        ),
        praise="Aligned at the right, every 1 gives way.",
    ),
}

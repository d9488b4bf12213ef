"""Exercises of chapter 19: multiply-adds, AlexNet's first dense layer, a histogram of gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake


def _multiply_adds(in_channels: int, out_channels: int, kernel: int, output_side: int) -> int:
    return in_channels * out_channels * kernel**2 * output_side**2


def _parameters_only(in_channels: int, out_channels: int, kernel: int, output_side: int) -> int:
    return in_channels * out_channels * kernel**2


def _one_dimension_of_kernel(in_channels: int, out_channels: int, kernel: int, output_side: int) -> int:
    return in_channels * out_channels * kernel * output_side**2


def _one_dimension_of_output(in_channels: int, out_channels: int, kernel: int, output_side: int) -> int:
    return in_channels * out_channels * kernel**2 * output_side


def _without_inputs(in_channels: int, out_channels: int, kernel: int, output_side: int) -> int:
    return out_channels * kernel**2 * output_side**2


def _histogram(strength: Tensor, angle: Tensor, bins: int) -> Tensor:
    index = (angle * bins / 180).long().flatten()
    return torch.zeros(bins, dtype=strength.dtype).index_add_(0, index, strength.flatten())


def _histogram_of_counts(strength: Tensor, angle: Tensor, bins: int) -> Tensor:
    return _histogram(torch.ones_like(strength), angle, bins)


def _histogram_over_360(strength: Tensor, angle: Tensor, bins: int) -> Tensor:
    return _histogram(strength, angle / 2, bins)


def _histogram_of_shares(strength: Tensor, angle: Tensor, bins: int) -> Tensor:
    votes = _histogram(strength, angle, bins)
    return votes / votes.sum().clamp(min=1e-12)


def _histogram_rounded(strength: Tensor, angle: Tensor, bins: int) -> Tensor:
    index = (angle * bins / 180).round().long().flatten() % bins
    return torch.zeros(bins, dtype=strength.dtype).index_add_(0, index, strength.flatten())


_CELLS = (
    (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 25.0], [175.0, 0.0]]), 9),
    (torch.tensor([[0.5, 0.0, 2.0]]), torch.tensor([[100.0, 10.0, 119.0]]), 9),
    (torch.tensor([[1.5], [2.5]]), torch.tensor([[44.0], [46.0]]), 4),
    (torch.zeros(2, 2), torch.zeros(2, 2), 3),
)

EXERCISES = {
    "19.1": Exercise(
        prompt="Multiply-adds of one convolution on one picture.",
        solution=_multiply_adds,
        hint="How many numbers come out, and how many weights stand behind each of them?",
        cases=((1, 96, 11, 54), (96, 256, 5, 26), (3, 2, 1, 4), (6, 16, 5, 10)),
        mistakes=(
            Mistake(
                _parameters_only,
                "These are the weights, each counted once. A convolution uses each weight at every output position.",
            ),
            Mistake(
                _one_dimension_of_kernel,
                "The kernel has two sides: kernel x kernel weights for each pair of channels.",
            ),
            Mistake(_one_dimension_of_output, "The output is a map, output_side wide and as high."),
            Mistake(_without_inputs, "Each filter reads all input channels; yours reads one."),
        ),
        praise="Four small numbers multiplied: this is why a deep net on large pictures is expensive.",
    ),
    "19.2": Exercise(
        prompt="Inputs of AlexNet's first dense layer for pictures of 256 pixels.",
        solution=9216,
        hint="Follow the side: (256 + 2 - 11) // 4 + 1 after the first convolution, then three poolings of 3 by 2.",
        mistakes=(
            Mistake(6400, "That is the number for 224 pixels: 5 x 5 positions are left there."),
            Mistake(36, "Those are the positions; each has 256 channels."),
            Mistake(
                12544,
                "7 x 7 positions would be left if pooling rounded up. It rounds down: 62, 30, 14, 6.",
            ),
            Mistake(1536, "256 channels at 6 positions: the map has two sides, 6 x 6."),
        ),
        praise="6 x 6 positions of 256 channels.",
    ),
    "19.3": Exercise(
        prompt="The histogram of gradient directions of one cell, weighted by strength.",
        solution=_histogram,
        hint="Each bin is 180 / bins degrees wide. Which bin does an angle fall into, and what does it add there?",
        cases=_CELLS,
        mistakes=(
            Mistake(
                _histogram_of_counts,
                "Every pixel has one vote here. A pixel on a strong edge should have more than one in flat noise: "
                "add its strength.",
            ),
            Mistake(
                _histogram_over_360,
                "The bins are twice too wide: angles run from 0 to 180, since an edge has no front and back.",
            ),
            Mistake(_histogram_of_shares, "The votes were to be summed, not divided by their total."),
            Mistake(
                _histogram_rounded,
                "The angle is rounded to the nearest bin edge; it belongs to the bin it lies in, so round down.",
            ),
        ),
        praise="That is one cell of hog_scratch, before the normalisation.",
    ),
}

"""Exercises of chapter 28: channels of the heads, flattening predictions, anchors of a larger picture."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_MAPS = (
    (torch.arange(24.0).reshape(1, 3, 2, 4),),
    (torch.arange(36.0).reshape(2, 2, 3, 3),),
)


def _channels(num_anchors: int, num_classes: int) -> tuple[int, int]:
    return num_anchors * (num_classes + 1), num_anchors * 4


def _channels_without_background(num_anchors: int, num_classes: int) -> tuple[int, int]:
    return num_anchors * num_classes, num_anchors * 4


def _channels_one_background(num_anchors: int, num_classes: int) -> tuple[int, int]:
    return num_anchors * num_classes + 1, num_anchors * 4


def _channels_bare_four(num_anchors: int, num_classes: int) -> tuple[int, int]:
    return num_anchors * (num_classes + 1), 4


def _channels_swapped(num_anchors: int, num_classes: int) -> tuple[int, int]:
    return num_anchors * 4, num_anchors * (num_classes + 1)


def _flatten(pred: Tensor) -> Tensor:
    return pred.permute(0, 2, 3, 1).flatten(1)


def _flatten_channels_first(pred: Tensor) -> Tensor:
    return pred.flatten(1)


def _flatten_by_column(pred: Tensor) -> Tensor:
    return pred.permute(0, 3, 2, 1).flatten(1)


def _flatten_everything(pred: Tensor) -> Tensor:
    return pred.permute(0, 2, 3, 1).flatten()


EXERCISES = {
    "28.1": Exercise(
        prompt="Channels of the class head and of the box head.",
        solution=_channels,
        hint="Each anchor of a cell needs a score for each class and for the background, and four offsets.",
        cases=((5, 10), (4, 1), (6, 20), (1, 1)),
        mistakes=(
            Mistake(
                _channels_without_background, "Background needs a score of its own: q + 1 numbers an anchor."
            ),
            Mistake(
                _channels_one_background,
                "One background score for the whole cell is not enough: each anchor may be background.",
            ),
            Mistake(
                _channels_bare_four,
                "Four offsets for each anchor, not for each cell. The network would run, and the loss would stop.",
            ),
            Mistake(_channels_swapped, "The two are swapped: classes first, boxes second."),
        ),
        praise="For five anchors and ten classes that is 55 and 20, as in the chapter.",
    ),
    "28.2": Exercise(
        prompt="Flatten a prediction so that the numbers of a cell stay together.",
        solution=_flatten,
        hint="Move the channels behind height and width, then flatten from the second dimension on.",
        cases=_MAPS,
        mistakes=(
            Mistake(
                _flatten_channels_first,
                "Flattened with the channels in front: all cells of channel 0 come first, and the numbers of a cell "
                "are scattered.",
            ),
            Mistake(
                _flatten_by_column,
                "The cells come column by column; anchors are laid row by row. Keep height before width.",
            ),
            Mistake(
                _flatten_everything, "The pictures of the batch have run together: keep the first dimension."
            ),
        ),
        praise="The same order as the anchors.",
    ),
    "28.3": Exercise(
        prompt="Anchors of TinySSD for pictures of 512 x 512.",
        solution=21_764,
        hint="Maps of 64, 32, 16, 8 and 1 cells a side, four anchors a cell.",
        mistakes=(
            Mistake(
                21_776,
                "Four times 5,444: nearly. The last map has one cell whatever the picture's size, so its four anchors "
                "do not multiply.",
            ),
            Mistake(5_444, "That is the number for 256 x 256."),
            Mistake(5_441, "That is the number of cells; each has four anchors."),
            Mistake(
                21_760,
                "The last level is missing: it pools everything into one cell with four anchors of its own.",
            ),
        ),
        praise="Almost four times as many as for 256 x 256: the last map always has one cell.",
    ),
}

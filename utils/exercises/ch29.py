"""Exercises of chapter 29: the responsible cell, the outputs of a YOLO head, one sample of RoI align."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

# Corners with exact binary fractions, so that no rounding decides on an edge between cells.
_BOXES = (
    ((0.125, 0.5, 0.375, 0.875), 4),
    ((0.5, 0.0, 0.75, 0.25), 7),
    ((0.0, 0.25, 0.9375, 0.5), 8),
    ((0.75, 0.75, 1.0, 1.0), 2),
)
_MAP = torch.tensor([[0.0, 1.0, 4.0, 9.0], [10.0, 12.0, 18.0, 30.0], [40.0, 41.0, 47.0, 60.0]])
_POINTS = ((_MAP, 1.5, 0.5), (_MAP, 1.0, 1.0), (_MAP, 2.25, 1.75), (_MAP, 0.75, 2.25), (_MAP, 3.25, 1.125))


def _cell(box: tuple[float, float, float, float], grid: int) -> tuple[int, int]:
    x1, y1, x2, y2 = box
    return int((y1 + y2) / 2 * grid), int((x1 + x2) / 2 * grid)


def _cell_swapped(box: tuple[float, float, float, float], grid: int) -> tuple[int, int]:
    return _cell(box, grid)[::-1]


def _cell_of_corner(box: tuple[float, float, float, float], grid: int) -> tuple[int, int]:
    return int(box[1] * grid), int(box[0] * grid)


def _cell_rounded(box: tuple[float, float, float, float], grid: int) -> tuple[int, int]:
    x1, y1, x2, y2 = box
    return round((y1 + y2) / 2 * grid), round((x1 + x2) / 2 * grid)


def _sample(values: Tensor, x: float, y: float) -> float:
    # Centre of cell (0, 0) at (.5, .5); beyond the outermost centres the edge's value holds.
    rows, columns = values.shape
    x, y = min(max(x - 0.5, 0), columns - 1), min(max(y - 0.5, 0), rows - 1)
    column, row = min(int(x), columns - 2), min(int(y), rows - 2)
    right, down = x - column, y - row
    top = (1 - right) * values[row, column] + right * values[row, column + 1]
    bottom = (1 - right) * values[row + 1, column] + right * values[row + 1, column + 1]
    return float((1 - down) * top + down * bottom)


def _sample_without_half(values: Tensor, x: float, y: float) -> float:
    return _sample(values, x + 0.5, y + 0.5)


def _sample_nearest(values: Tensor, x: float, y: float) -> float:
    return float(values[int(y), int(x)])


def _sample_swapped(values: Tensor, x: float, y: float) -> float:
    return _sample(values, y, x)


def _sample_mirrored_weights(values: Tensor, x: float, y: float) -> float:
    rows, columns = values.shape
    x, y = min(max(x - 0.5, 0), columns - 1), min(max(y - 0.5, 0), rows - 1)
    column, row = min(int(x), columns - 2), min(int(y), rows - 2)
    return _sample(values, 2 * column + 1 - x + 0.5, 2 * row + 1 - y + 0.5)


EXERCISES = {
    "29.1": Exercise(
        prompt="Row and column of the YOLO cell that is responsible for a box.",
        solution=_cell,
        hint="Only the centre counts. Times the number of cells, rounded down; y gives the row.",
        cases=_BOXES,
        mistakes=(
            Mistake(
                _cell_swapped, "That is (column, row): y, which points down, gives the row, and comes first."
            ),
            Mistake(_cell_of_corner, "That is the cell of the upper left corner; the centre decides."),
            Mistake(_cell_rounded, "Rounded to the nearest: cell 0 reaches from 0 to 1, so round down."),
        ),
        praise="And the offsets within the cell are what was cut off.",
    ),
    "29.2": Exercise(
        prompt="Numbers that the head of the first YOLO gives: 7 x 7 cells, 2 boxes a cell, 20 classes.",
        solution=1470,
        hint="A cell gives five numbers for each of its boxes, and its classes once.",
        mistakes=(
            Mistake(
                2450,
                "Classes are counted for each box. In the first YOLO a cell has one set for all its boxes.",
            ),
            Mistake(490, "The classes are missing."),
            Mistake(1372, "Four numbers a box are its place; a fifth is its confidence."),
            Mistake(
                1519, "No score for background is needed: the confidence says whether anything is there."
            ),
            Mistake(30, "That is one cell; there are 49."),
        ),
        praise="7 x 7 x 30, the number in the paper.",
    ),
    "29.3": Exercise(
        prompt="The value of a feature map `(H, W)` at the point (x, y), as RoI align takes it.",
        solution=_sample,
        hint="Take half a cell off x and y, split each into a whole and a rest, and mix four neighbours by the rests.",
        cases=_POINTS,
        mistakes=(
            Mistake(
                _sample_without_half,
                "Half a cell off: the number of cell (0, 0) stands at its centre, (0.5, 0.5), and not at its corner.",
            ),
            Mistake(
                _sample_nearest, "That is the nearest cell, without mixing: RoI pooling's rounding again."
            ),
            Mistake(_sample_swapped, "x and y are swapped: x runs along the columns."),
            Mistake(
                _sample_mirrored_weights,
                "The weights are the wrong way round: the nearer a neighbour, the larger its weight.",
            ),
        ),
        praise="Four such points in each part, averaged, and RoI align is done.",
    ),
}

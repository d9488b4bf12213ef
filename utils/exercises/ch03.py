"""Exercises of chapter 03: sums along an axis, angles, gradients of matrix expressions."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

# Square on purpose: with other shapes the forgotten keepdim would raise and teach nothing.
_MATRICES = (
    (torch.tensor([[1.0, 1.0, 2.0], [3.0, 3.0, 2.0], [0.0, 1.0, 4.0]]),),
    (torch.tensor([[1.0, 3.0], [5.0, 5.0]]),),
)
_PAIRS = (
    (torch.tensor([3.0, -4.0]), torch.tensor([1.0, 0.0])),
    (torch.tensor([1.0, 2.0, 2.0]), torch.tensor([2.0, 4.0, 4.0])),
    (torch.tensor([1.0, 1.0]), torch.tensor([-3.0, 1.0])),
)
_SYSTEMS = (
    (torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.5])),
    (
        torch.tensor([[0.0, 1.0, 4.0], [2.0, -1.0, 0.0], [1.0, 1.0, 1.0]]),
        torch.tensor([0.5, 0.0, 2.0]),
        torch.tensor([1.0, -2.0, 3.0]),
    ),
)


def _row_shares(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum(dim=1, keepdim=True)


def _shares_without_keepdim(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum(dim=1)


def _column_shares(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum(dim=0, keepdim=True)


def _shares_of_everything(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum()


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    return torch.dot(x, y) / (torch.linalg.vector_norm(x) * torch.linalg.vector_norm(y))


def _only_dot(x: Tensor, y: Tensor) -> Tensor:
    return torch.dot(x, y)


def _cosine_by_squares(x: Tensor, y: Tensor) -> Tensor:
    return torch.dot(x, y) / (torch.dot(x, x) * torch.dot(y, y))


def _cosine_by_l1(x: Tensor, y: Tensor) -> Tensor:
    return torch.dot(x, y) / (x.abs().sum() * y.abs().sum())


def _angle(x: Tensor, y: Tensor) -> Tensor:
    return torch.acos(_cosine(x, y).clamp(-1, 1))


def _gradient(A: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return 2 * A.T @ (A @ x - b)


def _gradient_without_two(A: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return A.T @ (A @ x - b)


def _gradient_untransposed(A: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return 2 * A @ (A @ x - b)


def _gradient_by_residual(A: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return 2 * (A @ x - b)


EXERCISES = {
    "03.1": Exercise(
        prompt="Each row of a matrix divided by its sum.",
        solution=_row_shares,
        hint="Which axis has to disappear in the sum, and how do you keep its place for the division?",
        cases=_MATRICES,
        mistakes=(
            Mistake(
                _shares_without_keepdim,
                "The sums are right but lie along the wrong axis: without keepdim=True the vector (N,) counts as a "
                "row, and column j is divided by the sum of row j. A square matrix does not complain.",
            ),
            Mistake(_column_shares, "The columns sum to one. Sum over dim=1, the entries within a row."),
            Mistake(_shares_of_everything, "The whole matrix sums to one; each row needs a sum of its own."),
        ),
        praise="Rows sum to one, square matrices included.",
    ),
    "03.2": Exercise(
        prompt="The cosine of the angle between two vectors.",
        solution=_cosine,
        hint="The dot product is length times length times cosine.",
        cases=_PAIRS,
        mistakes=(
            Mistake(_only_dot, "The dot product still has both lengths in it. Divide by them."),
            Mistake(
                _cosine_by_squares,
                "dot(x, x) is the length squared. Take the root, or use torch.linalg.vector_norm.",
            ),
            Mistake(_cosine_by_l1, "Angles go with the L2 norm: the root of the sum of squares."),
            Mistake(_angle, "This is the angle. Its cosine was asked for: leave out the acos."),
        ),
        praise="1 for the same direction, 0 for a right angle, whatever the lengths.",
    ),
    "03.3": Exercise(
        prompt="The gradient of ‖Ax - b‖² by x, without autograd.",
        solution=_gradient,
        hint="Chain rule: ‖r‖² gives 2 rᵀ, and r = Ax - b gives A. As a column that is the transpose of 2 rᵀ A.",
        cases=_SYSTEMS,
        mistakes=(
            Mistake(
                _gradient_without_two, "The direction is right, the length is half: the square brings a 2."
            ),
            Mistake(
                _gradient_untransposed,
                "A has to be transposed: 2 rᵀ A as a column is 2 Aᵀ r. A square matrix hides the mistake, any other "
                "would raise.",
            ),
            Mistake(
                _gradient_by_residual,
                "This is the derivative by Ax - b. The inner derivative is missing: how does Ax - b answer to x?",
            ),
        ),
        praise="This one line, repeated, is gradient descent for linear regression.",
    ),
    "03.4": Exercise(
        prompt="The shape of the Jacobian of 6 -> 4 -> 2 numbers in numerator layout.",
        solution=(2, 6),
        hint="Results have the rows. Multiply the two Jacobians in the order outer times inner.",
        mistakes=(
            Mistake(
                (6, 2), "That is the denominator layout; in the numerator layout the results have the rows."
            ),
            Mistake((4, 6), "That is the Jacobian of the first function alone."),
            Mistake((2, 4), "That is the Jacobian of the second function alone."),
        ),
        praise="(2, 4) times (4, 6): the four in the middle cancel.",
    ),
}

"""Exercises of chapter 25: flipping some pictures of a batch, the loss of mixed labels, CutMix's share."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake


def _batch(seed: int, count: int, height: int, width: int) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


_FLIPS = (
    (_batch(0, 4, 5, 6), torch.tensor([True, False, True, False])),
    (_batch(1, 3, 4, 4), torch.tensor([False, False, False])),
    (_batch(2, 2, 3, 5), torch.tensor([True, True])),
)
_MIXED = (
    (torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]]), torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.2, 0.8]])),
    (torch.tensor([[0.0, 5.0]]), torch.tensor([[0.5, 0.5]])),
    (
        torch.tensor([[1.0, 1.0, 4.0], [0.5, 0.0, 0.0], [9.0, 0.0, 0.0]]),
        torch.tensor([[0.1, 0.0, 0.9], [1.0, 0.0, 0.0], [0.6, 0.4, 0.0]]),
    ),
)


def _flip(x: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen[:, None, None, None], x.flip(3), x)


def _flip_all(x: Tensor, chosen: Tensor) -> Tensor:
    return x.flip(3)


def _flip_rows(x: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen[:, None, None, None], x.flip(2), x)


def _flip_others(x: Tensor, chosen: Tensor) -> Tensor:
    return _flip(x, ~chosen)


def _flip_colours(x: Tensor, chosen: Tensor) -> Tensor:
    return torch.where(chosen[:, None, None, None], x.flip(1), x)


def _soft_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()


def _soft_loss_mean_of_all(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(dim=1)).mean()


def _soft_loss_summed(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(dim=1)).sum()


def _soft_loss_without_sign(logits: Tensor, targets: Tensor) -> Tensor:
    return -_soft_loss(logits, targets)


def _soft_loss_of_larger(logits: Tensor, targets: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(logits, targets.argmax(dim=1))


EXERCISES = {
    "25.1": Exercise(
        prompt="Mirror the chosen pictures of a batch (N, C, H, W) left to right; chosen is a mask (N,).",
        solution=_flip,
        hint="x.flip(3) mirrors all; torch.where chooses, if the mask has as many dimensions as the batch.",
        cases=_FLIPS,
        mistakes=(
            Mistake(
                _flip_all, "All pictures are mirrored. Only those whose entry in `chosen` is True may be."
            ),
            Mistake(
                _flip_rows, "The chosen pictures are upside down: dimension 2 is the height, 3 the width."
            ),
            Mistake(
                _flip_others, "Just the other way round: the pictures that were not chosen are mirrored."
            ),
            Mistake(_flip_colours, "Red and blue have changed places: dimension 1 holds the channels."),
        ),
        praise="One decision a picture, without a loop.",
    ),
    "25.2": Exercise(
        prompt="The mean cross-entropy of logits (N, K) with mixed labels: targets (N, K), rows that sum to one.",
        solution=_soft_loss,
        hint="Weight -log p of each class with its share, sum over the classes, then average over the pictures.",
        cases=_MIXED,
        mistakes=(
            Mistake(
                _soft_loss_mean_of_all,
                "Too small by the number of classes: sum over the classes and average over the pictures only.",
            ),
            Mistake(_soft_loss_summed, "This is the sum over the pictures; the mean was asked for."),
            Mistake(_soft_loss_without_sign, "The sign is turned: a logarithm of a probability is negative."),
            Mistake(
                _soft_loss_of_larger,
                "This charges for the larger share alone and forgets the second picture in the mixture.",
            ),
        ),
        praise="With one-hot rows it is the ordinary cross-entropy.",
    ),
    "25.3": Exercise(
        prompt="The share of a picture's own label after CutMix with a patch that reaches over the edge.",
        solution=0.8125,
        hint="Cut the patch off at the edge first: which rows and columns of the 32 x 32 picture does it cover?",
        mistakes=(
            Mistake(
                0.75, "That counts a whole patch of 16 x 16. Four of its columns lie outside the picture."
            ),
            Mistake(0.1875, "That is the share of the pasted picture. The own label keeps the rest."),
            Mistake(
                0.25, "That is the share of a whole patch; it is cut off at the edge, and it is not the own."
            ),
        ),
        praise="16 x 12 of 1,024 pixels come from the other picture, the own label keeps the rest.",
    ),
}

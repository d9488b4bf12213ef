"""Exercises of chapter 31: the Gram matrix, total variation, the layers of VGG-16."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_FEATURES = (
    (torch.tensor([[[1.0, 2.0, 3.0]], [[0.0, 1.0, 0.0]]]),),
    (torch.arange(24.0).reshape(2, 3, 4) / 10,),
    (torch.tensor([[[2.0]], [[-1.0]], [[3.0]]]),),
)
_PICTURES = (
    (torch.tensor([[[[0.0, 1.0, 3.0], [0.0, 4.0, 4.0]]]]),),
    ((torch.arange(60.0).reshape(1, 3, 4, 5) * 7) % 11,),
    (torch.full((1, 3, 4, 4), 0.5),),
)


def _gram(features: Tensor) -> Tensor:
    rows = features.flatten(1)
    return rows @ rows.T / rows.numel()


def _gram_undivided(features: Tensor) -> Tensor:
    return features.flatten(1) @ features.flatten(1).T


def _gram_of_positions(features: Tensor) -> Tensor:
    rows = features.flatten(1)
    return rows.T @ rows / rows.numel()


def _gram_by_positions_only(features: Tensor) -> Tensor:
    rows = features.flatten(1)
    return rows @ rows.T / rows.shape[1]


def _gram_centred(features: Tensor) -> Tensor:
    rows = features.flatten(1)
    rows = rows - rows.mean(dim=1, keepdim=True)
    return rows @ rows.T / rows.numel()


def _variation(picture: Tensor) -> Tensor:
    return 0.5 * (picture.diff(dim=2).abs().mean() + picture.diff(dim=3).abs().mean())


def _variation_signed(picture: Tensor) -> Tensor:
    return 0.5 * (picture.diff(dim=2).mean() + picture.diff(dim=3).mean())


def _variation_squared(picture: Tensor) -> Tensor:
    return 0.5 * (picture.diff(dim=2).square().mean() + picture.diff(dim=3).square().mean())


def _variation_one_way(picture: Tensor) -> Tensor:
    return 0.5 * picture.diff(dim=3).abs().mean()


def _variation_whole(picture: Tensor) -> Tensor:
    return picture.diff(dim=2).abs().mean() + picture.diff(dim=3).abs().mean()


def _variation_around(picture: Tensor) -> Tensor:
    around = [(picture - picture.roll(1, dim)).abs().mean() for dim in (2, 3)]
    return 0.5 * (around[0] + around[1])


EXERCISES = {
    "31.1": Exercise(
        prompt="The Gram matrix of one picture's features.",
        solution=_gram,
        hint="Flatten height and width, multiply the rows with each other, divide by the number of all values.",
        cases=_FEATURES,
        mistakes=(
            Mistake(
                _gram_undivided,
                "Not divided: a picture of twice the side would seem to have four times the style.",
            ),
            Mistake(
                _gram_of_positions,
                "That compares positions with each other, summed over channels: it keeps what style should forget.",
            ),
            Mistake(
                _gram_by_positions_only,
                "Divided by H * W alone. That is a good choice too, but the chapter's divides by C * H * W.",
            ),
            Mistake(
                _gram_centred,
                "Without the means this is the covariance. The Gram matrix keeps them: how bright a channel is is "
                "part of the style.",
            ),
        ),
        praise="Positions are summed over, so they are forgotten.",
    ),
    "31.2": Exercise(
        prompt="Total variation of a picture.",
        solution=_variation,
        hint="tensor.diff(dim=...) gives the differences between neighbours. Their sizes count, not their signs.",
        cases=_PICTURES,
        mistakes=(
            Mistake(_variation_signed, "Ups and downs cancel out: take the absolute values first."),
            Mistake(
                _variation_squared,
                "Squares punish one sharp edge more than a slow ramp of the same height; the chapter takes absolute "
                "values.",
            ),
            Mistake(
                _variation_one_way,
                "Only neighbours in a row are compared: stripes that lie flat would be free.",
            ),
            Mistake(_variation_whole, "Twice the value: the chapter halves the sum of both directions."),
            Mistake(
                _variation_around,
                "roll compares the last column with the first; those two are no neighbours.",
            ),
        ),
        praise="Zero for a constant picture, whatever its colour.",
    ),
    "31.3": Exercise(
        prompt="Content layer and style layers of VGG-16.",
        solution=(21, [0, 5, 10, 17, 24]),
        hint="Print torchvision.models.vgg16().features, or hand it to vgg_layers. A block ends with its pooling.",
        mistakes=(
            Mistake(
                (25, [0, 5, 10, 19, 28]),
                "Those are VGG-19's, whose blocks 3 to 5 have four convolutions, not three.",
            ),
            Mistake(
                (17, [0, 5, 10, 17, 24]),
                "17 is the first convolution of block 4; content is measured at its last.",
            ),
            Mistake(
                (28, [0, 5, 10, 17, 24]),
                "28 is the last convolution of block 5; content is measured in block 4.",
            ),
            Mistake(
                (21, [0, 1, 2, 3, 4]), "Those are the numbers of the blocks. Asked are the indices of layers."
            ),
            Mistake((22, [1, 6, 11, 18, 25]), "Those are the ReLUs behind the convolutions."),
        ),
        praise="Three convolutions in blocks 3 to 5 in place of four: the later indices move up.",
    ),
}

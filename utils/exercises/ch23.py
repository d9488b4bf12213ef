"""Exercises of chapter 23: batch norm by hand, its running mean, folding it into the layer before."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_EPS = 1e-5


def _tensor(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _batch_norm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    variance = x.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
    y = (x - mean) / torch.sqrt(variance + _EPS)
    return gamma.reshape(1, -1, 1, 1) * y + beta.reshape(1, -1, 1, 1)


def _with(
    x: Tensor, gamma: Tensor, beta: Tensor, dims, *, unbiased: bool = False, power: float = 0.5
) -> Tensor:
    y = x - x.mean(dim=dims, keepdim=True)
    y = y / (x.var(dim=dims, keepdim=True, unbiased=unbiased) + _EPS) ** power
    return gamma.reshape(1, -1, 1, 1) * y + beta.reshape(1, -1, 1, 1)


def _unbiased(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return _with(x, gamma, beta, (0, 2, 3), unbiased=True)


def _by_variance(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return _with(x, gamma, beta, (0, 2, 3), power=1.0)


def _batch_only(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return _with(x, gamma, beta, (0,))


def _layer(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return _with(x, gamma, beta, (1, 2, 3))


def _instance(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return _with(x, gamma, beta, (2, 3))


def _no_gamma(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return _with(x, torch.ones_like(gamma), torch.zeros_like(beta), (0, 2, 3))


def _folded(weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor):
    scale = gamma / torch.sqrt(variance + _EPS)
    return weight * scale[:, None], (bias - mean) * scale + beta


def _bias_unscaled(weight, bias, mean, variance, gamma, beta):
    scale = gamma / torch.sqrt(variance + _EPS)
    return weight * scale[:, None], bias + beta - mean * scale


def _mean_forgotten(weight, bias, mean, variance, gamma, beta):
    scale = gamma / torch.sqrt(variance + _EPS)
    return weight * scale[:, None], bias * scale + beta


def _folded_by_variance(weight, bias, mean, variance, gamma, beta):
    scale = gamma / (variance + _EPS)
    return weight * scale[:, None], (bias - mean) * scale + beta


def _columns_scaled(weight, bias, mean, variance, gamma, beta):
    scale = gamma / torch.sqrt(variance + _EPS)
    return weight * scale, (bias - mean) * scale + beta


_MAPS = tuple(
    (3 * _tensor(shape, seed) + 1, _tensor((shape[1],), seed + 10), _tensor((shape[1],), seed + 20))
    for seed, shape in enumerate([(4, 3, 2, 5), (2, 1, 3, 3), (1, 2, 2, 2)])
)
_LAYERS = tuple(
    (
        _tensor((3, 3), seed), _tensor((3,), seed + 1), _tensor((3,), seed + 2), 0.2 + _tensor((3,), seed + 3) ** 2,
        _tensor((3,), seed + 4), _tensor((3,), seed + 5),
    )
    for seed in (0, 100)
)  # fmt: skip

EXERCISES = {
    "23.1": Exercise(
        prompt="Batch norm in train mode for maps (N, C, H, W), gamma and beta (C,), eps 1e-5.",
        solution=_batch_norm,
        hint="One mean for each channel: which three axes disappear? Keep them with keepdim=True.",
        cases=_MAPS,
        mistakes=(
            Mistake(
                _unbiased, "Almost: the batch is normalised with the variance divided by n (unbiased=False)."
            ),
            Mistake(_by_variance, "You divide by the variance. Its square root is the standard deviation."),
            Mistake(
                _batch_only,
                "This takes a mean for each pixel of each map. All pixels of a map are examples of one feature: "
                "average over axes 0, 2 and 3.",
            ),
            Mistake(
                _layer, "The mean is over each picture: that is layer norm. Batch norm keeps the channels."
            ),
            Mistake(
                _instance, "One mean for each map of each picture is instance norm; include the batch axis."
            ),
            Mistake(_no_gamma, "Normalised, but gamma and beta are missing: reshape them to (1, C, 1, 1)."),
        ),
        praise="Equal to nn.BatchNorm2d in train mode.",
    ),
    "23.2": Exercise(
        prompt="After how many batches of mean 1 is the running mean at least 0.99, with momentum 0.1?",
        solution=math.ceil(math.log(0.01) / math.log(0.9)),
        hint="What is missing to 1 shrinks by a factor of 0.9 with each batch. When is 0.9 ** n at most 0.01?",
        mistakes=(
            Mistake(43, "0.9 ** 43 is 0.0108, a little too much. Round up."),
            Mistake(
                2, "0.1 ** 2 is 0.01, but 0.1 is what is taken of the new value; 0.9 of the old one stays."
            ),
            Mistake(
                10,
                "1 / 0.1 batches only get it to 0.65. The average approaches its goal, it does not reach it.",
            ),
            Mistake(9.9, "It moves by a tenth of what is missing, not by 0.1 each time."),
        ),
        praise="0.9 ** 44 is 0.0097. A hundred batches are a safe choice before evaluating.",
    ),
    "23.3": Exercise(
        prompt="Fold a batch norm in eval mode into the dense layer before it: new weight and bias.",
        solution=_folded,
        hint="Write gamma * (W x + b - mean) / sqrt(variance + eps) + beta, and collect what multiplies x.",
        cases=_LAYERS,
        mistakes=(
            Mistake(_bias_unscaled, "The old bias goes through the batch norm too: it has to be scaled."),
            Mistake(
                _mean_forgotten, "The running mean is subtracted before scaling; it belongs into the bias."
            ),
            Mistake(
                _folded_by_variance, "You divide by the variance; take the square root of variance + eps."
            ),
            Mistake(
                _columns_scaled, "The scale belongs to the outputs, the rows of the weight: scale[:, None]."
            ),
        ),
        praise="One layer in place of two: this is what deployed nets do.",
    ),
}

"""Exercises of chapter 26: rates by name, the rate behind a summed loss, a head of old rows, pseudo-labels."""

from __future__ import annotations

import torch
from torch import Tensor

from utils.exercises import Exercise, Mistake

_NAMES = (
    (["conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "fc.weight", "fc.bias"], 0.01),
    (["stem.weight", "blocks.0.se.fc.weight", "blocks.0.se.fc.bias", "fc.bias"], 0.002),
    (["fc.weight"], 1.0),
)


def _rows(seed: int, rows: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator), torch.randn(rows, generator=generator)


_HEADS = (
    (*_rows(0, 10, 4), 7, [1, 2, 5]),
    (*_rows(1, 6, 3), 0, [5]),
    (*_rows(2, 8, 5), 3, [0, 7]),
)
_GUESSES = (
    (torch.tensor([[0.95, 0.05], [0.40, 0.60], [0.08, 0.92], [0.70, 0.30], [0.01, 0.99]]), 0.9),
    (torch.tensor([[0.20, 0.70, 0.10], [0.05, 0.05, 0.90], [0.85, 0.10, 0.05]]), 0.8),
    (torch.tensor([[0.5, 0.5], [0.6, 0.4]]), 0.95),
)


def _rates(names: list[str], learning_rate: float) -> list[float]:
    return [learning_rate * (10 if name.startswith("fc.") else 1) for name in names]


def _rates_all_ten(names: list[str], learning_rate: float) -> list[float]:
    return [learning_rate * 10 for _ in names]


def _rates_swapped(names: list[str], learning_rate: float) -> list[float]:
    return [learning_rate * (1 if name.startswith("fc.") else 10) for name in names]


def _rates_without_bias(names: list[str], learning_rate: float) -> list[float]:
    return [learning_rate * (10 if name == "fc.weight" else 1) for name in names]


def _rates_anywhere(names: list[str], learning_rate: float) -> list[float]:
    return [learning_rate * (10 if "fc." in name else 1) for name in names]


def _rates_tenth(names: list[str], learning_rate: float) -> list[float]:
    return [learning_rate / (1 if name.startswith("fc.") else 10) for name in names]


def _head(weight: Tensor, bias: Tensor, own: int, others: list[int]) -> tuple[Tensor, Tensor]:
    rows = torch.stack([weight[own], weight[others].mean(dim=0)])
    return rows, torch.stack([bias[own], bias[others].mean()])


def _head_swapped(weight: Tensor, bias: Tensor, own: int, others: list[int]) -> tuple[Tensor, Tensor]:
    rows, offsets = _head(weight, bias, own, others)
    return rows.flip(0), offsets.flip(0)


def _head_summed(weight: Tensor, bias: Tensor, own: int, others: list[int]) -> tuple[Tensor, Tensor]:
    rows = torch.stack([weight[own], weight[others].sum(dim=0)])
    return rows, torch.stack([bias[own], bias[others].sum()])


def _head_of_all(weight: Tensor, bias: Tensor, own: int, others: list[int]) -> tuple[Tensor, Tensor]:
    return _head(weight, bias, own, list(range(len(weight))))


def _head_without_bias(weight: Tensor, bias: Tensor, own: int, others: list[int]) -> tuple[Tensor, Tensor]:
    return _head(weight, torch.zeros_like(bias), own, others)


def _head_first_other(weight: Tensor, bias: Tensor, own: int, others: list[int]) -> tuple[Tensor, Tensor]:
    return _head(weight, bias, own, others[:1])


def _pseudo(probabilities: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    sure, labels = probabilities.max(dim=1)
    chosen = (sure >= threshold).nonzero().flatten()
    return chosen, labels[chosen]


def _pseudo_all_labels(probabilities: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    return _pseudo(probabilities, threshold)[0], probabilities.argmax(dim=1)


def _pseudo_everything(probabilities: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    return _pseudo(probabilities, 0.0)


def _pseudo_unsure(probabilities: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    sure, labels = probabilities.max(dim=1)
    chosen = (sure < threshold).nonzero().flatten()
    return chosen, labels[chosen]


def _pseudo_first_class(probabilities: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    chosen = (probabilities[:, 0] >= threshold).nonzero().flatten()
    return chosen, probabilities.argmax(dim=1)[chosen]


EXERCISES = {
    "26.1": Exercise(
        prompt="The learning rate of each parameter, by name: ten times as high for the head `fc`.",
        solution=_rates,
        hint="The head's parameters are named fc.weight and fc.bias, and nothing else begins with 'fc.'.",
        cases=_NAMES,
        mistakes=(
            Mistake(_rates_all_ten, "All parameters get ten times the rate; only the head may."),
            Mistake(
                _rates_swapped, "The pretrained layers get the high rate here, and would soon be spoilt."
            ),
            Mistake(
                _rates_without_bias, "The head's bias is missing: it is as new as the head's weights are."
            ),
            Mistake(
                _rates_anywhere,
                "Nearly. Some blocks have an inner layer called fc (blocks.0.se.fc.weight): look at the name's "
                "beginning.",
            ),
            Mistake(
                _rates_tenth, "The ratio is right; but the given rate is that of the body, not of the head."
            ),
        ),
        praise="62 tensors of ResNet-18 fall into 60 and 2.",
    ),
    "26.2": Exercise(
        prompt="The rate that does with a mean loss what 5e-5 does with a summed loss and batches of 128.",
        solution=6.4e-3,
        tolerance=1e-8,
        hint="The gradient of the mean is the gradient of the sum divided by the batch size.",
        mistakes=(
            Mistake(
                5e-5, "The mean's gradient is 128 times smaller, so the same rate takes much smaller steps."
            ),
            Mistake(
                5e-5 / 128, "The wrong way round: the smaller gradient of the mean needs the larger rate."
            ),
            Mistake(
                6.4e-2, "That is the rate of the head, ten times that of the body; the body was asked for."
            ),
            Mistake(
                5e-4, "That is the notes' rate for training from scratch, and it goes with the sum as well."
            ),
        ),
        praise="128 times 5e-5: not as small a rate as it looks.",
    ),
    "26.3": Exercise(
        prompt="A head for two classes made of rows of an old one: row `own`, and the mean of the rows `others`.",
        solution=_head,
        hint="weight[others] picks several rows at once; mean(dim=0) averages them; the bias goes the same way.",
        cases=_HEADS,
        mistakes=(
            Mistake(_head_swapped, "The two rows are swapped: class 0 is the row `own`."),
            Mistake(
                _head_summed,
                "The others are summed: with many of them that class would shout the first one down. Average.",
            ),
            Mistake(
                _head_of_all, "That averages all rows of the old head; only those of `others` may count."
            ),
            Mistake(
                _head_without_bias,
                "The bias is missing: each row has its own offset, and it has to come along.",
            ),
            Mistake(_head_first_other, "Only the first of the others came along; average all of them."),
        ),
        praise="A head that works before its first step.",
    ),
    "26.4": Exercise(
        prompt="The indices and the pseudo-labels of the pictures whose top probability reaches the threshold.",
        solution=_pseudo,
        hint="probabilities.max(dim=1) gives both how sure and which class; keep the rows at or above the threshold.",
        cases=_GUESSES,
        mistakes=(
            Mistake(
                _pseudo_all_labels, "The labels of all pictures came back; keep those of the chosen ones."
            ),
            Mistake(_pseudo_everything, "Every picture is taken, sure or not: compare with the threshold."),
            Mistake(_pseudo_unsure, "The other way round: these are the pictures it is not sure of."),
            Mistake(
                _pseudo_first_class,
                "That looks at class 0 alone; a picture may be surely of another class. Take the largest probability.",
            ),
        ),
        praise="With no row above the threshold both are empty, and nothing breaks.",
    ),
}

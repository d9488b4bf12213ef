"""Exercises of chapter 18: output sizes, parameters, evaluation."""

from __future__ import annotations

import torch
from torch import nn

from utils.exercises import Exercise, Mistake


def _output_side(side: int, kernel: int, padding: int, stride: int) -> int:
    return (side + 2 * padding - kernel) // stride + 1


def _side_padding_once(side: int, kernel: int, padding: int, stride: int) -> int:
    return (side + padding - kernel) // stride + 1


def _side_without_one(side: int, kernel: int, padding: int, stride: int) -> int:
    return (side + 2 * padding - kernel) // stride


def _side_rounded_up(side: int, kernel: int, padding: int, stride: int) -> int:
    return -(-(side + 2 * padding - kernel) // stride) + 1


def _side_as_float(side: int, kernel: int, padding: int, stride: int) -> float:
    return (side + 2 * padding - kernel) / stride + 1


@torch.no_grad()
def _evaluate(model: nn.Module, batches) -> float:
    was_training = model.training
    model.eval()
    hits = count = 0
    for x, y in batches:
        hits += (model(x).argmax(dim=1) == y).sum().item()
        count += len(y)
    model.train(was_training)
    return hits / count


def _evaluate_in_train_mode(model: nn.Module, batches) -> float:
    hits = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in batches)
    return hits / sum(len(y) for _, y in batches)


def _evaluate_leaving_eval(model: nn.Module, batches) -> float:
    model.eval()
    return _evaluate(model, batches)


@torch.no_grad()
def _evaluate_mean_of_means(model: nn.Module, batches) -> float:
    was_training = model.training
    model.eval()
    means = [(model(x).argmax(dim=1) == y).float().mean().item() for x, y in batches]
    model.train(was_training)
    return sum(means) / len(means)


_IN_TRAIN_MODE = (
    "The answer changes from call to call: dropout is still active. Switch to model.eval() before predicting."
)
_LEFT_IN_EVAL = (
    "The number is right, but the model is left in eval mode, and the next training epoch would run without "
    "dropout. Remember model.training at the start and give it back."
)
_MEAN_OF_MEANS = (
    "This is the mean of the batch accuracies. The last batch has 1 example and counts as much as the others: add up "
    "hits and examples and divide once."
)


def _judge_evaluate(answer):
    """Dropout before a fixed classifier; batches of 4, 4 and 1, the last one wrong on purpose."""
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 3, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.eye(3, 6))
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(9, 6, generator=generator)
    y = x[:, :3].argmax(dim=1)
    y[8] = (y[8] + 1) % 3
    batches = [(x[:4], y[:4]), (x[4:8], y[4:8]), (x[8:], y[8:])]
    model.train()
    got = [answer(model, batches) for _ in range(12)]
    mode_after = model.training
    if all(value is None or value is ... for value in got):
        return ...
    values = {round(float(value), 6) for value in got}
    if len(values) > 1:
        return _IN_TRAIN_MODE
    value = values.pop()
    if abs(value - 2 / 3) < 1e-6:
        return _MEAN_OF_MEANS
    if abs(value - 8 / 9) > 1e-6:
        return f"8 of 9 predictions are right, that is 0.889; the answer was {value:.3f}."
    model.eval()
    answer(model, batches)
    if not mode_after:
        return _LEFT_IN_EVAL
    return (
        "A model handed over in eval mode came back in train mode: give back the mode it had."
        if model.training
        else None
    )


EXERCISES = {
    "18.1": Exercise(
        prompt="Output side of a convolution from input side, kernel, padding on each edge, and stride.",
        solution=_output_side,
        hint="In how many places can the kernel's left edge stand, moving by `stride`? The first always counts.",
        cases=((28, 5, 2, 1), (14, 5, 0, 1), (28, 2, 0, 2), (7, 3, 1, 2), (224, 11, 1, 4), (8, 3, 0, 2)),
        mistakes=(
            Mistake(_side_padding_once, "Padding is added on both edges of a side, so it counts twice."),
            Mistake(_side_without_one, "One too small: the first position counts before any stride is made."),
            Mistake(
                _side_rounded_up,
                "Rounded up where it must be rounded down: a kernel that sticks out at the end is left out.",
            ),
            Mistake(_side_as_float, "Right before rounding. A side is a whole number: use // in place of /."),
        ),
        praise="That formula covers convolution and pooling alike.",
    ),
    "18.2": Exercise(
        prompt="Parameters of LeNet for 3 x 32 x 32 pictures.",
        solution=83_126,
        hint="32 stays 32, pools to 16, convolves to 12, pools to 6: the first dense layer has 16 * 6 * 6 inputs.",
        mistakes=(
            Mistake(
                62_006,
                "The colours are in, but the dense layer still counts 400 inputs. Follow a 32-pixel side through "
                "the layers.",
            ),
            Mistake(
                82_826, "The dense layer is right; the first convolution has 3 x 5 x 5 weights a filter now."
            ),
            Mistake(61_706, "That is the LeNet for grey 28 x 28 pictures."),
            Mistake(
                82_890, "The weights are right; the biases are missing: one for each filter and each unit."
            ),
        ),
        praise="The first dense layer alone holds 69,240 of them.",
    ),
    "18.3": Exercise(
        prompt="The accuracy over all batches, in eval mode, with the model's mode given back.",
        solution=_evaluate,
        hint="Four lines around the loop: remember the mode, eval(), no gradients, give the mode back.",
        judge=_judge_evaluate,
        mistakes=(
            Mistake(_evaluate_in_train_mode, _IN_TRAIN_MODE),
            Mistake(_evaluate_leaving_eval, _LEFT_IN_EVAL),
            Mistake(_evaluate_mean_of_means, _MEAN_OF_MEANS),
        ),
        praise="Right, and it leaves no trace.",
    ),
}

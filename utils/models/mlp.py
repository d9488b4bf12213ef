"""Softmax regression and multilayer perceptrons on flattened pictures."""

from __future__ import annotations

from torch import nn


def softmax_regression(num_inputs: int = 784, num_classes: int = 10) -> nn.Sequential:
    """Return a linear classifier `(N, ...) -> (N, num_classes)` logits; the softmax lives in the loss.

    Weights start at N(0, 0.01) and biases at 0, as in chapter 06.
    """
    model = nn.Sequential(nn.Flatten(), nn.Linear(num_inputs, num_classes))
    nn.init.normal_(model[1].weight, std=0.01)
    nn.init.zeros_(model[1].bias)
    return model


def mlp(*widths: int, dropout: float | tuple[float, ...] = 0.0) -> nn.Sequential:
    """Return Flatten, then Linear and ReLU between each pair of widths: `mlp(784, 256, 10)`.

    Args:
        widths: inputs, hidden layers, classes; at least two numbers.
        dropout: probability after each hidden layer's ReLU, one for all or one for each; 0 adds no layer.

    Raises:
        ValueError: for fewer than two widths, or a number of probabilities that does not fit.
    """
    if len(widths) < 2:
        raise ValueError(f"expected at least two widths (inputs, classes), got {widths}")
    hidden = len(widths) - 2
    rates = dropout if isinstance(dropout, tuple) else (dropout,) * hidden
    if len(rates) != hidden:
        raise ValueError(
            f"expected {hidden} dropout probabilities for {hidden} hidden layers, got {len(rates)}"
        )
    layers: list[nn.Module] = [nn.Flatten()]
    for i in range(hidden):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
        layers += [nn.Dropout(rates[i])] if rates[i] else []
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))

"""LeNet-5 after LeCun et al. (1998), as the book simplifies it: no Gaussian output layer, full connections."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def lenet(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    activation: Callable[[], nn.Module] = nn.Sigmoid,
    pooling: Callable[..., nn.Module] = nn.AvgPool2d,
) -> nn.Sequential:
    """Return LeNet for 28x28 pictures: `(N, in_channels, 28, 28) -> (N, num_classes)`, 61,706 parameters.

    Args:
        activation: layer class after each weight layer; the original's sigmoid, or nn.ReLU for one that learns
            without a large learning rate.
        pooling: layer class called as `pooling(2, stride=2)`; nn.AvgPool2d or nn.MaxPool2d.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, 6, kernel_size=5, padding=2), activation(),
        pooling(2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), activation(),
        pooling(2, stride=2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), activation(),
        nn.Linear(120, 84), activation(),
        nn.Linear(84, num_classes),
    )  # fmt: skip


def init_xavier(module: nn.Module) -> None:
    """Draw the weights of linear and convolution layers after Glorot and Bengio (2010): `net.apply(init_xavier)`.

    Lazy layers have no weights yet and would be skipped in silence: run one batch through the net first.

    Raises:
        ValueError: for a lazy layer that has not seen a batch.
    """
    if isinstance(module, nn.modules.lazy.LazyModuleMixin) and module.has_uninitialized_params():
        raise ValueError(
            f"{type(module).__name__} has no weights yet. Fix: call the net once on a batch of the right shape, "
            "then net.apply(init_xavier)."
        )
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight)

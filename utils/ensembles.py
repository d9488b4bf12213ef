"""Several answers into one: test-time augmentation and ensembles, and the loss that competitions rank by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from utils.device import device_of
from utils.train import predict


def mean_probabilities(logits: Tensor, weights: Tensor | Sequence[float] | None = None) -> Tensor:
    """Return the (weighted) mean over M answers of their probabilities: logits `(M, N, K)` to `(N, K)`.

    The answers may be of M models (an ensemble) or of one model about M versions of a picture.

    Args:
        weights: `(M,)`, not negative; they are scaled to sum 1. None weighs all alike.

    Raises:
        ValueError: if there are no answers, or the weights do not fit.

    Example:
        >>> logits = torch.tensor([[[4.0, 0.0]], [[0.0, 1.5]], [[0.0, 1.5]]])
        >>> mean_probabilities(logits).argmax().item(), logits.mean(0).argmax().item()
        (1, 0)
    """
    return torch.einsum("m,mnk->nk", _weights(logits, weights), logits.float().softmax(-1))


def mean_logits(logits: Tensor, weights: Tensor | Sequence[float] | None = None) -> Tensor:
    """Return the softmax of the mean logits, `(M, N, K)` to `(N, K)`: the geometric mean of the probabilities."""
    return torch.einsum("m,mnk->nk", _weights(logits, weights), logits.float().log_softmax(-1)).softmax(-1)


def log_loss(probabilities: Tensor, labels: Tensor) -> float:
    """Return the mean of -log p(right class): what the dog competition ranks by; nan for no examples.

    Args:
        probabilities: `(N, K)`. Zeros are lifted to the smallest step of float64, 2.2e-16, as scikit-learn does.
        labels: classes `(N,)`.

    Raises:
        ValueError: if the shapes do not fit.

    Source: `sklearn.metrics.log_loss`.

    Example:
        >>> round(log_loss(torch.tensor([[0.5, 0.5], [0.25, 0.75]]), torch.tensor([0, 1])), 4)
        0.4904
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"expected probabilities (N, K) and labels (N,), got {tuple(probabilities.shape)}, {tuple(labels.shape)}"
        )
    right = probabilities.cpu().double().gather(1, labels.cpu()[:, None])
    return -right.clamp(torch.finfo(torch.float64).eps, 1).log().mean().item()


def predict_views(
    model: nn.Module, images: Tensor, views: Sequence[Callable[[Tensor], Tensor]], *, batch_size: int = 128
) -> Tensor:
    """Return the outputs `(V, N, ...)` of a model for V versions of the same pictures, in eval mode, on the CPU.

    Args:
        images: float `(N, C, H, W)`, in the form the views expect.
        views: functions that turn a batch `(B, C, H, W)` into another version of it; the identity is one.

    Raises:
        ValueError: if there are no views. No pictures give `(V, 0, ...)`.
    """
    if not views:
        raise ValueError("no views. Fix: at least [lambda x: x], the pictures as they are.")
    device = device_of(model)
    return torch.stack(
        [predict(model, [view(part.to(device)) for part in images.split(batch_size)]) for view in views]
    )


def _weights(logits: Tensor, weights: Tensor | Sequence[float] | None) -> Tensor:
    if logits.ndim != 3 or not len(logits):
        raise ValueError(f"expected logits (M, N, K) with M of at least 1, got {tuple(logits.shape)}")
    if weights is None:
        weights = torch.ones(len(logits))
    weights = torch.as_tensor(weights, dtype=torch.float32, device=logits.device)
    if weights.shape != logits.shape[:1] or (weights < 0).any() or weights.sum() <= 0:
        raise ValueError(
            f"expected {len(logits)} weights, not negative and not all 0, got {weights.tolist()}"
        )
    return weights / weights.sum()

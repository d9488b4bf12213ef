"""Style transfer: what is asked of a picture, as three losses. `utils.synthesis` optimises pictures for them.

    targets = Targets.of(taps, content=photo, style=painting)
    targets.losses(picture, taps)  # {"content": ..., "style": ..., "variation": ...}

Chapter 31 writes the losses out by hand and then compares them with these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.models.taps import Taps


def gram_matrix(features: Tensor) -> Tensor:
    """Return how strongly channels are active together, `(N, C, C)`, for features `(N, C, H, W)`.

    Products of channels are summed over all positions and divided by C * H * W, as in the book. N may be 0.

    Raises:
        ValueError: if there are not four dimensions, or C, H or W is 0.

    Source: Gatys et al. 2016, section 2.2.

    Example:
        >>> gram_matrix(torch.ones(1, 2, 3, 3))[0]
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]])
    """
    if features.ndim != 4 or 0 in features.shape[1:]:
        raise ValueError(
            f"expected features (N, C, H, W) with at least one position, got {tuple(features.shape)}."
        )
    flat = features.flatten(2)
    return flat @ flat.mT / (flat.shape[1] * flat.shape[2])


def total_variation(pictures: Tensor) -> Tensor:
    """Return half the sum of the mean differences between vertical and between horizontal neighbours, a scalar.

    Args:
        pictures: `(N, C, H, W)`; a side of one pixel has no neighbours and adds nothing.

    Raises:
        ValueError: if there are not four dimensions, or no pixels.

    Source: Mahendran and Vedaldi 2015; the book's form, with absolute values.

    Example:
        >>> total_variation(torch.tensor([[[[0.0, 1.0]]]]))
        tensor(0.5000)
    """
    if pictures.ndim != 4 or 0 in pictures.shape:
        raise ValueError(
            f"expected pictures (N, C, H, W) with at least one pixel, got {tuple(pictures.shape)}."
        )
    rows, columns = pictures.diff(dim=2).abs(), pictures.diff(dim=3).abs()
    return 0.5 * sum((part.mean() for part in (rows, columns) if part.numel()), pictures.new_zeros(()))


def relative_error(value: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error over the mean square of the target, a scalar: 0 is equal, 1 is as bad as nothing.

    Layers and networks differ in size by orders of magnitude; divided so, each counts alike in a sum.

    Raises:
        ValueError: if the shapes differ, since they would broadcast in silence.
    """
    if value.shape != target.shape:
        raise ValueError(
            f"expected the target's shape {tuple(target.shape)}, got {tuple(value.shape)}. "
            "Fix: bring the pictures to one size before their features are taken."
        )
    return F.mse_loss(value, target) / target.square().mean().clamp_min(1e-12)


class Weights(NamedTuple):
    """What a unit of each loss costs."""

    content: float = 0.05
    style: float = 1.0
    variation: float = 0.02


@dataclass(frozen=True)
class Targets:
    """What the picture should come to: features of the content by layer, Gram matrices of the style by layer."""

    content: Mapping[str, Tensor] = field(default_factory=dict)
    style: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        taps: Taps,
        *,
        content: Tensor | None = None,
        style: Tensor | None = None,
    ) -> Targets:
        """Measure both pictures `(1, 3, H, W)`, floats in [0, 1], whose sizes may differ; None asks for nothing."""
        wanted = {} if content is None else taps(content)
        liked = {} if style is None else taps(style)
        return cls(
            {name: wanted[name] for name in taps.content if wanted},
            {name: gram_matrix(liked[name]) for name in taps.style if liked},
        )

    def losses(self, picture: Tensor, taps: Taps) -> dict[str, Tensor]:
        """Return content, style and variation loss of a picture `(1, 3, H, W)`; layers are averaged, none give 0."""
        features = taps(picture) if self.content or self.style else {}
        zero = picture.new_zeros(())
        content = [relative_error(features[name], target) for name, target in self.content.items()]
        style = [relative_error(gram_matrix(features[name]), target) for name, target in self.style.items()]
        return {
            "content": sum(content, zero) / max(len(content), 1),
            "style": sum(style, zero) / max(len(style), 1),
            "variation": total_variation(picture),
        }


def weighted(losses: Mapping[str, Tensor], weights: Weights) -> Tensor:
    """Return the weighted sum of content, style and variation loss."""
    return sum(weight * losses[name] for name, weight in weights._asdict().items())


def resized(pictures: Tensor, side: int) -> Tensor:
    """Return pictures `(N, C, H, W)` whose shorter side has `side` pixels, at the same proportions."""
    height, width = pictures.shape[2:]
    factor = side / min(height, width)
    shape = (round(height * factor), round(width * factor))
    return F.interpolate(pictures, size=shape, mode="bilinear", antialias=True)


def match_colours(picture: Tensor, like: Tensor) -> Tensor:
    """Return the picture `(1, 3, H, W)` with the mean and covariance of the other's colours, clipped to [0, 1].

    Source: Hertzmann 2001, "Algorithms for rendering in artistic styles", as used by Gatys et al. 2016b.
    """
    (mean, _, narrow), (new_mean, spread, _) = _moments(picture), _moments(like)
    pixels = picture[0].flatten(1) - mean
    return (spread @ narrow @ pixels + new_mean).reshape(picture.shape).clamp(0, 1)


def _moments(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean `(3, 1)`, square root of the covariance and its inverse `(3, 3)` of the pixels' colours."""
    pixels = picture[0].flatten(1)
    mean = pixels.mean(dim=1, keepdim=True)
    covariance = (pixels - mean) @ (pixels - mean).T / pixels.shape[1]
    # On the CPU, since not every device has eigh; the trifle keeps a picture of one colour invertible.
    values, vectors = torch.linalg.eigh(covariance.cpu() + 1e-5 * torch.eye(3))
    root = values.clamp_min(1e-8).sqrt()
    return mean, (vectors * root @ vectors.T).to(picture), (vectors / root @ vectors.T).to(picture)

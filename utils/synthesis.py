"""A picture that is optimised until it satisfies the losses of `utils.style`.

picture = photo.clone()
for record in synthesise(picture, taps, targets, Weights(content=0.05), steps=100):
    history.append(record)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.history import History, Record
from utils.models.taps import Taps
from utils.style import Targets, Weights, match_colours, resized, weighted

OPTIMIZERS = ("lbfgs", "adam")


def synthesise(
    picture: Tensor,
    taps: Taps,
    targets: Targets,
    weights: Weights = Weights(),  # noqa: B008  (a NamedTuple does not change)
    *,
    steps: int = 100,
    every: int = 10,
    optimizer: str = "lbfgs",
    learning_rate: float = 0.05,
) -> Iterator[Record]:
    """Change `picture` in place until it satisfies the losses; yield a Record each `every` evaluations or so.

    A record's number counts evaluations of loss and gradient so far, and its losses are those of the picture as it
    stands then; `loss` is the weighted sum. Pixels are kept in [0, 1] at each record.

    Args:
        picture: `(1, 3, H, W)`, floats; where to start.
        steps: evaluations of loss and gradient in all; L-BFGS may do a few more to end its line search.
        optimizer: `lbfgs`, or `adam` with a cosine schedule from `learning_rate` to 0.

    Raises:
        ValueError: for an unknown optimizer, or counts below 1.
        FloatingPointError: when the loss is not finite.

    Source: Gatys et al. 2016, equation 7.
    """
    if optimizer not in OPTIMIZERS or steps < 1 or every < 1:
        raise ValueError(
            f"expected one of {', '.join(OPTIMIZERS)} and counts of at least 1, got {optimizer!r}, steps {steps}, "
            f"every {every}."
        )
    advance = (_by_lbfgs if optimizer == "lbfgs" else _by_adam)(
        picture, taps, targets, weights, steps, learning_rate
    )
    done, start = 0, time.perf_counter()
    while done < steps:
        done += advance(min(every, steps - done))
        with torch.no_grad():
            picture.clamp_(0, 1)
            losses = targets.losses(picture, taps)
        metrics = {"loss": weighted(losses, weights)} | losses
        metrics = {name: value.item() for name, value in metrics.items()}
        if not all(abs(value) < float("inf") for value in metrics.values()):
            raise FloatingPointError(
                f"a loss is not finite after {done} steps: {metrics}. Fix: a smaller rate."
            )
        now = time.perf_counter()
        yield Record(done, metrics, now - start)
        start = now


def _gradient(picture: Tensor, taps: Taps, targets: Targets, weights: Weights) -> Tensor:
    """The loss; its gradient lands in `picture.grad`. Pixels outside [0, 1] are pulled back by a penalty."""
    picture.grad = None
    outside = (picture - picture.clamp(0, 1)).square().mean()
    loss = weighted(targets.losses(picture, taps), weights) + 100 * outside
    loss.backward()
    return loss.detach()


def _by_lbfgs(
    picture: Tensor, taps: Taps, targets: Targets, weights: Weights, steps: int, learning_rate: float
) -> Callable[[int], int]:
    """A function that makes about so many evaluations more and says how many they were."""
    leaf, count = nn.Parameter(picture), 0

    def closure() -> Tensor:
        nonlocal count
        count += 1
        return _gradient(leaf, taps, targets, weights)

    solver = torch.optim.LBFGS(
        [leaf], lr=1, max_iter=steps, history_size=20, line_search_fn="strong_wolfe", tolerance_grad=0,
        tolerance_change=0,
    )  # fmt: skip

    def advance(most: int) -> int:
        before = count
        solver.param_groups[0].update(max_iter=most, max_eval=most)
        solver.step(closure)
        return count - before

    return advance


def _by_adam(
    picture: Tensor, taps: Taps, targets: Targets, weights: Weights, steps: int, learning_rate: float
) -> Callable[[int], int]:
    """A function that makes so many steps more and says how many they were."""
    leaf = nn.Parameter(picture)
    solver = torch.optim.Adam([leaf], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(solver, steps)

    def advance(most: int) -> int:
        for _ in range(most):
            _gradient(leaf, taps, targets, weights)
            solver.step()
            schedule.step()
        return most

    return advance


def stylise(
    taps: Taps,
    content: Tensor | None,
    style: Tensor,
    weights: Weights = Weights(),  # noqa: B008
    *,
    sides: Sequence[int] = (80, 160),
    steps: int = 60,
    seed: int = 0,
) -> tuple[Tensor, History]:
    """Paint coarse to fine: at each size start from the last result, the first from the content in the style's colours.

    Args:
        content: `(1, 3, H, W)`, floats in [0, 1]; None starts from noise and asks for the style alone.
        style: the same; it is shrunk along with the content, so that strokes keep their share of the picture.
        sides: of the shorter side of the picture at each level, in pixels.
        steps: evaluations a level.
        seed: of the noise.

    Returns:
        The picture `(1, 3, h, w)`, and the records of the last level.

    Raises:
        ValueError: if there are no levels.
    """
    if not sides:
        raise ValueError("expected at least one side in pixels, got none. Fix: sides=(80, 160).")
    picture, history = None, History()
    for side in sides:
        small_style, small = resized(style, side), None if content is None else resized(content, side)
        if picture is None:
            picture = _noise(small_style, seed) if small is None else match_colours(small, small_style)
        else:
            shape = small_style.shape[2:] if small is None else small.shape[2:]
            picture = F.interpolate(picture, size=shape, mode="bicubic").clamp(0, 1)
        targets = Targets.of(taps, content=small, style=small_style)
        history = History(synthesise(picture, taps, targets, weights, steps=steps, every=steps))
    return picture, history


def _noise(like: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = 0.2 * torch.randn(like.shape, generator=generator)
    return (like.mean(dim=(2, 3), keepdim=True) + noise.to(like)).clamp(0, 1)

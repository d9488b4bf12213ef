"""The book's names: `utils.d2l` against what stands behind it in utils, and against d2l 0.17.0 as installed.

    python -m benchmarks.bench_d2l_names --only train_ch6

"ours" is the call by the book's name. Beside utils itself a ratio near 1 is what the names promise; beside d2l it is
what a reader gains who changes nothing but one import. Both sides train to the same weights, or give the same boxes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.bench_fashion_mnist import books_data, silently
from benchmarks.harness import Case, main
from utils import d2l
from utils.d2l import original
from utils.detection.anchors import anchor_grid, anchor_pyramid
from utils.detection.boxes import nms
from utils.detection.detections import detect
from utils.detection.targets import assign_targets
from utils.device import seed_everything
from utils.models.lenet import init_xavier, lenet
from utils.train import Step, classification_step, fit

CPU = torch.device("cpu")
SHAPES = [(32, 32), (16, 16), (8, 8), (4, 4), (1, 1)]
SIZES = [[0.2, 0.272], [0.37, 0.447], [0.54, 0.619], [0.71, 0.79], [0.88, 0.961]]
RATIOS = [1, 2, 0.5]


def mlp() -> nn.Module:
    """784-256-10, the book's concise MLP."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def by_name_ch3(book, data) -> nn.Module:
    """One epoch of the MLP through a train_ch3."""
    seed_everything(0)
    net = mlp()
    updater = torch.optim.SGD(net.parameters(), 0.1)
    with contextlib.suppress(AssertionError):  # the book's limits, which a single epoch does not reach
        silently(book.train_ch3, net, *data, nn.CrossEntropyLoss(), 1, updater)
    return net


def by_name_ch6(book, data) -> nn.Module:
    """One epoch of LeNet through a train_ch6."""
    seed_everything(0)
    net = lenet()
    silently(book.train_ch6, net, *data, 1, 0.9, CPU)
    return net


def by_name_ch13(book, data) -> nn.Module:
    """One epoch of LeNet through a train_ch13."""
    seed_everything(0)
    net = lenet().apply(init_xavier)
    losses = nn.CrossEntropyLoss(reduction="none")
    silently(book.train_ch13, net, *data, losses, torch.optim.SGD(net.parameters(), 0.9 / 256), 1, [CPU])
    return net


def by_utils(build: Callable[[], nn.Module], rate: float, step, data) -> nn.Module:
    """The same epoch through fit, over the same batches."""
    seed_everything(0)
    net = build()
    for _ in fit(net, data[0], torch.optim.SGD(net.parameters(), rate), step, epochs=1, valid=data[1]):
        pass
    return net


def sum_step(net: nn.Module, batch: tuple[Tensor, Tensor]) -> Step:
    """classification_step with the gradient of the sum, which train_ch13 takes."""
    loss, sums = classification_step(net, batch)
    return Step(loss * len(batch[1]), sums)


def same(first: nn.Module, second: nn.Module) -> bool:
    """Equal weights, up to rounding."""
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)


def training() -> Iterator[Case]:
    """An epoch, evaluation included; d2l's side reads with its own loader and draws."""
    data, theirs = d2l.load_data_fashion_mnist(256), original.load_data_fashion_mnist(256)
    xavier = lambda: lenet().apply(init_xavier)  # noqa: E731
    for name, by_name, build, rate, step in (
        ("train_ch3", by_name_ch3, mlp, 0.1, classification_step),
        ("train_ch6", by_name_ch6, xavier, 0.9, classification_step),
        ("train_ch13", by_name_ch13, xavier, 0.9 / 256, sum_step),
    ):
        ours = partial(by_name, d2l, data)
        beside = partial(by_utils, build, rate, step, data)
        book = partial(by_name, original, theirs)
        sizes = f"{len(data[0].dataset):,} pictures"
        yield Case(f"{name} / utils", sizes, ours, beside, lambda a=ours, b=beside: same(a(), b()), rounds=5)
        yield Case(f"{name} / d2l", sizes, ours, book, lambda a=ours, b=book: same(a(), b()), rounds=3)


def labels(pictures: int, objects: int) -> Tensor:
    """Random boxes `(B, M, 5)` of class 0."""
    start = torch.rand(pictures, objects, 2) * 0.7
    boxes = torch.cat((start, start + 0.05 + 0.25 * torch.rand(pictures, objects, 2)), dim=-1)
    return torch.cat((torch.zeros(pictures, objects, 1), boxes), dim=-1)


def equal(first, second) -> bool:
    """Tensors or tuples of them are equal."""
    first, second = ((part,) if isinstance(part, Tensor) else part for part in (first, second))
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def boxes() -> Iterator[Case]:
    """The box functions at the size of the notes' detector: 5,444 anchors."""
    torch.manual_seed(0)
    anchors, truth = anchor_pyramid(SHAPES, sizes=SIZES, ratios=[RATIOS] * 5), labels(32, 2)
    maps = [torch.zeros(1, 1, *shape) for shape in SHAPES]

    def prior(book) -> Tensor:
        return torch.cat([book.multibox_prior(x, s, RATIOS) for x, s in zip(maps, SIZES, strict=True)], dim=1)

    def targets() -> tuple[Tensor, ...]:
        found = assign_targets(anchors, truth)
        return found.offsets.flatten(1), found.positive.repeat_interleave(4, dim=1).float(), found.classes

    def grids() -> Tensor:
        parts = [anchor_grid(*shape, sizes=s, ratios=RATIOS) for shape, s in zip(SHAPES, SIZES, strict=True)]
        return torch.cat(parts)[None]

    scores = torch.randperm(len(anchors)) / len(anchors)  # no two are equal: the order of ties is open
    cases = {
        "multibox_prior": (prior, grids),
        "multibox_target": (lambda book: book.multibox_target(anchors[None], truth), targets),
        "nms": (lambda book: book.nms(anchors, scores, 0.5), lambda: nms(anchors, scores, iou_threshold=0.5)),
    }
    for name, (by_name, beside) in cases.items():
        ours, book = partial(by_name, d2l), partial(by_name, original)
        yield Case(f"{name} / utils", "5,444 anchors", ours, beside, lambda a=ours, b=beside: equal(a(), b()))
        yield Case(
            f"{name} / d2l", "5,444 anchors", ours, book, lambda a=ours, b=book: equal(a(), b()), rounds=3
        )
    yield from detection(anchors)


def detection(anchors: Tensor) -> Iterator[Case]:
    """Four pictures of a net that knows nothing (every anchor answers), and of one that is sure of a few.

    The book's table has a row for each of the 21,776 anchors; `detect` returns the few that were found.
    """
    for what, shift in (("unsure", 0.0), ("sure", -8.0)):
        logits = torch.randn(4, len(anchors))
        logits = logits + shift * (torch.rand_like(logits) < 0.99)
        probabilities = torch.stack((-logits, logits), dim=1).mul(0.5).softmax(dim=1)  # (4, 2, N)
        offsets = torch.randn(4, len(anchors) * 4) * 0.3
        transposed = probabilities.transpose(1, 2).contiguous()

        def by_name(book, probabilities=probabilities, offsets=offsets) -> Tensor:
            return book.multibox_detection(probabilities, offsets, anchors[None])

        def beside(transposed=transposed, offsets=offsets):
            return detect(transposed, offsets, anchors, per_class=False)

        def agrees(by_name=by_name, beside=beside) -> bool:
            rows = [picture[picture[:, 0] != -1] for picture in by_name(d2l)]
            pairs = zip(rows, beside(), strict=True)
            return all(torch.equal(row[:, 1], found.scores) for row, found in pairs)

        ours, book = partial(by_name, d2l), partial(by_name, original)
        yield Case(f"multibox_detection / utils, {what}", "4 pictures", ours, beside, agrees)
        yield Case(
            f"multibox_detection / d2l, {what}", "4 pictures", ours, book,
            lambda a=ours, b=book: same_rows(a(), b()), rounds=2,
        )  # fmt: skip


def same_rows(first: Tensor, second: Tensor) -> bool:
    """The kept rows are equal in order, and as many rows are background."""
    kept = [[rows[rows[:, 0] != -1] for rows in found] for found in (first, second)]
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*kept, strict=True))


def cases() -> Iterator[Case]:
    """Boxes, then training."""
    yield from boxes()
    yield from training()


if __name__ == "__main__":
    with books_data("sample"):  # an epoch of 60,000 pictures shows the same ratios
        main(cases)

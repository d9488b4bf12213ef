"""The detection library against d2l 0.17.0: `python -m benchmarks.bench_detection`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmarks.harness import Apart, Case, main
from tests.detection.book_ssd import RATIOS, SIZES, BookSSD, book_calc_loss
from utils.detection.anchors import anchor_pyramid
from utils.detection.boxes import box_iou, nms
from utils.detection.detections import detect
from utils.detection.losses import book_loss
from utils.detection.ssd import TinySSD, ssd_step
from utils.detection.targets import assign_targets
from utils.device import keep_freed_memory, low_precision

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from d2l import torch as d2l

BATCH = 32
MAPS = (32, 16, 8, 4, 1)


def cases() -> Iterator[Case]:
    """All cases, cheapest first; the training steps take minutes."""
    anchors = our_anchors()
    yield anchor_case()
    yield iou_case(anchors)
    for objects, floor in ((1, 8), (10, 8), (50, 20), (100, None)):
        yield target_case(anchors, objects, floor)
    for boxes, floor in ((100, None), (1000, 20)):
        yield nms_case(boxes, floor)
    yield detection_case(anchors)
    yield from step_cases()


def our_anchors() -> Tensor:
    return anchor_pyramid([(side, side) for side in MAPS], sizes=SIZES, ratios=[RATIOS] * len(MAPS))


def anchor_case() -> Case:
    maps = [torch.empty(1, 1, side, side) for side in MAPS]

    def theirs() -> Tensor:
        parts = [d2l.multibox_prior(x, size, RATIOS) for x, size in zip(maps, SIZES, strict=True)]
        return torch.cat(parts, dim=1)

    return Case(
        "anchors of five maps",
        "cached",
        our_anchors,
        theirs,
        lambda: torch.equal(our_anchors(), theirs()[0]),
        15,
    )


def iou_case(anchors: Tensor) -> Case:
    boxes = random_boxes(50, seed=0)
    ours, theirs = (lambda: box_iou(anchors, boxes)), (lambda: d2l.box_iou(anchors, boxes))
    return Case("box_iou", "5444 x 50", ours, theirs, lambda: torch.equal(ours(), theirs()))


def target_case(anchors: Tensor, objects: int, floor: float | None) -> Case:
    boxes = random_boxes(BATCH * objects, seed=objects).reshape(BATCH, objects, 4)
    labels = torch.cat((torch.zeros(BATCH, objects, 1), boxes), dim=2)

    def ours():
        return assign_targets(anchors, labels)

    def theirs():
        return d2l.multibox_target(anchors[None], labels)

    def check() -> bool:
        got, (offsets, mask, classes) = ours(), theirs()
        positive = got.positive.repeat_interleave(4, dim=1)
        same = torch.equal(got.classes, classes) and torch.equal(got.offsets.flatten(1), offsets)
        return same and torch.equal(positive.float(), mask)

    rounds = 3 if objects >= 50 else None
    return Case("targets", f"32 x 5444, {objects} objects", ours, theirs, check, floor, rounds)


def nms_case(count: int, floor: float | None) -> Case:
    boxes, scores = random_boxes(count, seed=count), torch.rand(count, generator=generator(1))
    ours, theirs = (lambda: nms(boxes, scores, iou_threshold=0.5)), (lambda: d2l.nms(boxes, scores, 0.5))
    return Case("nms", f"{count} boxes", ours, theirs, lambda: torch.equal(ours(), theirs()), floor)


def detection_case(anchors: Tensor) -> Case:
    """A trained net's output: about one anchor in 23 above .01, in clusters around the true box."""
    truth = random_boxes(BATCH, seed=5)
    overlap = torch.stack([box_iou(anchors, box[None])[:, 0] for box in truth])
    score = (overlap - 0.25).clamp(min=0).mul(1.4) + 0.009 * torch.rand(overlap.shape, generator=generator(2))
    score = score.clamp(max=0.99)
    probabilities = torch.stack((1 - score, score), dim=2)
    offsets = 0.5 * torch.randn(BATCH, len(anchors), 4, generator=generator(3))
    book_probabilities, flat = probabilities.transpose(1, 2).contiguous(), offsets.flatten(1)

    def ours():
        return detect(probabilities, offsets, anchors, score_threshold=0.01)

    def theirs():
        return d2l.multibox_detection(book_probabilities, flat, anchors[None], pos_threshold=0.01)

    def check() -> bool:
        pairs = zip(ours(), theirs(), strict=True)
        rows = [(found, row[row[:, 0] >= 0]) for found, row in pairs]
        return all(
            torch.equal(found.scores, row[:, 1]) and torch.equal(found.boxes, row[:, 2:].clamp(0, 1))
            for found, row in rows
        )

    share = (score >= 0.01).float().mean()
    return Case("detection", f"32 x 5444, {share:.1%} candidates", ours, theirs, check, 150, 3)


def step_cases() -> Iterator[Case]:
    """One training step at batch 32, 256 x 256: the same loss on both sides, fp32 and the best the hardware has."""
    theirs = Apart(book_step)
    for name, dtype, floor, tolerance in (
        ("step fp32", None, 1.5, 1e-4),
        ("step bf16", low_precision("cpu"), 4, 1e-2),
    ):
        if name == "step bf16" and dtype is None:
            continue  # bfloat16 is the slower of the two here, and nothing uses it
        ours = Apart(our_step, dtype)
        yield Case(name, "32 x 3 x 256 x 256", ours, theirs,
                   lambda ours=ours, tolerance=tolerance: abs(ours() - theirs()) < tolerance, floor, 5)  # fmt: skip
        ours.close()
    theirs.close()


def pictures_and_labels() -> tuple[Tensor, Tensor]:
    """One object a picture; the same in each process."""
    pictures = torch.rand(BATCH, 3, 256, 256, generator=generator(4))
    return pictures, torch.cat((torch.zeros(BATCH, 1, 1), random_boxes(BATCH, seed=6)[:, None]), dim=2)


def book_net() -> nn.Module:
    torch.manual_seed(0)
    return BookSSD(1, d2l.multibox_prior)


def our_step(dtype: torch.dtype | None) -> Callable[[], float]:
    """`fit`'s step with the book's weights; a learning rate of 0 keeps them, at the cost of a real step."""
    keep_freed_memory()
    model, (x, labels) = TinySSD(1), pictures_and_labels()
    model.load_state_dict(dict(zip(model.state_dict(), book_net().state_dict().values(), strict=True)))
    model.to(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, weight_decay=5e-4)

    def ours() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is not None):
            step = ssd_step(model, (x, labels), loss=book_loss)
        optimizer.zero_grad()
        step.loss.backward()
        optimizer.step()
        return step.loss.item()

    return ours


def book_step() -> Callable[[], float]:
    """The notes' step."""
    model, (x, labels) = book_net(), pictures_and_labels()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, weight_decay=5e-4)

    def theirs() -> float:
        optimizer.zero_grad()
        anchors, classes, offsets = model(x)
        offset_labels, mask, class_labels = d2l.multibox_target(anchors, labels)
        loss = book_calc_loss(classes, class_labels, offsets, offset_labels, mask).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return theirs


def random_boxes(count: int, *, seed: int) -> Tensor:
    """Corner boxes with sides of .05 to .35, inside the picture."""
    draw = torch.rand(count, 4, generator=generator(seed))
    center, side = 0.1 + 0.8 * draw[:, :2], 0.05 + 0.3 * draw[:, 2:]
    return torch.cat(((center - side / 2).clamp(min=0), (center + side / 2).clamp(max=1)), dim=1)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


if __name__ == "__main__":
    main(cases)

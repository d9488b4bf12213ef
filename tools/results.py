"""`make results`: the notes' nets at full scale, as the notes train them, and in two modern ways.

Every epoch is written down when it ends (utils/measured/results.json) and checkpointed below the data folder, so that
a run that was stopped goes on with the next epoch:

    python -m tools.results                        # everything that is not finished: hours on a CPU
    python -m tools.results --only "lenet resnet18" --hours 2

The table is made from that file by `make site` and by chapter 24; a net that did not finish says how far it came.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import processor
from benchmarks.time_to_accuracy import Standardise, init_he
from tools import chapters
from utils import measured
from utils.datasets.fashion_mnist import load_fashion_mnist
from utils.device import describe, keep_freed_memory, low_precision, pick_device, seed_everything
from utils.history import Record
from utils.models.alexnet import alexnet
from utils.models.bn_lenet import bn_lenet
from utils.models.googlenet import googlenet
from utils.models.lenet import init_xavier, lenet
from utils.models.nin import nin
from utils.models.resnet import resnet
from utils.models.vgg import VGG11, narrow, vgg
from utils.settings import settings
from utils.train import classification_step, fit

NAME = "results"
FILE = measured.FOLDER / f"{NAME}.json"


@dataclass(frozen=True)
class Recipe:
    """A net and how it is trained.

    Attributes:
        slug: the name on the command line; `+` at its end is the modern recipe, `+1` the short one.
        title: the name in the table.
        chapter: where the net is built.
        build: makes the net.
        side: pixels of the enlarged pictures; 28 is their own size.
        batch_size: examples a step.
        learning_rate: of plain SGD, or the peak of one cycle.
        epochs: passes over the 60,000 pictures.
        kind: `notes` is plain SGD from Xavier's weights; `modern` SGD with momentum, one cycle, label smoothing and
            mirrored pictures; `short` AdamW and one cycle on standardised pixels, from He's weights.
        published: (train, test) accuracy that the book's Chinese edition prints for its recipe, or None.
    """

    slug: str
    title: str
    chapter: int
    build: Callable[[], nn.Module]
    side: int
    batch_size: int
    learning_rate: float
    epochs: int = 10
    kind: str = "notes"
    published: tuple[float, float] | None = None


def recipes() -> list[Recipe]:
    """The notes' nets with the notes' hyper-parameters, cheapest first; then each again with the two other recipes."""
    small_vgg = partial(vgg, narrow(VGG11, 4))
    relu_lenet = partial(lenet, activation=nn.ReLU, pooling=nn.MaxPool2d)
    notes = [
        Recipe("lenet", "LeNet", 18, lenet, 28, 256, 0.9, published=(0.823, 0.779)),
        Recipe("bn_lenet", "LeNet, batch norm", 23, bn_lenet, 28, 256, 1.0),
        Recipe("googlenet", "GoogLeNet", 22, googlenet, 96, 128, 0.1, published=(0.900, 0.886)),
        Recipe("resnet18", "ResNet-18", 24, resnet, 96, 256, 0.05, published=(0.997, 0.893)),
        Recipe("alexnet", "AlexNet", 19, alexnet, 224, 128, 0.01, published=(0.881, 0.885)),
        Recipe("vgg", "VGG-11, a quarter of the channels", 20, small_vgg, 224, 128, 0.05, published=(0.935, 0.920)),
        Recipe("nin", "NiN", 21, nin, 224, 128, 0.1),
    ]  # fmt: skip
    # What takes the place of each net (LeNet's sigmoid and average pooling go too), and the peaks of SGD and of AdamW.
    again = {
        "lenet": (relu_lenet, 0.1, 0.01),
        "bn_lenet": (partial(bn_lenet, activation=nn.ReLU), 0.1, 0.02),
        "googlenet": (partial(googlenet, batch_norm=True), 0.1, 0.002),
        "resnet18": (resnet, 0.1, 0.003),
        "alexnet": (alexnet, 0.03, 0.0005),
        "vgg": (small_vgg, 0.05, 0.001),
        "nin": (nin, 0.05, 0.001),
    }
    # As many epochs over the same pictures, which is equal compute; then a tenth of it.
    modern = [
        replace(recipe, slug=f"{recipe.slug}+", build=again[recipe.slug][0], kind="modern", published=None,
                learning_rate=again[recipe.slug][1])
        for recipe in notes
    ]  # fmt: skip
    short = [
        replace(recipe, slug=f"{recipe.slug}1", kind="short", batch_size=128, epochs=1,
                learning_rate=again[recipe.slug[:-1]][2])
        for recipe in modern
    ]  # fmt: skip
    return notes + modern + short


def mirrored(x: Tensor) -> Tensor:
    """Each picture of `(N, C, H, W)` left to right with probability one half."""
    turned = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    return torch.where(turned, x.flip(3), x)


def train(recipe: Recipe, *, seed: int = 0, folder: Path) -> Iterator[Record]:
    """Train on the whole real set, one Record an epoch; continues from the checkpoint in `folder`.

    The `valid` numbers are those of the test set: as in the notes nothing is chosen by them.
    """
    device = pick_device()
    keep_freed_memory()
    seed_everything(seed)
    change = mirrored if recipe.kind == "modern" else None
    resize = None if recipe.side == 28 else recipe.side
    data = load_fashion_mnist(recipe.batch_size, resize=resize, seed=seed, device=device, transform=change)
    model = recipe.build()
    if recipe.kind == "short":
        model = nn.Sequential(Standardise(), model).apply(init_he)
    else:
        model.apply(init_xavier)
    model.to(device)
    if recipe.side > 28:
        model.to(memory_format=torch.channels_last)
    step, schedule = classification_step, None
    if recipe.kind == "notes":
        optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)
    elif recipe.kind == "modern":
        optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate, momentum=0.9,
                                    nesterov=True, weight_decay=5e-4)  # fmt: skip
        schedule, step = OneCycleLR, partial(classification_step, label_smoothing=0.1)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, fused=True)
        schedule = partial(OneCycleLR, pct_start=0.2, anneal_strategy="linear")
    steps = recipe.epochs * len(data.train)
    cycle = schedule(optimizer, recipe.learning_rate, total_steps=steps) if schedule else None
    folder.mkdir(parents=True, exist_ok=True)
    return fit(
        model, data.train, optimizer, step, epochs=recipe.epochs, valid=data.test,
        autocast=low_precision(device) if recipe.side > 28 else None,
        scheduler=cycle, schedule_by="batch" if cycle else "epoch", checkpoint=folder / f"{recipe.slug}.pt",
    )  # fmt: skip


def size(recipe: Recipe) -> tuple[int, int]:
    """Parameters, and multiply-adds of one picture, without computing anything."""
    with torch.device("meta"):
        model, picture = recipe.build().eval(), torch.empty(1, 1, recipe.side, recipe.side)
    with FlopCounterMode(display=False) as counter:
        model(picture)
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2


def row(
    recipe: Recipe, records: list[Record], *, seconds: list[float | None], hardware: list[str], seed: int
) -> dict:
    """What is kept of a run: plain numbers. An epoch that shared the machine has None for its seconds."""
    parameters, multiply_adds = size(recipe)
    alone = [value for value in seconds if value is not None]
    return {
        "title": recipe.title, "chapter": recipe.chapter, "kind": recipe.kind, "side": recipe.side,
        "batch_size": recipe.batch_size, "learning_rate": recipe.learning_rate, "seed": seed,
        "epochs": recipe.epochs, "epochs_run": len(records),
        "parameters": parameters, "multiply_adds": multiply_adds,
        "train_accuracy": [round(record["train accuracy"], 4) for record in records],
        "test_accuracy": [round(record["valid accuracy"], 4) for record in records],
        "seconds": seconds, "seconds_per_epoch": statistics.median(alone) if alone else None,
        "hardware": hardware, "torch": torch.__version__, "published": recipe.published,
    }  # fmt: skip


def read(file: Path = FILE) -> dict[str, dict]:
    """Slug -> row; empty if nothing was run yet."""
    return measured.read(file.stem, file.parent)


def write(rows: dict[str, dict], file: Path = FILE) -> None:
    """Rows in the order of `recipes`, in one replacement of the file."""
    order = [recipe.slug for recipe in recipes()]
    ordered = dict(sorted(rows.items(), key=lambda item: order.index(item[0])))
    measured.write(file.stem, ordered, file.parent)


def table(rows: dict[str, dict]) -> str:
    """The Markdown table of the site."""
    if not rows:
        return "Nothing has been run yet: `make results`."
    head = ("net", "recipe", "pictures", "parameters", "multiply-adds", "epochs", "train", "test after one",
            "test", "book: train, test", "s an epoch", "on")  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for entry in rows.values():
        link = next(path.name for path in chapters.all_chapters() if path.name[:2] == f"{entry['chapter']}")
        run = f"{entry['epochs_run']}" + (
            f" **of {entry['epochs']}**" if entry["epochs_run"] < entry["epochs"] else ""
        )
        published = ", ".join(f"{value:.3f}" for value in entry["published"] or ()) or "–"
        cells = (
            f"[{entry['title']}](../notebooks/{link})",
            f"{entry['kind']}, batch {entry['batch_size']}, lr {entry['learning_rate']:g}",
            f"{entry['side']} × {entry['side']}", f"{entry['parameters']:,}", f"{entry['multiply_adds'] / 1e6:,.1f} M",
            run, f"{entry['train_accuracy'][-1]:.3f}", f"{entry['test_accuracy'][0]:.3f}",
            f"{entry['test_accuracy'][-1]:.3f}", published,
            f"{entry['seconds_per_epoch']:,.0f}" if entry["seconds_per_epoch"] else "–",
            ", then ".join(entry["hardware"]),
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def run(
    recipe: Recipe,
    *,
    until: float,
    seed: int = 0,
    alone: bool = True,
    file: Path = FILE,
    folder: Path | None = None,
) -> None:
    """Train one recipe to its end or to the first epoch that ends after `until`, writing the row each epoch."""
    folder = folder or settings.data_root / "results"
    before = read(file).get(recipe.slug, {})
    device = pick_device()
    precision = "bfloat16" if recipe.side > 28 and low_precision(device) else "float32"
    here = f"{processor()}, " * (device.type == "cpu") + f"{describe(device)}, {precision}"
    known, seconds, records = list(before.get("hardware", [])), list(before.get("seconds", [])), []
    for record in train(recipe, seed=seed, folder=folder):
        records.append(record)
        if len(records) <= before.get("epochs_run", 0):
            continue  # from the checkpoint
        hardware = list(dict.fromkeys([*known, here]))
        seconds.append(round(record.seconds, 1) if alone else None)
        entry = row(recipe, records, seconds=seconds, hardware=hardware, seed=seed)
        write(read(file) | {recipe.slug: entry}, file)
        left = (recipe.epochs - record.epoch) * record.seconds / 60
        print(f"{recipe.slug}: {record}; about {left:.0f} minutes to go", flush=True)
        if time.monotonic() > until:
            break


def main(arguments: list[str] | None = None) -> int:
    """0 if all that was asked for is done or its time was up, 2 for an unknown name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="slugs, as in 'lenet resnet18+'; default all")
    parser.add_argument(
        "--hours", type=float, default=float("inf"), help="stop at the first epoch after this"
    )
    parser.add_argument(
        "--shared",
        action="store_true",
        help="the machine does other work: leave the seconds out of the table",
    )
    options = parser.parse_args(arguments)
    known = {recipe.slug: recipe for recipe in recipes()}
    wanted = options.only.split() or list(known)
    unknown = [slug for slug in wanted if slug not in known]
    if unknown:
        print(f"unknown: {' '.join(unknown)}; expected some of: {' '.join(known)}")
        return 2
    if settings.scale != "full":
        print(
            "The table is about the real 60,000 + 10,000 pictures. Fix: make results, or COURSE_SCALE=full."
        )
        return 2
    rows = read()
    todo = [slug for slug in wanted if rows.get(slug, {}).get("epochs_run", 0) < known[slug].epochs]
    print(f"{len(todo)} recipes to train, {len(wanted) - len(todo)} done before. From a minute (LeNet) to hours "
          "each on two cores; Ctrl-C loses the running epoch only.", flush=True)  # fmt: skip
    until = time.monotonic() + 3600 * options.hours
    for slug in todo:
        if time.monotonic() > until:
            break
        try:
            run(known[slug], until=until, alone=not options.shared)
        except KeyboardInterrupt:
            print("\nStopped. `make results` goes on from the last epoch that ended.")
            return 130
        except (ValueError, FileNotFoundError, FloatingPointError) as error:
            print(f"{slug}: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

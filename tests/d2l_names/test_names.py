"""Which names there are, in both editions, in the installed package, and on the page that lists them."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn

from utils.d2l import drawing
from utils.d2l.generations import ONLY_IN_1_0

PAGE = Path(__file__).parents[2] / "docs" / "from_the_book.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:6]
    for line in section.splitlines()
    if line.startswith("| `")
]


def resolve(path: str):
    """The object that a dotted path leads to."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ImportError(path)


@pytest.mark.parametrize("name, where, here, differs", ROWS, ids=[row[0].strip("`") for row in ROWS])
def test_names_of_the_page_exist_and_so_does_what_replaces_them(ours, name, where, here, differs):
    assert getattr(ours, name.strip("`")) is not None and where and differs
    replacements = re.findall(r"`((?:utils|torch)\.[\w.]+)`", here)
    assert replacements and all(resolve(path) is not None for path in replacements)


def test_every_mended_name_is_on_the_page(ours):
    shown = {row[0].strip("`") for row in ROWS}
    assert set(ours.MENDED) - shown == {"cpu", "gpu", "num_gpus", "stand_ins", "write_pictures"}
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in ours.MENDED)


def test_every_name_of_the_chapters_in_scope_is_on_the_page(theirs):
    """Functions and classes that d2l 0.17.0 defines in the chapters this course covers."""
    chapters = (
        "preliminaries",
        "linear-networks",
        "multilayer",
        "deep-learning-comp",
        "convolutional",
        "computer-vision",
    )
    source = Path(theirs.__file__ if hasattr(theirs, "__file__") else theirs._copy.__file__)
    source = Path(theirs._copy.__file__).read_text(encoding="utf-8")
    wanted, inside = set(), False
    for line in source.splitlines():
        if line.startswith("# Defined in file:"):
            inside = any(f"chapter_{chapter}" in line for chapter in chapters)
        found = re.match(r"(?:def|class) (\w+)|([A-Z_]+) = ", line)
        if inside and found:
            wanted.add(found[1] or found[2])
    assert len(wanted) > 60 and wanted - {row[0].strip("`") for row in ROWS} == set()


def test_names_of_the_second_edition_say_what_to_take(ours):
    for name, instead in ONLY_IN_1_0.items():
        with pytest.raises(AttributeError, match=f"{name}.*belongs to d2l 1.0, take {re.escape(instead)}"):
            getattr(ours, name)
        for path in re.findall(r"(?:utils|torch|torchvision)(?:\.\w+)+", instead):
            assert resolve(path) is not None
        for path in re.findall(r"d2l\.(\w+)", instead):
            assert hasattr(ours, path)


def test_an_unmodified_import_gives_the_mended_functions_also_to_the_books_own():
    """In a process of its own, with every warning an error; reorg and friends call each other by global name."""
    script = """
import warnings
import utils.d2l
warnings.simplefilter("error")
from d2l import torch as d2l
import torch
anchors = d2l.multibox_prior(torch.zeros(1, 1, 4, 4), [0.5], [1, 2])
labels = torch.tensor([[[0, .1, .1, .6, .6], [-1, -1, -1, -1, -1]]])
offsets, mask, classes = d2l.multibox_target(anchors, labels)
assert offsets.abs().max() < 20 and utils.d2l.multibox_target is d2l.multibox_target
net = d2l.resnet18(10, 3)                       # the book's function, our block
assert isinstance(net[3][0], utils.d2l.Residual)
d2l.set_figsize()                               # the book's function, our use_svg_display
from utils.d2l import original
assert original.nms is not d2l.nms and d2l.nms is utils.d2l.nms
print("mended")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout == "mended\n" and done.stderr == "", done.stderr


def test_the_original_keeps_the_books_errors(theirs):
    point = torch.zeros(1, 4)
    assert theirs.box_iou(point, point).isnan().all() and "nms" in dir(theirs)


def test_devices_obey_the_course_setting(ours, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert ours.num_gpus() == 2 and ours.try_gpu(1) == ours.gpu(1) == torch.device("cuda:1")
    assert ours.try_gpu(2) == ours.cpu() and len(ours.try_all_gpus()) == 2
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert ours.try_all_gpus() == [torch.device("cpu")] and ours.try_gpu().type == "cpu"


def test_cross_correlation_and_grids(ours, theirs):
    random = torch.Generator().manual_seed(0)
    for shape in ((3, 3), (5, 7), (4, 4)):
        X, K = torch.randn(shape, generator=random), torch.randn(2, 3, generator=random)
        assert torch.allclose(ours.corr2d(X, K), theirs.corr2d(X, K), atol=1e-5)
    assert ours.corr2d(torch.arange(9).reshape(3, 3), torch.arange(4).reshape(2, 2)).tolist() == [
        [19, 25],
        [37, 43],
    ]
    for got, want in zip(
        ours.meshgrid(torch.arange(2), torch.arange(3)),
        theirs.meshgrid(torch.arange(2), torch.arange(3)),
        strict=True,
    ):
        assert torch.equal(got, want)


def test_resnet18_has_the_books_weights_and_names(ours, theirs):
    nets = []
    for book in (ours, theirs):
        torch.manual_seed(0)
        nets.append(book.resnet18(10, 3).eval())
    first, second = (net.state_dict() for net in nets)
    assert set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)
    X = torch.rand(2, 3, 16, 16)
    assert torch.equal(*(net(X) for net in nets))
    count = sum(p.numel() for p in nets[0].parameters())
    nets[0].apply(
        lambda module: nn.init.xavier_uniform_(module.weight) if type(module) is nn.Conv2d else None
    )
    assert count == sum(p.numel() for p in nets[0].parameters())  # nothing is lazy


@pytest.mark.parametrize(
    "call",
    [
        lambda block: block(6, use_1x1conv=True, strides=2),
        lambda block: block(6, True, 2),
        lambda block: block(6, True, strides=2),
        lambda block: block(num_channels=6, use_1x1conv=True, strides=2),
        lambda block: block(3, 6, True, 2),
        lambda block: block(3, 6, use_1x1conv=True, strides=2),
    ],
)
def test_residual_blocks_of_both_editions(ours, call):
    block = call(ours.Residual)
    assert block(torch.rand(4, 3, 6, 6)).shape == (4, 6, 3, 3) and block.conv3 is not None


def test_residual_blocks_that_keep_the_channels(ours):
    for block in (
        ours.Residual(3),
        ours.Residual(3, 3),
        ours.Residual(3, False),
        ours.Residual(num_channels=3),
    ):
        assert block(torch.rand(2, 3, 6, 6)).shape == (2, 3, 6, 6) and block.conv3 is None
    with pytest.raises(ValueError, match="use_1x1conv=True"):
        ours.Residual(3, 6)


def test_picture_grids_and_boxes(ours):
    assert ours.show_images([torch.zeros(4, 4)], 1, 1, titles=["a"])[0].get_title() == "a"
    axes = ours.show_images(torch.zeros(3, 4, 4, 3), 2, 2)
    assert axes.shape == (4,) and [len(ax.images) for ax in axes] == [1, 1, 1, 0]
    ours.show_bboxes(axes[0], torch.tensor([[0.0, 1, 2, 4], [1, 1, 3, 3]]), ["dog"], "w")
    assert [patch.get_bbox().bounds for patch in axes[0].patches] == [(0, 1, 2, 3), (1, 1, 2, 2)]
    assert axes[0].texts[0].get_text() == "dog" and axes[0].texts[0].get_color() == "k"
    ours.plt.close("all")


def test_curves_are_drawn_now_and_then_and_when_the_cell_ends(ours, monkeypatch):
    shown, shell = [], mock.Mock()
    monkeypatch.setattr(drawing, "get_ipython", lambda: shell)
    monkeypatch.setattr(drawing, "display", lambda data, **_: shown.append(data) or mock.Mock())
    animator = ours.Animator(xlabel="epoch", legend=["loss", "acc"])
    for step in range(300):
        animator.add(step, (1 / (step + 1), None if step % 2 else step / 300))
    handle = animator._handle
    assert len(shown) == 1 and handle.update.call_count < 60
    assert len(animator.X[0]) == 300 and len(animator.Y[1]) == 150
    (_, finish), _ = shell.events.register.call_args
    finish(None)
    text = handle.update.call_args[0][0]["text/plain"]
    assert "loss 1.000 to 0.003, acc 0.000 to 0.993" in text
    assert shell.events.unregister.called


def test_curves_outside_jupyter_only_keep_their_points(ours, capsys):
    animator = ours.Animator(legend=["a"], ncols=2)
    animator.add(1, 2.0)
    animator.add([2], [3.0])
    assert (animator.X, animator.Y) == ([[1, 2]], [[2.0, 3.0]]) and len(animator.axes) == 2
    assert capsys.readouterr().out == ""

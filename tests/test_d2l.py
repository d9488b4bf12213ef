import subprocess
import sys

import pytest
import torch

# The names that the five notes use from d2l or from earlier chapters of the book (topic T003).
NAMES = [
    "try_gpu",
    "try_all_gpus",
    "accuracy",
    "evaluate_accuracy_gpu",
    "Accumulator",
    "Animator",
    "Timer",
    "load_data_fashion_mnist",
    "train_ch3",
    "train_ch6",
    "train_batch_ch13",
    "train_ch13",
    "corr2d",
    "Residual",
    "resnet18",
    "set_figsize",
    "show_images",
    "show_bboxes",
    "bbox_to_rect",
    "box_corner_to_center",
    "box_center_to_corner",
    "multibox_prior",
    "multibox_target",
    "multibox_detection",
    "load_data_bananas",
    "download_extract",
    "DATA_HUB",
    "get_dataloader_workers",
    "plt",
    "Image",
]


@pytest.fixture(scope="module")
def d2l():
    from utils import d2l

    return d2l


@pytest.mark.parametrize("name", NAMES)
def test_every_helper_of_the_notes_is_there(d2l, name):
    assert getattr(d2l, name) is not None and name in dir(d2l)


def test_an_unknown_name_is_an_attribute_error(d2l):
    with pytest.raises(AttributeError, match=r"neither utils\.d2l nor d2l 0\.17\.0 has a name 'train_ch99'"):
        d2l.train_ch99  # noqa: B018


def test_without_a_gpu_the_list_of_devices_is_the_cpu(d2l, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert d2l.try_all_gpus() == [torch.device("cpu")]


def test_the_installed_package_draws_after_the_import():
    """In a process of its own: unmodified book code, first as installed, then mended."""
    script = """
import matplotlib
matplotlib.use("Agg")
from d2l import torch as book
try:
    book.use_svg_display()
    print("draws")
except AttributeError:
    print("broken")
import utils.d2l
book.set_figsize()
book.plot([1, 2, 3], [[1, 4, 9]], "x", "y")
print("draws")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "draws"

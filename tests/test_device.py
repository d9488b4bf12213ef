import itertools
from typing import NamedTuple

import pytest
import torch
from torch import nn

from utils import device as devices


class Pair(NamedTuple):
    x: torch.Tensor
    name: str


def machine(monkeypatch, *, cuda=0, mps=False):
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(0, False, "cpu"), (0, True, "mps"), (2, False, "cuda"), (1, True, "cuda")]
)
def test_auto_prefers_cuda_then_mps_then_cpu(monkeypatch, cuda, mps, expected):
    machine(monkeypatch, cuda=cuda, mps=mps)
    assert devices.pick_device() == torch.device(expected)


def test_course_device_overrides(monkeypatch):
    machine(monkeypatch, cuda=2)
    monkeypatch.setenv("COURSE_DEVICE", "CPU")
    assert devices.pick_device() == torch.device("cpu")
    assert (
        devices.pick_device("cuda:1") == devices.pick_device(torch.device("cuda:1")) == torch.device("cuda:1")
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "unknown device 'gpu', expected auto, cpu"),
        ("cuda:x", "unknown device 'cuda:x'"),
        ("cpu:", "unknown device 'cpu:'"),
        ("cuda:2", r"'cuda:2' asked for, but this machine has 2 cuda"),
        ("mps", r"this machine has 0 mps device\(s\). Fix: COURSE_DEVICE=auto"),
    ],
)
def test_a_device_that_is_not_there_is_an_error_with_a_fix(monkeypatch, name, message):
    machine(monkeypatch, cuda=2)
    monkeypatch.setenv("COURSE_DEVICE", name)
    with pytest.raises(ValueError, match=message):
        devices.pick_device()


def test_device_of_looks_at_parameters_then_buffers():
    assert devices.device_of(nn.Linear(2, 2, device="meta")).type == "meta"
    assert devices.device_of(nn.BatchNorm1d(2, affine=False, device="meta")).type == "meta"
    assert devices.device_of(nn.ReLU()).type == "cpu"


def test_move_keeps_the_shape_of_the_nest():
    x = torch.zeros(2)
    moved = devices.move({"a": [x, (x, "text")], "b": Pair(x, "n"), "c": 3}, "meta")
    assert moved["a"][0].device.type == moved["a"][1][0].device.type == moved["b"].x.device.type == "meta"
    assert isinstance(moved["a"], list) and moved["a"][1][1] == "text"
    assert isinstance(moved["b"], Pair) and moved["b"].name == "n" and moved["c"] == 3


def test_seeding_repeats_all_three_generators():
    import random

    import numpy as np

    def draw():
        devices.seed_everything(2**32 + 5)
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    assert draw() == draw()


@pytest.mark.parametrize(("instructions", "faster"), [(False, True), (True, False), (True, True)])
def test_low_precision_needs_hardware_that_gains_from_it(monkeypatch, instructions, faster):
    monkeypatch.setattr(devices, "_has_bf16_instructions", lambda: instructions)
    monkeypatch.setattr(devices, "_bf16_product_is_faster", lambda: faster)
    assert devices.low_precision("cpu") is (torch.bfloat16 if instructions and faster else None)
    assert devices.low_precision("mps") is None


@pytest.mark.parametrize(
    ("float32", "bfloat16", "faster"), [(2.0, 1.0, True), (1.1, 1.0, False), (1.0, 2.0, False)]
)
def test_the_race_of_products_asks_the_clock(monkeypatch, float32, bfloat16, faster):
    """A clock that moves on by the given seconds over each product."""
    ticks = itertools.cycle([0.0, float32, 0.0, bfloat16])
    monkeypatch.setattr(devices.time, "perf_counter", lambda: next(ticks))
    assert devices._bf16_product_is_faster.__wrapped__() is faster


def test_describe_names_threads():
    assert devices.describe("cpu").startswith(f"cpu, {torch.get_num_threads()} thread")


def test_keep_freed_memory_is_linux_only(monkeypatch):
    monkeypatch.setattr(devices.platform, "system", lambda: "Darwin")
    assert devices.keep_freed_memory() is False

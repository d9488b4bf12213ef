"""Synthesis lowers what it is asked to lower, counts its evaluations, and works coarse to fine."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from utils.models.taps import Taps
from utils.style import Targets, Weights
from utils.synthesis import stylise, synthesise


@pytest.fixture
def taps():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 8, 3, padding=1)
    )
    return Taps(net, style=["1", "3"], content=["3"])


def pictures(*sides):
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, 3, side, side, generator=generator) for side in sides]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_synthesis_lowers_every_loss_from_noise(taps, optimizer):
    content, style, picture = pictures(12, 12, 12)
    smooth = F.avg_pool2d(content, 3, 1, 1)
    before = picture.clone()
    targets = Targets.of(taps, content=smooth, style=F.avg_pool2d(style, 3, 1, 1))
    start = targets.losses(picture, taps)
    records = list(
        synthesise(picture, taps, targets, Weights(1.0, 1.0, 0.1), steps=60, every=20, optimizer=optimizer)
    )
    assert not torch.equal(picture, before) and picture.min() >= 0 and picture.max() <= 1
    assert all(records[-1][name] < 0.8 * start[name] for name in start)
    assert 60 <= records[-1].epoch <= 65 and len(records) <= 3
    now = targets.losses(picture, taps)
    assert all(records[-1][name] == pytest.approx(now[name].item()) for name in now)
    assert not picture.requires_grad


def test_adam_counts_exactly_and_ends_its_schedule(taps):
    content, picture = pictures(8, 8)
    records = list(
        synthesise(picture, taps, Targets.of(taps, content=content), steps=7, every=3, optimizer="adam")
    )
    assert [record.epoch for record in records] == [3, 6, 7]


def test_synthesis_refuses_odd_arguments_and_infinite_losses(taps):
    (picture,) = pictures(8)
    for odd in ({"steps": 0}, {"every": 0}, {"optimizer": "sgd"}):
        with pytest.raises(ValueError, match="lbfgs, adam"):
            list(synthesise(picture, taps, Targets(), **odd))
    with pytest.raises(FloatingPointError, match="not finite"):
        list(synthesise(picture * float("nan"), taps, Targets(), steps=1, optimizer="adam"))


def test_stylise_goes_from_coarse_to_fine(taps):
    content, style = torch.rand(1, 3, 20, 30), torch.rand(1, 3, 24, 24)
    picture, history = stylise(taps, content, style, sides=(8, 16), steps=10)
    assert picture.shape == (1, 3, 16, 24) and history.last.epoch >= 10
    texture, _ = stylise(taps, None, style, sides=(8, 12), steps=10, seed=3)
    again, _ = stylise(taps, None, style, sides=(8, 12), steps=10, seed=3)
    assert texture.shape == (1, 3, 12, 12) and torch.equal(texture, again)
    with pytest.raises(ValueError, match="sides"):
        stylise(taps, content, style, sides=())

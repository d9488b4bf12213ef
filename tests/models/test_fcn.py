"""Fully convolutional networks: bilinear weights, shapes at every size, and heads against the sum written out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18

from utils.models.fcn import FCN, STRIDES, FCNHead, Stages, bilinear_kernel, upsampling
from utils.models.pretrained import backbone, feature_map_extractor

CHANNELS = {8: 5, 16: 6, 32: 7}


@pytest.fixture(scope="module")
def lite0():
    return backbone("efficientnet_lite0", verbose=False)


def maps_for(height, width, *, count=2):
    """Random maps with sides rounded up, as the stages give them."""
    torch.manual_seed(0)
    return {
        stride: torch.randn(count, channels, -(-height // stride), -(-width // stride))
        for stride, channels in CHANNELS.items()
    }


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 8, 64])
def test_the_kernel_is_a_tent_for_each_channel(kernel_size):
    weight = bilinear_kernel(3, kernel_size)
    reach = (kernel_size + 1) // 2
    for i in range(kernel_size):
        for j in range(kernel_size):
            middle = reach - 1 if kernel_size % 2 else reach - 0.5
            expected = (1 - abs(i - middle) / reach) * (1 - abs(j - middle) / reach)
            assert weight[1, 1, i, j] == pytest.approx(expected, abs=1e-6)
    assert weight[0, 1].abs().sum() == weight[2, 0].abs().sum() == 0
    assert torch.equal(weight[0, 0], weight[2, 2])


@pytest.mark.parametrize("factor", [2, 4, 6, 32])
def test_upsampling_is_bilinear_inside_and_fades_at_the_border(factor):
    torch.manual_seed(0)
    x = torch.rand(2, 3, 4, 5) + 0.5
    ours = upsampling(3, factor)(x)
    theirs = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    rim = factor // 2
    assert ours.shape == theirs.shape
    assert torch.allclose(ours[..., rim:-rim, rim:-rim], theirs[..., rim:-rim, rim:-rim], atol=1e-5)
    assert (ours[..., 0, :] < theirs[..., 0, :]).all()


def test_upsampling_learns():
    layer = upsampling(2, 2)
    layer(torch.ones(1, 2, 3, 3)).sum().backward()
    assert layer.weight.grad.abs().min() > 0


@pytest.mark.parametrize("factor", [1, 3, 0, -2])
def test_odd_factors_are_refused(factor):
    with pytest.raises(ValueError, match="even factor"):
        upsampling(2, factor)


@pytest.mark.parametrize(("channels", "kernel_size"), [(0, 4), (3, 0)])
def test_kernels_of_nothing_are_refused(channels, kernel_size):
    with pytest.raises(ValueError, match="at least one channel and pixel"):
        bilinear_kernel(channels, kernel_size)


def test_stages_give_the_map_of_the_classifier(lite0):
    stages = Stages(lite0)
    torch.manual_seed(0)
    x = torch.randn(2, 3, 70, 97)
    with torch.no_grad():
        maps = stages(x)
        coarse = feature_map_extractor(lite0)(x)
    assert torch.equal(maps[32], coarse)
    assert {s: tuple(m.shape) for s, m in maps.items()} == {
        8: (2, 40, 9, 13),
        16: (2, 112, 5, 7),
        32: (2, 1280, 3, 4),
    }
    assert stages.channels == {8: 40, 16: 112, 32: 1280}
    assert not stages.training
    assert stages.parts[0][0] is not lite0.model.conv_stem


def test_stages_of_a_resnet():
    torch.manual_seed(0)
    model = resnet18(weights=None)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stages = Stages(SimpleNamespace(model=model))
    assert stages.channels == {8: 128, 16: 256, 32: 512}
    assert stages.training
    # Counting the channels must leave batch norm's averages alone.
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(int(m.num_batches_tracked) == 0 for m in stages.modules() if isinstance(m, nn.BatchNorm2d))
    model.eval(), stages.eval()
    x = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        assert torch.equal(stages(x)[32], nn.Sequential(*list(model.children())[:-2])(x))


def test_stages_of_something_else_are_refused():
    with pytest.raises(ValueError, match="Linear has no stages"):
        Stages(SimpleNamespace(model=nn.Linear(3, 3)))


@pytest.mark.parametrize("finest", [32, 16, 8])
def test_a_head_equals_its_sum_written_out(finest):
    torch.manual_seed(1)
    head = FCNHead(CHANNELS, 4, finest=finest, kernel_size=3).eval()
    maps = maps_for(96, 128)
    with torch.no_grad():
        scores = [block(maps[stride]) for stride, block in zip(head.strides, head.score, strict=True)]
        total = scores[0]
        for finer in scores[1:]:
            total = F.conv_transpose2d(total, bilinear_kernel(4, 4), stride=2, padding=1) + finer
        expected = F.interpolate(total, size=(96, 128), mode="bilinear")
        assert torch.allclose(head(maps), expected, atol=1e-5)
        small = F.interpolate(total, size=(24, 32), mode="bilinear")
        assert torch.allclose(head(maps, size=(24, 32)), small, atol=1e-5)
    assert head.strides == [s for s in (32, 16, 8) if s >= finest]


@pytest.mark.parametrize("finest", [32, 16, 8])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 70), (100, 41)])
def test_a_head_takes_maps_whose_sides_were_rounded_up(finest, height, width):
    head = FCNHead(CHANNELS, 4, finest=finest).eval()
    assert head(maps_for(height, width), size=(height, width)).shape == (2, 4, height, width)


def test_a_loud_map_is_turned_down_and_keeps_its_size():
    torch.manual_seed(0)
    head = FCNHead(CHANNELS, 4, finest=8, kernel_size=3).train()
    maps = maps_for(96, 128)
    loud = maps | {16: maps[16] * 100}
    assert torch.allclose(head(loud), head(maps), atol=1e-3)
    for stride, score in zip(head.strides, head.score, strict=True):
        assert score(maps[stride]).shape[2:] == maps[stride].shape[2:]


def test_a_head_needs_only_the_maps_it_uses():
    assert FCNHead({32: 512}, 21).eval()({32: torch.zeros(1, 512, 10, 15)}).shape == (1, 21, 320, 480)
    with pytest.raises(ValueError, match="channels for every stride"):
        FCNHead({32: 512}, 21, finest=16)
    with pytest.raises(ValueError, match="finest to be one of"):
        FCNHead(CHANNELS, 21, finest=4)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 95), (40, 33)])
def test_a_net_answers_for_each_pixel_of_any_size(lite0, height, width):
    stages = Stages(lite0)
    net = FCN(stages, FCNHead(stages.channels, 21, finest=8)).eval()
    torch.manual_seed(0)
    x = torch.randn(1, 3, height, width)
    with torch.no_grad():
        scores = net(x)
        whole = net(F.pad(x, (0, -width % 32, 0, -height % 32)))
    assert scores.shape == (1, 21, height, width)
    assert torch.equal(scores, whole[..., :height, :width])


def test_a_head_learns_a_mask():
    torch.manual_seed(0)
    maps = {8: torch.zeros(1, 2, 4, 4), 16: torch.zeros(1, 2, 2, 2), 32: torch.zeros(1, 2, 1, 1)}
    maps[8][:, 0, :, 2:] = 1  # the right half of the picture is another thing
    truth = torch.zeros(1, 32, 32, dtype=torch.long)
    truth[:, :, 16:] = 1
    head = FCNHead(dict.fromkeys(STRIDES, 2), 2, finest=8)
    # Batch norm refuses one value a channel in train mode, and statistics of one picture would teach nothing.
    head.eval()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(30):
        loss = F.cross_entropy(head(maps), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (head(maps).argmax(1) == truth).float().mean() > 0.95

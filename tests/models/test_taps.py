"""Tapped layers against running the layers one by one; VGG's layers found by code; nothing computed in vain."""

import pytest
import torch
from torch import nn
from torchvision.models import vgg11, vgg16, vgg19

from utils.models.pretrained import backbone
from utils.models.taps import LITE0_CONTENT, LITE0_STYLE, Taps, lite0_taps, style_taps, vgg19_taps, vgg_layers


class Loud(nn.Module):
    def forward(self, x):
        raise AssertionError("computed although nobody asked for it")


def test_taps_equal_the_layers_one_by_one():
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)
    taps = Taps(nn.Sequential(first, nn.ReLU(), second, Loud()), style=["2", "1"], content=["1"],
                mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))  # fmt: skip
    x = torch.rand(2, 3, 9, 9, requires_grad=True)
    inside = first(
        (x - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor([0.5, 0.6, 0.7])[:, None, None]
    ).relu()
    out = taps(x)
    assert list(out) == ["2", "1"] and taps.content == ("1",)
    assert torch.allclose(out["1"], inside) and torch.allclose(out["2"], second(inside))
    out["2"].sum().backward()
    assert x.grad.abs().sum() > 0 and not any(p.requires_grad for p in taps.parameters())


def test_zoom_enlarges_first():
    taps = Taps(nn.Sequential(nn.Identity()), style=["0"], zoom=2)
    assert taps(torch.rand(1, 3, 5, 6))["0"].shape == (1, 3, 10, 12)


def test_hooks_are_gone_afterwards_also_after_an_error():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), Loud(), nn.ReLU())
    with pytest.raises(AssertionError, match="nobody"):
        Taps(net, style=["0", "2"])(torch.rand(1, 3, 8, 8))
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize("layers", [["7"], []])
def test_unknown_or_missing_layers_are_refused(layers):
    with pytest.raises(ValueError, match="one layer or more"):
        Taps(nn.Sequential(nn.ReLU()), style=layers)


def test_layers_of_vgg_are_those_of_the_book():
    with torch.device("meta"):
        assert vgg_layers(vgg19().features) == (25, [0, 5, 10, 19, 28])
        assert vgg_layers(vgg16().features) == (21, [0, 5, 10, 17, 24])
        assert vgg_layers(vgg11().features) == (13, [0, 3, 6, 11, 16])
    with pytest.raises(ValueError, match="at least 4 blocks"):
        vgg_layers(nn.Sequential(nn.Conv2d(3, 3, 1), nn.MaxPool2d(2)))


def test_vgg19_without_weights_is_tapped_and_rectified():
    taps = vgg19_taps(weights=None)
    out = taps(torch.rand(1, 3, 32, 32))
    assert taps.style == ("0", "5", "10", "19", "28") and taps.content == ("25",)
    assert [out[name].shape[1] for name in taps.style] == [64, 128, 256, 512, 512]
    assert all(out[name].min() == 0 for name in ("0", "5", "10", "19", "25")) and out["28"].min() < 0


def test_lite0_is_tapped_with_its_own_preprocessing(monkeypatch):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    taps, net = style_taps(), backbone("efficientnet_lite0", verbose=False)
    assert (taps.style, taps.content) == (LITE0_STYLE, LITE0_CONTENT)
    x = torch.rand(1, 3, 64, 64)
    stem = net.model.bn1(net.model.conv_stem((x - 0.5) / 0.5))
    plain = lite0_taps(zoom=1.0)(x)
    assert torch.allclose(plain["bn1"], stem, atol=1e-5)
    assert [plain[name].shape[2] for name in LITE0_STYLE] == [32, 32, 16, 8, 4]

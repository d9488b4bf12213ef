import pytest
import torch
from torch import nn
from torchvision.models import alexnet as torchvision_alexnet

from utils.models.alexnet import alexnet

SMALL = {"side": 28, "stem": (5, 1, 2), "channels": (4, 8, 12, 12, 8), "hidden": 16}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def shapes(net, *shape):
    x = torch.empty(shape, device="meta")
    return [tuple((x := layer(x)).shape[1:]) for layer in net]


def test_parameters_and_shapes_of_the_notes():
    with torch.device("meta"):
        net = alexnet()
    assert count(net) == 46_764_746 and len(net) == 21
    assert shapes(net, 2, 1, 224, 224) == (
        [(96, 54, 54)] * 2 + [(96, 26, 26)] + [(256, 26, 26)] * 2 + [(256, 12, 12)] + [(384, 12, 12)] * 4
        + [(256, 12, 12)] * 2 + [(256, 5, 5), (6400,)] + [(4096,)] * 6 + [(10,)]
    )  # fmt: skip


def test_equals_torchvisions_after_copying_weights():
    """torchvision has the channels of the two-GPU paper's sequel; its dropouts sit before the dense layers."""
    with torch.device("meta"):
        theirs = torchvision_alexnet().eval()
        ours = alexnet(
            in_channels=3, num_classes=1000, stem=(11, 4, 2), channels=(64, 192, 384, 256, 256)
        ).eval()
    torch.manual_seed(0)
    values = [torch.randn(p.shape) / max(p[0].numel(), 1) ** 0.5 for p in theirs.parameters()]
    for net in (theirs, ours):
        names = [name for name, _ in net.named_parameters()]
        net.load_state_dict(dict(zip(names, values, strict=True)), assign=True)
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(
    ("side", "stem"), [(28, (5, 1, 2)), (64, (7, 2, 1)), (67, (11, 4, 2)), (15, (1, 1, 0))]
)
def test_the_dense_layer_fits_the_pictures(side, stem):
    net = alexnet(**(SMALL | {"side": side, "stem": stem}), num_classes=3, in_channels=2)
    assert net(torch.rand(2, 2, side, side)).shape == (2, 3)
    assert net(torch.rand(0, 2, side, side)).shape == (0, 3)


def test_parts_can_be_exchanged():
    net = alexnet(**SMALL, dropout=0, activation=nn.Sigmoid, pooling=nn.AvgPool2d)
    kinds = {type(layer) for layer in net}
    assert kinds == {nn.Conv2d, nn.Sigmoid, nn.AvgPool2d, nn.Flatten, nn.Linear}
    assert [layer.p for layer in alexnet(**SMALL, dropout=0.3) if isinstance(layer, nn.Dropout)] == [0.3, 0.3]


@pytest.mark.parametrize("side", [28, 58, 8])
def test_small_pictures_are_refused(side):
    with pytest.raises(ValueError, match=rf"pictures of {side} pixels are too small.*gentler stem"):
        alexnet(side=side)

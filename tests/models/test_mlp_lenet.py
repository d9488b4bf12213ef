import warnings

import pytest
import torch
from torch import nn

from utils.models.lenet import init_xavier, lenet
from utils.models.mlp import mlp, softmax_regression


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_lenet_has_the_parameters_and_shapes_of_the_notes():
    net, x = lenet(), torch.rand(2, 1, 28, 28)
    shapes = [tuple((x := layer(x)).shape[1:]) for layer in net]
    assert count(net) == 61_706
    assert shapes[:6] == [(6, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 10, 10), (16, 5, 5)]
    assert shapes[6:] == [(400,), (120,), (120,), (84,), (84,), (10,)]


def test_lenet_equals_a_functional_oracle():
    net, x = lenet(activation=nn.ReLU, pooling=nn.MaxPool2d), torch.rand(3, 1, 28, 28)
    f = nn.functional
    h = f.max_pool2d(f.relu(f.conv2d(x, net[0].weight, net[0].bias, padding=2)), 2)
    h = f.max_pool2d(f.relu(f.conv2d(h, net[3].weight, net[3].bias)), 2).flatten(1)
    h = f.relu(f.linear(h, net[7].weight, net[7].bias))
    h = f.linear(f.relu(f.linear(h, net[9].weight, net[9].bias)), net[11].weight, net[11].bias)
    assert torch.allclose(net(x), h)


def test_softmax_regression_starts_small_and_flat():
    net = softmax_regression()
    assert count(net) == 7850 and net[1].weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert net[1].bias.abs().sum() == 0 and net(torch.rand(1, 1, 28, 28)).shape == (1, 10)


def test_mlp_layers_follow_the_widths():
    net = mlp(784, 256, 64, 10, dropout=(0.2, 0.5))
    assert [type(layer).__name__ for layer in net] == ["Flatten"] + ["Linear", "ReLU", "Dropout"] * 2 + [
        "Linear"
    ]
    assert [layer.p for layer in net if isinstance(layer, nn.Dropout)] == [0.2, 0.5]
    assert count(mlp(4, 3)) == 15 and len(mlp(4, 5, 3)) == 4


@pytest.mark.parametrize(
    ("widths", "dropout", "message"),
    [((4,), 0.0, r"at least two widths.*got \(4,\)"), ((4, 3, 2), (0.1, 0.2), "expected 1")],
)
def test_mlp_refuses_what_does_not_fit(widths, dropout, message):
    with pytest.raises(ValueError, match=message):
        mlp(*widths, dropout=dropout)


def test_xavier_reaches_every_layer_and_refuses_lazy_ones():
    torch.manual_seed(0)
    net = lenet().apply(init_xavier)
    for layer in net:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
            bound = (6 / (fan_in + fan_out)) ** 0.5
            assert 0.8 * bound < layer.weight.abs().max() <= bound
    with warnings.catch_warnings(action="ignore"):  # older releases call lazy layers experimental
        lazy = nn.LazyConv2d(3, 3)
    with pytest.raises(ValueError, match="LazyConv2d has no weights yet.*call the net once"):
        lazy.apply(init_xavier)

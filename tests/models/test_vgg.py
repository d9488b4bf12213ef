import pytest
import torch
from torch import nn
from torchvision.models import vgg11, vgg13, vgg16, vgg19

from utils.models.vgg import VGG11, VGG13, VGG16, VGG19, narrow, vgg, vgg_block


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters_and_shapes_of_the_notes():
    with torch.device("meta"):
        net, small, x = vgg(), vgg(narrow(VGG11, 4)), torch.empty(1, 1, 224, 224)
    assert count(net) == 128_806_154 and count(small) == 43_093_322
    shapes = [tuple((x := layer(x)).shape[1:]) for layer in net]
    assert shapes[:6] == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7), (25088,)]
    assert shapes[6:] == [(4096,)] * 6 + [(10,)]


@pytest.mark.parametrize(
    ("architecture", "theirs"), [(VGG11, vgg11), (VGG13, vgg13), (VGG16, vgg16), (VGG19, vgg19)]
)
def test_layers_of_all_four_are_torchvisions(architecture, theirs):
    with torch.device("meta"):
        ours, other = vgg(architecture, in_channels=3, num_classes=1000), theirs()
    assert [p.shape for p in ours.parameters()] == [p.shape for p in other.parameters()]
    kinds = (nn.Conv2d, nn.Linear, nn.ReLU, nn.MaxPool2d, nn.Dropout)
    listed = [[type(m) for m in net.modules() if isinstance(m, kinds)] for net in (ours, other)]
    assert listed[0] == listed[1]


def test_equals_torchvisions_after_copying_weights():
    with torch.device("meta"):
        theirs, ours = vgg11().eval(), vgg(in_channels=3, num_classes=1000).eval()
    torch.manual_seed(0)
    values = [torch.randn(p.shape) / max(p[0].numel(), 1) ** 0.5 for p in theirs.parameters()]
    for net in (theirs, ours):
        names = [name for name, _ in net.named_parameters()]
        net.load_state_dict(dict(zip(names, values, strict=True)), assign=True)
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(("side", "left"), [(32, 1), (33, 1), (64, 2), (95, 2), (96, 3)])
def test_the_dense_layer_fits_the_pictures(side, left):
    net = vgg(narrow(VGG11, 32), in_channels=2, num_classes=3, side=side, hidden=8, dropout=0)
    assert net[6].in_features == 16 * left**2
    assert net(torch.rand(2, 2, side, side)).shape == (2, 3)
    assert not any(isinstance(layer, nn.Dropout) for layer in net)


@pytest.mark.parametrize(("h", "w"), [(8, 8), (9, 5), (2, 3)])
def test_a_block_halves_and_rounds_down(h, w):
    assert vgg_block(2, 3, 4)(torch.rand(1, 3, h, w)).shape == (1, 4, h // 2, w // 2)
    assert vgg_block(1, 3, 4)(torch.rand(0, 3, h, w)).shape == (0, 4, h // 2, w // 2)


def test_a_block_equals_a_functional_oracle():
    block, x, f = vgg_block(2, 3, 4), torch.randn(2, 3, 6, 6), nn.functional
    h = f.relu(f.conv2d(x, block[0].weight, block[0].bias, padding=1))
    h = f.relu(f.conv2d(h, block[2].weight, block[2].bias, padding=1))
    torch.testing.assert_close(block(x), f.max_pool2d(h, 2))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="5 blocks halve 28 pixels to nothing, expected at least 32"):
        vgg(side=28)
    with pytest.raises(ValueError, match="ratio 65 leaves a block without channels"):
        narrow(VGG11, 65)
    with pytest.raises(ValueError, match="num_convs=0"):
        vgg_block(0, 1, 1)

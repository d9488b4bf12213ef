import pytest
import torch
from torch import nn
from torchvision.models import GoogLeNet

from utils.models.googlenet import STAGES, Inception, googlenet


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters_and_shapes_of_the_book():
    with torch.device("meta"):
        net, x = googlenet(), torch.empty(1, 1, 96, 96)
    assert count(net) == 5_977_530
    shapes = [tuple((x := layer(x)).shape[1:]) for layer in net]
    assert shapes == [(64, 24, 24), (192, 12, 12), (480, 6, 6), (832, 3, 3), (1024,), (10,)]
    assert [len(blocks) for blocks in STAGES] == [2, 5, 2]


def test_the_first_block_has_the_numbers_of_the_notes():
    block = Inception(192, 64, (96, 128), (16, 32), 32)
    assert count(block) == 163_696 and block.out_channels == 256
    assert block(torch.rand(1, 192, 28, 28)).shape == (1, 256, 28, 28)


def test_a_block_equals_a_functional_oracle():
    block, f = Inception(3, 2, (4, 5), (2, 3), 4), nn.functional
    x = torch.randn(2, 3, 7, 6)

    def conv(module, x):
        return f.relu(f.conv2d(x, module[0].weight, module[0].bias, padding=module[0].kernel_size[0] // 2))

    paths = [
        conv(block.path1, x),
        conv(block.path2[1], conv(block.path2[0], x)),
        conv(block.path3[1], conv(block.path3[0], x)),
        conv(block.path4[1], f.max_pool2d(x, 3, stride=1, padding=1)),
    ]
    torch.testing.assert_close(block(x), torch.cat(paths, 1))
    assert [conv.kernel_size for conv in block.modules() if isinstance(conv, nn.Conv2d)] == [
        (1, 1), (1, 1), (3, 3), (1, 1), (5, 5), (1, 1)
    ]  # fmt: skip


def test_channels_are_torchvisions_and_its_3x3_in_place_of_5x5_is_not():
    """torchvision has batch norm, and a 3x3 kernel where the paper has 5x5 (kept there for its weights' sake)."""
    with torch.device("meta"):
        theirs = GoogLeNet(aux_logits=False, init_weights=False)
        ours = googlenet(in_channels=3, num_classes=1000, batch_norm=True)
    convs = [[m for m in net.modules() if isinstance(m, nn.Conv2d)] for net in (theirs, ours)]
    for a, b in zip(*convs, strict=True):
        assert a.weight.shape[:2] == b.weight.shape[:2]
        assert a.kernel_size == b.kernel_size or (a.kernel_size, b.kernel_size) == ((3, 3), (5, 5))


@pytest.mark.parametrize("size", [(28, 28), (33, 50), (16, 16)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_narrow_nets_take_any_size(size, batch_norm):
    net = googlenet(width=1 / 16, stem_stride=1, batch_norm=batch_norm, in_channels=2, num_classes=3)
    assert net(torch.rand(2, 2, *size)).shape == (2, 3)
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    biases = [module.bias is not None for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert len(norms) == 57 * batch_norm and len(biases) == 57 and all(biases) is not batch_norm
    assert min(conv.out_channels for conv in net.modules() if isinstance(conv, nn.Conv2d)) >= 1


def test_each_hidden_convolution_has_its_relu():
    net = googlenet(width=1 / 16)
    assert sum(isinstance(m, nn.ReLU) for m in net.modules()) == 57

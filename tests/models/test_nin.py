import pytest
import torch
from torch import nn

from utils.models.nin import nin, nin_block

SMALL = {"stem": (5, 1, 2), "channels": (4, 8, 12)}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameters_and_shapes_of_the_notes():
    with torch.device("meta"):
        net, x = nin(), torch.empty(1, 1, 224, 224)
    assert count(net) == 1_992_166
    shapes = [tuple((x := layer(x)).shape) for layer in net]
    assert shapes == [
        (1, 96, 54, 54), (1, 96, 26, 26), (1, 256, 26, 26), (1, 256, 12, 12), (1, 384, 12, 12),
        (1, 384, 5, 5), (1, 384, 5, 5), (1, 10, 5, 5), (1, 10, 1, 1), (1, 10),
    ]  # fmt: skip
    assert not any(isinstance(module, nn.Linear) for module in net.modules())


def test_a_block_is_a_small_dense_net_at_every_pixel():
    """1x1 convolutions equal dense layers over the channels of one pixel."""
    block, x = nin_block(3, 4, 3, 2, 1), torch.randn(2, 3, 7, 9)
    h = nn.functional.relu(
        nn.functional.conv2d(x, block[0].weight, block[0].bias, stride=2, padding=1)
    ).permute(0, 2, 3, 1)
    for conv in (block[2], block[4]):
        h = nn.functional.relu(h @ conv.weight[:, :, 0, 0].T + conv.bias)
    torch.testing.assert_close(block(x), h.permute(0, 3, 1, 2))


def test_logits_are_averages_of_the_last_blocks_maps():
    net, x = nin(**SMALL, dropout=0, in_channels=2, num_classes=3), torch.rand(2, 2, 28, 28)
    maps = net[:-2](x)
    assert maps.shape == (2, 3, 2, 2) and maps.min() >= 0
    torch.testing.assert_close(net(x), maps.mean((2, 3)))


@pytest.mark.parametrize("size", [(28, 28), (40, 33), (15, 90)])
def test_any_size_of_picture_will_do(size):
    net = nin(**SMALL)
    assert net(torch.rand(2, 1, *size)).shape == (2, 10) and net(torch.rand(0, 1, *size)).shape == (0, 10)


def test_dropout_can_be_left_out_and_small_pictures_fail():
    assert not any(isinstance(layer, nn.Dropout) for layer in nin(**SMALL, dropout=0))
    assert [layer.p for layer in nin(**SMALL) if isinstance(layer, nn.Dropout)] == [0.5]
    with torch.device("meta"):
        net = nin(channels=(4, 8, 12))
        assert net(torch.empty(1, 1, 67, 67)).shape == (1, 10)
        with pytest.raises(RuntimeError, match="too small"):
            net(torch.empty(1, 1, 66, 66))

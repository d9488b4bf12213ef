import pytest
import torch
import torchvision
from torch import nn

from utils.models.bn_lenet import bn_lenet
from utils.models.resnet import RESNET18, RESNET34, Residual, resnet


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def of_kind(model, kind):
    return [module for module in model.modules() if isinstance(module, kind)]


def copy_from_torchvision(ours, theirs):
    """Weights in the order in which both nets compute; torchvision's convolutions have no biases."""

    def modules(net, block, names):
        stem = [net.conv1, net.bn1] if hasattr(net, "conv1") else [net[0][0], net[0][1]]
        found = [getattr(m, n) for m in net.modules() if isinstance(m, block) for n in names]
        flat = [
            m
            for item in found
            if item is not None
            for m in ([*item] if isinstance(item, nn.Sequential) else [item])
        ]
        return [m for m in stem + flat if not isinstance(m, nn.Identity)] + [
            net.fc if hasattr(net, "fc") else net[-1]
        ]

    basic = torchvision.models.resnet.BasicBlock
    sources = modules(theirs, basic, ("conv1", "bn1", "conv2", "bn2", "downsample"))
    targets = modules(ours, Residual, ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3"))
    for target, source in zip(targets, sources, strict=True):
        state = source.state_dict()
        if "bias" not in state:
            state["bias"] = torch.zeros(target.bias.shape)
        target.load_state_dict(state)


def test_resnet18_has_the_numbers_of_the_notes():
    with torch.device("meta"):
        net, x = resnet(), torch.empty(1, 1, 224, 224)
    assert count(net) == 11_178_378
    assert len(of_kind(net, nn.Conv2d)) == 20 and len(of_kind(net, nn.BatchNorm2d)) == 17
    assert sum(conv.kernel_size == (1, 1) for conv in of_kind(net, nn.Conv2d)) == 3
    shapes = [tuple((x := layer(x)).shape[1:]) for layer in net]
    assert shapes == [
        (64, 56, 56), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7), (512, 1, 1), (512,), (10,)
    ]  # fmt: skip


@pytest.mark.parametrize(("blocks", "build"), [(RESNET18, "resnet18"), (RESNET34, "resnet34")])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shortcut_norm", [False, True])
def test_equals_torchvision(blocks, build, training, shortcut_norm):
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, build)(num_classes=7)
    for norm in of_kind(theirs, nn.BatchNorm2d):  # a fresh batch norm is the identity in eval mode
        nn.init.uniform_(norm.weight, 0.5, 1.0)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.5, 2.0)
    if not shortcut_norm:
        for block in of_kind(theirs, torchvision.models.resnet.BasicBlock):
            if block.downsample is not None:
                block.downsample[1] = nn.Identity()
    ours = resnet(blocks, in_channels=3, num_classes=7, shortcut_norm=shortcut_norm)
    copy_from_torchvision(ours, theirs)
    x = torch.rand(3, 3, 45, 70)
    expected = theirs.train(training)(x)
    torch.testing.assert_close(
        ours.train(training)(x), expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item()
    )


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("blocks", "layers"), [(RESNET18, 18), (RESNET34, 34)])
def test_weight_layers_give_the_names(blocks, layers, residual):
    net = resnet(blocks, width=2, residual=residual)
    main = [conv for conv in of_kind(net, nn.Conv2d) if conv.kernel_size != (1, 1)]
    assert len(main) + 1 == layers
    assert len(of_kind(net, nn.Conv2d)) - len(main) == 3 * residual


def test_a_plain_block_is_the_chain_alone():
    block = Residual(2, 5, use_1x1conv=True, strides=2, residual=False)
    x = torch.rand(4, 2, 7, 6)
    chain = nn.Sequential(block.conv1, block.bn1, nn.ReLU(), block.conv2, block.bn2, nn.ReLU())
    torch.testing.assert_close(block(x), chain(x))
    assert block.conv3 is None


def test_a_block_with_nothing_to_add_is_the_identity():
    block = Residual(3, 3)
    nn.init.zeros_(block.bn2.weight)
    x = torch.rand(4, 3, 6, 6)
    torch.testing.assert_close(block(x), x)


def test_a_block_leaves_its_input_alone():
    x = torch.rand(4, 3, 6, 6)
    before = x.clone()
    with torch.no_grad():
        Residual(3, 3)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("arguments", [{"num_channels": 6}, {"num_channels": 3, "strides": 2}])
def test_a_shortcut_that_does_not_fit_is_named(arguments):
    with pytest.raises(ValueError, match="use_1x1conv=True"):
        Residual(3, **arguments)


def test_a_block_halves_and_rounds_up():
    assert Residual(3, 6, use_1x1conv=True, strides=2)(torch.rand(4, 3, 6, 6)).shape == (4, 6, 3, 3)
    assert Residual(3, 6, use_1x1conv=True, strides=2)(torch.rand(4, 3, 7, 5)).shape == (4, 6, 4, 3)


@pytest.mark.parametrize("stem", ["small", "large"])
@pytest.mark.parametrize("size", [(32, 32), (28, 40), (1, 1)])
def test_small_pictures_and_odd_sizes(stem, size):
    net = resnet(width=4, in_channels=3, stem=stem).eval()
    assert net(torch.rand(2, 3, *size)).shape == (2, 10)
    assert net[0](torch.rand(1, 3, 32, 32)).shape == (1, 4, *((32, 32) if stem == "small" else (8, 8)))


@pytest.mark.parametrize("wrong", [{"stem": "tiny"}, {"blocks": ()}, {"blocks": (2, 0)}])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match="stem|block"):
        resnet(**wrong)


def test_lenet_with_and_without_batch_norm():
    norm, bare = bn_lenet(), bn_lenet(batch_norm=False)
    assert (count(norm), count(bare)) == (44_878, 44_426)
    assert [type(m).__name__ for m in norm if "BatchNorm" in type(m).__name__] == [
        "BatchNorm2d", "BatchNorm2d", "BatchNorm1d", "BatchNorm1d"
    ]  # fmt: skip
    assert [type(m) for m in norm if "BatchNorm" not in type(m).__name__] == [type(m) for m in bare]
    x, shapes = torch.rand(3, 1, 28, 28), []
    for layer in bare:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    assert (16, 4, 4) in shapes and (256,) in shapes and shapes[-1] == (10,)
    assert norm(torch.rand(2, 1, 28, 28)).shape == (2, 10)

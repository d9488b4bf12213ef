"""The training loops give the book's weights and numbers, wait for the device once an epoch, and are bounded."""

from __future__ import annotations

import copy
import re
from unittest import mock

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from utils.d2l import budget, loaders


def examples(count: int, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (count,), generator=random)
    images = torch.rand(count, 1, 8, 8, generator=random)
    images[torch.arange(count), 0, labels] += 1
    return images, labels


def loader(count: int, batch: int, *, seed: int = 0, shuffle: bool = True) -> DataLoader:
    return DataLoader(TensorDataset(*examples(count, seed=seed)), batch, shuffle=shuffle)


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 4))


def convnet() -> nn.Module:
    torch.manual_seed(0)
    body = (nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(4))
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(16, 4))


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def numbers(text: str) -> list[str]:
    return re.findall(r"(?:loss|train acc|test acc) ([\d.]+)", text)


@pytest.mark.parametrize("batch", [7, 64])
def test_ch3_trains_to_the_books_weights(ours, theirs, batch):
    nets = []
    for book in (ours, theirs):
        net, losses = mlp(), nn.CrossEntropyLoss()
        updater = torch.optim.SGD(net.parameters(), 0.1)
        torch.manual_seed(1)
        means = [book.train_epoch_ch3(net, loader(64, batch), losses, updater) for _ in range(2)]
        nets.append((net, means, book.evaluate_accuracy(net, loader(50, 20))))
    (first, means, share), (second, expected, right) = nets
    assert same(first, second) and share == pytest.approx(right) and not first.training
    assert [*means[0], *means[1]] == pytest.approx([*expected[0], *expected[1]], rel=1e-5)


def test_ch3_takes_a_loss_an_example_as_later_editions_do(ours):
    nets = []
    for reduction in ("mean", "none"):
        net, losses = mlp(), nn.CrossEntropyLoss(reduction=reduction)
        torch.manual_seed(1)
        means = ours.train_epoch_ch3(net, loader(60, 25), losses, torch.optim.SGD(net.parameters(), 0.1))
        nets.append((net, means))
    for a, b in zip(nets[0][0].parameters(), nets[1][0].parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert nets[0][1] == pytest.approx(nets[1][1], rel=1e-5)


def test_ch3_takes_a_function_and_an_updater_of_ones_own(ours, theirs):
    results = []
    for book in (ours, theirs):
        w = torch.zeros(64, 4, requires_grad=True)
        net = lambda X, w=w: X.reshape(-1, 64) @ w  # noqa: E731
        losses = nn.CrossEntropyLoss(reduction="none")
        updater = lambda size, w=w, book=book: book.sgd([w], 0.5, size)  # noqa: E731
        torch.manual_seed(1)
        means = book.train_epoch_ch3(net, loader(40, 16), losses, updater)
        results.append((w.detach(), means))
    assert torch.equal(results[0][0], results[1][0]) and results[0][1] == pytest.approx(results[1][1])


def test_ch3_says_what_the_book_asserts(ours, capsys):
    net = mlp()
    updater = torch.optim.SGD(net.parameters(), 0.0)
    ours.train_ch3(net, loader(30, 10), loader(30, 10), nn.CrossEntropyLoss(), 1, updater)
    assert "the book expects a loss below 0.5" in capsys.readouterr().out


def test_ch6_trains_to_the_books_weights_and_prints_its_line(ours, theirs, capsys):
    nets, lines = [], []
    for book in (ours, theirs):
        net = convnet()
        torch.manual_seed(3)
        book.train_ch6(
            net, loader(60, 10), loader(30, 10, seed=9, shuffle=False), 2, 0.2, torch.device("cpu")
        )
        nets.append(net)
        lines.append(numbers(capsys.readouterr().out))
    assert same(*nets) and lines[0] == lines[1] and len(lines[0]) == 3


def test_ch13_trains_to_the_books_weights_and_prints_its_line(ours, theirs, capsys):
    nets, lines = [], []
    for book in (ours, theirs):
        net = convnet()
        trainer = torch.optim.Adam(net.parameters(), 0.01)
        torch.manual_seed(3)
        losses = nn.CrossEntropyLoss(reduction="none")
        data = (loader(60, 10), loader(30, 10, seed=9, shuffle=False))
        book.train_ch13(net, *data, losses, trainer, 2, [torch.device("cpu")])
        nets.append(net)
        lines.append(numbers(capsys.readouterr().out))
    assert same(*nets) and lines[0] == lines[1] and len(lines[0]) == 3


def test_one_batch_of_ch13(ours, theirs):
    X, y = examples(12)
    results = []
    for book in (ours, theirs):
        net = convnet()
        trainer = torch.optim.SGD(net.parameters(), 0.1)
        losses = nn.CrossEntropyLoss(reduction="none")
        results.append((net, book.train_batch_ch13(net, X, y, losses, trainer, [torch.device("cpu")])))
    (first, (total, hits)), (second, (expected, right)) = results
    assert same(first, second) and total.item() == expected.item() and hits == right
    assert not total.requires_grad


@pytest.mark.parametrize("count", [1, 3, 9])
def test_fewer_than_five_batches_and_no_devices(ours, count, capsys):
    net, data = mlp(), (loader(count, 3), loader(4, 3))
    losses = nn.CrossEntropyLoss(reduction="none")
    ours.train_ch13(net, *data, losses, torch.optim.SGD(net.parameters(), 0.1), 2, [])
    ours.train_ch6(net, *data, 1, 0.1, "cpu")
    assert "examples/sec on [device(type='cpu')]" in capsys.readouterr().out


def test_the_curve_has_the_books_points(ours, theirs):
    points = []
    for book in (ours, theirs):
        kept = []
        module = ours.book if book is ours else theirs._copy
        board = mock.Mock()
        board.add = lambda x, y, kept=kept: kept.append((x, *y))
        with mock.patch.object(module, "Animator", return_value=board):
            torch.manual_seed(3)
            book.train_ch6(convnet(), loader(60, 5), loader(20, 10), 2, 0.2, torch.device("cpu"))
        points.append(kept)
    for got, want in zip(*points, strict=True):
        assert [value is None for value in got] == [value is None for value in want]
        assert [v for v in got if v is not None] == pytest.approx(
            [v for v in want if v is not None], rel=1e-5
        )


def test_the_device_is_not_waited_for_in_each_step(ours):
    """As many numbers are asked for in 40 steps as in 4."""
    counts = []
    for batch in (20, 2):
        net = mlp()
        asked = mock.Mock()
        originals = {
            name: getattr(torch.Tensor, name) for name in ("item", "__float__", "tolist", "__bool__")
        }

        def spy(name, originals=originals, asked=asked):
            return lambda self, *a: (asked(name), originals[name](self, *a))[1]

        data = ours.load_array(examples(80), batch), ours.load_array(examples(80), 80, False)
        with mock.patch.multiple(torch.Tensor, **{name: spy(name) for name in originals}):
            ours.train_ch3(net, *data, nn.CrossEntropyLoss(), 1, torch.optim.SGD(net.parameters(), 0.1))
            ours.train_ch6(net, *data, 1, 0.1, "cpu")
        counts.append(asked.call_count)
    assert counts[0] == counts[1]


def test_measures(ours, theirs):
    random = torch.Generator().manual_seed(0)
    for shape, labels in (((9, 4), (9,)), ((9, 1), (9, 1)), ((9,), (9,)), ((2, 4, 5, 5), (2, 5, 5))):
        y_hat, y = torch.randn(shape, generator=random), torch.randint(0, 4, labels, generator=random)
        assert ours.accuracy(y_hat, y) == theirs.accuracy(y_hat, y)
    net, data = nn.Linear(3, 1), ours.load_array((torch.rand(10, 3), torch.rand(10)), 4, False)
    for losses in (nn.MSELoss(reduction="none"), nn.MSELoss(), ours.squared_loss):
        expected = theirs.evaluate_loss(net, data, losses)
        assert ours.evaluate_loss(net, data, losses) == pytest.approx(expected)


def test_no_batches_are_said_to_be_none(ours):
    for call in (
        lambda: ours.evaluate_accuracy(mlp(), []),
        lambda: ours.evaluate_accuracy_gpu(mlp(), []),
        lambda: ours.evaluate_loss(mlp(), [], nn.MSELoss()),
        lambda: ours.train_epoch_ch3(mlp(), [], nn.MSELoss(), None),
        lambda: ours.train_ch6(mlp(), [], [], 1, 0.1, "cpu"),
    ):
        with pytest.raises(ValueError, match="no batches"):
            call()


def heavy() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 4))


def test_operations_are_counted_without_a_trace():
    net = heavy()
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    found = budget.operations(net, torch.rand(2, 1, 8, 8, generator=torch.Generator()))
    assert found == 2 * 2 * (8 * 9 * 36 + 8 * 36 * 4)  # two pictures, two operations a multiplication
    assert net.training and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    lazy = nn.Sequential(nn.LazyConv2d(3, 3))
    assert budget.operations(lazy, torch.zeros(1, 2, 8, 8)) > 0
    assert lazy[0].has_uninitialized_params()


@pytest.mark.parametrize(
    "examples_affordable, expected",
    [
        (10_000, (5, None, None)),
        (5 * 6 * 10, (5, None, None)),
        (299, (4, 6, None)),
        (60, (1, 6, None)),
        (45, (1, 4, None)),
        (19, (1, 2, 9)),
        (1, (1, 2, 4)),
    ],
)
def test_a_call_is_cut_to_what_is_affordable(monkeypatch, capsys, examples_affordable, expected):
    net = heavy()
    one = 3 * budget.operations(net, torch.zeros(2, 1, 8, 8)) / 2
    monkeypatch.setattr(budget, "WORK", one * examples_affordable)
    state = torch.get_rng_state()
    todo = budget.plan(net, loader(60, 10), 5)
    assert tuple(todo) == expected and torch.equal(torch.get_rng_state(), state)
    assert ("scale sample" in capsys.readouterr().out) == (todo != (5, None, None))
    sizes = [len(y) for _, y in todo.cut(loader(60, 10))]
    assert sizes == [expected[2] or 10] * (expected[1] or 6)


def test_at_full_nothing_is_cut(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "full")
    monkeypatch.setattr(budget, "WORK", 1.0)
    assert budget.plan(heavy(), loader(60, 10), 5) == (5, None, None)


def test_a_cut_call_still_trains_and_reports(ours, monkeypatch, capsys):
    monkeypatch.setattr(budget, "WORK", 1.0)
    net = heavy()
    before = net[0].weight.detach().clone()
    ours.train_ch6(net, loader(60, 10), loader(60, 10), 5, 0.1, "cpu")
    out = capsys.readouterr().out
    assert "1 of 5 epochs, 2 of 6 batches, 4 of 10 examples each" in out and "test acc" in out
    assert not torch.equal(before, net[0].weight)


def test_a_loader_on_the_device_is_used(ours):
    data = loaders.Loader(*examples(8), batch_size=4)
    assert data.on("cpu") is data
    elsewhere = data.on("meta")
    assert elsewhere.images.device.type == "meta" and data.on("meta") is elsewhere
    assert loaders.on_device([1], "meta") == [1]

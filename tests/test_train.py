import copy
import math
import os
import signal
import subprocess
import sys
import weakref
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from utils.datasets.batches import Batches
from utils.device import seed_everything
from utils.history import History
from utils.train import Step, classification_step, evaluate, fit, predict, regression_step


def batches(count=40, batch_size=8, *, shuffle=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=generator)
    images = torch.randint(256, (count, 1, 4, 4), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), 0, 0, labels] = 255
    return Batches(images, labels, batch_size=batch_size, shuffle=shuffle)


def net(*, dropout=0.0):
    seed_everything(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def plain_loop(model, data, optimizer, epochs):
    """The oracle: the loop as a textbook writes it."""
    losses = []
    for _ in range(epochs):
        total = hits = count = 0
        model.train()
        for x, y in data:
            optimizer.zero_grad()
            logits = model(x)
            loss = nn.functional.cross_entropy(logits, y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            hits += (logits.argmax(1) == y).sum().item()
            count += len(y)
        losses.append((total / count, hits / count))
    return losses


def test_fit_equals_the_plain_loop():
    a, b = net(dropout=0.3), net(dropout=0.3)
    seed_everything(3)
    expected = plain_loop(a, batches(), sgd(a), 3)
    seed_everything(3)
    records = list(fit(b, batches(), sgd(b), epochs=3))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    for record, (loss, accuracy) in zip(records, expected, strict=True):
        assert record["train loss"] == pytest.approx(loss, rel=1e-5)
        assert record["train accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize("count", [1, 2, 3, 9, 17, 41, 48])
def test_one_to_six_batches_and_single_examples(count):
    data = batches(count)
    record = list(fit(model := net(), data, sgd(model), epochs=2, valid=batches(1)))[-1]
    assert len(data) == -(-count // 8) and math.isfinite(record["train loss"]) and record.epoch == 2


def test_a_data_loader_serves_as_well():
    data = DataLoader(TensorDataset(torch.randn(10, 16), torch.arange(10) % 3), batch_size=4)
    record = next(fit(model := net(), data, sgd(model), epochs=1))
    assert record.examples_per_second > 0


def test_fit_learns_and_evaluates():
    model = net()
    data = batches(60)
    before = evaluate(model, data)
    history = History(fit(model, data, sgd(model, lr=0.05), epochs=20, valid=data))
    assert history.last["valid accuracy"] > 0.8 > 0.6 > before["accuracy"]
    assert evaluate(model, data)["accuracy"] == pytest.approx(history.last["valid accuracy"])


def test_modes_are_given_back_and_frozen_parts_stay_in_eval():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 3))
    model[1].eval()
    before = model[1].running_mean.clone()
    for _ in fit(model, batches(), sgd(model), epochs=1, valid=batches()):
        assert model.training and not model[1].training
    assert torch.equal(model[1].running_mean, before)
    model.eval()
    next(fit(model, batches(), sgd(model), epochs=1))
    assert not model.training and not torch.equal(
        model[1].running_mean, before
    )  # a model in eval mode is trained


def test_evaluation_neither_trains_nor_draws():
    model = net(dropout=0.5)
    state = copy.deepcopy(model.state_dict())
    first, second = evaluate(model, batches()), evaluate(model, batches())
    assert first == second and model.training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_stop_keeps_what_was_learnt_and_training_goes_on():
    model, data = net(), batches()

    def interrupted(model, batch):
        if interrupted.left == 0:
            raise KeyboardInterrupt
        interrupted.left -= 1
        return classification_step(model, batch)

    interrupted.left = 7
    history = History()
    with pytest.raises(KeyboardInterrupt):
        for record in fit(model, data, sgd(model), interrupted, epochs=5):
            history.append(record)
    assert len(history) == 1 and model.training
    assert next(fit(model, data, sgd(model), epochs=1))["train loss"] < history[0]["train loss"]


class CountHostReads(TorchDispatchMode):
    """Counts the operations that make the host wait for a number from the device."""

    reads = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.reads += function in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return function(*args, **(kwargs or {}))


def test_the_host_waits_for_the_device_once_an_epoch_not_once_a_batch():
    def reads(count, step=classification_step):
        model = net()
        training = fit(model, batches(count, 4, shuffle=False), sgd(model), step, epochs=1)
        with CountHostReads() as counter:
            next(training)
        return counter.reads

    def asks(model, batch):
        step = classification_step(model, batch)
        step.loss.item()
        return step

    assert reads(8) == reads(40) <= 2
    assert reads(40, asks) - reads(8, asks) == 8  # the counter sees a step that does ask


def test_a_batch_is_let_go_before_the_next_is_made():
    """What is alive cannot lend its memory, still in the cache, to the next batch."""
    alive = []

    def watch(x):
        assert all(reference() is None for reference in alive)
        alive.append(weakref.ref(x))
        return x

    data = batches()
    data.transform = watch
    model = net()
    list(fit(model, data, sgd(model), epochs=2, valid=data))
    assert len(alive) == 4 * len(data)


def test_more_losses_than_the_first_block_holds_are_all_looked_at():
    x, y = torch.ones(1100, 1), torch.zeros(1100, 1)
    x[1040] = math.inf
    model = nn.Linear(1, 1)
    data = Batches(x, y, batch_size=1)
    with pytest.raises(FloatingPointError, match="epoch 1, batch 1041 of 1100"):
        list(fit(model, data, sgd(model, 0.0), regression_step, epochs=1))


def test_a_loss_that_is_not_finite_is_named():
    data = batches(40, shuffle=False)

    def spoilt(model, batch):
        step = classification_step(model, batch)
        spoilt.seen += 1
        return Step(step.loss * (float("nan") if spoilt.seen == 8 else 1), step.sums)

    spoilt.seen = 0
    with pytest.raises(FloatingPointError, match="nan in epoch 2, batch 3 of 5.*smaller learning rate"):
        list(fit(model := net(), data, sgd(model), spoilt, epochs=3))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"epochs": -1}, "epochs >= 0"),
        ({"epochs": 1, "schedule_by": "step"}, "'epoch' or 'batch', got 'step'"),
    ],
)
def test_bad_arguments_are_refused_before_the_loop_begins(keywords, message):
    with pytest.raises(ValueError, match=message):
        fit(model := net(), batches(), sgd(model), **keywords)


def test_an_iterator_would_be_empty_in_the_second_epoch():
    with pytest.raises(ValueError, match="walked once an epoch, got an iterator .generator."):
        fit(model := net(), (batch for batch in batches()), sgd(model), epochs=2)


def test_plateau_needs_the_loss_of_an_epoch():
    optimizer = sgd(model := net())
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    with pytest.raises(ValueError, match="schedule_by='epoch'"):
        fit(model, batches(), optimizer, epochs=1, scheduler=plateau, schedule_by="batch")


def test_no_batches_is_an_error_not_a_division_by_zero():
    model = net()
    for use in (lambda: list(fit(model, [], sgd(model), epochs=1)), lambda: evaluate(model, [])):
        with pytest.raises(ValueError, match="no batches to"):
            use()
    with pytest.raises(ValueError, match="no batches to predict"):
        predict(model, [])
    assert list(fit(model, [], sgd(model), epochs=0)) == []


def test_schedulers_step_by_epoch_batch_or_loss():
    model = net()
    optimizer = sgd(model, lr=1.0)
    halve = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    list(fit(model, batches(), optimizer, epochs=2, scheduler=halve))
    assert optimizer.param_groups[0]["lr"] == 0.25
    optimizer = sgd(model, lr=1.0)
    halve = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    list(fit(model, batches(24), optimizer, epochs=2, scheduler=halve, schedule_by="batch"))
    assert optimizer.param_groups[0]["lr"] == 0.5**6
    optimizer = sgd(model, lr=1e-12)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.1, eps=0)
    list(fit(model, batches(), optimizer, epochs=3, valid=batches(), scheduler=plateau))
    assert optimizer.param_groups[0]["lr"] < 1e-12


def test_autocast_computes_in_bfloat16_and_keeps_float32_weights():
    model, seen = net(), []
    model[1].register_forward_hook(lambda *args: seen.append(args[-1].dtype))
    record = next(fit(model, batches(), sgd(model), epochs=1, valid=batches(), autocast=torch.bfloat16))
    assert set(seen) == {torch.bfloat16} and model[1].weight.dtype == torch.float32
    assert math.isfinite(record["valid loss"])


def test_regression_refuses_a_silent_broadcast():
    model = nn.Linear(3, 1)
    x = torch.randn(5, 3)
    step = regression_step(model, (x, model(x).detach() + 2))
    assert step.loss.item() == pytest.approx(4) and step.sums["loss"][1] == 5
    with pytest.raises(ValueError, match=r"\(5, 1\) and \(5,\).*reshape"):
        regression_step(model, (x, torch.randn(5)))


def test_label_smoothing_matches_torch():
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    step = partial(classification_step, label_smoothing=0.1)(nn.Identity(), (logits, labels))
    expected = nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert torch.allclose(step.loss, expected)


def test_a_tensor_is_one_batch_to_predict():
    assert predict(net(), torch.rand(5, 1, 4, 4)).shape == (5, 3)


def test_predictions_keep_the_order_and_the_mode():
    model, data = net(dropout=0.5), batches(19, shuffle=False)
    outputs = predict(model, data)
    assert outputs.shape == (19, 3) and model.training
    model.eval()
    expected = torch.cat([model(x) for x, _ in data])
    assert torch.allclose(outputs, expected.detach())


# --- checkpoints ------------------------------------------------------------------------------------------------


def run(checkpoint=None, *, epochs=5, stop_after=None, scheduler=True, lr=0.1, draws=False):
    model = net(dropout=0.4)
    optimizer = sgd(model, lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=25) if scheduler else None
    records = []
    for record in fit(
        model,
        batches(),
        optimizer,
        epochs=epochs,
        scheduler=schedule,
        schedule_by="batch",
        checkpoint=checkpoint,
    ):
        records.append(record)
        if record.epoch == stop_after:
            break
        if draws:
            torch.rand(1)  # a loop's body may use random numbers, to show an augmented picture for instance
    return model, records


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tmp_path, stop_after, draws):
    whole, expected = run(draws=draws)
    run(tmp_path / "run.pt", stop_after=stop_after, draws=draws)
    torch.manual_seed(99)  # another state of the world
    resumed, records = run(tmp_path / "run.pt", draws=draws)
    assert all(torch.equal(p, q) for p, q in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert [r.metrics for r in records] == [r.metrics for r in expected]


def killable_run(file, kill_at=None):
    """Train four epochs; kill this very process at step `kill_at`. Runs in a subprocess and in the test."""
    model, steps = net(dropout=0.4), 0

    def step(model, batch):
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return classification_step(model, batch)

    for _ in fit(model, batches(), sgd(model), step, epochs=4, checkpoint=file):
        pass
    return model


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_resumes(tmp_path):
    file = tmp_path / "run.pt"
    script = f"from tests.test_train import killable_run; killable_run({str(file)!r}, kill_at=12)"
    killed = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[1], capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL and file.exists(), killed.stderr
    resumed, whole = killable_run(file), killable_run(tmp_path / "other.pt")
    assert all(torch.equal(p, q) for p, q in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_a_crash_while_writing_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    run(file, epochs=1, scheduler=False)
    before = file.read_bytes()

    def disk_full(content, target):
        target.write(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(OSError, match="No space left"):
        run(file, epochs=2, scheduler=False)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_checkpoints_that_do_not_fit_are_refused_and_kept(tmp_path):
    file = tmp_path / "run.pt"
    run(file, epochs=2, scheduler=False)
    good = file.read_bytes()
    other = nn.Sequential(nn.Flatten(), nn.Linear(16, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 3))
    with pytest.raises(ValueError, match=r"of another model: .*\(8,\) in the file, \(9,\) in the model"):
        list(fit(other, batches(), sgd(other), epochs=2, checkpoint=file))
    adam = torch.optim.Adam(net().parameters())
    with pytest.raises(ValueError, match="another optimizer: kind was SGD, is Adam"):
        list(fit(net(), batches(), adam, epochs=2, checkpoint=file))
    with pytest.raises(
        ValueError, match="another optimizer: lr was 0.1, is 5.0. Fix: delete it or name another"
    ):
        run(file, epochs=2, scheduler=False, lr=5.0)
    with pytest.raises(ValueError, match="another scheduler: kind was none, is OneCycleLR"):
        run(file, epochs=2)
    with pytest.raises(ValueError, match="is a folder. Fix: name a file in it"):
        run(tmp_path, epochs=2, scheduler=False)
    with pytest.raises(ValueError, match="holds 2 epochs, but only 1"):
        run(file, epochs=1, scheduler=False)
    assert file.read_bytes() == good
    for content in (good[: len(good) // 2], b"", b"plain text", b"epoch,loss\n1,2.3\n"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="no whole checkpoint.*Fix: delete it"):
            run(file, epochs=2, scheduler=False)
        assert file.read_bytes() == content
    torch.save(net().state_dict(), file)
    with pytest.raises(ValueError, match="no checkpoint of this course"):
        run(file, epochs=2, scheduler=False)


def test_a_pickle_bomb_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path / 'boom'}",))

    file = tmp_path / "run.pt"
    torch.save({"version": 1, "model": Bomb()}, file)
    with pytest.raises(ValueError, match="no whole checkpoint"):
        run(file)
    assert not (tmp_path / "boom").exists()

"""The race to the book's accuracy and the standing record, on few pictures and without a clock in any assertion."""

import json
import time

import pytest
import torch
from torch import nn

from benchmarks import ingredients, record, time_to_accuracy
from benchmarks.race import table
from utils import measured
from utils.datasets.batches import Batches, Splits
from utils.measured import race


@pytest.fixture
def tiny(monkeypatch):
    images = torch.randint(
        0, 256, (64, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    labels = torch.arange(64) % 10

    def load(batch_size=32, *, valid=0, seed=0):
        train = Batches(images, labels, batch_size=16, shuffle=True, seed=seed)
        judges = Batches(images, labels, batch_size=64)
        return Splits(train, judges if valid else None, judges)

    monkeypatch.setattr(time_to_accuracy, "load_fashion_mnist", load)
    monkeypatch.setattr("utils.datasets.fashion_mnist.load_fashion_mnist", load)


def row(book=((10.0, 0.8), (12.0, 0.82)), ours=((1.0, 0.82), (2.0, 0.83), (4.0, 0.85)), **changes):
    sides = {"book": book, "ours": ours}
    runs = {
        side: [{"seed": i, "seconds": s, "accuracy": a} for i, (s, a) in enumerate(pairs)]
        for side, pairs in sides.items()
    }
    return {"title": "a net", "epochs": 1, "projected": False} | runs | changes


def test_target_ratio_and_who_passes():
    assert race.target_of(row()) == pytest.approx(0.81)
    assert race.ratio_of(row()) == 11 / 2
    assert race.passes(row())
    late = row(ours=((1.0, 0.809), (1.0, 0.9), (1.0, 0.9)))
    assert not race.passes(late)
    text = table({"net": row(), "late": late})
    assert "| 6 |" in text and "does not reach it" in text and "projected" not in text
    assert "projected" in table({"net": row(projected=True)})
    assert "make race" in table({})


def test_the_modern_recipe_trains_every_net(tiny):
    for contest in time_to_accuracy.contests():
        if contest.slug != "resnet18":
            run = time_to_accuracy.modern_recipe(contest, seed=1)
            assert set(run) == {"seed", "seconds", "accuracy"} and 0 <= run["accuracy"] <= 1


def test_ingredients_stop_at_the_first_number_of_epochs_that_is_enough(tiny, monkeypatch):
    calls = []

    def steps(seed, loop, **change):
        calls.append((seed, change.get("epochs")))
        return {"seed": seed, "seconds": 1.0, "accuracy": 0.3 * change.get("epochs", 1) - 0.01 * seed}

    monkeypatch.setattr(ingredients, "same_steps", steps)
    epochs, runs = ingredients.shortest((0, 1), 0.59, "cycle", {"relu": True})
    assert epochs == 2 and len(runs) == 2  # 0.6 and 0.59
    assert ingredients.shortest((0,), 0.61, "cycle", {"relu": True})[0] == 3
    assert ingredients.shortest((0,), 0.9, "d2l", {})[0] == time_to_accuracy.BOOK_EPOCHS


def test_a_loader_is_cut_and_still_knows_its_length():
    first = time_to_accuracy.First([1, 2, 3], 2)
    assert list(first) == [1, 2] and len(first) == 2


def test_the_record_run_ends_at_rate_zero_and_reports_what_it_did(tiny):
    recipe = record.Recipe(width=2, batch_size=16, peak=0.1, reserve=0.5)
    run = record.one(1.0, 3, time.time(), recipe, held_out=True)
    assert run["seed"] == 3 and run["epochs"] > 0 and 0 <= run["accuracy"] <= 1


def test_the_network_of_the_record_takes_any_batch():
    net = record.network(4).eval()
    assert net(torch.zeros(3, 1, 28, 28)).shape == (3, 10) and net(torch.zeros(0, 1, 28, 28)).shape == (0, 10)
    assert isinstance(net[-1], nn.Linear)


def test_only_a_better_run_in_time_replaces_the_record():
    machine = {"processor": "a chip", "threads": 2}

    def attempt(mean, seconds=59.0, date="today"):
        runs = [{"seed": 0, "accuracy": mean, "epochs": 2.5, "seconds": seconds}]
        return {"seconds": 60, "mean": mean, "runs": runs, "recipe": {"width": 8}, "date": date}

    rows, said = record.keep({}, attempt(0.91, date="then"), machine)
    assert "a new record" in said and len(rows) == 1
    same, said = record.keep(rows, attempt(0.91), machine)
    assert same is rows and "stands at 0.9100" in said and "then" in said
    same, said = record.keep(rows, attempt(0.99, seconds=60.4), machine)
    assert same is rows and "over time" in said
    better, _ = record.keep(rows, attempt(0.92), machine)
    other, _ = record.keep(better, attempt(0.5), machine | {"processor": "another"})
    assert [row["mean"] for row in other.values()] == [0.92, 0.5]
    assert "| 60 s |" in record.table(other) and "width 8" in record.table(other)
    assert "make record" in record.table({})


def test_measured_rows_come_back_as_they_were_written(tmp_path):
    rows = {"a": {"x": [1, 2.5], "y": None}, "b": {}}
    assert measured.read("nothing", tmp_path) == {}
    measured.write("some", rows, tmp_path)
    assert measured.read("some", tmp_path) == rows
    assert len((tmp_path / "some.json").read_text(encoding="utf-8").splitlines()) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["some.json"]


def test_what_is_committed_can_be_read():
    for file in measured.FOLDER.glob("*.json"):
        assert json.loads(file.read_text(encoding="utf-8")) == measured.read(file.stem)
    assert measured.read("results")["lenet"]["epochs_run"] == 10

"""The table of full-scale results, on a data set of a few pictures."""

import json
import math
from dataclasses import replace

import pytest
import torch

from tools import results
from utils.datasets.batches import Batches, Splits


@pytest.fixture
def tiny(monkeypatch):
    """Sixty-four pictures in place of 70,000; the scale says full, as `make results` does."""
    images = torch.randint(
        0, 256, (64, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    labels = torch.arange(64) % 10

    def load(batch_size, *, resize, seed, device, transform):
        assert resize is None
        train = Batches(images, labels, batch_size=16, shuffle=True, seed=seed, transform=transform)
        return Splits(train, None, Batches(images, labels, batch_size=64))

    monkeypatch.setattr(results, "load_fashion_mnist", load)
    monkeypatch.setenv("COURSE_SCALE", "full")
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


def recipe(slug: str, **changes) -> results.Recipe:
    return replace(
        next(found for found in results.recipes() if found.slug == slug), **{"epochs": 3} | changes
    )


def test_parameters_and_multiply_adds_are_those_of_the_chapters():
    sizes = {found.slug: results.size(found) for found in results.recipes()}
    assert sizes["lenet"] == (61_706, 416_520) and sizes["lenet+"] == sizes["lenet+1"] == sizes["lenet"]
    assert sizes["alexnet"] == (46_764_746, 938_146_176)
    assert sizes["resnet18"][0] == 11_178_378 and sizes["bn_lenet"][0] == 44_878


@pytest.mark.parametrize("slug", ["lenet", "lenet+", "lenet+1"])
def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not(tiny, tmp_path, capsys, slug):
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    results.run(recipe(slug), until=math.inf, file=whole, folder=tmp_path / "a")
    results.run(recipe(slug), until=0, file=parts, folder=tmp_path / "b")
    assert results.read(parts)[slug]["epochs_run"] == 1 and "to go" in capsys.readouterr().out
    assert f"1 **of {3}**" in results.table(results.read(parts))
    again = [next(results.train(recipe(slug), folder=tmp_path / "b")).seconds for _ in range(2)]
    assert again[0] == again[1]  # the clock would differ: this epoch was read, not trained
    results.run(recipe(slug), until=math.inf, file=parts, folder=tmp_path / "b")
    one, other = results.read(whole)[slug], results.read(parts)[slug]
    for name in ("train_accuracy", "test_accuracy", "epochs_run", "hardware"):
        assert one[name] == other[name], name
    assert len(one["test_accuracy"]) == 3 and "**of" not in results.table({slug: one})


def test_a_row_of_the_table_names_the_book_and_the_hardware(tiny, tmp_path):
    results.run(recipe("lenet"), until=0, file=tmp_path / "rows.json", folder=tmp_path)
    row = results.table(results.read(tmp_path / "rows.json")).splitlines()[-1]
    assert "[LeNet](../notebooks/18_lenet.ipynb)" in row and "0.823, 0.779" in row
    assert "61,706" in row and "float32" in row and "lr 0.9" in row


def test_rows_are_kept_in_the_order_of_the_recipes(tmp_path):
    file = tmp_path / "rows.json"
    results.write({"lenet+": {"a": 1}, "lenet": {"a": 2}}, file)
    assert list(json.loads(file.read_text())) == ["lenet", "lenet+"] and not list(tmp_path.glob("*.part"))
    assert results.read(tmp_path / "none.json") == {} and "make results" in results.table({})


def test_mirrored_turns_some_pictures_and_keeps_the_rest():
    torch.manual_seed(0)
    x = torch.rand(64, 1, 2, 3)
    y = results.mirrored(x)
    turned = (y == x.flip(3)).flatten(1).all(1)
    same = (y == x).flatten(1).all(1)
    assert (turned ^ same).all() and 10 < turned.sum() < 54


@pytest.mark.parametrize(
    ("scale", "only", "words"),
    [("full", "lenet vgg99", "unknown: vgg99"), ("sample", "lenet", "COURSE_SCALE=full")],
)
def test_a_wrong_request_is_said_and_nothing_is_trained(monkeypatch, capsys, scale, only, words):
    monkeypatch.setenv("COURSE_SCALE", scale)
    monkeypatch.setattr(results, "run", lambda *_, **__: pytest.fail("trained"))
    assert results.main(["--only", only]) == 2 and words in capsys.readouterr().out


def test_an_epoch_beside_other_work_has_no_seconds(tiny, tmp_path):
    where = {"until": 0, "file": tmp_path / "rows.json", "folder": tmp_path}
    results.run(recipe("lenet"), alone=False, **where)
    rows = results.read(tmp_path / "rows.json")
    assert rows["lenet"]["seconds_per_epoch"] is None and "| – | " in results.table(rows)
    results.run(recipe("lenet"), alone=True, **where)
    row = results.read(tmp_path / "rows.json")["lenet"]
    assert row["epochs_run"] == 2 and row["seconds"] == [None, row["seconds_per_epoch"]]


def test_the_modern_recipes_differ_from_the_notes_in_what_the_page_says(tiny, tmp_path, monkeypatch):
    seen = []

    def fit(model, batches, optimizer, step, *, scheduler, **_):
        seen.append((model, batches, optimizer, scheduler))
        return iter(())

    monkeypatch.setattr(results, "fit", fit)
    for slug in ("lenet", "lenet+", "lenet+1"):
        list(results.train(recipe(slug), folder=tmp_path))
    (_, plain, sgd, none), (_, mirrored, momentum, _), (standardised, _, adamw, cycle) = seen
    assert none is None and sgd.param_groups[0]["momentum"] == 0 and plain.transform is None
    assert momentum.param_groups[0]["nesterov"] and mirrored.transform is results.mirrored
    assert isinstance(adamw, torch.optim.AdamW) and cycle.total_steps == 3 * 4
    assert isinstance(standardised[0], results.Standardise)

import math
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_accuracy

from utils.metrics import Averages, ConfusionMatrix, accuracy, correct


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**31))
def test_averages_do_not_depend_on_how_examples_are_batched(sizes, seed):
    values = torch.rand(sum(sizes), generator=torch.Generator().manual_seed(seed))
    averages = Averages()
    for part in values.split(sizes):
        averages.add({"value": (part.sum(), len(part))})
    assert averages.means()["value"] == pytest.approx(values.double().mean().item(), rel=1e-6)


def test_averages_take_tensor_counts_and_drop_the_graph():
    averages, x = Averages(), torch.ones(3, requires_grad=True)
    averages.add({"a": (x.sum(), torch.tensor(3)), "b": (torch.tensor(0.0), 0)})
    means = averages.means()
    assert means["a"] == 1.0 and math.isnan(means["b"])
    assert not averages._totals["a"].requires_grad


def test_averages_keep_nothing_of_a_batch():
    averages, total = Averages(), torch.ones(())
    reference = weakref.ref(total)
    averages.add({"a": (total, 1)})
    del total
    assert reference() is None and averages.means() == {"a": 1.0}


def test_averages_of_nothing_are_empty():
    assert Averages().means() == {}


def test_counts_beyond_float32_stay_exact():
    averages = Averages()
    averages.add({"pixels": (torch.tensor(2**24), 1), "more": (torch.tensor(1), 1)})
    averages.add({"pixels": (torch.tensor(1), 0), "more": (torch.tensor(0), 0)})
    assert averages.means()["pixels"] == 2**24 + 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(7, 4), (1, 3), (3, 4, 5, 6)])
def test_accuracy_agrees_with_torchmetrics(shape, dtype):
    torch.manual_seed(0)
    logits = torch.randn(shape).to(dtype)
    labels = torch.randint(shape[1], (shape[0], *shape[2:]))
    expected = multiclass_accuracy(logits.argmax(1), labels, num_classes=shape[1], average="micro")
    assert accuracy(logits, labels) == pytest.approx(expected.item())


def test_one_logit_nets_are_compared_with_zero():
    labels = torch.tensor([1, 0, 1])
    for logits in (torch.tensor([2.0, -1.0, -0.1]), torch.tensor([[2.0], [-1.0], [-0.1]])):
        assert correct(logits, labels).item() == 2


def test_accuracy_of_nothing_is_nan_and_counts_are_zero():
    assert math.isnan(accuracy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)))
    assert correct(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).item() == 0


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"predictions \(3,\) and labels \(3, 1\)"):
        correct(torch.zeros(3, 2), torch.zeros(3, 1, dtype=torch.long))


def test_mean_iou_by_hand():
    #  truth      prediction   class 0: 1 of 2, class 1: 2 of 3, void ignored, class 2 absent
    truth = torch.tensor([[0, 1], [1, 255]])
    guess = torch.tensor([[0, 1], [0, 2]])
    matrix = ConfusionMatrix(3)
    matrix.add(guess, truth)
    assert matrix.counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert matrix.iou[:2].tolist() == [0.5, 0.5] and matrix.iou[2].isnan()
    assert matrix.mean_iou == 0.5 and matrix.pixel_accuracy == pytest.approx(2 / 3)


def test_confusion_matrix_agrees_with_torchmetrics_over_batches():
    from torchmetrics.functional.classification import multiclass_jaccard_index

    torch.manual_seed(1)
    truth, guess = torch.randint(4, (5, 6, 7)), torch.randint(4, (5, 6, 7))
    matrix = ConfusionMatrix(4)
    for part in zip(guess.split(2), truth.split(2), strict=True):
        matrix.add(*part)
    expected = multiclass_jaccard_index(guess, truth, num_classes=4, average="macro")
    assert matrix.mean_iou == pytest.approx(expected.item(), abs=1e-6)


def test_confusion_matrix_of_nothing_is_nan():
    matrix = ConfusionMatrix(2)
    assert math.isnan(matrix.mean_iou) and math.isnan(matrix.pixel_accuracy)


@pytest.mark.parametrize(
    ("guess", "truth", "message"),
    [
        (torch.zeros(2, 2), torch.zeros(2, 3), "equal shapes"),
        (torch.tensor([0]), torch.tensor([7]), r"outside 0\.\.1"),
        (torch.tensor([3]), torch.tensor([0]), r"outside 0\.\.1"),  # would be counted as (1, 1)
        (torch.tensor([-1]), torch.tensor([1]), r"outside 0\.\.1"),  # would be counted as (0, 1)
    ],
)
def test_confusion_matrix_refuses_what_does_not_fit(guess, truth, message):
    with pytest.raises(ValueError, match=message):
        ConfusionMatrix(2).add(guess, truth)

"""Means of answers, log-loss, and views of pictures."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from torch import nn

from utils.ensembles import log_loss, mean_logits, mean_probabilities, predict_views


def answers(seed: int, members: int = 4, spread: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(members, 9, 5, generator=generator)
    return logits, torch.randint(0, 5, (9,), generator=generator)


def test_the_notes_example() -> None:
    logits = torch.tensor([[[4.0, 0.0]], [[0.0, 1.5]], [[0.0, 1.5]]])
    assert mean_probabilities(logits)[0].tolist() == pytest.approx([0.449, 0.551], abs=1e-3)
    assert mean_probabilities(logits).argmax() == 1
    assert mean_logits(logits).argmax() == 0
    assert torch.allclose(mean_logits(logits), logits.mean(0).softmax(-1))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.1, 20))
def test_no_mean_loses_more_than_its_members(seed: int, members: int, spread: float) -> None:
    logits, labels = answers(seed, members, spread)
    weights = torch.rand(members, generator=torch.Generator().manual_seed(seed)) + 0.01
    losses = torch.tensor([log_loss(one.softmax(-1), labels) for one in logits])
    bound = (losses * weights).sum() / weights.sum()
    for mean in (mean_probabilities, mean_logits):
        p = mean(logits, weights)
        assert torch.allclose(p.sum(1), torch.ones(9), atol=1e-5)
        assert log_loss(p, labels) <= bound * 1.0001 + 1e-5


def test_weights() -> None:
    logits, _ = answers(0, members=2)
    assert torch.allclose(mean_probabilities(logits, [0, 2]), logits[1].softmax(-1))
    assert torch.allclose(mean_logits(logits, [3, 0]), logits[0].softmax(-1))
    twice = torch.cat([logits, logits[:1]])
    assert torch.allclose(mean_probabilities(logits, [2, 1]), mean_probabilities(twice))
    for wrong in ([1.0], [1.0, -1.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="expected 2 weights"):
            mean_probabilities(logits, wrong)
    with pytest.raises(ValueError, match=r"\(M, N, K\)"):
        mean_logits(logits[0])
    with pytest.raises(ValueError, match="at least 1"):
        mean_logits(logits[:0])


@pytest.mark.parametrize("seed", range(5))
def test_log_loss_is_that_of_scikit_learn(seed: int) -> None:
    logits, labels = answers(seed, spread=8)
    p = logits[0].double().softmax(-1)
    assert log_loss(p, labels) == pytest.approx(
        metrics.log_loss(labels, p.numpy(), labels=range(5)), rel=1e-6
    )


def test_log_loss_of_certainty() -> None:
    sure = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    y = torch.tensor([0, 1])
    assert log_loss(sure, y) == pytest.approx(metrics.log_loss(y, sure.numpy()), rel=1e-6)
    assert log_loss(sure[:1], y[:1]) == 0
    assert torch.isnan(torch.tensor(log_loss(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))))
    with pytest.raises(ValueError, match=r"\(2, 2\), \(3,\)"):
        log_loss(sure, torch.zeros(3, dtype=torch.int64))


def test_views_are_answered_one_by_one_in_eval_mode() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 3)).train()
    images = torch.rand(5, 3, 2, 2)
    got = predict_views(model, images, [lambda x: x, lambda x: x.flip(3)], batch_size=2)
    assert model.training
    model.eval()
    with torch.no_grad():
        assert torch.allclose(got, torch.stack([model(images), model(images.flip(3))]), atol=1e-6)
    with pytest.raises(ValueError, match="no views"):
        predict_views(model, images, [])
    assert predict_views(model, images[:0], [lambda x: x]).shape == (1, 0, 3)

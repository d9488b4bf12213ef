"""Style transfer's losses against loops and torch, and synthesis that lowers what it is asked to lower."""

import pytest
import torch
from hypothesis import given, settings, strategies
from torch import nn
from torch.nn import functional as F

from utils.models.taps import Taps
from utils.style import (
    Targets,
    Weights,
    gram_matrix,
    match_colours,
    relative_error,
    resized,
    total_variation,
    weighted,
)


def loop_variation(picture):
    rows, columns = [], []
    for plane in picture.flatten(0, 1).tolist():
        for i, row in enumerate(plane):
            for j, value in enumerate(row):
                if i + 1 < len(plane):
                    rows.append(abs(plane[i + 1][j] - value))
                if j + 1 < len(row):
                    columns.append(abs(row[j + 1] - value))
    return 0.5 * sum(sum(part) / len(part) for part in (rows, columns) if part)


@pytest.fixture
def taps():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 8, 3, padding=1)
    )
    return Taps(net, style=["1", "3"], content=["3"])


def pictures(*sides):
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, 3, side, side, generator=generator) for side in sides]


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 4, 5), (1, 5, 1, 7), (0, 3, 2, 2)])
def test_gram_equals_a_sum_over_positions(shape):
    features = torch.randn(shape, dtype=torch.float64)
    n, c, h, w = shape
    expected = torch.einsum("nchw,ndhw->ncd", features, features) / (c * h * w)
    assert torch.allclose(gram_matrix(features), expected)
    assert gram_matrix(features).shape == (n, c, c)


def test_gram_forgets_positions_and_content_does_not():
    features = torch.randn(1, 4, 5, 6, dtype=torch.float64)
    shuffled = features.flatten(2)[..., torch.randperm(30)].reshape(features.shape)
    assert torch.allclose(gram_matrix(shuffled), gram_matrix(features))
    assert relative_error(shuffled, features) > 0.1


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 3, 0, 4), (1, 0, 4, 4)])
def test_gram_refuses_what_has_no_positions(shape):
    with pytest.raises(ValueError, match=r"expected features \(N, C, H, W\)"):
        gram_matrix(torch.zeros(shape))


@settings(deadline=None, max_examples=40)
@given(strategies.tuples(*(strategies.integers(1, n) for n in (2, 3, 5, 5))), strategies.integers(0, 99))
def test_variation_equals_the_loop(shape, seed):
    picture = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert total_variation(picture).item() == pytest.approx(loop_variation(picture))


def test_variation_of_a_constant_is_zero_and_of_a_board_is_one():
    assert total_variation(torch.full((2, 3, 4, 5), 0.7)) == 0
    board = (torch.arange(4)[:, None] + torch.arange(4)) % 2
    assert total_variation(board[None, None].float()) == 1
    with pytest.raises(ValueError, match="at least one pixel"):
        total_variation(torch.zeros(1, 3, 0, 4))


def test_relative_error_is_mse_over_the_target_and_refuses_other_shapes():
    value, target = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    assert torch.allclose(relative_error(value, target), F.mse_loss(value, target) / (target**2).mean())
    assert relative_error(torch.zeros(5), torch.rand(5) + 1) == 1
    assert torch.isfinite(relative_error(torch.ones(2), torch.zeros(2)))
    with pytest.raises(ValueError, match="one size"):
        relative_error(torch.zeros(1, 3), torch.zeros(4, 3))


def test_losses_by_hand(taps):
    content, style, picture = pictures(8, 12, 8)
    targets = Targets.of(taps, content=content, style=style)
    losses = targets.losses(picture, taps)
    seen, wanted, liked = taps(picture), taps(content), taps(style)
    grams = [(gram_matrix(seen[name]), gram_matrix(liked[name])) for name in ("1", "3")]
    assert torch.allclose(
        losses["content"], ((seen["3"] - wanted["3"]) ** 2).mean() / (wanted["3"] ** 2).mean()
    )
    assert torch.allclose(losses["style"], sum(((a - b) ** 2).mean() / (b**2).mean() for a, b in grams) / 2)
    assert losses["variation"] == total_variation(picture)
    total = weighted(losses, Weights(2.0, 3.0, 5.0))
    assert torch.allclose(total, 2 * losses["content"] + 3 * losses["style"] + 5 * losses["variation"])


def test_losses_are_zero_at_the_target_and_without_one(taps):
    content, style = pictures(8, 12)
    assert Targets.of(taps, content=content).losses(content, taps)["content"] == 0
    assert Targets.of(taps, style=style).losses(style, taps)["style"] == 0
    nothing = Targets().losses(content, taps)
    assert nothing["content"] == nothing["style"] == 0 and nothing["variation"] > 0


def test_resized_keeps_proportions():
    assert resized(torch.rand(1, 3, 20, 30), 10).shape == (1, 3, 10, 15)
    assert torch.allclose(resized(torch.full((1, 3, 9, 9), 0.3), 5), torch.tensor(0.3))


def test_match_colours_takes_over_mean_and_covariance():
    torch.manual_seed(0)
    mix = torch.tensor([[0.05, 0.02, 0.0], [0.0, 0.04, 0.01], [0.01, 0.0, 0.06]])
    picture = (0.5 + torch.einsum("cd,ndhw->nchw", mix, torch.randn(1, 3, 30, 30))).clamp(0, 1)
    like = (0.4 + torch.einsum("dc,ndhw->nchw", mix, torch.randn(1, 3, 20, 25))).clamp(0, 1)
    matched, (got, wanted) = match_colours(picture, like), (None, None)
    got, wanted = matched[0].flatten(1), like[0].flatten(1)
    assert matched.shape == picture.shape
    assert torch.allclose(got.mean(1), wanted.mean(1), atol=1e-3)
    assert torch.allclose(torch.cov(got), torch.cov(wanted), atol=1e-4)
    assert torch.isfinite(match_colours(torch.full((1, 3, 4, 4), 0.5), like)).all()

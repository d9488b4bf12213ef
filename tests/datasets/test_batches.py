import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import transforms

from utils.datasets.batches import Batches, hold_out, split_indices


def pictures(count, *, channels=1, side=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, channels, side, side + 1), generator=generator, dtype=torch.uint8)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 99))
def test_each_example_comes_once_a_pass(count, batch_size, seed):
    batches = Batches(pictures(count), torch.arange(count), batch_size=batch_size, shuffle=True, seed=seed)
    for _ in range(2):
        labels = torch.cat([y for _, y in batches])
        assert sorted(labels.tolist()) == list(range(count))
    assert len(batches) == sum(1 for _ in batches)


def test_pixels_equal_to_tensor_of_torchvision():
    images = pictures(5, channels=3)
    x, _ = next(iter(Batches(images, torch.arange(5), batch_size=5)))
    to_tensor = transforms.Compose([transforms.ToPILImage(), transforms.ToTensor()])
    assert x.dtype == torch.float32 and torch.equal(x, torch.stack([to_tensor(image) for image in images]))


def test_normalising_equals_torchvision_and_comes_after_the_transform():
    images, mean, std = pictures(3, channels=3), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    options = {"batch_size": 3, "normalize": (mean, std), "transform": lambda x: x.flip(-1)}
    x, _ = next(iter(Batches(images, torch.arange(3), **options)))
    assert torch.allclose(x, transforms.Normalize(mean, std)(images.flip(-1) / 255))


def test_a_seed_fixes_all_orders_and_passes_differ():
    def orders(seed):
        batches = Batches(pictures(20), torch.arange(20), batch_size=20, shuffle=True, seed=seed)
        return [next(iter(batches))[1].tolist() for _ in range(2)]

    assert orders(1) == orders(1) != orders(2)
    assert orders(1)[0] != orders(1)[1]


def test_batches_do_not_alias_the_data_set():
    batches = Batches(pictures(4), torch.arange(4), batch_size=4)
    x, _ = next(iter(batches))
    x.zero_()
    assert batches.images.sum() > 0


def test_float_examples_are_handed_out_as_they_are():
    x = torch.randn(5, 3)
    assert torch.equal(next(iter(Batches(x, torch.arange(5), batch_size=9)))[0], x)


def test_an_empty_set_has_no_batches():
    batches = Batches(pictures(0), torch.arange(0), batch_size=4, shuffle=True)
    assert len(batches) == 0 and list(batches) == []


def test_subsets_keep_the_settings():
    batches = Batches(
        pictures(10), torch.arange(10), batch_size=3, shuffle=True, seed=5, normalize=((0.5,), (0.5,))
    )
    for indices in (slice(2, 5), torch.tensor([2, 3, 4]), torch.arange(10) // 3 == 1):
        assert batches.subset(indices).seed == batches.seed == 5
        part = batches.subset(indices, shuffle=False)
        assert len(part.images) == 3 and part.normalize == batches.normalize and not part.shuffle


@pytest.mark.parametrize(
    ("labels", "batch_size", "message"),
    [(torch.arange(3), 2, "4 images and 3 labels"), (torch.arange(4), 0, "batch_size >= 1, got 0")],
)
def test_what_does_not_fit_is_refused(labels, batch_size, message):
    with pytest.raises(ValueError, match=message):
        Batches(pictures(4), labels, batch_size=batch_size)


@pytest.mark.parametrize(
    ("images", "values"), [(pictures(4), (0.1, 0.2, 0.3)), (torch.rand(4, 5), (0.1, 0.2, 0.3, 0.4, 0.5))]
)
def test_normalising_never_broadcasts_to_new_channels(images, values):
    with pytest.raises(ValueError, match="one mean a channel, got images"):
        Batches(images, torch.arange(4), batch_size=2, normalize=(values, values))


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 60), share=st.floats(0, 1), seed=st.integers(0, 9))
def test_splits_are_sorted_disjoint_complete_and_repeatable(count, share, seed):
    valid = int(count * share)
    train, held_out = split_indices(count, valid=valid, seed=seed)
    again = split_indices(count, valid=valid, seed=seed)
    assert len(held_out) == valid and torch.equal(train, again[0]) and torch.equal(held_out, again[1])
    assert sorted(train.tolist() + held_out.tolist()) == list(range(count))
    assert train.tolist() == sorted(train.tolist())


def test_a_split_larger_than_the_set_is_refused():
    with pytest.raises(ValueError, match="0 <= valid <= 5 examples, got valid=6"):
        split_indices(5, valid=6)


def test_examples_live_where_they_are_asked_to():
    x, y = next(
        iter(Batches(pictures(4), torch.arange(4), batch_size=2, device="meta", normalize=((0.5,), (0.5,))))
    )
    assert x.device.type == y.device.type == "meta"


def test_held_out_examples_keep_their_order_and_are_not_changed():
    images = torch.arange(10.0).reshape(10, 1, 1, 1)
    data = Batches(images, torch.arange(10), batch_size=3, shuffle=True, seed=1, transform=lambda x: -x)
    train, dev = hold_out(data, valid=4, seed=2)
    kept, held_out = split_indices(10, valid=4, seed=2)
    assert torch.equal(torch.cat([y for _, y in dev]), held_out)
    assert torch.equal(torch.cat([x for x, _ in dev]), images[held_out])
    x, y = (torch.cat(column) for column in zip(*train, strict=True))
    assert torch.equal(y.sort().values, kept) and torch.equal(x.flatten(), -y.float())
    assert hold_out(data, valid=0) == (data, None)
    with pytest.raises(ValueError, match="valid"):
        hold_out(data, valid=11)

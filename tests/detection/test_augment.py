from __future__ import annotations

import itertools

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as T

from utils.detection.augment import flipped, other_colours, zoomed


def scenes(count=40, side=48, seed=0):
    """Grey pictures, each with one bright rectangle, its box, and a row of padding."""
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.full((count, 3, side, side), 0.2), torch.full((count, 2, 5), -1.0)
    for picture, rows in zip(x, y, strict=True):
        left, top = torch.randint(2, side // 2, (2,), generator=generator).tolist()
        wide, high = torch.randint(6, side // 2 - 2, (2,), generator=generator).tolist()
        picture[:, top : top + high, left : left + wide] = 1
        rows[0] = torch.tensor([3, left / side, top / side, (left + wide) / side, (top + high) / side])
    return x, y


def box_of_bright(picture):
    """Relative corners of the pixels above a half."""
    rows, columns = (picture[0] > 0.6).any(1).nonzero(), (picture[0] > 0.6).any(0).nonzero()
    side = picture.shape[1]
    return torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / side


def test_flips_are_torchvisions():
    """Every result is one of the eight symmetries of the square, as torchvision moves pictures and boxes."""
    torch.manual_seed(0)
    x, y = scenes()
    new_x, new_y = flipped(x, y)
    seen = set()
    for k in range(len(x)):
        for turns in itertools.product((False, True), repeat=3):
            image, box = tv_tensors.Image(x[k]), y[k, :1, 1:] * 48
            box = tv_tensors.BoundingBoxes(box, format="XYXY", canvas_size=(48, 48))
            for flip, chosen in zip((T.horizontal_flip, T.vertical_flip), turns, strict=False):
                image, box = (flip(image), flip(box)) if chosen else (image, box)
            if turns[2]:  # the axes change places: torchvision has no function for that
                image, box = image.transpose(1, 2), box[:, [1, 0, 3, 2]]
            if torch.equal(torch.as_tensor(image), new_x[k]) and torch.allclose(box / 48, new_y[k, :1, 1:]):
                seen.add(turns)
                break
        else:
            pytest.fail(f"picture {k} is none of the eight")
    assert len(seen) >= 6 and torch.equal(new_y[..., 0], y[..., 0])


@pytest.mark.parametrize("change", [flipped, zoomed])
def test_boxes_follow_their_pictures(change):
    torch.manual_seed(1)
    x, y = scenes(seed=1)
    new_x, new_y = change(x, y)
    assert new_x.shape == x.shape and new_y.shape == y.shape and (new_y[:, 1, 0] == -1).all()
    whole = (new_y[:, 0, 0] == 3) & (new_y[:, 0, 1:] > 0).all(1) & (new_y[:, 0, 1:] < 1).all(1)
    assert whole.sum() > 10
    for picture, rows in zip(new_x[whole], new_y[whole], strict=True):
        if rows[1:3].min() > 0.25 and rows[3:].max() < 0.75:  # else a mirror image may be in view as well
            assert (box_of_bright(picture) - rows[0, 1:]).abs().max() < 1.6 / 48


def test_each_picture_is_changed_by_itself():
    x = torch.rand(1, 3, 32, 32).expand(12, -1, -1, -1)
    y = torch.tensor([[[0, 0.1, 0.2, 0.5, 0.4]]]).expand(12, -1, -1)
    torch.manual_seed(0)
    for new_x in (flipped(x, y)[0], zoomed(x, y)[0], other_colours(x)):
        assert len({picture.numpy().tobytes() for picture in new_x}) > 4


def test_zoom_drops_what_is_hardly_left():
    x, y = torch.zeros(200, 3, 16, 16), torch.tensor([[[1, 0, 0, 0.2, 0.2]]]).expand(200, -1, -1)
    torch.manual_seed(0)
    _, labels = zoomed(x, y, side=(0.5, 0.5))
    gone = labels[:, 0, 0] < 0
    area = (labels[:, 0, 3] - labels[:, 0, 1]) * (labels[:, 0, 4] - labels[:, 0, 2])
    whole = 0.2 * 0.2 / 0.5**2
    assert 0 < gone.sum() < 200
    assert (area[gone] <= 0.4 * whole + 1e-6).all() and (area[~gone] > 0.4 * whole - 1e-6).all()


def test_colours_stay_in_range_and_grey_pictures_get_one_tint():
    torch.manual_seed(0)
    grey = torch.full((6, 3, 4, 4), 0.5)
    changed = other_colours(grey)
    assert changed.min() >= 0 and changed.max() <= 1
    assert torch.allclose(changed, changed[:, :, :1, :1].expand_as(changed), atol=1e-6)
    assert (changed[:, 0] - changed[:, 2]).abs().max() > 0.02


def test_no_pictures_and_no_objects():
    x, y = torch.rand(2, 3, 8, 8), torch.full((2, 3, 5), -1.0)
    for change in (flipped, zoomed):
        _, labels = change(x, y)
        assert (labels[..., 0] == -1).all()
        empty, none = change(x[:0], y[:0])
        assert empty.shape == (0, 3, 8, 8) and none.shape == (0, 3, 5)
        assert change(x, y[:, :0])[1].shape == (2, 0, 5)
    assert other_colours(x[:0]).shape == (0, 3, 8, 8)


def test_axes_of_oblong_pictures_cannot_change_places():
    with pytest.raises(ValueError, match="expected square"):
        flipped(torch.zeros(1, 3, 8, 9), torch.zeros(1, 1, 5))

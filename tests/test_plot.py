import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from utils import plot
from utils.history import History, Record


class Shell:
    """Stands in for IPython: events that can be fired, and a list of what was displayed."""

    def __init__(self):
        self.events, self.callbacks, self.shown = self, [], []

    def register(self, name, callback):
        assert name == "post_run_cell"
        self.callbacks.append(callback)

    def unregister(self, name, callback):
        self.callbacks.remove(callback)

    def cell_ends(self):
        for callback in list(self.callbacks):
            callback(None)

    def display(self, data, *, raw, metadata, display_id=None):
        self.shown.append((data, metadata))
        return self

    def update(self, data, *, raw, metadata):
        self.shown.append((data, metadata))


@pytest.fixture
def shell(monkeypatch):
    shell = Shell()
    for module in (plot.figures, plot.live):
        monkeypatch.setattr(module, "get_ipython", lambda: shell)
        monkeypatch.setattr(module, "display", shell.display)
    return shell


def picture(shell):
    data, metadata = shell.shown[-1]
    assert data["text/plain"] == metadata["image/png"]["alt"]
    png = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    shell.mode = png.mode
    return np.asarray(png.convert("RGBA")), data["text/plain"]


def record(epoch, loss=1.0):
    return Record(epoch, {"train loss": loss, "valid loss": loss + 0.1, "train accuracy": 0.5}, 0.1)


def test_figures_are_opaque_white_and_carry_their_text(shell):
    plot.curves({"a": ([1, 2], [3, 4.5])}, xlabel="x", ylabel="height", title="T", text="It rises.")
    pixels, text = picture(shell)
    assert (pixels[..., 3] == 255).all() and shell.mode == "P"  # a drawing is stored with a palette
    assert (pixels[0, 0, :3] == 255).all() and len(np.unique(pixels)) > 2
    assert text == "T. It rises. height by x: a from 3 to 4.5."


def test_photographs_keep_all_their_colours(shell):
    photo = torch.rand(3, 200, 200, generator=torch.Generator().manual_seed(0))
    plot.show_images([photo], size=3)
    pixels, _ = picture(shell)
    assert shell.mode == "RGB" and len(np.unique(pixels.reshape(-1, 4), axis=0)) > 4096


def test_a_figure_without_text_is_refused():
    with pytest.raises(ValueError, match="needs a text equivalent"):
        plot.show(plot.figure()[0], "  ")


def test_outside_jupyter_the_text_is_printed(capsys, monkeypatch):
    for module in (plot.figures, plot.live):
        monkeypatch.setattr(module, "get_ipython", lambda: None)
    plot.show_images([torch.rand(3, 4, 5)], ["cat"])
    live = plot.LivePlot()
    live.update(record(1))
    assert capsys.readouterr().out.splitlines()[0] == "1 pictures in 1 row: cat."
    assert len(live.history) == 1


@pytest.mark.parametrize("count", [1, 2, 8, 9])
@pytest.mark.parametrize("titles", [None, ["one"], list("abcdefghij")])
def test_image_grids_of_any_size(shell, count, titles):
    plot.show_images(torch.randint(256, (count, 1, 4, 4), dtype=torch.uint8), titles)
    assert f"{count} pictures" in picture(shell)[1]


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (torch.rand(3, 4, 5), (4, 5, 3)),
        (torch.rand(1, 4, 5), (4, 5)),
        (torch.rand(4, 5, dtype=torch.bfloat16), (4, 5)),
        (torch.randint(256, (3, 4, 5), dtype=torch.uint8), (4, 5, 3)),
        (np.zeros((4, 5, 3), np.uint8), (4, 5, 3)),
        (Image.new("RGB", (5, 4)), (4, 5, 3)),
        (Image.new("L", (5, 4)), (4, 5)),
    ],
)
def test_pictures_of_every_kind(image, shape):
    assert plot.to_array(image).shape == shape


def test_equal_numbers_look_equal_unless_stretched(shell):
    dim, bright = torch.full((1, 8, 8), 0.4), torch.full((1, 8, 8), 0.8)
    dim[0, 0, 0], bright[0, 0, 0] = 0.0, 0.0

    def shades(**options):
        plot.show_images([dim, bright], size=2, **options)
        pixels, _ = picture(shell)
        middle = pixels[pixels.shape[0] // 2, :, 0].astype(int)
        return middle[len(middle) // 4], middle[3 * len(middle) // 4]

    assert abs(shades()[0] - 102) < 3 and abs(shades()[1] - 204) < 3
    assert shades(stretch=True) == (255, 255)
    bright[0, 0, 0] = -3.0  # a feature map, not a picture: it goes beyond
    assert shades()[1] == 255


def test_titles_may_be_numbers_or_a_tensor(shell):
    plot.show_images(torch.rand(2, 1, 4, 4), torch.tensor([3, 4]))
    assert picture(shell)[1] == "2 pictures in 1 row: 3, 4."


def test_what_is_no_picture_is_refused(shell):
    with pytest.raises(ValueError, match=r"expected a picture .* got shape \(2, 3, 4, 5\)"):
        plot.to_array(torch.zeros(2, 3, 4, 5))
    with pytest.raises(ValueError, match="no pictures"):
        plot.show_images([])


@pytest.mark.parametrize("boxes", [torch.zeros(0, 4), [[1, 1, 3, 3]], np.array([[0, 0, 2, 2], [1, 1, 2, 3]])])
def test_boxes_are_drawn_and_listed(shell, boxes):
    plot.show_boxes(torch.rand(3, 8, 8), boxes, ["dog"], text="A scene.")
    text = picture(shell)[1]
    assert ("none" in text) == (len(boxes) == 0) and ("dog [" in text) == (len(boxes) > 0)


def test_heatmap_survives_nan_and_one_cell(shell):
    plot.heatmap([[1.0, float("nan")]], rows=["r"], columns=["a", "b"], title="T", text="One is missing.")
    plot.heatmap([[1.0]], rows=["r"], columns=["a"], title="T", text="One.")
    assert picture(shell)[1] == "T. One."


def test_live_plot_draws_at_once_seldom_in_between_and_at_the_end(shell):
    live = plot.LivePlot("Run", epochs=100)
    for epoch in range(1, 101):
        live.update(record(epoch, 100 - epoch))
    assert len(shell.shown) < 20 and len(shell.callbacks) == 1
    shell.cell_ends()
    assert not shell.callbacks and "Epoch 1 to 100: train loss 99.000 to 0.000" in picture(shell)[1]


def test_live_plot_goes_on_in_the_next_cell(shell):
    live = plot.LivePlot()
    history = live.follow([record(1)])
    shell.cell_ends()
    live.update(record(2))
    shell.cell_ends()
    assert len(history) == 2 and "Epoch 1 to 2" in picture(shell)[1]


def test_comparing_runs(shell):
    runs = {name: History([record(1), record(2, 0.5)]) for name in "abcdefghij"}
    plot.compare(runs, "valid loss", title="Ten")
    assert "j from 1.1 to 0.6" in picture(shell)[1]


def test_no_open_figures_are_left():
    import matplotlib.pyplot as plt

    plot.figure()
    assert plt.get_fignums() == []

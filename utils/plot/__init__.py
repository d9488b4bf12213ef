"""Everything that is drawn: one style, PNG, white ground, colours for the colour-blind, text beside each figure.

The only user of matplotlib and IPython. Figures are plain `matplotlib.figure.Figure` objects, so nothing is left
open and no global setting is touched; outside Jupyter the text equivalent is printed in place of the picture.
"""

from utils.plot.figures import COLORS, DASHES, MARKERS, compare, curves, figure, heatmap, show
from utils.plot.live import LivePlot
from utils.plot.pictures import draw_boxes, show_boxes, show_images, to_array

__all__ = [
    "COLORS", "DASHES", "MARKERS", "LivePlot", "compare", "curves", "draw_boxes", "figure", "heatmap", "show",
    "show_boxes", "show_images", "to_array",
]  # fmt: skip

"""The picture at the top of the README, laid out from figures that chapters have stored: `python -m tools.picture`."""

from __future__ import annotations

import base64
import io
import sys

from PIL import Image

from tools import chapters

TARGET = chapters.ROOT / "docs" / "_static" / "course.jpg"
WIDTH, GAP = 1200, 12
# Rows of (chapter, how the figure's text begins); a row is scaled to the full width.
ROWS = (
    (("01", "Distance from the eye"), ("06", "Weights of each class")),
    (("04", "Left: the number of turns"), ("18", "Accuracy falls with the shift")),
    (("27", "A dog on the left"), ("28", "Four validation pictures")),
    (("31", "The cat in blue and yellow"), ("30", "Six pictures by the unseen artist")),
)


def figure(number: str, begins: str) -> Image.Image:
    """Stored figure of a chapter whose text begins so.

    Raises:
        ValueError: if the chapter has none.
    """
    (path,) = chapters.choose(number)
    for cell in chapters.code_cells(chapters.read(path)):
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data and data.get("text/plain", "").startswith(begins):
                return Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    raise ValueError(
        f"chapter {number} has no stored figure whose text begins {begins!r}: make execute CHAPTERS={number}"
    )


def compose(rows=ROWS) -> Image.Image:
    """Every row scaled to one width, below each other on white."""
    strips = []
    for row in rows:
        tiles = [figure(*tile) for tile in row]
        height = min(tile.height for tile in tiles)
        tiles = [
            tile.resize((round(tile.width * height / tile.height), height), Image.LANCZOS) for tile in tiles
        ]
        room = WIDTH - GAP * (len(tiles) - 1)
        scale = room / sum(tile.width for tile in tiles)
        strip = Image.new("RGB", (WIDTH, round(height * scale)), "white")
        left = 0
        for tile in tiles:
            scaled = tile.resize((round(tile.width * scale), round(tile.height * scale)), Image.LANCZOS)
            strip.paste(scaled, (left, 0))
            left += scaled.width + GAP
        strips.append(strip)
    page = Image.new("RGB", (WIDTH, sum(strip.height + GAP for strip in strips) - GAP), "white")
    top = 0
    for strip in strips:
        page.paste(strip, (0, top))
        top += strip.height + GAP
    return page


def main() -> int:
    """Write the picture."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    compose().save(TARGET, quality=88, optimize=True)
    print(f"{TARGET.relative_to(chapters.ROOT)}: {TARGET.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

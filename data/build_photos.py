"""Build data/sample/photos from the photographs that ship inside the scikit-image wheel (0.26.0).

    python data/build_photos.py

Only pictures whose own note says CC0 or public domain are taken; data/README.md has the table. Textures that the
scenes are composed of are stored as PNG, because their pixels must not depend on a JPEG decoder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).resolve().parent / "sample" / "photos"
# name -> (file in the wheel, longest side)
PHOTOS = {
    "cat": ("chelsea.png", 451),
    "coffee": ("coffee.png", 600),
    "rocket": ("rocket.jpg", 640),
    "astronaut": ("astronaut.png", 512),
    "hubble": ("hubble_deep_field.jpg", 600),
    "camera": ("camera.png", 512),
}
# name -> (file in the wheel, crop or None, size)
TEXTURES = {
    "grass": ("grass.png", None, (320, 320)),
    "gravel": ("gravel.png", None, (320, 320)),
    "brick": ("brick.png", None, (320, 320)),
    "wood": ("coffee.png", (476, 100, 600, 340), (248, 480)),
}


def main() -> int:
    import skimage.data

    source = Path(skimage.data.__file__).parent
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (filename, longest) in PHOTOS.items():
        picture = Image.open(source / filename)
        picture.thumbnail((longest, longest), Image.Resampling.BICUBIC)
        picture.save(FOLDER / f"{name}.jpg", quality=90, optimize=True)
    for name, (filename, crop, size) in TEXTURES.items():
        picture = Image.open(source / filename)
        picture.crop(crop or (0, 0, *picture.size)).resize(size, Image.Resampling.BICUBIC).save(
            FOLDER / f"{name}.png", optimize=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

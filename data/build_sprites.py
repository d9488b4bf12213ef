"""Build data/sample/sprites: five atlases of emoji art, one an artist, and a few large drawings.

Inputs are five npm packages of SVG in Iconify JSON, named and hashed in PACKAGES. npm's own client fetches them:

    mkdir /tmp/art && cd /tmp/art
    npm pack @iconify-json/noto@1.2.9 @iconify-json/fluent-emoji@1.2.7 @iconify-json/twemoji@1.2.5 \
             @iconify-json/emojione@1.2.3 @iconify-json/openmoji@1.2.29
    python data/build_sprites.py /tmp/art            # writes data/sample/sprites
    python data/build_sprites.py /tmp/art --check    # fails if the committed files differ

The same inputs give the same bytes with the versions in TOOLS; another Pillow or zlib may pack the same pixels
into other bytes, and then --check says so. Needs resvg_py and Pillow; no network.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

from PIL import Image

TOOLS = "resvg_py 0.5.0, Pillow 13.0.0"
CELL, LARGE, COLUMNS = 128, 480, 12
RENDER = 512
FOLDER = Path(__file__).resolve().parent / "sample" / "sprites"

# artist -> (package file, sha256)
PACKAGES = {
    "noto": (
        "iconify-json-noto-1.2.9.tgz",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
    ),
    "fluent": (
        "iconify-json-fluent-emoji-1.2.7.tgz",
        "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
    ),
    "twemoji": (
        "iconify-json-twemoji-1.2.5.tgz",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
    ),
    "emojione": (
        "iconify-json-emojione-1.2.3.tgz",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
    ),
    "openmoji": (
        "iconify-json-openmoji-1.2.29.tgz",
        "03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5",
    ),
}

FOODS = """
hot-dog banana hamburger pizza taco burrito french-fries sandwich stuffed-flatbread bread baguette-bread
croissant pretzel bagel pancakes waffle cheese-wedge meat-on-bone poultry-leg cut-of-meat bacon egg cooking
green-salad popcorn sushi fried-shrimp spaghetti curry-rice rice-ball dango fortune-cookie dumpling
soft-ice-cream ice-cream doughnut cookie birthday-cake shortcake cupcake pie chocolate-bar custard red-apple
green-apple pear tangerine lemon watermelon grapes strawberry melon cherries peach mango pineapple coconut
kiwi-fruit tomato eggplant avocado carrot ear-of-corn hot-pepper cucumber broccoli mushroom potato
roasted-sweet-potato hot-beverage beer-mug
""".split()  # noqa: SIM905 a list of words reads better so

PEOPLE = [
    f"{who}{tone}"
    for who in (
        "person-standing",
        "man-standing",
        "woman-standing",
        "person-walking",
        "woman-walking",
        "person-running",
    )
    for tone in ("-light", "-medium", "-dark")
]

CIFAR10 = {
    "airplane": ["airplane", "small-airplane"],
    "automobile": ["automobile", "oncoming-automobile", "sport-utility-vehicle", "taxi", "police-car"],
    "bird": ["bird", "dove", "eagle", "duck", "parrot", "owl", "black-bird", "rooster", "swan"],
    "cat": ["cat", "cat-face", "black-cat", "grinning-cat"],
    "deer": ["deer", "moose"],
    "dog": ["dog", "dog-face", "poodle", "guide-dog", "service-dog"],
    "frog": ["frog"],
    "horse": ["horse", "horse-face"],
    "ship": ["ship", "passenger-ship", "ferry", "motor-boat"],
    "truck": ["delivery-truck", "articulated-lorry", "pickup-truck", "fire-engine"],
}

VOC = {
    "aeroplane": ["airplane", "small-airplane"],
    "bicycle": ["bicycle"],
    "bird": ["bird", "dove", "duck", "parrot", "owl", "swan", "rooster"],
    "boat": ["sailboat", "speedboat", "motor-boat", "canoe"],
    "bottle": ["bottle-with-popping-cork", "baby-bottle", "lotion-bottle"],
    "bus": ["bus", "oncoming-bus", "trolleybus", "minibus"],
    "car": ["automobile", "oncoming-automobile", "sport-utility-vehicle", "taxi", "police-car"],
    "cat": ["cat", "black-cat"],
    "chair": ["chair", "seat"],
    "cow": ["cow", "ox", "water-buffalo"],
    "diningtable": ["dining-table"],
    "dog": ["dog", "poodle", "guide-dog", "service-dog"],
    "horse": ["horse"],
    "motorbike": ["motorcycle", "motor-scooter"],
    "person": PEOPLE,
    "pottedplant": ["potted-plant"],
    "sheep": ["ewe", "ram"],
    "sofa": ["couch-and-lamp"],
    "train": ["train", "locomotive", "high-speed-train", "bullet-train", "tram"],
    "tvmonitor": ["television", "desktop-computer"],
}

DOGS = ["dog", "dog-face", "poodle", "guide-dog", "service-dog", "wolf", "fox"]

# Drawn large for the demonstration picture of the anchors chapter.
LARGE_ART = {"noto": ["dog", "cat"], "fluent": ["dog", "cat", "dog-face", "cat-face"]}

# One package has another word for what the others show.
OTHER_NAMES = {("fluent", "black-bird"): "blackbird"}

# No emoji shows a dining table, so the course draws its own: (wood, edge, legs, cloth), one an artist.
TABLES = {
    "noto": ("#a9713f", "#7d4f28", "straight", None),
    "fluent": ("#c98f54", "#8d5a2b", "tapered", "#f3f0e6"),
    "twemoji": ("#c1694f", "#8a4b38", "straight", None),
    "emojione": ("#89664c", "#5c3f2b", "tapered", "#d95b5b"),
    "openmoji": ("#a57939", "#3f3f3f", "straight", None),
}


def table_svg(wood: str, edge: str, legs: str, cloth: str | None) -> str:
    """Return a small SVG of a dining table; drawn for this course, CC0."""
    inset = 0 if legs == "straight" else 5
    parts = []
    for x in (16, 104):
        lean = inset if x < 64 else -inset
        parts.append(
            f'<path d="M{x} 52h10l{lean * 0.4} 58h-{10 - abs(lean) * 0.8}z" fill="{edge}"/>'
            f'<path d="M{x + 12 * (1 if x < 64 else -1)} 50h7v44h-7z" fill="{edge}" opacity=".75"/>'
        )
    parts.append(f'<path d="M18 30h94l14 22H4z" fill="{wood}"/><path d="M4 52h122v9H4z" fill="{edge}"/>')
    parts.append(f'<path d="M30 38h34M52 45h46M76 35h26" stroke="{edge}" stroke-width="1.4" opacity=".5"/>')
    if cloth:
        parts.append(f'<path d="M40 30h50l9 22 3 24-37-7-37 7 3-24z" fill="{cloth}"/>')
        parts.append('<path d="M31 52h68" stroke="#000" stroke-width="1" opacity=".15"/>')
    parts.append('<ellipse cx="65" cy="40" rx="17" ry="5.5" fill="#fff"/>')
    parts.append('<ellipse cx="65" cy="39.6" rx="11" ry="3.2" fill="#dfe6ea"/>')
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 130 114" width="130" height="114">'
        + "".join(parts)
        + "</svg>"
    )


def read_package(archive: Path, digest: str) -> dict:
    """Return the parsed icons.json of one npm package after checking its hash."""
    if not archive.is_file():
        raise FileNotFoundError(
            f"{archive} is missing. Fix: fetch it with `npm pack`, see the top of this file."
        )
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        raise ValueError(
            f"{archive.name}: sha256 is {found}, expected {digest}. Fix: fetch the pinned version."
        )
    with tarfile.open(archive) as tar:
        return json.load(tar.extractfile("package/icons.json"))


def find_icon(package: dict, artist: str, concept: str) -> dict | None:
    """Return the icon of a concept, following aliases and the packages' two ways to name skin tones."""
    for name in (OTHER_NAMES.get((artist, concept)), concept, f"{concept}-skin-tone"):
        while name in package.get("aliases", {}):
            name = package["aliases"][name]["parent"]
        if name in package["icons"]:
            return package["icons"][name]
    return None


def icon_svg(package: dict, icon: dict) -> str:
    width = icon.get("width", package.get("width", 16))
    height = icon.get("height", package.get("height", 16))
    left, top = icon.get("left", 0), icon.get("top", 0)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'
    )


def render(svg: str, longest: int) -> Image.Image:
    """Draw an SVG, cut away the empty border and scale so that the longer side is `longest` pixels."""
    import resvg_py

    picture = Image.open(
        io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg, width=max(RENDER, longest * 2)))
    ).convert("RGBA")
    # Some drawings carry a glow that reaches far beyond the object; boxes and masks want what one sees.
    alpha = picture.getchannel("A").point([0] * 128 + [2 * level - 255 for level in range(128, 256)])
    picture.putalpha(alpha)
    picture = picture.crop(alpha.getbbox())
    scale = max(picture.size)
    size = [max(1, (side * longest + scale // 2) // scale) for side in picture.size]
    return picture.resize(size, Image.Resampling.BOX)


def pack(
    pictures: dict[str, Image.Image], cell: int, columns: int
) -> tuple[Image.Image, dict[str, list[int]]]:
    """Lay pictures out on a grid. Returns the atlas and name -> [left, top, right, bottom]."""
    rows = -(-len(pictures) // columns)
    atlas = Image.new("RGBA", (cell * min(columns, len(pictures)), cell * rows))
    places = {}
    for position, (name, picture) in enumerate(sorted(pictures.items())):
        left, top = position % columns * cell, position // columns * cell
        atlas.paste(picture, (left, top))
        places[name] = [left, top, left + picture.width, top + picture.height]
    return atlas, places


def concepts() -> list[str]:
    groups = [FOODS, DOGS, *CIFAR10.values(), *VOC.values()]
    return sorted({concept for group in groups for concept in group} - {"dining-table"})


def build(art: Path, folder: Path) -> None:
    """Write the atlases and index.json into `folder`."""
    index = {"cell": CELL, "tools": TOOLS, "foods": FOODS, "dogs": DOGS, "cifar10": CIFAR10, "voc": VOC}
    index["atlas"] = {}
    tables = {f"dining-table-{artist}": render(table_svg(*style), CELL) for artist, style in TABLES.items()}
    atlas, index["atlas"]["course"] = pack(tables, CELL, COLUMNS)
    atlas.save(folder / "course.png", optimize=True)
    large = {}
    for artist, (filename, digest) in PACKAGES.items():
        package = read_package(art / filename, digest)
        icons = {concept: find_icon(package, artist, concept) for concept in concepts()}
        drawn = {name: render(icon_svg(package, icon), CELL) for name, icon in icons.items() if icon}
        atlas, index["atlas"][artist] = pack(drawn, CELL, COLUMNS)
        atlas.save(folder / f"{artist}.png", optimize=True)
        for concept in LARGE_ART.get(artist, []):
            large[f"{artist}-{concept}"] = render(icon_svg(package, icons[concept]), LARGE)
    atlas, index["atlas"]["large"] = pack(large, LARGE, 3)
    atlas.save(folder / "large.png", optimize=True)
    text = json.dumps(index, indent=None, separators=(",", ":"), sort_keys=True).replace("},", "},\n")
    (folder / "index.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("art", type=Path, help="folder with the npm packages")
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    options = parser.parse_args()
    if not options.check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        build(options.art, FOLDER)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        build(options.art, Path(scratch))
        different = [
            made.name
            for made in sorted(Path(scratch).iterdir())
            if not (FOLDER / made.name).is_file() or made.read_bytes() != (FOLDER / made.name).read_bytes()
        ]
    print("differ: " + ", ".join(different) if different else "all files are the same bytes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

"""Build data/sample/fashion-mnist from the whole Fashion-MNIST: the first N images of each class, in file order.

    python data/build_fashion_mnist.py /usr/share/datasets/fashion-mnist

The source folder holds the four IDX .gz files as Zalando publishes them (Debian's package
dataset-fashion-mnist puts them there). The result is the same byte for byte on every machine.
"""

import gzip
import hashlib
import struct
import sys
from pathlib import Path

import numpy as np

PER_CLASS = {"train": 1000, "t10k": 200}
TARGET = Path(__file__).resolve().parent / "sample" / "fashion-mnist"


def write_gz(path: Path, content: bytes) -> None:
    """Write gzip bytes without time or file name, which would differ from run to run."""
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
        file.write(content)
    print(
        f"{path.name}: {path.stat().st_size:,} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"
    )


def main(source: Path) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for split, per_class in PER_CLASS.items():
        images = gzip.decompress((source / f"{split}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((source / f"{split}-labels-idx1-ubyte.gz").read_bytes())
        pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
        classes = np.frombuffer(labels, np.uint8, offset=8)
        kept = np.sort(np.concatenate([np.flatnonzero(classes == k)[:per_class] for k in range(10)]))
        write_gz(
            TARGET / f"{split}-images-idx3-ubyte.gz",
            struct.pack(">4i", 0x803, len(kept), 28, 28) + pixels[kept].tobytes(),
        )
        write_gz(
            TARGET / f"{split}-labels-idx1-ubyte.gz",
            struct.pack(">2i", 0x801, len(kept)) + classes[kept].tobytes(),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/datasets/fashion-mnist"))

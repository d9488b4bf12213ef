"""Every real set: its facts, and that an archive of its layout ends where the reader looks."""

from __future__ import annotations

import ast
import gzip
import hashlib
import math
import struct
from importlib import util
from pathlib import Path

import pytest
import torchvision
from real_sets import LAYOUTS, tree

from utils.datasets import registry
from utils.datasets.download import fetch
from utils.datasets.registry import REGISTRY


def test_every_set_has_a_layout_test():
    assert set(LAYOUTS) == set(REGISTRY)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_set_is_fetched_into_its_layout(name, serve_archive, full_root):
    entry = serve_archive(name, LAYOUTS[name])
    root = fetch(name, progress=False)
    assert full_root / name in (root, *root.parents)
    assert all((root / path).exists() for path in entry.layout)
    assert sorted(tree(root).values()) == sorted(LAYOUTS[name].values())
    assert [path.name for path in (full_root / "downloads").iterdir() if path.suffix != ".lock"] == []


def test_unknown_name_lists_the_known_ones(full_root):
    with pytest.raises(
        ValueError, match="bananas, cifar10, cifar10-tiny, dogs, fashion-mnist, hotdog, houses, voc"
    ):
        fetch("hotdogs")
    assert not full_root.exists()
    assert registry.lookup("Fashion_MNIST").name == "fashion-mnist"


def test_torchvision_finds_fashion_mnist_where_we_put_it(serve_archive, full_root, monkeypatch):
    def idx(*shape: int) -> bytes:
        body = bytes(i % 10 for i in range(math.prod(shape)))
        return gzip.compress(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + body)

    files = {
        file.name: idx(3, 28, 28) if "images" in file.name else idx(3)
        for file in REGISTRY["fashion-mnist"].files
    }
    serve_archive("fashion-mnist", files)
    fetch("fashion-mnist", progress=False)
    kind = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(
        kind, "resources", [(name, hashlib.md5(body).hexdigest()) for name, body in files.items()]
    )
    monkeypatch.setattr(kind, "mirrors", ["http://127.0.0.1:9/"])  # nobody listens there
    train = kind(full_root / "fashion-mnist", train=True, download=True)
    assert len(train) == 3 and train[2][1] == 2


def test_hashes_are_those_of_torchvision_and_of_the_book():
    fashion = {file.name: file.hash for file in REGISTRY["fashion-mnist"].files}
    assert fashion == {name: f"md5:{md5}" for name, md5 in torchvision.datasets.FashionMNIST.resources}
    cifar = REGISTRY["cifar10"].files[0]
    assert (cifar.hash, cifar.urls[0]) == (
        f"md5:{torchvision.datasets.CIFAR10.tgz_md5}",
        torchvision.datasets.CIFAR10.url,
    )
    spec = util.find_spec("d2l")
    if spec is None or spec.origin is None:
        pytest.skip("the book's package d2l is not installed")
    # Read, not imported: importing d2l sets up plotting.
    book = book_hashes(Path(spec.origin).with_name("torch.py").read_text(encoding="utf-8"))
    ours = {
        file.name: file.hash for entry in REGISTRY.values() for file in entry.files if file.hash[:4] == "sha1"
    }
    assert len(ours) == 7
    for name, sha1 in ours.items():
        assert sha1 == f"sha1:{book[name]}"


def book_hashes(source: str) -> dict[str, str]:
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and "DATA_HUB[" in ast.unparse(node.targets[0]):
            url, sha1 = node.value.elts
            found[url.right.value if isinstance(url, ast.BinOp) else url.value] = sha1.value
    return found


def test_registry_is_well_formed():
    for entry in REGISTRY.values():
        assert entry.license and entry.about and entry.layout
        for file in entry.files:
            kind, digest = file.hash.split(":")
            assert len(digest) == {"sha1": 40, "md5": 32}[kind]
            assert all(
                url.startswith(("https://", "http://")) and url.endswith(file.name) for url in file.urls
            )
            assert [url.startswith("https") for url in file.urls] == sorted(
                (url.startswith("https") for url in file.urls), reverse=True
            ), "https first"

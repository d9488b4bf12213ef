"""What a Kaggle-like competition asks for around the model: folders, folds without leaks, submission files."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

PARTS = ("train", "valid", "train_valid", "test")
_MARK = ".reorganised"


class Counts(NamedTuple):
    """Pictures in each part of a reorganised folder."""

    train: int
    valid: int
    train_valid: int
    test: int


def assign_folds(labels: Tensor, *, folds: int, seed: int = 0, groups: Tensor | None = None) -> Tensor:
    """Return the fold `(N,)` int64 in 0..folds-1 of each example: shuffled by `seed`, classes spread evenly.

    Fold k serves as validation set of run k; for a single split take fold 0. Empty labels give an empty tensor.

    Args:
        labels: classes `(N,)`.
        folds: at least 2.
        groups: `(N,)` integers; examples of one group never part, so near-duplicates cannot leak. The folds are
            then only about equal in size and classes.

    Raises:
        ValueError: if folds is below 2 or above N, or the lengths differ.

    Source: scikit-learn's StratifiedGroupKFold where there are groups.

    Example:
        >>> assign_folds(torch.tensor([0, 0, 1, 1]), folds=2).bincount().tolist()
        [2, 2]
    """
    if groups is not None and len(groups) != len(labels):
        raise ValueError(f"expected one group a label, got {len(groups)} groups and {len(labels)} labels")
    if not len(labels):
        return torch.zeros(0, dtype=torch.int64)
    if not 2 <= folds <= len(labels):
        raise ValueError(f"expected 2 <= folds <= {len(labels)} examples, got folds={folds}")
    if groups is None:
        return _dealt(labels, folds, seed)
    from sklearn.model_selection import StratifiedGroupKFold  # a second of import time

    result = torch.zeros(len(labels), dtype=torch.int64)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(
        splitter.split(np.zeros(len(labels)), labels.numpy(), groups.numpy())
    ):
        result[torch.from_numpy(held_out)] = fold
    return result


def _dealt(labels: Tensor, folds: int, seed: int) -> Tensor:
    """Deal each class out like cards, going on where the class before stopped: also classes smaller than `folds`."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    by_class = order[labels[order].sort(stable=True).indices]
    result = torch.empty(len(labels), dtype=torch.int64)
    result[by_class] = torch.arange(len(labels)) % folds
    return result


def reorganise(
    source: Path, target: Path, labels: Mapping[str, str], *, valid_ids: Collection[str]
) -> Counts:
    """Copy a competition's flat folders into one folder a class, as torchvision's ImageFolder wants them.

    `source` has train/ID.ext and test/ID.ext; `target` gets train/CLASS/ID.ext, valid/CLASS/ID.ext,
    train_valid/CLASS/ID.ext (both together) and test/unknown/ID.ext. A second call starts afresh, so nothing of
    an older split stays behind.

    Args:
        labels: class name by id, for every picture of train/.
        valid_ids: ids to hold out.

    Raises:
        ValueError: if a picture has no label, a held-out id has no picture, or `target` holds something else.

    Source: `reorg_cifar10_data` and `reorg_dog_data` of the book, which keep files of earlier calls.
    """
    pictures = {
        part: {path.stem: path for path in sorted((source / part).iterdir())} for part in ("train", "test")
    }
    unlabelled = sorted(set(pictures["train"]) - set(labels))
    unknown = sorted(set(valid_ids) - set(pictures["train"]))
    if unlabelled or unknown:
        raise ValueError(
            f"pictures without a label: {unlabelled[:5]}, held-out ids without a picture: {unknown[:5]}. "
            "Fix: take ids without the file's ending, as text."
        )
    if target.exists() and any(target.iterdir()) and not (target / _MARK).is_file():
        raise ValueError(
            f"{target} holds files that are not ours. Fix: name a folder that does not exist yet."
        )
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / _MARK).touch()
    counts = dict.fromkeys(PARTS, 0)
    for name, path in pictures["train"].items():
        for part in ("valid" if name in valid_ids else "train", "train_valid"):
            counts[part] += _copy(path, target / part / labels[name])
    for path in pictures["test"].values():
        counts["test"] += _copy(path, target / "test" / "unknown")
    return Counts(**counts)


def _copy(path: Path, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / path.name)
    return 1


def sorted_ids(ids: Sequence[str]) -> list[str]:
    """Return ids in the order of a submission: by number if all are numbers, else as text.

    Example:
        >>> sorted_ids(["10", "9", "1"])
        ['1', '9', '10']
    """
    return sorted(ids, key=int) if all(name.isdecimal() for name in ids) else sorted(ids)


def write_labels(
    path: Path, ids: Sequence[str], labels: Tensor, *, classes: Sequence[str], column: str = "label"
) -> str:
    """Write `id,label` rows, sorted by id, and return the file's SHA-256: equal files have equal ones.

    Args:
        ids: N ids, in the order of `labels`.
        labels: class numbers `(N,)`.
        classes: names of the classes.

    Raises:
        ValueError: if the lengths differ, an id comes twice, or a label has no name.
    """
    _check_ids(ids, len(labels))
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise ValueError(f"expected labels in 0..{len(classes) - 1}, got {labels.min()} to {labels.max()}")
    named = {name: [classes[label]] for name, label in zip(ids, labels.tolist(), strict=True)}
    return _write(path, ("id", column), named)


def write_probabilities(
    path: Path, ids: Sequence[str], probabilities: Tensor, *, classes: Sequence[str]
) -> str:
    """Write `id,CLASS,CLASS,...` rows, sorted by id, and return the file's SHA-256.

    Args:
        ids: N ids, in the order of the rows.
        probabilities: `(N, K)`, not negative, rows sum to 1. Written with six digits.
        classes: K names, the columns.

    Raises:
        ValueError: if shapes differ, an id comes twice, or a row is no probability distribution.
    """
    _check_ids(ids, len(probabilities))
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        raise ValueError(f"expected ({len(ids)}, {len(classes)}) numbers, got {tuple(probabilities.shape)}")
    sums = probabilities.sum(1)
    if not ((probabilities >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)):
        raise ValueError("rows are no probabilities (not negative, sum 1). Fix: logits.softmax(1).")
    rows = {name: [f"{p:.6f}" for p in row] for name, row in zip(ids, probabilities.tolist(), strict=True)}
    return _write(path, ("id", *classes), rows)


def submission_problems(path: Path, *, ids: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return what a judge would refuse in a submission, as sentences; an empty list if it is in order.

    Args:
        ids: of the test pictures.
        columns: behind `id`, such as `("label",)` or the classes.
    """
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    got = [row[0] for row in rows if row]
    problems = []
    if header != ["id", *columns]:
        problems.append(f"columns are {header[:4]}, expected {['id', *columns][:4]}")
    if len(set(got)) < len(got):
        problems.append(f"{len(got) - len(set(got))} ids come twice")
    if set(got) != set(ids):
        problems.append(f"{len(set(ids) - set(got))} ids are missing, {len(set(got) - set(ids))} are unknown")
    if any(len(row) != len(header) for row in rows):
        problems.append("rows differ in length")
    return problems


def _check_ids(ids: Sequence[str], rows: int) -> None:
    if len(ids) != rows or len(set(ids)) != len(ids):
        raise ValueError(f"expected one row for each id and each id once, got {len(ids)} ids and {rows} rows")


def _write(path: Path, header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")  # the same bytes on every system
    writer.writerow(header)
    writer.writerows([name, *rows[name]] for name in sorted_ids(list(rows)))
    data = text.getvalue().encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".part")
    scratch.write_bytes(data)
    os.replace(scratch, path)
    return hashlib.sha256(data).hexdigest()

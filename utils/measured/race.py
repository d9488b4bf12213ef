"""Numbers of a row of time_to_accuracy.json: `{"book": runs, "ours": runs}`, a run being seed, seconds and accuracy."""

from __future__ import annotations

import statistics
from typing import Any


def target_of(row: dict[str, Any]) -> float:
    """The mean of the book's final accuracies."""
    return statistics.fmean(run["accuracy"] for run in row["book"])


def ratio_of(row: dict[str, Any]) -> float:
    """The book's seconds over ours, median over median."""
    book, ours = (statistics.median(run["seconds"] for run in row[side]) for side in ("book", "ours"))
    return book / ours


def passes(row: dict[str, Any]) -> bool:
    """Every seed of ours ends at the target or above."""
    return min(run["accuracy"] for run in row["ours"]) >= target_of(row)

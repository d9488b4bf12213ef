"""`make race`: time to the book's accuracy (`time_to_accuracy`), and LeNet's gain by ingredient (`ingredients`).

python -m benchmarks.race                        # about 30 minutes on two cores; resumes
python -m benchmarks.race --only "softmax mlp"
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.bench_fashion_mnist import books_data, scale
from benchmarks.harness import quiet
from benchmarks.ingredients import ingredients
from benchmarks.time_to_accuracy import contests, race
from utils import measured
from utils.device import keep_freed_memory
from utils.measured.race import passes, ratio_of, target_of

NAME = "time_to_accuracy"


def table(rows: dict) -> str:
    """Markdown of the contests, then of LeNet's ingredients."""
    if not rows:
        return "Nothing has been run yet: `make race`."
    lines = [
        "| net | book: accuracy | book: s | ours: epochs | ours: accuracy | ours: s | times as fast |",
        "|" + "---|" * 7,
    ]
    for slug, row in rows.items():
        if slug == "steps":
            continue
        accuracy, seconds = (_listed(row, key) for key in ("accuracy", "seconds"))
        times = f"{ratio_of(row):.0f}" + ("" if passes(row) else " (does not reach it)")
        cells = row["title"], accuracy[0], seconds[0] + " projected" * row["projected"], str(row["epochs"]), *(
            accuracy[1], seconds[1], times)  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    if "steps" in rows:
        lines += ["", "| LeNet, added | epochs | test accuracy | s |", "|---|---|---|---|"]
        for step in rows["steps"]["steps"]:
            name = step["name"] + " (does not pay here)" * (not step["pays"])
            cells = [
                ", ".join(_number(key, run[key]) for run in step["runs"]) for key in ("accuracy", "seconds")
            ]
            lines.append(f"| {name} | {step['epochs']} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _listed(row: dict, key: str) -> list[str]:
    return [", ".join(_number(key, run[key]) for run in row[side]) for side in ("book", "ours")]


def _number(key: str, value: float) -> str:
    if key == "accuracy":
        return f"{value:.3f}"
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def main(arguments: list[str] | None = None) -> int:
    """0 when all that was asked for is measured; 2 for an unknown name, or without the real pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", default="", help="names such as 'softmax lenet steps'; default what is missing"
    )
    options = parser.parse_args(arguments)
    known = {contest.slug: contest for contest in contests()}
    names = [*known, "steps"]
    if unknown := set(options.only.split()) - set(names):
        print(f"unknown: {' '.join(sorted(unknown))}; expected some of: {' '.join(names)}")
        return 2
    if scale() != "full":
        print("The race is about the real 60,000 + 10,000 pictures. Fix: make data.")
        return 2
    rows = measured.read(NAME)
    todo = options.only.split() or [name for name in names if name not in rows]
    print(
        f"{len(todo)} of {len(names)} to measure: half a minute to eight minutes each; close other programs.",
        flush=True,
    )
    keep_freed_memory()
    for name in todo:
        if name == "steps" and "lenet" not in rows:
            print("steps: needs lenet first")
            continue
        with quiet():
            rows[name] = race(known[name]) if name in known else ingredients(target_of(rows["lenet"]))
        order = [slug for slug in names if slug in rows]
        rows = {slug: rows[slug] for slug in order}
        measured.write(NAME, rows)
    print(table(rows))
    return 0


if __name__ == "__main__":
    with books_data():
        code = main()
    sys.exit(code)

"""`make bench`: scripts in order, a page only if all results agree, sides in processes of their own."""

import multiprocessing
import os
from dataclasses import asdict
from functools import partial

import pytest
import torch

from benchmarks import harness
from tools import bench


def test_benchmarks_run_in_order_and_failures_count(tmp_path, capfd):
    page = tmp_path / "page.md"
    assert bench.main(tmp_path, page) == 0 and "Nothing to compare yet" in capfd.readouterr().out
    (tmp_path / "bench_a.py").write_text("import utils.settings; print('ran a')")
    (tmp_path / "harness.py").write_text("raise SystemExit(9)")
    assert bench.main(tmp_path, page) == 0 and "ran a" in capfd.readouterr().out
    (tmp_path / "bench_b.py").write_text("raise SystemExit(1)")
    assert bench.main(tmp_path, page) == 1 and "Failed: bench_b" in capfd.readouterr().out
    assert not page.exists()


SCRIPT = """
from benchmarks.harness import Case, main
same = lambda: 1
main(lambda: [Case("adding", "two numbers", same, same, lambda: {agree}, floor=1000, rounds=2)])
"""


@pytest.mark.parametrize("agree", [True, False])
def test_a_benchmark_page_is_written_only_if_all_results_agree(tmp_path, agree):
    page = tmp_path / "page.md"
    page.write_text("before")
    (tmp_path / "bench_a.py").write_text(SCRIPT.format(agree=agree))
    assert bench.main(tmp_path, page) == int(not agree)
    assert page.read_text() == "before" or "| adding | two numbers |" in page.read_text()
    assert ("(missed) | 1000 |" in page.read_text()) == agree


def allocator_of_a_side(name):
    """Where a side runs, with how many threads, and how its loaders start their workers."""
    return lambda: (name, os.getpid(), torch.get_num_threads(), multiprocessing.get_start_method())


def test_sides_apart_run_in_processes_of_their_own():
    sides = [harness.Apart(allocator_of_a_side, name) for name in "ab"]
    (one, first, threads, method), (other, second, *_) = (side() for side in sides)
    assert [one, other] == ["a", "b"] and len({os.getpid(), first, second}) == 3
    assert threads == torch.get_num_threads() and method == multiprocessing.get_start_method()
    assert sides[0]()[1] == first  # the same process at each call
    for side in sides:
        side.close()


def test_the_memory_of_sides_apart_is_in_their_row():
    sides = [harness.Apart(partial, int) for _ in range(2)]
    row = harness.run(harness.Case("int", "0", *sides, check=lambda: True), rounds=1)
    assert len(row.memory) == 2 and min(row.memory) > 50
    ballast = torch.ones(500 * 2**18)  # 500 MiB over here are not held over there
    late = harness.Apart(partial, int)
    late()
    assert late.peak_memory() + 100 < harness.peak_memory() and ballast.sum() > 0
    late.close()
    assert f"| {row.memory[0]:,} / {row.memory[1]:,} |" in bench._row(asdict(row))
    for side in sides:
        side.close()


def test_an_error_of_a_side_apart_is_raised_here():
    side = harness.Apart(partial, int)
    with pytest.raises(ValueError, match="invalid literal"):
        side("x")
    side.close()


def test_a_case_without_another_side_shows_its_time_only(tmp_path):
    page = tmp_path / "page.md"
    lines = (
        SCRIPT.format(agree=True)
        .replace("same, same,", "same, None,")
        .replace("floor=1000, rounds=2", "rounds=1")
    )
    (tmp_path / "bench_a.py").write_text(lines)
    assert bench.main(tmp_path, page) == 0
    row = next(line for line in page.read_text().splitlines() if line.startswith("| adding"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 7 and cells[2] and cells[3:] == [""] * 4

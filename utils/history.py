"""What a training run leaves behind: plain numbers, one record an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Record:
    """One epoch: its number (from 1), its metrics by name (`train loss`, `valid accuracy`, ...), its cost.

    `seconds` is the whole epoch, `examples_per_second` its training part without the evaluation.
    """

    epoch: int
    metrics: dict[str, float]
    seconds: float = 0.0
    examples_per_second: float = 0.0

    def __getitem__(self, name: str) -> float:
        if name not in self.metrics:
            raise ValueError(
                f"no metric {name!r} in this record, it has: {', '.join(self.metrics) or 'none'}"
            )
        return self.metrics[name]

    def __contains__(self, name: str) -> bool:
        return name in self.metrics

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __str__(self) -> str:
        numbers = ", ".join(f"{name} {value:.3f}" for name, value in self.metrics.items())
        return f"epoch {self.epoch}: {numbers} ({self.seconds:.1f} s, {self.examples_per_second:,.0f} examples/s)"

    def as_dict(self) -> dict:
        """Return the record as plain dicts and numbers, for JSON or a checkpoint."""
        return asdict(self)


@dataclass
class History:
    """The records of a run in order. `History(fit(...))` trains and keeps them all."""

    records: list[Record] = field(default_factory=list)

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records = list(records)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    def append(self, record: Record) -> None:
        """Add the newest record."""
        self.records.append(record)

    @property
    def last(self) -> Record:
        """The newest record. ValueError if the run has none."""
        if not self.records:
            raise ValueError("the history is empty: no epoch has ended yet")
        return self.records[-1]

    @property
    def names(self) -> list[str]:
        """Metric names in order of first appearance."""
        return list(dict.fromkeys(name for record in self.records for name in record.metrics))

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """Return the epochs and the values of one metric, ready to plot."""
        if self.records and name not in self.names:
            raise ValueError(f"no metric {name!r} in this history, it has: {', '.join(self.names)}")
        rows = [(record.epoch, record.metrics[name]) for record in self.records if name in record.metrics]
        return [epoch for epoch, _ in rows], [value for _, value in rows]

    @property
    def seconds(self) -> float:
        """Seconds of all epochs together, evaluation included."""
        return sum(record.seconds for record in self.records)

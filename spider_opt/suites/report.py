"""What came of making suites: numbers for each database, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spider_opt.kinds import check_kinds
from spider_opt.wording import counted

_TITLES = ("database", "golds", "mutants", "killed", "left", "the same", "files", "KB", "seconds")


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    """What came of one database.

    Of ``mutants`` (which run, and are not the gold itself; ``broken`` do not run) so many are ``killed`` by at least
    one of ``instances``, so many ``differ`` from their gold on instances of another seed without being killed, and the
    rest agreed on all ``checked`` of these: they are counted as ``equivalent``. ``by_kind`` has (mutants, killed,
    differing) of each kind of change, ``left`` the differing ones, ``left_out`` golds that none were made of, with the
    reason, ``left_empty`` virtual tables without rows on all instances, too. ``tried`` instances were made,
    ``given_up`` of them for golds that have no one answer there. ``seconds`` are of one processor.
    """

    db_id: str
    golds: int
    mutants: int
    broken: int
    killed: int
    differ: int
    equivalent: int
    instances: int
    tried: int
    given_up: int
    checked: int
    n_bytes: int
    seconds: float
    by_kind: dict[str, list[int]] = field(default_factory=dict)
    left: list[list[str]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    left_empty: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return all of it for a file."""
        return asdict(self)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> DatabaseReport:
        """Read what ``to_json`` gave.

        Raises:
            ValueError, TypeError, LookupError: it is something else.
        """
        kinds: dict[str, Any] = {one.name: int for one in fields(cls)}
        kinds |= {"db_id": str, "seconds": (int, float), "by_kind": dict, "left": list, "left_out": dict}
        kinds |= {"left_empty": dict}
        entry = {"left_empty": {}, **entry}  # earlier versions did not tell
        check_kinds(entry, kinds)
        return cls(**{name: entry[name] for name in kinds})


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """What came of all databases of a benchmark; ``suite`` is what its numbers are called by."""

    path: Path
    suite: str
    benchmark: str
    split: str
    seed: int
    databases: tuple[DatabaseReport, ...]
    seconds: float

    @property
    def kill_rate(self) -> float:
        """How many of the mutants that differ from their gold at all are killed, 0 to 1; 1 where none differs."""
        killed, differ = (sum(getattr(one, name) for one in self.databases) for name in ("killed", "differ"))
        return killed / (killed + differ) if killed + differ else 1.0

    def to_json(self) -> dict[str, Any]:
        """Return all of it for a program, the sums of the databases beside them."""
        sums = {name: sum(getattr(one, name) for one in self.databases) for name in _SUMS}
        kinds: dict[str, list[int]] = {}
        for one in self.databases:
            for kind, counts in one.by_kind.items():
                kinds[kind] = [a + b for a, b in zip(kinds.get(kind, [0, 0, 0]), counts, strict=True)]
        return {
            "suite": self.suite, "path": str(self.path), "benchmark": self.benchmark, "split": self.split,
            "seed": self.seed, **sums, "kill_rate": round(self.kill_rate, 4), "seconds": round(self.seconds, 1),
            "by_kind": dict(sorted(kinds.items())), "databases": [one.to_json() for one in self.databases],
        }  # fmt: skip

    def lines(self) -> Iterator[str]:
        """Yield a table of it for a person."""
        rows = [
            (
                one.db_id, one.golds, one.mutants, one.killed, one.differ, one.equivalent, one.instances + 1,
                one.n_bytes // 1000, f"{one.seconds:.0f}",
            )
            for one in self.databases
        ]  # fmt: skip
        told = self.to_json()
        rows.append(
            (
                "all", told["golds"], told["mutants"], told["killed"], told["differ"], told["equivalent"],
                told["instances"] + len(self.databases), told["n_bytes"] // 1000,
                f"{sum(one.seconds for one in self.databases):.0f}",
            )
        )  # fmt: skip
        table = [_TITLES, *(tuple(map(str, row)) for row in rows)]
        widths = [max(len(row[at]) for row in table) for at in range(len(_TITLES))]
        for row in table:
            first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            yield "  ".join((row[0].ljust(len(first)), *others))
        least = min((one.checked for one in self.databases), default=0)
        yield (
            f"{100 * self.kill_rate:.1f} % of the mutants that differ are killed; {told['equivalent']:,} are the same "
            f"as their gold on {least:,} instances of another seed"
        )
        for one in self.databases:
            for gold, why in one.left_out.items():
                yield f"{one.db_id}: nothing was made of a gold query, {why}: {gold}"
        if several := [(one, *told) for one in self.databases for told in one.left_empty.items()]:
            first = "; ".join(f"{one.db_id}.{table}: {why}" for one, table, why in several[:3])
            more = " …" if len(several) > 3 else ""
            yield f"{counted(len(several), 'virtual table')} left empty on all made databases ({first}{more})"
        yield f"suite: {self.suite}"


_SUMS = ("golds", "mutants", "broken", "killed", "differ", "equivalent", "instances", "tried", "given_up", "n_bytes")

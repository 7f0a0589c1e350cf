"""Where runs differ: by hardness, by database, by what gold queries are made of; and which questions turned."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spider_opt.analysis.ablation import CHANGE, Compared
from spider_opt.analysis.comparing import change, value_of
from spider_opt.analysis.paired import Paired, holm, told
from spider_opt.errors import UsageError
from spider_opt.runs import Run
from spider_opt.runs.parts import WITHOUT_BENCHMARK, kinds_of_parts, parts
from spider_opt.scoring.report import Scored, of_other_golds
from spider_opt.types import Benchmark
from spider_opt.wording import either, table_line

ALL = "all"
EX = "EX"
COLUMNS = (
    "run", "method", "model", "by", "part", "metric", "n", "ex", "change", "change_low", "change_high", "won", "lost",
    "p", "p_holm", "p_clustered", "smallest", "asked_again", "always", "sometimes", "never",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """What a run, ``called`` so, comes to on a part of the questions; the base has no ``against``.

    ``ex`` is EX, or what ``metric`` names instead. ``p_holm`` is its p corrected for all parts of this kind and all
    runs, so that of many parts one may be looked for.
    """

    run: Run
    called: str
    by: str
    part: str
    metric: str
    n: int
    ex: float
    against: Paired | None = None
    p_holm: float = math.nan

    def cells(self) -> dict[str, Any]:
        """Return it flat and JSON-able, None where something cannot be told."""
        whose = {"run": self.called, "method": self.run.info.method, "model": self.run.info.model}
        told = {"by": self.by, "part": self.part, "metric": self.metric, "n": self.n, "ex": self.ex}
        told |= {name: getattr(self.against, of, None) for of, name in CHANGE.items()} | {"p_holm": self.p_holm}
        return whose | {name: _known(value) for name, value in told.items()}


@dataclass(frozen=True, slots=True)
class Consistency:
    """Of ``n`` gold queries that are asked more than once: how many are right each time, sometimes, and never."""

    n: int
    always: int
    sometimes: int
    never: int


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that only one of two runs has right: its id, and both verdicts."""

    id: str
    before: Scored
    now: Scored


def consistency(
    verdicts: Sequence[Scored], value: Callable[[Scored], float] = lambda scored: scored.correct
) -> Consistency:
    """Tell whether answers hold where the same gold query is asked in other words; right is what has a ``value`` of 1.

    Source: query variance testing of NL2SQL360 (Li et al. 2024), which gives the share of those right at least once.
    """
    asked: dict[str, list[bool]] = {}
    for scored in verdicts:
        asked.setdefault(scored.cluster, []).append(value(scored) >= 1)
    several = [right for right in asked.values() if len(right) > 1]
    always, never = sum(map(all, several)), sum(not any(right) for right in several)
    return Consistency(len(several), always, len(several) - always - never, never)


def phrasings(run: Run, compared: Compared) -> Consistency:
    """Return how one of the runs that are compared does where the same gold query is asked in other words."""
    asked = [scored for scored in run.verdicts if scored.index in compared.questions]
    return consistency(asked, value_of(run, compared.metric))


def flips(
    base: Run, run: Run, questions: Collection[int] | None = None, metric: str | None = None
) -> tuple[list[Flip], list[Flip]]:
    """Return the questions that only the run has right, and those that only the base has.

    Or to which a metric gives more, or less. Of those of both, or of ``questions``, by index.
    """
    before = {s.index: s for s in base.verdicts if questions is None or s.index in questions}
    value, won, lost = value_of(base, metric), list[Flip](), list[Flip]()
    for answer, now in run.judged:
        if now.index in before and (turned := value(now) - value(before[now.index])):
            (won if turned > 0 else lost).append(Flip(answer.id or f"{now.index}", before[now.index], now))
    return won, lost


def kinds_asked(names: str, benchmark: Benchmark | None) -> list[str]:
    """Return the kinds of parts that a text names, with commas between, or ``all``; see ``runs.parts``.

    Raises:
        UsageError: there is none of that name.
    """
    known = kinds_of_parts(benchmark)
    named = [name for part in names.split(",") if (name := part.strip().replace("-", "_"))]
    if named == [ALL]:
        return known
    for name in named:
        if name not in known:
            raise UsageError(f"there are no parts by {name!r}, but by {', '.join([*known, ALL])}")
    return list(dict.fromkeys(named))


def needs_benchmark(names: str) -> bool:
    """Tell whether parts of these names are told by gold queries, which runs do not hold."""
    return bool({name.strip() for name in names.split(",")} - {*WITHOUT_BENCHMARK, ""})


def on_benchmark(run: Run, benchmark: Benchmark) -> Run:
    """Return a run with its benchmark at hand.

    Raises:
        UsageError: it was made with other questions, gold queries or databases.
    """
    other = bool(run.info.fingerprint) and run.info.fingerprint != benchmark.fingerprint
    if other or of_other_golds(run.verdicts, benchmark.examples):
        here = f"{benchmark.name} {benchmark.split}"
        named = either("give the benchmark that it was asked", "name the one that it was asked (--benchmark, --spider)")
        raise UsageError(f"{run.where} was not asked {here} as it is here: {named}")
    return replace(run, benchmark=benchmark)


def breakdown(compared: Compared, by: str) -> list[Part]:
    """Return of each part, and there of each run, the base first, what it comes to and what it changed.

    Raises:
        UsageError: there are no such parts.
    """
    base, metric = compared.base, compared.metric
    asked = [scored for scored in base.verdicts if scored.index in compared.questions]
    found: list[Part] = []
    for name, part in parts(asked, by, base.benchmark).items():
        questions = {scored.index for scored in part}
        for run in (base, *compared.runs):
            value = value_of(run, metric)
            values = [value(scored) for scored in run.verdicts if scored.index in questions]
            against = None if run is base else change(base, run, questions, compared.by, metric)
            ex = 100 * sum(values) / len(values)
            found.append(Part(run, compared.called(run), by, name, metric or EX, len(values), ex, against))
    corrected = iter(holm([part.against.p for part in found if part.against]))
    return [replace(part, p_holm=next(corrected)) if part.against else part for part in found]


def to_markdown(told: Sequence[Part]) -> str:
    """Return a table of the parts of one kind."""
    by = told[0].by
    rows = [
        (by.replace("_", " "), "run", "n", told[0].metric, "change (95 %)", "p", "won/lost"),
        ("---",) * 2 + ("---:",) * 5,
    ]
    for part in told:
        shown = ("-", "-", "-")
        if (against := part.against) is not None:
            span = "-" if math.isnan(against.low) else f"{_signed(against.low)} to {_signed(against.high)}"
            p = "<0.001" if part.p_holm < 0.001 else f"{part.p_holm:.3f}"
            shown = (f"{_signed(against.change)} ({span})", p, f"{against.won}/{against.lost}")
        rows.append((part.part, part.called, f"{part.n}", f"{part.ex:.1f}", *shown))
    return "".join(map(table_line, rows))


def consistency_text(compared: Compared) -> str:
    """Return a table of how each run does where the same gold query is asked in other words."""
    by = f" ({compared.metric})" if compared.metric else ""
    rows = [
        ("asked more than once", "run", f"right each time{by}", "sometimes", "never"),
        ("---:", "---", *["---:"] * 3),
    ]
    for run in (compared.base, *compared.runs):
        found = phrasings(run, compared)
        shares = [
            f"{100 * n / found.n:.1f} %" if found.n else "-" for n in (found.always, found.sometimes, found.never)
        ]
        rows.append((f"{found.n} gold queries", compared.called(run), *shares))
    return "".join(map(table_line, rows))


def to_csv(compared: Compared, kinds: Sequence[str]) -> str:
    """Return a row for each run, ``by`` ``all``, then one for each part and run."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    runs = (compared.base, *compared.runs)
    changes = [change(compared.base, run, compared.questions, compared.by, compared.metric) for run in compared.runs]
    corrected = holm([found.p for found in changes])
    for run, against, p in zip(runs, (None, *changes), (math.nan, *corrected), strict=True):
        asked = [scored for scored in run.verdicts if scored.index in compared.questions]
        values = list(map(value_of(run, compared.metric), asked))
        found, ex = phrasings(run, compared), 100 * sum(values) / len(values)
        metric = compared.metric or EX
        whole = Part(run, compared.called(run), ALL, ALL, metric, len(values), ex, against, p).cells()
        said = {"asked_again": found.n, "always": found.always, "sometimes": found.sometimes, "never": found.never}
        writer.writerow(_filled(whole | said))
    for by in kinds:
        writer.writerows(_filled(part.cells()) for part in breakdown(compared, by))
    return text.getvalue()


def _filled(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in cells.items()}


def _known(value: Any) -> Any:
    return told(value) if isinstance(value, float) else value


def _signed(points: float) -> str:
    return f"{round(points, 1) + 0.0:+.1f}"

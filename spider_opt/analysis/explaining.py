"""Why two numbers for the same predictions differ: the predictions under every rule that papers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.analysis.claims import Claim, claim_of
from spider_opt.analysis.line_orders import Lines, Reading, as_they_stand, other_orders
from spider_opt.benchmarks.gold_results import check_has_queries
from spider_opt.cache_use import cache_in_use
from spider_opt.errors import PredictionsError
from spider_opt.evaluation.answer_pairs import answer_pairs
from spider_opt.evaluation.scoring_files import judge_pairs, shown_late
from spider_opt.progress import Progress, display
from spider_opt.runs.prediction_files import FEW, Predicted, is_of_a_run, misfit, strangers
from spider_opt.runs.without_gold import in_counts
from spider_opt.scoring import Rules, Scored, ScoreReport
from spider_opt.scoring.suite_files import at_hand
from spider_opt.scoring.table import END_AT_TAB, SUITES
from spider_opt.types import Benchmark
from spider_opt.wording import switched_on

RULES: Mapping[str, str] = {
    "official": "test-suite-sql-eval on one database each, default flags: EX",
    "official-distinct": "the same with its flag keep_distinct: DISTINCT counts",
    "suite": "test suites: right on every database of the folder (TS)",
    "suite-distinct": "test suites with the flag keep_distinct",
    "suite-plug-value": "test suites with gold's values put into the predictions",
    "official-plug-value": "gold's values put into the predictions (the flag plug_value)",
    "official-value-kept": "without making 1 of the letters value, as eval_exec_match called from Python",
    "official-value-spaced": "only the word value between blanks becomes 1, as the later command line",
    "old-spider": "Spider's first script (taoyds/spider, exec): columns by name, rows in order",
    "strict": "what the question deserves: order only where asked, ties free, DISTINCT counts",
    "match": "exact set match, without values",
    "bird": "BIRD's rule: the sets of rows are equal",
}
"""The rules by the name of their scorer, and what each is."""
SPIDERS = ("official", "official-distinct", "strict")
OF_SPIDER = ("old-spider", "match")
"""What reads only Spider's SQL, and is left out where the benchmark's own rule is none of Spider's."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """The predictions under one rule and one reading of the file.

    ``value`` is in percent of ``n`` questions (NaN where it says nothing of any), ``of_all`` in percent of all
    questions of the split's file, where those without a database count as wrong; None where there are none such.
    ``gained`` questions are right here and not by the benchmark's own rule, ``lost`` ones the other way round: of those
    that both say something of.
    """

    rule: str
    about: str
    n: int
    right: int
    value: float
    of_all: float | None
    gained: int
    lost: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it, percentages with four decimals, ``value`` None where ``n`` is 0."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        value = round(self.value, 4) if self.n else None
        return shown | {"value": value, "of_all": self.of_all and round(self.of_all, 4)}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What ``explain`` found: a line for each rule, the benchmark's own first, and what they say of a claimed number.

    ``n_total`` counts all questions of the split's file. ``notes`` are sentences on how the file was read, and on
    ``failed_golds``: what is left out of every line, as (index, reason).
    """

    lines: tuple[RuleLine, ...]
    n_total: int
    notes: tuple[str, ...] = ()
    claim: Claim | None = None
    failed_golds: tuple[tuple[int, str], ...] = ()

    @property
    def fits(self) -> tuple[str, ...]:
        """The names of the rules that give the claimed number within rounding; with " of all" over all questions."""
        return self.claim.fits if self.claim else ()

    def to_json(self) -> dict[str, Any]:
        """Return it as a program reads it."""
        told: dict[str, Any] = {"n_total": self.n_total, "lines": [line.to_json() for line in self.lines]}
        if self.claim:
            told |= {"claimed": self.claim.claimed, "fits": list(self.claim.fits), "says": self.claim.says}
        told |= {"notes": list(self.notes), "failed_golds": [index for index, _ in self.failed_golds]}
        return told | {"failed_golds_why": {str(index): why for index, why in self.failed_golds}}

    def __str__(self) -> str:
        names = [line.rule for line in self.lines]
        wide = max(map(len, names))
        left_out = any(line.of_all is not None for line in self.lines)
        of_all = f"  of {self.n_total:,}" if left_out else ""
        said = [f"{'rule':{wide}}      %     n{of_all}  against the first"]
        for number, line in enumerate(self.lines):
            whole = "" if not left_out else f"{line.of_all:{len(of_all)}.1f}" if line.of_all is not None else " " * 9
            change = f"+{line.gained} -{line.lost}" if line.gained or line.lost else "the same"
            change = change if number and line.n else ""
            value = f"{line.value:5.1f}" if line.n else "    -"
            said.append(f"{line.rule:{wide}}  {value}  {line.n:4}{whole}  {change:9}  {line.about}".rstrip())
        return "\n".join([*said, *([self.claim.says] if self.claim else [])])


def explain(
    predictions: str | Path,
    benchmark: Benchmark,
    *,
    claimed: float | str | None = None,
    suite: str | Path | None = None,
    extract: bool = False,
    field: str | None = None,
    timeout_s: float | None = None,
    cache: bool = True,
    progress: bool | Progress | None = False,
) -> Explanation:
    """Judge the same predictions under every rule that papers use, and say which gives a claimed number.

    ``predictions`` are those that ``score`` takes, and text files whose lines are too few or too many, or stand in
    another order. ``claimed`` is a percentage as it was published: "85.30" claims two decimals, 85.3 one. ``suite`` is
    a folder of test suites; without one, what lies beside the databases. Nothing is written.

    Raises:
        UsageError: an argument is of another kind than is due.
        PredictionsError: the file cannot be read, or is none of this benchmark: most lines or questions have no
            partner, or hardly an answer fits its question and no rule calls more than one in twenty right.
        DatasetError: a database or a suite cannot be read.
    """
    path = arguments.path(predictions, "predictions")
    benchmark, cache = arguments.benchmark(benchmark), arguments.yes_or_no(cache, "cache")
    check_has_queries(benchmark, "these rules judge by gold queries")
    extract, field = arguments.yes_or_no(extract, "extract"), None if field is None else arguments.text(field, "field")
    folder = "" if suite is None else str(arguments.path(suite, "suite").absolute())
    asked = None if claimed is None else claim_of(claimed)
    shown_by = display(progress)
    pairs, lines, notes = _read(path, benchmark, extract, field)
    with cache_in_use(), ExitStack() as shown:
        judging = _Judging(benchmark, Rules(benchmark.scorer, timeout_s=timeout_s, suite=folder), cache)
        on_verdict = shown_late(lambda: shown.enter_context(shown_by("explaining", len(pairs) * _n_passes(lines))))
        judging.on_verdict = on_verdict
        told = list(_by_rules(judging, pairs, folder))
        base = judging.right(pairs)
        judged, failed = judging.last.scored, judging.last.failed_golds
        if any(pair.sql != pair.cut for pair in pairs):
            told.append(judging.line(_other_ending(pairs, benchmark.scorer), base))
        for reading in other_orders(lines, judging.right) if lines else ():
            told.append(judging.line(reading, base))
    _check_fits(path, benchmark, pairs, judged, told)
    notes += in_counts(failed)
    if sentence := misfit(pairs, judged):
        notes.append(f"{path}: {sentence}")
    missing = sum(benchmark.missing.values())
    answered = asked and asked.answered(told, missing, benchmark.n_total)
    return Explanation(tuple(told), benchmark.n_total, tuple(notes), answered, failed)


class _Judging:
    """Judges pairs by the benchmark's own rule, each reading once."""

    def __init__(self, benchmark: Benchmark, rules: Rules, cache: bool) -> None:
        self.benchmark, self.rules, self._cache = benchmark, rules, cache
        self.on_verdict = lambda: None
        self.last = ScoreReport((), 0, (), rules, "")

    def report(self, pairs: Sequence[Predicted], metrics: Sequence[str] = ()) -> ScoreReport:
        rules = replace(self.rules, metrics=tuple(metrics))
        return judge_pairs(self.benchmark, pairs, rules, use_cache=self._cache, on_verdict=self.on_verdict)

    def right(self, pairs: Sequence[Predicted]) -> dict[int, bool]:
        self.last = self.report(pairs)
        return {scored.index: scored.correct for scored in self.last.scored}

    def line(self, reading: Reading, base: Mapping[int, bool]) -> RuleLine:
        return self.counted(reading.name, reading.why, self.right(reading.pairs), base)

    def counted(self, rule: str, about: str, said: Mapping[int, bool], base: Mapping[int, bool]) -> RuleLine:
        right = sum(said.values())
        n_total = self.benchmark.n_total
        missing = sum(self.benchmark.missing.values())
        return RuleLine(
            rule,
            about,
            len(said),
            right,
            100 * right / len(said) if said else nan,
            100 * right / n_total if missing else None,
            sum(yes and not base.get(index, True) for index, yes in said.items()),
            sum(yes and not said.get(index, True) for index, yes in base.items()),
        )


def _by_rules(judging: _Judging, pairs: Sequence[Predicted], suite: str) -> list[RuleLine]:
    """Return a line for each rule, that of the benchmark first."""
    main = judging.rules.main
    on_suites = bool(suite) or at_hand(judging.benchmark.paths)
    names = [main, *(name for name in RULES if name != main)]
    left_out = (() if on_suites else SUITES) + (OF_SPIDER if main not in SPIDERS else ())
    names = [name for name in names if name not in left_out]
    report = judging.report(pairs, names[1:])
    base = {scored.index: scored.correct for scored in report.scored}
    told = []
    for name in names:
        said = {s.index: bool(s.metrics[name]) for s in report.scored if name in s.metrics}
        about = RULES.get(name, "the benchmark's own rule")
        if name in SUITES and report.suite:
            about += f"; databases {report.suite}"
        told.append(judging.counted(name, about, base if name == main else said, base))
    return told


def _other_ending(pairs: Sequence[Predicted], main: str) -> Reading:
    """Return the reading by which a line ends elsewhere: at its first tab, or before its db_id."""
    n = sum(pair.sql != pair.cut for pair in pairs)
    have = "line has" if n == 1 else "lines have"
    if main in END_AT_TAB:
        return Reading(
            "tabs kept", f"{n} {have} a tab within the query: not cut there",
            tuple(replace(pair, cut=pair.sql) for pair in pairs),
        )  # fmt: skip
    return Reading(
        "cut at a tab", f"{n} {have} a tab within the query: cut there, as the official command line does",
        tuple(replace(pair, sql=pair.cut) for pair in pairs),
    )  # fmt: skip


def _read(
    path: Path, benchmark: Benchmark, extract: bool, field: str | None
) -> tuple[Sequence[Predicted], Lines | None, list[str]]:
    """Return pairs, the lines where order alone tells whose they are, and what is to be said of it."""
    lines = None if field is not None or not path.exists() else Lines.read(path, benchmark, extract=extract)
    try:
        return answer_pairs(path, benchmark, extract=extract, field=field), lines, []
    except PredictionsError as error:
        if lines is None or not any(entry.sql for entry in lines.entries):
            raise
        reading = as_they_stand(lines)
        if not reading.pairs or not lines.nearly_fit:
            raise
        return reading.pairs, lines, [f"score refuses this file ({error}); here: {reading.why}"]


def _check_fits(
    path: Path, benchmark: Benchmark, pairs: Sequence[Predicted], judged: Sequence[Scored], told: Sequence[RuleLine]
) -> None:
    """Refuse a file whose answers are to other questions: every rule would say nearly 0, and none of them a thing.

    A run's answers are paired by their ids: whatever it says is to these.
    """
    best = max((line.value for line in told if line.n), default=100.0)
    if path.is_dir() or is_of_a_run(path) or best > 100 * FEW or not (said := strangers(pairs, judged)):
        return
    first = next((f" (the first: {scored.detail})" for scored in judged if scored.detail and not scored.correct), "")
    raise PredictionsError(
        f"{path}: {said}{first}, and no rule or other order calls more than {best:.1f} % right: is it of another "
        f"benchmark or split than {benchmark.name} {benchmark.split}, or in another order? Where words or fences stand "
        f"around the queries, {switched_on('extract')}"
    )


def _n_passes(lines: Lines | None) -> int:
    from spider_opt.analysis.line_orders import FURTHEST

    return 2 + (2 * FURTHEST + 1 if lines else 0)

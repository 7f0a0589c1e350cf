"""What counts as right, and what else is asked in the same pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.benchmarks.corrections import Corrections, read_corrections
from spider_opt.errors import UsageError
from spider_opt.scoring.table import (
    BY_RESULTS,
    SCORERS,
    SUITES,
    WITHOUT_DISTINCT,
    find_scorer,
    scorer_version,
    timeout_for,
)
from spider_opt.types import Benchmark
from spider_opt.wording import argument

_KEEPING = "official-distinct"
CORRECTED = "corrected"
"""What EX with corrected golds is called among metrics; no scorer of its own, it is told wherever they are given."""
_BESIDE = ("official", "strict")
"""Asked by default on a benchmark whose own rule is one of these."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as right: ``mode`` names the scorer whose verdict is EX; '' is the benchmark's own, see ``on``.

    ``keep_distinct`` is ``official``'s option to let DISTINCT count, which makes it the scorer ``official-distinct``,
    and ``suite`` its kin. ``timeout_s`` is the time one query may take, None for each scorer's own. ``metrics`` are the
    scorers that are asked beside it; which are where none is named, ``on`` says. ``suite`` is the folder of test
    suites, '' for what lies beside each database, and ``plug_value`` the official tool's option to put gold's values
    into predictions, for the metric ``suite``. With ``corrections`` EX is told with corrected golds, too.
    """

    mode: str = "official"
    keep_distinct: bool = False
    timeout_s: float | None = None
    metrics: tuple[str, ...] = ()
    suite: str = ""
    plug_value: bool = False
    corrections: Corrections | None = None

    def __post_init__(self) -> None:
        if self.mode == _KEEPING:  # one name in what is kept on disk, however it was asked for
            object.__setattr__(self, "mode", "official")
            object.__setattr__(self, "keep_distinct", True)

    @property
    def main(self) -> str:
        """The name of the scorer whose verdict is EX."""
        return _KEEPING if self.mode == "official" and self.keep_distinct else self.mode

    @property
    def main_timeout_s(self) -> float:
        """The time one query may take for that scorer."""
        return timeout_for(self.main, self.timeout_s)

    @property
    def scorers(self) -> tuple[str, ...]:
        """The names of all scorers to ask, each once, that of EX first."""
        return tuple(dict.fromkeys((self.main, *self.metrics)))

    @property
    def asked(self) -> dict[str, str]:
        """The scorers to ask by the name that each is asked for: ``suite`` is another one with an option."""
        options = "-distinct" * self.keep_distinct + "-plug-value" * self.plug_value
        return {name: f"suite{options}" if name == "suite" else name for name in self.scorers}

    @property
    def on_suites(self) -> bool:
        """Whether a scorer is asked that judges on all databases of a suite."""
        return any(name in SUITES for name in self.scorers)

    @property
    def distinct_counts(self) -> bool:
        """Whether DISTINCT in a query is left where it is."""
        return self.keep_distinct if self.main == "suite" else self.main not in WITHOUT_DISTINCT

    def on(self, benchmark: Benchmark) -> Rules:
        """Return the rules for a benchmark: EX by its own rule, where no other is named.

        Where no metric is named either, ``official`` and ``strict`` are asked if EX is by one of these, and ``suite``
        where there are suites. Where a scorer is named for EX, only the metrics that are named are asked beside it.

        Raises:
            CorrectionsError: ``corrections`` are of other questions or golds.
            UsageError: the benchmark has results for golds, and a scorer can judge by queries only.
        """
        if self.corrections is not None:
            self.corrections.check(benchmark)
        rules = self._on(benchmark)
        check_judge(benchmark, rules.scorers)
        return rules

    def _on(self, benchmark: Benchmark) -> Rules:
        if self.mode:
            return self._without_vain()
        own = replace(self, mode=benchmark.scorer)
        if self.metrics:
            return own._without_vain()
        beside = [_KEEPING if name == "official" and self.keep_distinct else name for name in _BESIDE]
        metrics = beside if own.main in beside else []
        if self.suite or self.plug_value or (own.main in beside and _suites_of(benchmark)):
            metrics.append("suite")
        return replace(own, metrics=tuple(name for name in metrics if name != own.main))._without_vain()

    def _without_vain(self) -> Rules:
        """Return the rules without a ``keep_distinct`` that changes nothing: what is judged alike is noted alike."""
        says_something = self.main == _KEEPING or _KEEPING in self.metrics or "suite" in self.scorers
        return self if says_something else replace(self, keep_distinct=False)

    def noted(self) -> dict[str, Any]:
        """Return what a run notes of how it was scored."""
        noted = {
            "mode": self.mode,
            "keep_distinct": self.keep_distinct,
            "timeout_s": self.main_timeout_s,
            "version": scorer_version(self.main),
        }
        return noted | ({"metrics": list(self.scorers)} if len(self.scorers) > 1 else {})


def check_judge(benchmark: Benchmark, scorers: Iterable[str]) -> None:
    """Make sure that scorers can judge by a benchmark's golds; those of other packages may read results.

    Raises:
        UsageError: its golds are results, and one of ours needs queries.
    """
    needs_queries = [name for name in scorers if name in SCORERS and name not in BY_RESULTS]
    if needs_queries and any(example.gold_results for example in benchmark.examples):
        raise UsageError(
            f"{benchmark.name} {benchmark.split} has no gold queries but results that are right, and "
            f"{', '.join(needs_queries)} can judge by queries only: by results do {' and '.join(BY_RESULTS)}"
        )


def _suites_of(benchmark: Benchmark) -> bool:
    from spider_opt.scoring.suite_files import at_hand

    return at_hand(benchmark.paths)


def rules_for(
    metrics: Sequence[str] = (),
    keep_distinct: bool = False,
    timeout_s: float | None = None,
    *,
    mode: str = "",
    suite: str | Path | None = None,
    plug_value: bool = False,
    corrections: str | Path | Corrections | None = None,
) -> Rules:
    """Return the rules that ask for these scorers beside that of EX, which is ``mode``, or the benchmark's own.

    Where only some are named, no other is asked. ``keep_distinct`` makes ``official`` keep it, ``corrections`` are the
    name or the file of corrected golds.

    Raises:
        ScorerError: there is no such scorer, or it is broken.
        CorrectionsError: there are no such corrections, or their file is broken.
        UsageError: ``suite`` or ``plug_value`` is given, and the metric ``suite`` is not asked for.

    >>> rules_for(["strict", "official"], keep_distinct=True, mode="official").scorers
    ('official-distinct', 'strict')
    """
    if CORRECTED in metrics and corrections is None:
        which = argument("corrections", "FILE", option="--corrections")
        raise UsageError(f"{CORRECTED} is EX with corrected golds: name their file with {which}")
    named = tuple(_KEEPING if keep_distinct and name == "official" else name for name in metrics if name != CORRECTED)
    folder = "" if suite is None else str(Path(suite).absolute())
    corrected = corrections if isinstance(corrections, Corrections | None) else read_corrections(corrections)
    rules = Rules(mode, keep_distinct, timeout_s, named, folder, plug_value, corrected)
    for name in (*filter(None, [rules.mode]), *named):
        find_scorer(name)
    given = argument("suite") if suite is not None else argument("plug_value") if plug_value else ""
    if given and (mode or named) and not rules.on_suites:
        metric = argument("metrics", "suite", option="--metric")
        raise UsageError(f"{given} is for the metric suite: ask for it, too, with {metric}")
    return rules


def rules_of(mode: Rules | str | Sequence[str] | None, options: Mapping[str, Any] = {}) -> Rules:
    """Return what Python names by one scorer, by several of which the first is EX, or by rules.

    None is the benchmark's own. ``options`` are the arguments ``metrics``, ``suite``, ``plug_value`` and
    ``corrections`` of who asks.

    Raises:
        UsageError: it is none of these.
        ScorerError: there is no such scorer, or it is broken.
        CorrectionsError: there are no such corrections, or their file is broken.
    """
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    if isinstance(mode, Rules):
        if given:
            raise UsageError(f"{' and '.join(given)}: rules say that already, leave it out or change the rules")
        return _checked(mode)
    if mode is not None and (not isinstance(mode, str | list | tuple) or not mode):
        raise arguments.wrong(mode, "mode", "the name of a scorer, or a list of them, that of EX first")
    main, *others = [""] if mode is None else [mode] if isinstance(mode, str) else arguments.texts(mode, "mode")
    metrics = given.get("metrics", ())
    if "metrics" in given and (not isinstance(metrics, str | list | tuple) or not metrics):
        raise arguments.wrong(metrics, "metrics", "the name of a scorer, or a list of them")
    asked = [metrics] if isinstance(metrics, str) else arguments.texts(metrics, "metrics")
    suite = None if "suite" not in given else arguments.path(given["suite"], "suite")
    plug_value = arguments.yes_or_no(options.get("plug_value", False), "plug_value")
    corrections = given.get("corrections")
    return rules_for([*others, *asked], mode=main, suite=suite, plug_value=plug_value, corrections=corrections)


def _checked(rules: Rules) -> Rules:
    """Return rules that somebody made by hand, once they are what they must be.

    Raises:
        UsageError: one of their fields is not.
        ScorerError: there is no such scorer, or it is broken.
    """
    for name in ("mode", "suite"):
        if not isinstance(getattr(rules, name), str):
            raise arguments.wrong(getattr(rules, name), f"Rules.{name}", "a text")
    if not isinstance(rules.metrics, tuple) or not all(isinstance(name, str) for name in rules.metrics):
        raise arguments.wrong(rules.metrics, "Rules.metrics", "a tuple of scorers' names")
    for name in ("keep_distinct", "plug_value"):
        arguments.yes_or_no(getattr(rules, name), f"Rules.{name}")
    if rules.timeout_s is not None:
        arguments.number(rules.timeout_s, "Rules.timeout_s", above=True)
    if rules.corrections is not None and not isinstance(rules.corrections, Corrections):
        raise arguments.wrong(rules.corrections, "Rules.corrections", "what so.corrections returns")
    for name in (*filter(None, [rules.mode]), *rules.metrics):
        find_scorer(name)
    return rules

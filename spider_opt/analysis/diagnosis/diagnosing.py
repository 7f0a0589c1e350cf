"""Why a run's wrong answers are wrong, question by question, and what that says of context and behaviour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spider_opt import arguments
from spider_opt.analysis.diagnosis.causes import OF_THE_DATABASE, Rung, is_withheld, lacking, mending
from spider_opt.analysis.diagnosis.reasons import ORDER, Kind, Reason, primary
from spider_opt.analysis.diagnosis.static import reasons_of
from spider_opt.benchmarks.gold_results import check_has_queries
from spider_opt.errors import UsageError
from spider_opt.progress import Progress, display
from spider_opt.runs import Run
from spider_opt.scoring.rules import CORRECTED
from spider_opt.types import Benchmark


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """One wrong answer of a run.

    ``reasons`` are in the order of ``Kind``, at least one. ``lacking`` is what of gold's the prompt did not have, or
    not apart from the rest; ``withheld`` whether gold's tables or columns were not all there at all. ``corrected`` says
    that it is right with corrected golds, where the run was judged by them.
    """

    index: int
    id: str
    db_id: str
    hardness: str | None
    cluster: str
    reasons: tuple[Reason, ...]
    lacking: frozenset[Rung]
    withheld: bool = False
    corrected: bool = False

    @property
    def primary(self) -> Reason:
        """The first reason."""
        return primary(self.reasons)

    @property
    def is_neither(self) -> bool:
        """Whether neither context nor behaviour is to blame: gold is, or nothing is seen to differ."""
        return self.corrected or self.primary.kind is Kind.NOTHING

    def may_be_context(self, rungs: Iterable[Rung] = tuple(Rung)) -> bool:
        """Tell whether for each reason something on these rungs was lacking in the prompt that could mend it."""
        there = self.lacking & frozenset(rungs)
        return not self.is_neither and all(mending(reason) & there for reason in self.reasons)

    @property
    def may_be_behaviour(self) -> bool:
        """Whether gold's tables and columns were all in the prompt: a better model could have been right."""
        return not self.is_neither and not self.withheld


@dataclass(frozen=True, slots=True)
class Count:
    """How many wrong answers have a reason: ``first`` as their primary one, ``any`` at all; ids of the former."""

    kind: Kind
    first: int
    any: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a run's ``wrong`` answers are wrong, in the order of questions; ``n`` questions count in all."""

    run: Run
    wrong: tuple[WrongAnswer, ...]

    @property
    def n(self) -> int:
        """How many questions count."""
        return self.run.n

    @property
    def by_index(self) -> Mapping[int, WrongAnswer]:
        """The wrong answers by the index of their question."""
        return {answer.index: answer for answer in self.wrong}

    def points(self, is_so: Callable[[WrongAnswer], bool]) -> float:
        """Return of how many points of accuracy something is so: wrong answers in percent of all questions."""
        return 100 * sum(map(is_so, self.wrong)) / self.n if self.n else 0.0

    def counts(self) -> tuple[Count, ...]:
        """Return how often each kind of reason is there, in their order; those that are not are left out."""
        any_of = Counter(kind for answer in self.wrong for kind in {reason.kind for reason in answer.reasons})
        ids: dict[Kind, list[str]] = {kind: [] for kind in ORDER}
        for answer in self.wrong:
            ids[answer.primary.kind].append(answer.id)
        return tuple(Count(kind, len(ids[kind]), any_of[kind], tuple(ids[kind])) for kind in ORDER if any_of[kind])

    def refusals(self) -> Mapping[str, int]:
        """Return why answers are unanswered or do not execute, by the sort of the message, the most frequent first."""
        return dict(Counter(answer.primary.why for answer in self.wrong if answer.primary.why).most_common())

    def context_at_most(self, rungs: Iterable[Rung] = tuple(Rung)) -> float:
        """Return how many points better context could bring at most, by what stands on these rungs."""
        among = frozenset(rungs)
        return self.points(lambda answer: answer.may_be_context(among))

    @property
    def context_of_database_at_most(self) -> float:
        """How many points tables, columns and values could bring at most, without examples."""
        return self.context_at_most(OF_THE_DATABASE)

    @property
    def behaviour_at_most(self) -> float:
        """How many points better behaviour could bring at most, by the same context."""
        return self.points(lambda answer: answer.may_be_behaviour)

    @property
    def neither(self) -> float:
        """How many points are lost to neither: by the gold query, or by nothing that is seen to differ."""
        return self.points(lambda answer: answer.is_neither)


def diagnose(
    run: Run | Path | str, benchmark: Benchmark | None = None, *, progress: bool | Progress | None = False
) -> Diagnosis:
    """Say of each wrong answer of a run what differs from gold, in the field's terms. No model is asked, nothing run.

    The ``benchmark`` is due where the run was read from disk.

    Raises:
        UsageError: an argument is of another kind than is due, or the benchmark is missing.
        RunError: a folder holds no run, or one of other questions than the benchmark's.
    """
    shown_by = display(progress)
    if benchmark is None and isinstance(run, Run):
        benchmark = run.benchmark
    if benchmark is None:
        raise UsageError("which questions a run answers it does not hold itself: give its benchmark (spider_opt.load)")
    benchmark = arguments.benchmark(benchmark)
    check_has_queries(benchmark, "a diagnosis compares answers with gold queries")
    read = run if isinstance(run, Run) else Run.read(arguments.path(run, "run"), benchmark)
    if read.info.fingerprint != benchmark.fingerprint:
        raise UsageError(f"{read.where} was made with other questions or databases than those of {benchmark!r}")
    examples = {example.index: example for example in benchmark.examples}
    judged = [(answer, scored) for answer, scored in read.judged if not scored.correct]
    if strange := next((answer.id for answer, _ in judged if answer.index not in examples), ""):
        raise UsageError(f"{read.where} answers {strange}, which is no question of {benchmark!r}")
    wrong = []
    with shown_by("diagnosing", len(judged)) as advance:
        for answer, scored in judged:
            example = examples[answer.index]
            wrong.append(
                WrongAnswer(
                    answer.index,
                    answer.id,
                    answer.db_id,
                    scored.hardness,
                    scored.cluster,
                    reasons_of(example, answer.prediction.sql, scored),
                    lacking(example, answer.context),
                    is_withheld(answer.context),
                    scored.metrics.get(CORRECTED) is True,
                )
            )
            advance()
    return Diagnosis(read, tuple(wrong))

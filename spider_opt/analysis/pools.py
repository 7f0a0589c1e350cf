"""The candidates of a question, of one run or of several, and whether each is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from spider_opt.answering.candidates import own, told
from spider_opt.answering.choosing import RAN, chosen
from spider_opt.answering.disagreement import disagrees, zeros
from spider_opt.answering.outcomes import tried
from spider_opt.errors import UsageError
from spider_opt.runs import Answer, Run
from spider_opt.scoring import Rules, score
from spider_opt.scoring.report import Scored
from spider_opt.scoring.table import scorer_version
from spider_opt.types import Benchmark, Candidate, Database

SAMPLING = "vote, first-valid or retry"
"""Steps that have several answers to choose from."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What an answer to one question can be chosen from: candidates of one run after the other.

    ``runs`` says by number whose each is, ``votes`` what it counts: its samples, or where there are several runs their
    share in that run's, so that each run has one vote in all. ``zeros`` are digests, see ``choosing.Ballot``.
    """

    index: int
    id: str
    db_id: str
    candidates: tuple[Candidate, ...]
    runs: tuple[int, ...]
    votes: tuple[Fraction, ...]
    zeros: frozenset[str] = frozenset()

    @property
    def disagrees(self) -> bool:
        """Whether those that ran have different results."""
        return disagrees(self.candidates)

    @property
    def ran(self) -> bool:
        """Whether one of them ran."""
        return any(candidate.outcome in RAN for candidate in self.candidates)

    @property
    def by_logprob(self) -> bool:
        """Whether of all that ran it is known how probable they were."""
        return all(c.logprob is not None for c in self.candidates if c.outcome in RAN)

    def choose(self, way: str) -> int:
        """Return the number of the candidate that a way chooses."""
        return chosen(self.candidates, way, votes=self.votes, zeros=self.zeros)


def check_kept(run: Run) -> None:
    """Make sure that a run kept candidates.

    Raises:
        UsageError: it did not.
    """
    if any(own(answer.prediction.candidates) for answer in run.answers):
        return
    steps = {str(step.get("step")) for answer in run.answers for step in answer.prediction.trace}
    if steps & {"vote", "first-valid", "retry"}:
        raise UsageError(
            f"{run.where} was made by a version that kept no candidates: ask again with the same command, into another "
            "folder"
        )
    raise UsageError(
        f"{run.where} has one answer to each question and nothing to choose from: methods that draw several "
        f"({SAMPLING}) keep them, such as vote:n=8+finetune"
    )


def pools(runs: Sequence[Run], indices: Sequence[int], databases: Mapping[str, Database]) -> list[Pool]:
    """Return what there is to choose from for each question, by its index.

    An answer of a run that kept none for it is a candidate itself, which is run to see its result.
    """
    answers = [{answer.index: answer for answer in run.answers} for run in runs]
    found = []
    for index in indices:
        several = [_candidates(by_index[index], databases) for by_index in answers]
        candidates = tuple(candidate for of_one in several for candidate in of_one)
        votes = tuple(_votes(of_one, alone=len(runs) == 1) for of_one in several)
        one = answers[0][index]
        there = zeros(candidates, databases[one.db_id]) if disagrees(candidates) else frozenset()
        found.append(
            Pool(
                index,
                one.id,
                one.db_id,
                candidates,
                tuple(number for number, of_one in enumerate(several) for _ in of_one),
                tuple(vote for of_one in votes for vote in of_one),
                there,
            )
        )
    return found


def _candidates(answer: Answer, databases: Mapping[str, Database]) -> tuple[Candidate, ...]:
    prediction = answer.prediction
    return own(prediction.candidates) or told("", [prediction], [tried(databases[answer.db_id], prediction.sql)])


def _votes(candidates: Sequence[Candidate], *, alone: bool) -> list[Fraction]:
    whole = 1 if alone else sum(candidate.n for candidate in candidates)
    return [Fraction(candidate.n, whole) for candidate in candidates]


Judged = Mapping[tuple[int, str], Scored]
"""Verdicts by the question's index and the query."""


def judge_each(
    pools: Sequence[Pool],
    runs: Sequence[Run],
    benchmark: Benchmark,
    rules: Rules,
    *,
    begin: Callable[[int], Callable[[], None]],
) -> Judged:
    """Judge each query of each pool once, and the runs' own answers.

    What the runs' own verdicts say is taken from them, where they were judged by these rules. ``begin`` is told how
    many queries there are to judge, and gives what to call after each.
    """
    known: dict[tuple[int, str], Scored] = {}
    wanted = {(pool.index, candidate.sql): None for pool in pools for candidate in pool.candidates}
    indices = {pool.index for pool in pools}
    for run in reversed(runs):
        same = run.scorer.rules == rules and run.scorer.version == scorer_version(rules.main)
        for answer, scored in run.judged:
            if answer.index in indices:
                wanted[answer.index, answer.prediction.sql] = None
                if same:
                    known[answer.index, answer.prediction.sql] = scored
    examples = {example.index: example for example in benchmark.examples}
    asked = sorted(wanted.keys() - known.keys(), key=lambda one: one[0])
    report = score(benchmark, [(examples[i], sql) for i, sql in asked], rules, on_verdict=begin(len(asked)))
    failed = {index for index, _ in report.failed_golds}
    judged = [one for one in asked if one[0] not in failed]
    return known | dict(zip(judged, report.scored, strict=True))

"""The ways of choosing side by side: what each makes of the candidates, and how that compares."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from spider_opt.analysis.paired import Paired, holm, paired
from spider_opt.analysis.pools import Judged, Pool
from spider_opt.analysis.recovered import Recovered, recovered
from spider_opt.answering.candidates import DRAWN_ALIKE
from spider_opt.answering.choosing import WAYS
from spider_opt.runs import Run
from spider_opt.scoring import Rules
from spider_opt.scoring.report import Scored
from spider_opt.scoring.rules import CORRECTED
from spider_opt.scoring.statistics import By, clustered_se, group

OWN, ORACLE = "own", "oracle"


@dataclass(frozen=True, slots=True)
class Choice:
    """A way of choosing, and what it would have made of the run: ``way`` is its name, ``own`` the run's own choice.

    ``oracle`` takes a right candidate wherever there is one. ``ex`` and ``ex_se`` are percentages, ``against`` is the
    change against the run's own choice (None for that itself), ``p_holm`` its p corrected for the number of ways, and
    ``recovered`` the share in what an oracle gains over a vote. With corrections ``ex_corrected`` is EX with corrected
    golds (the oracle then takes what is right by those), else None. ``numbers`` are those of the candidates that it
    chooses, pool by pool (none for the runs' own choices and the oracle).
    """

    way: str
    says: str
    verdicts: tuple[Scored, ...]
    ex: float
    ex_se: float
    against: Paired | None = None
    p_holm: float | None = None
    recovered: Recovered | None = None
    ex_corrected: float | None = None
    ex_corrected_se: float | None = None
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PassAt:
    """How often one of ``k`` samples is right, in percent; ``drawn`` questions have so many samples.

    Where there are fewer, those there are count. Of a step that ends at the first that runs it is what came among the
    first ``k`` as they were drawn, at least so much; of a vote an estimate.
    """

    k: int
    value: float
    se: float
    drawn: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many questions have candidates of one result (``agree``), of several (``disagree``), none that ran.

    ``mendable`` are those that were answered wrongly though a candidate is right.
    """

    agree: int = 0
    disagree: int = 0
    nothing_ran: int = 0
    mendable: int = 0

    @property
    def n(self) -> int:
        """How many questions there are."""
        return self.agree + self.disagree + self.nothing_ran


@dataclass(frozen=True, slots=True)
class CandidateReport:
    """What there was to choose from, and what each way of choosing makes of it; see ``candidates``.

    ``rules`` say how the candidates were judged. ``pass_at`` are the first run's own samples, none where it kept none.
    ``choices`` begin with the runs' own and end with the oracle. ``agreement`` is of all questions, ``of_wrong`` of
    those that the first run answered wrongly.
    """

    runs: tuple[Run, ...]
    pools: tuple[Pool, ...]
    judged: Judged
    rules: Rules
    by: By
    pass_at: tuple[PassAt, ...]
    choices: tuple[Choice, ...]
    agreement: Agreement
    of_wrong: Agreement

    @property
    def n(self) -> int:
        """How many questions count."""
        return len(self.pools)

    @property
    def samples(self) -> int:
        """How many samples there are of them."""
        return sum(candidate.n for pool in self.pools for candidate in pool.candidates)

    @property
    def distinct(self) -> int:
        """How many different queries they are, question by question."""
        return sum(len({candidate.sql for candidate in pool.candidates}) for pool in self.pools)

    @property
    def by_logprob(self) -> bool:
        """Whether log probabilities were kept, so that ways that want them could be measured."""
        return all(pool.by_logprob for pool in self.pools)

    def __getitem__(self, way: str) -> Choice:
        """Return what a way of choosing makes of it, by its name."""
        for choice in self.choices:
            if choice.way == way:
                return choice
        raise KeyError(way)

    def __repr__(self) -> str:
        own, oracle = self[OWN], self[ORACLE]
        return f"<CandidateReport of {self.runs[0].where}: n={self.n}, EX {own.ex:.1f}, oracle {oracle.ex:.1f}>"


def side_by_side(
    runs: tuple[Run, ...],
    pools: tuple[Pool, ...],
    judged: Judged,
    rules: Rules,
    by: By,
    further: Mapping[str, tuple[str, Sequence[int]]] = MappingProxyType({}),
) -> CandidateReport:
    """Return what each way of choosing makes of pools, some at least, whose candidates and own answers are judged.

    ``further`` ways say what they do, and the number of the candidate that they choose from each pool.
    """
    answered = [{answer.index: answer.prediction.sql for answer in run.answers} for run in runs]

    def own(number: int) -> list[Scored]:
        return [judged[pool.index, answered[number][pool.index]] for pool in pools]

    base = own(0)
    everywhere = list(zip(pools, base, strict=True))
    oracle = [_best(pool, judged, before) for pool, before in everywhere]
    all_ways = {
        way: (what.says, [pool.choose(way) for pool in pools])
        for way, what in WAYS.items()
        if not what.by_logprob or all(pool.by_logprob for pool in pools)
    } | dict(further)

    def verdicts_of(numbers: Sequence[int]) -> list[Scored]:
        return [judged[pool.index, pool.candidates[i].sql] for pool, i in zip(pools, numbers, strict=True)]

    vote = verdicts_of(all_ways["vote"][1])
    clusters = [group(scored, by) for scored in base]
    to_gain = [int(best.correct) - int(one.correct) for best, one in zip(oracle, vote, strict=True)]

    def choice(way: str, says: str, verdicts: Sequence[Scored], *, compared: bool = True) -> Choice:
        correct = [scored.correct for scored in verdicts]
        gained = [int(after) - int(before.correct) for after, before in zip(correct, vote, strict=True)]
        return Choice(
            way,
            says,
            tuple(verdicts),
            100 * sum(correct) / len(correct),
            clustered_se(correct, clusters),
            paired(base, verdicts, by=by) if compared else None,
            None,
            recovered(gained, to_gain, clusters),
            *_mean([_by_corrected(one).correct for one in verdicts] if rules.corrections is not None else [], clusters),
        )

    first = choice(OWN, f"the own choice of {runs[0].where}", base, compared=False)
    ways = [
        *(choice(f"{OWN} {i + 1}", f"the own choice of {runs[i].where}", own(i)) for i in range(1, len(runs))),
        *(
            replace(choice(way, says, verdicts_of(numbers)), numbers=tuple(numbers))
            for way, (says, numbers) in all_ways.items()
        ),
    ]
    corrected = holm([one.against.p for one in ways if one.against])
    ways = [replace(one, p_holm=p) for one, p in zip(ways, corrected, strict=True)]
    best = choice(ORACLE, "a right one wherever there is one: no choice does better", oracle)
    if rules.corrections is not None:
        by_corrected = {key: _by_corrected(scored) for key, scored in judged.items()}
        right = [_best(pool, by_corrected, _by_corrected(before)).correct for pool, before in everywhere]
        ex, se = _mean(right, clusters)
        best = replace(best, ex_corrected=ex, ex_corrected_se=se)
    wrong = [(pool, scored) for pool, scored in everywhere if not scored.correct]
    return CandidateReport(
        runs, pools, judged, rules, by, _pass_at(pools, judged, clusters), (first, *ways, best),
        _agreement(everywhere, judged), _agreement(wrong, judged),
    )  # fmt: skip


def _by_corrected(scored: Scored) -> Scored:
    """Return a verdict as if corrected golds were the benchmark's."""
    return replace(scored, correct=bool(scored.metrics[CORRECTED]))


def _mean(right: Sequence[bool], clusters: Sequence[str]) -> tuple[float | None, float | None]:
    """Return a percentage with its standard error; None for both where there is nothing."""
    return (100 * sum(right) / len(right), clustered_se(right, clusters)) if right else (None, None)


def _best(pool: Pool, judged: Judged, own: Scored) -> Scored:
    verdicts = [own, *(judged[pool.index, candidate.sql] for candidate in pool.candidates)]
    return next((scored for scored in verdicts if scored.correct), own)


def _agreement(questions: Sequence[tuple[Pool, Scored]], judged: Judged) -> Agreement:
    count = Counter("disagree" if pool.disagrees else "agree" if pool.ran else "nothing" for pool, _ in questions)
    mendable = sum(not own.correct and _best(pool, judged, own).correct for pool, own in questions)
    return Agreement(count["agree"], count["disagree"], count["nothing"], mendable)


def _pass_at(pools: Sequence[Pool], judged: Judged, clusters: Sequence[str]) -> tuple[PassAt, ...]:
    """Return pass@k of the first run's samples.

    Of a vote by the estimator for samples that are drawn alike; it ends early where the rest cannot change it, which
    moves the estimate a little. What ends at the first that runs has no samples that are alike: the last alone may be
    right, and is among the first k where there are no more than k.

    Source: Chen et al. 2021 (Codex), section 2.1.
    """
    drawn: list[tuple[int, int]] = []
    in_turn = False
    for pool in pools:
        own = [c for c, run in zip(pool.candidates, pool.runs, strict=True) if run == 0]
        right = sum(c.n for c in own if judged[pool.index, c.sql].correct)
        drawn.append((sum(c.n for c in own), right))
        in_turn = in_turn or any(c.step not in (*DRAWN_ALIKE, "") for c in own)
    most = max((n for n, _ in drawn), default=0)
    found = []
    for k in range(1, most + 1):
        if in_turn:
            values = [float(right > 0 and n <= k) for n, right in drawn]
        else:
            values = [at_least_one(n, right, min(k, n)) for n, right in drawn]
        mean = 100 * sum(values) / len(values)
        found.append(PassAt(k, mean, clustered_se(values, clusters), sum(n >= k for n, _ in drawn)))
    return tuple(found)


def at_least_one(n: int, right: int, k: int) -> float:
    """Return the probability that of ``k`` samples, drawn from ``n`` of which some are right, one at least is.

    >>> at_least_one(8, 2, 1), at_least_one(8, 2, 7), at_least_one(5, 0, 5), round(at_least_one(8, 2, 4), 3)
    (0.25, 1.0, 0.0, 0.786)
    """
    return 1 - math.comb(n - right, k) / math.comb(n, k)

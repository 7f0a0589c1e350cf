"""How much of a number is the seed's: runs of one method that differ by nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from spider_opt.analysis.comparing import asked, check_comparable
from spider_opt.errors import UsageError
from spider_opt.runs import Run
from spider_opt.scoring.statistics import accuracy_interval, clustered_se


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """EX of ``n`` questions by seed, in percent.

    ``between_seeds`` is the standard deviation of a run's EX from seed to seed: how far one run may be off for its
    seed. ``between_questions`` is the standard error of the seeds' mean for other gold queries like these, with its
    95 % interval ``low`` to ``high``: more seeds do not make it smaller. ``turned`` questions are right with some seeds
    only, ``same_sql`` have one and the same answer with all.
    """

    n: int
    seeds: tuple[int, ...]
    ex: tuple[float, ...]
    mean: float
    between_seeds: float
    between_questions: float
    low: float
    high: float
    turned: int
    same_sql: int

    @property
    def alike(self) -> bool:
        """Whether all answers are the same with each seed: then nothing is drawn, and seeds tell nothing."""
        return self.same_sql == self.n

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-able, None for NaN."""
        told = {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in asdict(self).items()}
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in told.items()}


def spread_of_seeds(runs: Sequence[Run]) -> SeedSpread:
    """Return how runs with several seeds spread, beside how questions do.

    Raises:
        UsageError: they are fewer than two, two have one seed, they were not asked the same questions, or were judged
            otherwise.
    """
    if len(runs) < 2:
        raise UsageError("of one seed nothing can be said of the spread: give runs of two at least")
    first, seeds = runs[0], [run.info.seed for run in runs]
    if (twice := next((seed for seed in seeds if seeds.count(seed) > 1), None)) is not None:
        raise UsageError(f"two runs have the seed {twice}, and would differ by nothing: give one of each seed")
    for run in runs[1:]:
        check_comparable(first, run)
        if asked(run) != asked(first):
            raise UsageError(f"{run.where} and {first.where} have verdicts on different questions")
        if (run.info.steps, run.info.model) != (first.info.steps, first.info.model):
            raise UsageError(f"{run.where} is of another method or model than {first.where}: seeds alone must differ")
    right = [{scored.index: scored.correct for scored in run.verdicts} for run in runs]
    sql = [{answer.index: answer.prediction.sql for answer, _ in run.judged} for run in runs]
    shares = [fmean(one[scored.index] for one in right) for scored in first.verdicts]
    clusters = [scored.cluster for scored in first.verdicts]
    ex = tuple(run.ex for run in runs)
    return SeedSpread(
        first.n, tuple(seeds), ex, fmean(ex), stdev(ex), clustered_se(shares, clusters),
        *accuracy_interval(shares, clusters),
        turned=sum(0 < share < 1 for share in shares),
        same_sql=sum(len({one[index] for one in sql}) == 1 for index in sql[0]),
    )  # fmt: skip

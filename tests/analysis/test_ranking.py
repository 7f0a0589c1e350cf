from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from real_spider import real_spider
from scipy.stats import binomtest

from spider_opt.analysis.paired import flipped, holm, mcnemar, paired
from spider_opt.analysis.ranking import ranks
from spider_opt.evaluation.scoring_files import score
from spider_opt.scoring.report import Scored
from spider_opt.types import Outcome


def verdicts(right: list[bool], per_cluster: int = 2) -> list[Scored]:
    told = {True: Outcome.CORRECT, False: Outcome.WRONG_ROWS}
    return [Scored(i, "d", x, told[x], "", "easy", f"c{i // per_cluster}") for i, x in enumerate(right)]


def test_no_run_one_run_and_equal_ones() -> None:
    assert ranks([]) == []
    assert ranks([verdicts([True])]) == [1]
    assert ranks([verdicts([True, False] * 9)] * 3) == [1, 1, 1]


def test_it_is_what_holm_says_of_each_rows_own_comparisons() -> None:
    rng = random.Random(3)
    runs = [verdicts([rng.random() < ex for _ in range(300)], 1) for ex in (0.8, 0.78, 0.7, 0.66, 0.5)]
    right = [[s.correct for s in run] for run in runs]
    expected = []
    for mine in right:
        others = [other for other in right if other is not mine]
        pairs = [[m - o for m, o in zip(mine, other, strict=True)] for other in others]
        ps = [mcnemar(pair.count(1), pair.count(-1)) for pair in pairs]
        better = [p < 0.05 and sum(other) > sum(mine) for p, other in zip(holm(ps), others, strict=True)]
        expected.append(1 + sum(better))
    assert ranks(runs) == expected
    assert expected[0] == 1 < expected[-1]


def test_other_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="same questions"):
        ranks([verdicts([True]), verdicts([True, False])])


def test_phrasings_that_go_together_are_one_piece_of_evidence() -> None:
    """Six gold queries that only one run has right, each asked twice, are six."""
    base, run = verdicts([False] * 100), verdicts([True] * 10 + [False] * 90)
    assert mcnemar(10, 0) < 0.05 < flipped([1] * 10, [i // 2 for i in range(10)])
    assert ranks([base, run]) == [1, 1]
    assert ranks([base, verdicts([True] * 12 + [False] * 88)]) == [2, 1]


def test_runs_that_are_equally_good_are_seldom_ranked_apart() -> None:
    """Five runs of one truth, whose questions lean on each other: a rank below the first is a false alarm."""
    rng = random.Random(0)
    alarms = tables = 0
    for _ in range(60):
        hard = [rng.betavariate(2, 1) for _ in range(100)]
        runs = []
        for _ in range(5):
            marks = []
            for p in hard:
                first = rng.random() < p
                marks += [first, first if rng.random() < 0.7 else rng.random() < p]
            runs.append(verdicts(marks))
        found = ranks(runs)
        alarms += sum(rank > 1 for rank in found)
        tables += 5
    assert alarms / tables <= 0.05


SYSTEMS = ("dail_sql_gpt4_sc", "dail_sql_gpt4", "din_sql_gpt4", "gpt4_zero_shot")


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, list[Scored]]:
    benchmark = real_spider("dev", shared)
    files = {name: shared / "predictions" / f"{name}.txt" for name in SYSTEMS}
    return {name: list(score(path, benchmark, metrics=["official"]).verdicts) for name, path in files.items()}


def test_recorded_systems_share_ranks_as_can_be_told(recorded: dict[str, list[Scored]]) -> None:
    """DAIL-SQL is not shown to gain by self-consistency, nor DIN-SQL to differ; GPT-4 zero-shot is below all."""
    assert ranks([recorded[name] for name in SYSTEMS]) == [1, 1, 1, 4]


def test_self_consistency_is_a_tie_and_zero_shot_is_below_beyond_doubt(recorded: dict[str, list[Scored]]) -> None:
    """Beside scipy's test, and a bootstrap of gold queries drawn one by one."""
    tie = paired(recorded["dail_sql_gpt4"], recorded["dail_sql_gpt4_sc"])
    below = paired(recorded["din_sql_gpt4"], recorded["gpt4_zero_shot"])
    assert (tie.n, tie.won, tie.lost, below.won, below.lost) == (972, 21, 15, 32, 131)
    assert tie.low < 0 < tie.high
    assert tie.p > 0.3 < tie.p_clustered
    assert below.high < -6
    assert below.p < 1e-9 > below.p_clustered
    assert below.smallest < 5
    for found, (base, run) in {
        tie: ("dail_sql_gpt4", "dail_sql_gpt4_sc"),
        below: ("din_sql_gpt4", "gpt4_zero_shot"),
    }.items():
        assert found.p == pytest.approx(binomtest(found.won, found.won + found.lost).pvalue)
        before = {s.index: s for s in recorded[base]}
        sums: dict[str, list[int]] = {}
        for now in recorded[run]:
            sums.setdefault(now.cluster, []).append(now.correct - before[now.index].correct)
        totals, sizes = np.array([sum(each) for each in sums.values()]), np.array([len(each) for each in sums.values()])
        assert found.change == pytest.approx(100 * totals.sum() / sizes.sum())
        drawn = np.random.default_rng(1).integers(0, len(totals), (4000, len(totals)))
        means = 100 * totals[drawn].sum(1) / sizes[drawn].sum(1)
        assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.25)
        assert found.smallest == pytest.approx(2.804 * means.std(), rel=0.05)

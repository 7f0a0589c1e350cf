"""Each scorer's own time holds, whatever ran before it: for others, in another order, under longer limits, another day.

No clock is read: a query takes as many seconds as this file says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from spider_opt.databases import Limits, Sandbox
from spider_opt.errors import GoldTimeout, QueryError, QueryTimeout
from spider_opt.scoring import PairScorer
from spider_opt.scoring import database as module
from spider_opt.scoring.database import OpenDatabase
from spider_opt.scoring.gold_cache import GoldCache, keep_result, kept_result, kept_seconds
from spider_opt.types import Outcome, Result

TAKES = "SELECT name, '{seconds}' AS s FROM item"
"""Takes so many seconds; with the word ``late`` those are for the rows after the first two, else for the first."""
SCORERS = ("official", "bird", "strict", "bird-f1")
Said = tuple[Outcome | type[GoldTimeout], str, float | bool]


class Clock:
    """The seconds that have passed, and what ran: (query, seconds it had)."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ran: list[tuple[str, float]] = []
        self.slowness = 1.0

    def pass_(self, sql: str, n_asked: int | None, within_s: float) -> None:
        self.ran.append((sql, within_s))
        took = float(sql.split("'")[1]) * self.slowness if "'" in sql else 0.0
        if "late" in sql and n_asked is not None and n_asked <= 2:
            took = 0.0
        self.now += min(took, within_s)
        if took > within_s:
            raise QueryTimeout(f"no answer within {within_s:g} s")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    original: Callable[..., Result] = Sandbox.run

    def run(self: Sandbox, sql: str, *, stop_after_rows: int | None = None, within_s: float, **options: Any) -> Result:
        self.limits = replace(self.limits, timeout_s=600.0)  # how long it really takes is not looked at
        try:
            result = original(self, sql, stop_after_rows=stop_after_rows, **options)
        except QueryError:
            told.pass_(sql, stop_after_rows, within_s)
            raise
        told.pass_(sql, stop_after_rows, within_s)
        return result

    monkeypatch.setattr(Sandbox, "run", run)
    monkeypatch.setattr(module, "monotonic", lambda: told.now)
    return told


def takes(seconds: float, more: str = "") -> str:
    return TAKES.format(seconds=seconds) + more


def asked(scorer: PairScorer, name: str, shop: Path, gold: str, sql: str) -> Said:
    try:
        verdict = scorer(name, shop, gold, sql)
    except GoldTimeout as error:
        return GoldTimeout, str(error), False
    return verdict.outcome, verdict.detail, verdict.metric


def alone(names: Sequence[str], shop: Path, gold: str, sql: str, timeout_s: float | None = None) -> dict[str, Said]:
    """What each scorer says where nothing ran before."""
    said = {}
    for name in names:
        scorer = PairScorer(timeout_s)
        said[name] = asked(scorer, name, shop, gold, sql)
        scorer.close()
    return said


PAIRS = [
    (gold, sql)
    for gold in (0, 0.004, 9.9, 10, 10.1, 16, 29, 31)
    for sql in (takes(gold), takes(gold, " WHERE 1"), takes(0, " -- late"), takes(12), takes(16, " WHERE 'late'"))
]


@pytest.mark.parametrize(("gold", "sql"), PAIRS)
def test_in_every_order(shop: Path, clock: Clock, gold: float, sql: str) -> None:
    expected = alone(SCORERS, shop, takes(gold), sql)
    for order in permutations(SCORERS):
        scorer = PairScorer()
        assert {name: asked(scorer, name, shop, takes(gold), sql) for name in order} == expected, order
        scorer.close()


@pytest.mark.parametrize(("gold", "sql"), PAIRS)
@pytest.mark.parametrize("before", [0.3, 11.0, 20.0, 60.0, None])
def test_with_what_is_on_disk(
    shop: Path, tmp_path: Path, clock: Clock, gold: float, sql: str, before: float | None
) -> None:
    """After a run under another limit, in which all scorers were asked, and the prediction was a gold elsewhere."""
    path = tmp_path / "gold.sqlite"
    scorer = PairScorer(before, cache=GoldCache(path))
    for name in SCORERS:
        for pair in ((takes(gold), sql), (sql, takes(gold))):
            asked(scorer, name, shop, *pair)
    scorer.close()
    for timeout_s in (0.003, 0.3, 10.0, 20.0, None):
        expected = alone(SCORERS, shop, takes(gold), sql, timeout_s)
        for name in SCORERS:
            scorer = PairScorer(timeout_s, cache=GoldCache(path))
            assert asked(scorer, name, shop, takes(gold), sql) == expected[name], (name, timeout_s)
            scorer.close()


def test_the_limits_of_one_process_are_kept_apart(shop: Path, tmp_path: Path, clock: Clock) -> None:
    """Processes that score keep one cache for scorers with several limits."""
    cache = GoldCache(tmp_path / "gold.sqlite")
    said = []
    for timeout_s in (1.0, 20.0, 1.0):
        scorer = PairScorer(timeout_s, cache)
        said.append(asked(scorer, "official", shop, takes(15), "SELECT 1")[0])
        scorer.close()
        cache.close()
    assert said == [GoldTimeout, Outcome.WRONG_ROWS, GoldTimeout]


def test_a_gold_that_was_slow_once_is_tried_again_and_then_known(shop: Path, tmp_path: Path, clock: Clock) -> None:
    """The time that is kept is of one run, perhaps beside others: it makes nobody's timeout."""
    gold = takes(8)

    def ask(name: str) -> Outcome | type[GoldTimeout]:
        scorer = PairScorer(cache=GoldCache(tmp_path / "gold.sqlite"))
        said = asked(scorer, name, shop, gold, "SELECT 1")[0]
        scorer.close()
        return said

    clock.slowness = 1.5
    assert (ask("bird"), ask("official")) == (Outcome.WRONG_ROWS, GoldTimeout)
    assert [within for sql, within in clock.ran if sql == gold] == [30, 10]
    clock.slowness = 1
    assert ask("official") is Outcome.WRONG_ROWS
    clock.slowness = 9
    assert (ask("official"), ask("strict"), ask("bird")) == (Outcome.WRONG_ROWS,) * 3
    assert [within for sql, within in clock.ran if sql == gold] == [30, 10, 10]


def test_each_is_told_its_own_time(shop: Path, clock: Clock) -> None:
    database = OpenDatabase("shop", shop, Limits(timeout_s=30), GoldCache(None))
    for within_s in (30, 10, 20):
        database.timeout_s = within_s
        with pytest.raises(QueryTimeout, match=f"no answer within {within_s} s"):
            database.run(takes(40))
        with pytest.raises(GoldTimeout, match=f"no answer within {within_s} s"):
            database.gold(takes(40))
    assert clock.ran == [(takes(40), 30)]
    database.close()


def test_a_gold_beyond_the_caps(shop: Path, tmp_path: Path, clock: Clock) -> None:
    """It runs twice, and was in time where both were."""
    gold = takes(12, " WHERE length(hex(zeroblob(100000))) > 0")
    for _ in range(2):
        cache = GoldCache(tmp_path / "gold.sqlite")
        for order in ((30, 10, 30), (10, 30, 10)):
            database = OpenDatabase("shop", shop, Limits(timeout_s=30), cache)
            for database.timeout_s in order:
                for ask in (database.gold, database.check_gold):
                    if database.timeout_s == 30:
                        ask(gold)
                    else:
                        with pytest.raises(GoldTimeout):
                            ask(gold)
            database.close()
        cache.close()


@pytest.mark.parametrize(
    ("took", "kept"), [(0.0, 0.0), (0.00041234, 0.0004123), (0.25, 0.25), (12.3456, 12.35), (30.0, 30.0)]
)
@pytest.mark.parametrize("lossy", [False, True])
def test_the_seconds_are_kept_with_every_result(tmp_path: Path, took: float, kept: float, lossy: bool) -> None:
    cache = GoldCache(tmp_path / "gold.sqlite")
    keep_result(cache, "s", "SELECT 1", Result(("a b",), [(1,), ("x y",)], lossy, took))
    cache.close()
    cache = GoldCache(tmp_path / "gold.sqlite")
    again = kept_result(cache, "s", "SELECT 1")
    assert again == Result(("a b",), [(1,), ("x y",)], lossy)
    assert again is not None
    assert again.seconds == kept_seconds(cache, "s", "SELECT 1") == kept
    assert kept_seconds(cache, "s", "SELECT 2") is None
    cache.close()

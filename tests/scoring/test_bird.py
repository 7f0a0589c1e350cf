"""BIRD's numbers beside a plain rewriting of what its scripts do, which lets every statement do its worst on a copy."""

from __future__ import annotations

import functools
import json
import math
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spider_opt.databases import Limits, Sandbox, database_hash
from spider_opt.errors import GoldError
from spider_opt.scoring import PairScorer, Rules, rules_of, score
from spider_opt.scoring.bird import both, soft_f1
from spider_opt.scoring.bird_ves import RUNS, reward, usual
from spider_opt.scoring.gold_cache import GoldCache, keep_result, results_of
from spider_opt.scoring.table import timeout_for
from spider_opt.types import Benchmark, Example, Outcome, Question, Result, Schema

SCRIPT = """
CREATE TABLE t (a INTEGER, b TEXT, c REAL, d BLOB);
INSERT INTO t VALUES (1, 'x', 1.0, x'61'), (2, 'y', 2.5, x'62'), (2, 'y', 2.5, x'62'), (3, NULL, NULL, NULL);
CREATE TABLE none (a);
CREATE TABLE broken (a TEXT);
INSERT INTO broken VALUES (CAST(x'ff61' AS TEXT));
CREATE TABLE "free meals" ("rate (%)" REAL);
INSERT INTO "free meals" VALUES (1e308 * 10), (-0.0), (0);
"""
NO_UTF_8 = " have text that is no UTF-8, which BIRD's scripts cannot read"
SLOW = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
QUERIES = [
    "SELECT a FROM t",
    "SELECT DISTINCT a FROM t",
    "SELECT a FROM t ORDER BY a DESC",
    "SELECT a FROM t LIMIT 1",
    "SELECT c FROM t WHERE a = 1",
    "SELECT 1",
    "SELECT 1.0",
    "SELECT '1'",
    "SELECT TRUE",
    "SELECT x'61'",
    "SELECT d FROM t",
    "SELECT 'a'",
    "SELECT NULL",
    "SELECT b FROM t WHERE b IS NULL",
    "SELECT a, b FROM t",
    "SELECT b, a FROM t",
    "SELECT a, a FROM t",
    "SELECT a, b, c FROM t",
    "SELECT a, 'value' FROM t",
    "SELECT 9007199254740993",
    "SELECT 9007199254740992.0",
    "SELECT `rate (%)` FROM `free meals`",
    "SELECT 0",
    "SELECT 9e999",
    "SELECT 9e999 - 9e999",
    "SELECT a FROM none",
    "SELECT a, a FROM none",
    "SELECT a FROM t WHERE 0",
    "SELECT a FROM broken",
    "SELECT length(a) FROM broken",
    "SELECT 'a' FROM broken",
    "SELECT nope FROM t",
    "SELECT a FROM t; SELECT a FROM t",
    "SELECT a FROM t;",
    "SELECT a FROM t; -- that is all",
    "SELECT a FROM t WHERE b > = 'x'",
    "VALUES (1), (2), (3)",
    "",
    " \n\t",
    "-- nothing",
    "/* nothing",
    ";",
    ";;",
    "\u00a0SELECT a FROM t",
    "\ufeffSELECT a FROM t",
    "SELECT a FROM t\x00",
    "SELECT '\ud800'",
    "Here is the query: SELECT a FROM t",
    "```sql\nSELECT a FROM t\n```",
    "DELETE FROM t",
    "DELETE FROM t RETURNING a",
    "UPDATE t SET a = 1",
    "INSERT INTO none VALUES (1), (2), (3)",
    "REPLACE INTO none VALUES (1)",
    "DROP TABLE t",
    "CREATE TABLE more (a)",
    "CREATE TABLE t (a)",
    "ALTER TABLE t RENAME TO u",
    "BEGIN",
    "COMMIT",
    "PRAGMA table_info(none)",
    "SELECT name FROM pragma_table_info('none')",
    "EXPLAIN QUERY PLAN SELECT a FROM none",
    "PRAGMA case_sensitive_like = 1",
    "SELECT b FROM t WHERE b LIKE 'X'",
    "SELECT load_extension('nothing')",
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bird") / "d.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCRIPT)
    return path


@functools.cache
def contents(path: Path) -> bytes:
    return path.read_bytes()


@functools.cache
def plainly(path: Path, gold: str, prediction: str) -> tuple[int, float]:
    """EX and soft F1 as the scripts come to them: one connection, the prediction first, errors are 0."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(contents(path))
    try:
        cursor = connection.cursor()
        cursor.execute(prediction)
        found = cursor.fetchall()
        cursor.execute(gold)
        wanted = cursor.fetchall()
        return int(set(found) == set(wanted)), plain_f1(list(dict.fromkeys(found)), list(dict.fromkeys(wanted)))
    except Exception:  # as the scripts have it
        return 0, 0
    finally:
        connection.close()


def plain_f1(found: list, wanted: list) -> float:
    if not found and not wanted:
        return 1.0
    tp = fp = fn = 0.0
    for rank in range(max(len(found), len(wanted))):
        if rank >= len(found):
            fn += 1
        elif rank >= len(wanted):
            fp += 1
        else:
            row, gold_row = found[rank], wanted[rank]
            tp += sum(cell in gold_row for cell in row) / len(gold_row)
            fp += sum(cell not in gold_row for cell in row) / len(gold_row)
            fn += sum(cell not in row for cell in gold_row) / len(gold_row)
    precision, recall = tp / (tp + fp or 1), tp / (tp + fn or 1)
    return 2 * precision * recall / (precision + recall or 1)


@pytest.mark.parametrize("kept", [False, True], ids=["anew", "golds from disk"])
def test_every_pair_of_statements_as_the_scripts_have_it(path: Path, tmp_path: Path, kept: bool) -> None:
    cache = GoldCache(tmp_path / "gold.sqlite")
    if kept:
        scorer = PairScorer(cache=cache)
        for gold in QUERIES:
            try:
                scorer("official", path, gold, "SELECT 1")
            except GoldError:
                continue
        scorer.close()
        cache = GoldCache(tmp_path / "gold.sqlite")
    before = path.read_bytes()
    scorer = PairScorer(cache=cache)
    seen = set()
    for gold in QUERIES:
        for sql in QUERIES:
            ex, f1 = plainly(path, gold, sql)
            assert scorer("bird", path, gold, sql).metric == bool(ex), (gold, sql)
            soft = scorer("bird-f1", path, gold, sql)
            assert abs(soft.metric - f1) < 1e-12, (gold, sql)
            assert soft.correct == bool(ex), (gold, sql)
            seen.add((ex, f1 in (0, 1)))
    scorer.close()
    cache.close()
    assert seen == {(0, True), (0, False), (1, True), (1, False)}
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("gold", "sql", "outcome", "detail"),
    [
        ("SELECT a FROM t", "SELECT DISTINCT a FROM t", Outcome.CORRECT, "the same 3 different rows"),
        ("SELECT a FROM t", "SELECT 1", Outcome.WRONG_ROWS, "1 of gold's 3 different rows, and 0 that it has not"),
        ("SELECT a FROM t", " ", Outcome.NO_SQL, "no SQL in the answer"),
        ("SELECT a FROM none", " ", Outcome.CORRECT, "the same 0 different rows"),
        ("SELECT nope", "SELECT 1", Outcome.QUERY_ERROR, "gold query fails on d: no such column: nope"),
        ("SELECT 1", "SELECT nope", Outcome.QUERY_ERROR, "no such column: nope"),
        ("SELECT 1", "SELECT a FROM broken", Outcome.QUERY_ERROR, "the answer's rows" + NO_UTF_8),
        ("SELECT a FROM broken", "SELECT 1", Outcome.QUERY_ERROR, "gold's rows" + NO_UTF_8),
        ("SELECT 1", SLOW, Outcome.TIMEOUT, "no answer to both queries within 0.3 s"),
        (SLOW, "SELECT 1", Outcome.TIMEOUT, "no answer to both queries within 0.3 s"),
    ],
)  # fmt: skip
def test_each_verdict_says_why(path: Path, gold: str, sql: str, outcome: Outcome, detail: str) -> None:
    scorer = PairScorer(0.3)
    verdict = scorer("bird", path, gold, sql)
    assert (verdict.outcome, verdict.detail, verdict.value) == (outcome, detail, None)
    for number in ("bird-f1", "r-ves"):
        verdict = scorer(number, path, gold, sql)
        partly = number == "bird-f1" and detail.startswith("1 of")
        assert (verdict.outcome, bool(verdict.value)) == (outcome, partly or outcome is Outcome.CORRECT)
    scorer.close()


def test_a_query_runs_once_for_all_scorers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = Sandbox.run

    def run(self: Sandbox, sql: str, **options: Any) -> Any:
        seen.append(sql)
        return original(self, sql, **options)

    monkeypatch.setattr(Sandbox, "run", run)
    scorer = PairScorer()
    for name in ("bird", "bird-f1", "official", "strict"):
        assert scorer(name, path, "SELECT a FROM t", "SELECT u.a FROM t AS u").correct
    scorer.close()
    assert seen == ["SELECT a FROM t", "SELECT u.a FROM t AS u"]


def test_repeats_of_rows_break_no_cap(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spider_opt.scoring.pair_scorer.Limits", partial(Limits, max_rows=5))
    scorer = PairScorer()
    assert scorer("official", path, "SELECT a FROM t", "SELECT t.a FROM t, t AS u").outcome is Outcome.WRONG_ROWS
    assert scorer("bird", path, "SELECT a FROM t", "SELECT t.a FROM t, t AS u").correct
    assert scorer("bird", path, "SELECT 1", "SELECT t.a + 4 * u.a FROM t, t AS u").outcome is Outcome.LIMIT
    assert scorer("bird", path, "SELECT 1 FROM t, t AS u", "SELECT 1").correct  # gold is held to no cap
    scorer.close()


# --- time --------------------------------------------------------------------------------------

TAKES = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {n}) SELECT max(n) FROM r"


@pytest.mark.parametrize(("took", "left"), [(0.0, 30.0), (12.5, 17.5), (31.0, 0.0)])
def test_the_time_is_for_both_together(took: float, left: float) -> None:
    given = []

    class Database:
        timeout_s = 30.0

        def gold(self, sql: str) -> Result:
            return Result(("a",), [(1,)], seconds=took)

        def run(self, sql: str, *, distinct: bool, within_s: float) -> Result:
            given.append(within_s)
            return Result(("a",), [(1,)])

    assert both("SELECT 1", "SELECT 2", Database()) == ([(1,)], [(1,)])  # type: ignore[arg-type]
    assert given == [left]


def test_how_long_a_gold_took_is_known_another_day(path: Path, tmp_path: Path) -> None:
    gold = "SELECT a FROM t WHERE a > 0"
    for seconds, outcome in ((29.0, Outcome.CORRECT), (30.0, Outcome.TIMEOUT)):
        cache = GoldCache(tmp_path / "gold.sqlite")
        section = results_of(database_hash(path))
        keep_result(cache, section, gold, Result(("a",), [(1,), (2,), (3,)], seconds=seconds))
        cache.close()
        cache = GoldCache(tmp_path / "gold.sqlite")
        scorer = PairScorer(cache=cache)
        assert scorer("bird", path, gold, "SELECT a FROM t WHERE a < 9").outcome is outcome
        # It has less time than that took, so gold runs again; what was kept here has a row less.
        assert scorer("official", path, gold, "SELECT a FROM t WHERE a < 9").correct
        scorer.close()
        cache.close()


def test_each_scorer_has_its_own_time_unless_it_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [timeout_for(name) for name in ("official", "bird", "bird-f1", "r-ves")] == [10, 30, 30, 30]
    assert Rules("bird").noted()["timeout_s"] == 30
    assert Rules("bird", timeout_s=2).noted()["timeout_s"] == 2
    monkeypatch.setattr("spider_opt.scoring.table.TIMEOUT_S", 0.05)
    n = 2_000_000
    scorer = PairScorer()
    assert scorer("official", path, f"SELECT {n}", TAKES.format(n=n)).outcome is Outcome.TIMEOUT
    assert scorer("bird", path, f"SELECT {n}", TAKES.format(n=n)).correct
    assert scorer("strict", path, f"SELECT {n}", TAKES.format(n=n)).outcome is Outcome.TIMEOUT
    scorer.close()


# --- in a benchmark ----------------------------------------------------------------------------


def test_a_gold_that_fails_is_a_wrong_answer_and_stays_in_n(path: Path) -> None:
    question = Question("dev-0", "?", Schema("d", ()))
    golds = ["SELECT a FROM t", "SELECT nope", "SELECT a FROM none"]
    pairs = [
        (Example(i, question, gold), sql) for i, (gold, sql) in enumerate(zip(golds, ["", "SELECT 1", ""], strict=True))
    ]
    benchmark = Benchmark("b", "dev", tuple(e for e, _ in pairs), {"d": path}, {}, 3, "")
    report = score(benchmark, pairs, rules_of(["bird", "bird-f1", "official"]))
    assert [s.metrics for s in report.scored] == [
        {"bird": False, "bird-f1": 0.0, "official": False},
        {"bird": False, "bird-f1": 0.0},
        {"bird": True, "bird-f1": 1.0, "official": False},
    ]
    assert report.failed_golds == ()
    told = report.summary()
    assert (told["n"], told["ex"], told["mode"]) == (3, pytest.approx(100 / 3, abs=1e-3), "bird")
    assert told["metrics"]["bird-f1"] | {"se": 0} == {"n": 3, "value": pytest.approx(100 / 3, abs=1e-3), "se": 0}
    assert told["metrics"]["official"]["n"] == 2


# --- the numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found", "f1"),
    [
        ([], [], 1),
        ([(1,)], [], 0),
        ([], [(1,)], 0),
        ([(1, 2)], [(1, 2)], 1),
        ([(1, 2)], [(2, 1)], 1),
        ([(1, 2)], [(1, 1)], 0.8),  # both cells of the answer match, one of gold's is missing
        ([(1, 2)], [(1,)], 2 / 3),
        ([(1,)], [(1, 2)], 2 / 3),
        ([(1,), (2,)], [(2,), (1,)], 0),
        ([(1,), (2,)], [(1,)], 2 / 3),
        ([(1,)], [(1,), (2,), (3,)], 0.5),
        ([(1.0, None)], [(1, None)], 1),
    ],
)
def test_soft_f1(wanted: list, found: list, f1: float) -> None:
    assert soft_f1(wanted, found) == pytest.approx(f1)


def test_what_is_far_off_is_left_out_of_the_ratio() -> None:
    assert usual([1.0] * 20 + [90.0]) == 1
    assert usual([2.0] * 5) == 0  # no spread: nothing is within it, and the script fails
    assert [reward(ratio) for ratio in (9, 2, 1.99, 1, 0.5, 0.49, 0.25, 0.24, 0)] == [
        1.25, 1.25, 1, 1, 0.75, 0.5, 0.5, 0.25, 0
    ]  # fmt: skip


def test_r_ves_tells_a_slow_answer_from_a_fast_one(path: Path) -> None:
    slow, fast = TAKES.format(n=20_000), "SELECT 20000"
    scorer = PairScorer()
    assert scorer("r-ves", path, slow, fast).value == math.sqrt(1.25)
    assert scorer("r-ves", path, fast, slow).value == math.sqrt(0.25)
    assert scorer("r-ves", path, fast, "SELECT 1").value == 0
    assert scorer("r-ves", path, "SELECT a FROM none", "").value == math.sqrt(1.25)
    told = scorer("r-ves", path, "SELECT a FROM none", "BEGIN")
    assert (told.correct, told.value) == (True, 0)
    assert "not timed, since the answer begins with none of SELECT, WITH and VALUES" in told.detail
    scorer.close()


@pytest.mark.parametrize(
    ("gold", "answer", "who"),
    [
        ("SELECT a FROM none", ";", "the answer begins"),
        ("SELECT a FROM none", "PRAGMA table_info(nowhere)", "the answer begins"),
        ("-- none", "SELECT a FROM none", "gold begins"),
        ("PRAGMA table_info(nowhere)", "", "gold begins"),
        (";", ";", "gold and the answer begin"),
    ],
)
def test_r_ves_says_of_what_it_does_not_time_what_is_so(path: Path, gold: str, answer: str, who: str) -> None:
    scorer = PairScorer()
    told = scorer("r-ves", path, gold, answer)
    scorer.close()
    assert (told.correct, told.value) == (True, 0)
    assert told.detail.endswith(f"not timed, since {who} with none of SELECT, WITH and VALUES")


def test_r_ves_ends_in_time(path: Path) -> None:
    n = 500_000
    scorer = PairScorer(0.02)
    start = time.monotonic()
    verdict = scorer("r-ves", path, f"SELECT {n}", TAKES.format(n=n))
    assert verdict.value == 0
    assert time.monotonic() - start < RUNS * 0.02 + 2
    scorer.close()


# --- recorded ----------------------------------------------------------------------------------


def test_every_recorded_verdict(shared: Path) -> None:
    from spider_opt.benchmarks import load
    from spider_opt.evaluation.scoring_files import score as score_file

    files = sorted((shared / "conformance" / "bird").glob("*.jsonl"))
    if not files:
        pytest.skip(f"no verdicts of BIRD's at {shared}")
    mini = load("bird:mini-dev", data=shared / "benchmarks" / "bird")
    for file in files:
        answers = shared / "benchmarks" / "bird" / "predictions" / f"{file.stem}.json"
        run = score_file(answers, mini, mode=["bird", "bird-f1"])
        wanted = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(wanted) == len(run.verdicts) == 500
        for told, scored in zip(wanted, run.verdicts, strict=True):
            assert told["index"] == scored.index
            assert bool(told["ex"]) == scored.correct == scored.metrics["bird"], (file.stem, told)
            assert told["f1"] == pytest.approx(scored.metrics["bird-f1"], abs=1e-9), (file.stem, told)

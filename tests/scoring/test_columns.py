"""Spider 2.0's rule against a plain one in pandas, which goes through files as the official script does."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spider_opt.benchmarks.csv_table import columns_of, written
from spider_opt.benchmarks.gold_results import fault_in
from spider_opt.errors import GoldError
from spider_opt.scoring.pair_scorer import PairScorer
from spider_opt.types import GoldResult, Outcome, Result, Value, Verdict

HOSTILE: tuple[Value, ...] = (
    None, 0, 1, -1, 7, 10, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, -0.0, 0.005, 0.0149, 1.0, 1.5, 2.675, 1e16, 1e-5, 1e300,
    math.inf, -math.inf, "", " ", "\t", "0", "1", "1.0", "007", "+5", " 7 ", "1e5", "1e", ".5", "inf", "NULL", "null",
    "none", "None", "nan", "NaN", "NA", "true", "False", "TRUE", "yes", "a", "A", "a,b", 'say "x"', "two\nlines",
    "a\rb", "it's", "½", "Ärzte", "2024-01-01", "1_000", "1,000", b"\x00\xff", b"a", "x" * 3000,
)  # fmt: skip


def through_files(script: str, query: str, folder: Path) -> pd.DataFrame:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script)
        file = folder / "pred.csv"
        for number, part in enumerate(pd.read_sql_query(query, connection, chunksize=500)):
            part.to_csv(file, mode="a" if number else "w", header=number == 0, index=False)
    return pd.read_csv(file)


def plain_rule(pred: pd.DataFrame, gold: pd.DataFrame, asked: list[int], any_order: bool, null_is_0: bool) -> bool:
    def vectors(table: pd.DataFrame) -> list[list[Any]]:
        found = []
        for vector in table.transpose().to_numpy().tolist():
            cells = [0 if null_is_0 and pd.isna(cell) else cell for cell in vector]
            found.append(
                sorted(cells, key=lambda x: (x is None, str(x), isinstance(x, int | float))) if any_order else cells
            )
        return found

    def equal(one: Any, other: Any) -> bool:
        if pd.isna(one) and pd.isna(other):
            return True
        if isinstance(one, int | float) and isinstance(other, int | float):
            return math.isclose(float(one), float(other), abs_tol=1e-2)
        return bool(one == other)

    own = vectors(pred)
    return all(
        any(len(column) == len(wanted) and all(map(equal, wanted, column)) for column in own)
        for wanted in vectors(gold.iloc[:, asked] if asked else gold)
    )


def said(value: Value) -> str:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, str):
        return f"CAST(x'{value.encode().hex()}' AS TEXT)"
    if value is None:
        return "NULL"
    return {math.inf: "9e999", -math.inf: "-9e999"}.get(value) or repr(value)


def query_of(rows: Sequence[Sequence[Value]], width: int) -> str:
    names = [f"c{i}" for i in range(width)]
    if not rows:
        return f"SELECT {', '.join(f'1 AS {name}' for name in names)} WHERE 0"
    others = [", ".join(map(said, row)) for row in rows[1:]]
    head = ", ".join(f"{cell} AS {name}" for cell, name in zip(map(said, rows[0]), names, strict=True))
    return " UNION ALL ".join([f"SELECT {head}", *(f"SELECT {row}" for row in others)])


def table(rng: random.Random) -> tuple[list[tuple[Value, ...]], int]:
    width, n = rng.randint(1, 4), rng.choice((0, 1, 1, 2, 3, 5, 8))
    pools = [rng.sample(HOSTILE, rng.randint(1, 4)) for _ in range(width)]
    return [tuple(rng.choice(pool) for pool in pools) for _ in range(n)], width


def changed(rows: list[tuple[Value, ...]], width: int, rng: random.Random) -> tuple[list[tuple[Value, ...]], int]:
    """Return rows as an answer may have them: columns moved, left out, added; rows moved; a cell changed."""
    places = rng.sample(range(width), rng.choice((width, width, max(1, width - 1))))
    answer = [[row[i] for i in places] for row in rows]
    if rng.random() < 0.3:
        for row in answer:
            row.append(rng.choice(HOSTILE))
    if rng.random() < 0.4:
        rng.shuffle(answer)
    if answer and rng.random() < 0.3:
        row = rng.choice(answer)
        at = rng.randrange(len(row))
        old = row[at]
        near = old + rng.choice((0.004, 0.01, 0.02)) if isinstance(old, int | float) else rng.choice(HOSTILE)
        row[at] = near if not isinstance(near, float) or abs(near) < 1e15 else old
    n_columns = len(places) + (1 if answer and len(answer[0]) > len(places) else 0)
    return [tuple(row) for row in answer], n_columns


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE item (name TEXT, price REAL, pieces INTEGER);"
            "INSERT INTO item VALUES ('pen', 1.5, 3), ('ink', NULL, 0), ('pad', 2.25, NULL)"
        )
        connection.commit()
    return path


@pytest.fixture
def judge(database: Path) -> Any:
    scorer = PairScorer()

    def judged(gold: str | GoldResult, sql: str, name: str = "columns") -> Verdict:
        return scorer(name, database, gold if isinstance(gold, str) else gold.text, sql)

    yield judged
    scorer.close()


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_rule_in_pandas(judge: Any, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    right = 0
    for _ in range(150):
        rows, width = table(rng)
        gold = written(Result(tuple(f"g{i}" for i in range(width)), rows))
        answer, n_columns = changed(rows, width, rng)
        query = query_of(answer, n_columns)
        asked = sorted(rng.sample(range(width), rng.randint(1, width))) if rng.random() < 0.5 else []
        any_order, null_is_0 = rng.random() < 0.6, rng.random() < 0.7
        (tmp_path / "gold.csv").write_text(gold, encoding="utf-8", newline="")
        try:
            pred_table, gold_table = through_files("", query, tmp_path), pd.read_csv(tmp_path / "gold.csv")
            expected = plain_rule(pred_table, gold_table, asked, any_order, null_is_0)
        except (pd.errors.ParserError, pd.errors.EmptyDataError):
            expected = False
        name = "columns" if null_is_0 else "columns-earlier"
        verdict = judge(GoldResult(gold, tuple(asked), any_order), query, name)
        assert verdict.correct == expected, (gold, query, asked, any_order, null_is_0, verdict)
        right += expected
    assert 20 < right < 130


@pytest.mark.parametrize("seed", range(3))
def test_tables_are_what_pandas_reads(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(120):
        pool = rng.sample(HOSTILE, rng.randint(1, 5))
        n = rng.choice((1, 2, 6, 501, 1003)) if rng.random() < 0.15 else rng.randint(1, 6)
        rows = [(rng.choice(pool), rng.choice(pool), i) for i in range(n)]
        if n > 500:  # one chunk of another kind than the others
            rows[500:] = [(rng.choice((1, 2)), None, i) for i in range(n - 500)]
        text = written(Result(("a", "b", "c"), rows))
        read = pd.read_csv(_file(tmp_path, text))
        own = columns_of(text)
        for i, column in enumerate(own):
            theirs = read.iloc[:, i].to_numpy().tolist()
            assert len(theirs) == len(column.cells)
            for one, other in zip(theirs, column.cells, strict=True):
                assert (pd.isna(one) and other != other) or (type(one), one) == (type(other), other), (text, one, other)


def _file(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_text(text, encoding="utf-8", newline="")
    return file


def test_results_are_written_as_pandas_writes_them(tmp_path: Path) -> None:
    rng = random.Random(5)
    for n in (0, 1, 3, 499, 500, 501, 1200):
        pools = [rng.sample(HOSTILE, 4), [1, 2, None], [1, 2.5], [None], ["a", None, 3, 2.5]]
        rows = [tuple(rng.choice(pool) for pool in pools) for _ in range(n)]
        connection = sqlite3.connect(":memory:")
        with closing(connection):
            connection.execute("CREATE TABLE t (a, b, c, d, e)")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
            file = tmp_path / f"{n}.csv"
            for number, part in enumerate(pd.read_sql_query("SELECT * FROM t", connection, chunksize=500)):
                part.to_csv(file, mode="a" if number else "w", header=number == 0, index=False)
            stored = connection.execute("SELECT * FROM t").fetchall()
        with file.open(encoding="utf-8", newline="") as opened:
            assert written(Result(("a", "b", "c", "d", "e"), stored)) == opened.read()


GOLD = "name,price\npen,1.5\nink,\npad,2.25\n"


@pytest.mark.parametrize(
    ("gold", "sql", "right", "detail"),
    [
        (GoldResult(GOLD), "SELECT price, name FROM item", True, "all 2 columns asked for, among 2 columns"),
        (GoldResult(GOLD), "SELECT pieces, price, name FROM item", True, "all 2 columns asked for, among 3 columns"),
        (GoldResult(GOLD), "SELECT name FROM item", False, "1 of 2 columns asked for, among 1 column"),
        (GoldResult(GOLD, (1,)), "SELECT price FROM item", True, "the one column asked for, among 1 column"),
        (GoldResult(GOLD, (1,)), "SELECT price + 0.009 FROM item", True, ""),
        (GoldResult(GOLD, (1,)), "SELECT price + 0.02 FROM item", False, ""),
        (GoldResult(GOLD), "SELECT name, price FROM item ORDER BY name", False, "0 of 2 columns"),
        (GoldResult(GOLD, any_order=True), "SELECT name, price FROM item ORDER BY name", True, ""),
        (GoldResult(GOLD), "SELECT name, price FROM item LIMIT 2", False, "; 2 rows, gold has 3"),
        (GoldResult("a\n"), "SELECT name FROM item WHERE 0", True, ""),
        (GoldResult("a\n1\n"), "SELECT name FROM item WHERE 0", False, "0 rows, gold has 1"),
        (GoldResult("a,b\n3,3\n0,0\n,\n"), "SELECT pieces FROM item", True, "among 1 column"),
        (GoldResult(GOLD, (5,)), "SELECT name, price FROM item", False, "by gold: it asks for column 5 of 2"),
        (GoldResult("", (0,)), "SELECT name FROM item", False, "by gold: its table cannot be read"),
        (GoldResult("a\n1,2\n"), "SELECT 1", False, "row 1 has 2 cells under 1 names"),
        (GoldResult(GOLD, fault="it is torn"), "SELECT name, price FROM item", False, "it is torn"),
        ("SELECT name FROM item", "SELECT price, name FROM item ORDER BY price", True, "the one column asked for"),
        ("SELECT name FROM item ORDER BY name", "SELECT name FROM item ORDER BY name DESC", False, ""),
    ],
)  # fmt: skip
def test_columns_asked_for(judge: Any, gold: str | GoldResult, sql: str, right: bool, detail: str) -> None:
    verdict = judge(gold, sql)
    assert verdict.correct == right
    assert detail in verdict.detail


def test_null_is_0_in_the_later_version_only(judge: Any) -> None:
    gold = GoldResult("n\n3\n0\n0\n")
    assert judge(gold, "SELECT pieces FROM item").correct
    assert not judge(gold, "SELECT pieces FROM item", "columns-earlier").correct
    assert judge(GoldResult("n\n3\n0\nNULL\n"), "SELECT pieces FROM item", "columns-earlier").correct


@pytest.mark.parametrize(
    ("sql", "outcome"),
    [
        ("", Outcome.NO_SQL),
        ("SELECT nothing FROM item", Outcome.QUERY_ERROR),
        ("DROP TABLE item", Outcome.NOT_A_QUERY),
        ("SELECT 1; SELECT 2", Outcome.QUERY_ERROR),
        ("SELECT CAST(x'ff' AS TEXT)", Outcome.QUERY_ERROR),
    ],
)
def test_answers_that_fail_are_wrong(judge: Any, sql: str, outcome: Outcome) -> None:
    verdict = judge(GoldResult(GOLD), sql)
    assert (verdict.correct, verdict.outcome) in {(False, outcome), (False, Outcome.NOT_A_QUERY)}


def test_a_pragma_gives_rows_as_to_the_script(judge: Any) -> None:
    assert judge(GoldResult("x\nname\nprice\npieces\n"), "PRAGMA table_info(item)").correct


@pytest.mark.parametrize("scorer", ["official", "strict", "match", "bird", "suite", "old-spider"])
def test_no_other_scorer_takes_a_result_for_a_query(judge: Any, scorer: str) -> None:
    try:
        verdict = judge(GoldResult(GOLD), "SELECT name, price FROM item", scorer)
    except GoldError:
        return
    assert not verdict.correct


def test_faults_of_golds_are_told() -> None:
    assert fault_in(GoldResult(GOLD)) == ""
    assert fault_in(GoldResult(GOLD, (0, 1, -1))) == ""
    assert fault_in(GoldResult(GOLD, (2,))) == "it asks for column 2 of 2, counted from 0"
    assert "it is empty" in fault_in(GoldResult("\n \n"))

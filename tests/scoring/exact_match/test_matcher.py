"""Exact set match as a whole: the official script's measured answers, what it cannot read, and hostile texts."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from spider_opt.errors import DatasetError, GoldError, UsageError
from spider_opt.scoring import judge
from spider_opt.scoring.exact_match import PARTS, exact_match_parts
from spider_opt.scoring.exact_match.matcher import matcher
from spider_opt.scoring.exact_match.parser import MAX_QUERIES
from spider_opt.types import Outcome

TOLD = json.loads((Path(__file__).parents[2] / "fixtures" / "exact_match.json").read_text(encoding="utf-8"))
NAMES = "SELECT name FROM item"
LONG = 99_000


@pytest.mark.parametrize("case", TOLD["cases"], ids=lambda case: case["about"])
def test_the_official_scripts_answers(trade, case):
    verdict = matcher(trade).verdict(case["gold"], case["pred"])
    parts = matcher(trade).parts(case["gold"], case["pred"])
    differ = [name for name, part in parts.items() if not part.right]
    said = case["official"]
    assert verdict.correct == (said == "right")
    if said == "right":
        assert differ == []
    elif said == "stops":
        assert verdict.outcome is Outcome.QUERY_ERROR
        assert verdict.detail.startswith("the official script would stop with an error: ")
    elif said == "unread" and case["pred"].strip():
        assert verdict.outcome is Outcome.QUERY_ERROR
        assert verdict.detail.startswith("exact set match cannot read the query: ")
    elif said == "unread":
        assert verdict.outcome is Outcome.NO_SQL
    else:
        assert verdict.outcome is Outcome.WRONG_ROWS
        assert (", ".join(differ) or "tables") == said
        told = [name for name in said.split(", ") if not name.endswith(("(no AGG)", "(no OP)", "(no Having)"))]
        assert verdict.detail == f"differs in {', '.join(told)}"


def test_there_is_a_case_for_each_answer():
    said = {name for case in TOLD["cases"] for name in case["official"].split(", ")}
    assert {*PARTS, "tables", "right", "unread", "stops"} - said == {"where(no OP)", "group(no Having)"} - said
    assert len({case["about"] for case in TOLD["cases"]}) == len(TOLD["cases"]) > 90


@pytest.mark.parametrize(
    ("gold", "why"),
    [
        ("SELECT name FROM item WHERE price IS NOT NULL", "'not' stands where a column is due"),
        ("WITH t AS (SELECT 1) SELECT * FROM t", "'t' stands where a table is due"),
        ("SELECT name FROM item WHERE price > 1 id = 2 AND id = 3", "AND or OR is missing between two conditions"),
        ("SELECT name FROM item WHERE id = 1 id IN (SELECT item_id FROM sale)", "AND or OR is missing before a"),
        ("", "there is no FROM"),
        ("SELECT name FROM item WHERE name = 'x", "a quote is not closed"),
    ],
)
def test_a_gold_that_cannot_be_read_says_nothing(trade, gold, why):
    for ask in (matcher(trade, "shop").verdict, matcher(trade, "shop").parts):
        with pytest.raises(GoldError) as caught:
            ask(gold, NAMES)
        assert str(caught.value).startswith(f"gold query on shop cannot be read by exact set match: {why}")


def test_a_prediction_that_cannot_be_read_is_an_empty_query(trade):
    parts = exact_match_parts("SELECT name FROM item ORDER BY price", "SELECT lower(name) FROM item", trade)
    assert tuple(parts) == PARTS
    assert {name: tuple(part) for name, part in parts.items()} == {
        "select": (False, 0, 1), "select(no AGG)": (False, 0, 1), "where": (True, 0, 0), "where(no OP)": (True, 0, 0),
        "group(no Having)": (True, 0, 0), "group": (True, 0, 0), "order": (False, 0, 1), "and/or": (True, 1, 1),
        "IUEN": (True, 0, 0), "keywords": (False, 0, 2),
    }  # fmt: skip
    stops = "SELECT name FROM item WHERE price > 1 id = 2 AND id = 3"
    assert exact_match_parts("SELECT name FROM item ORDER BY price", stops, trade) == parts


def test_that_value_becomes_1_is_told(trade):
    sentence = "exact set match cannot read the query: '1' stands where a column is due; the letters value are 1 to it"
    assert matcher(trade).verdict("SELECT day FROM sale", "SELECT value FROM sale").detail == sentence


def test_what_is_given_wrongly_is_named(trade, tmp_path):
    with pytest.raises(UsageError, match="gold"):
        exact_match_parts(3, NAMES, trade)
    with pytest.raises(DatasetError, match=r"Cannot read the database .*none\.sqlite"):
        exact_match_parts(NAMES, NAMES, tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("no database")
    with pytest.raises(DatasetError, match="is not a SQLite database"):
        exact_match_parts(NAMES, NAMES, tmp_path / "text.sqlite")


def test_a_changed_database_is_read_anew(trade):
    assert not judge("SELECT name FROM item", "SELECT title FROM item", trade, mode="match").correct
    with closing(sqlite3.connect(trade)) as connection:
        connection.execute("ALTER TABLE item RENAME COLUMN name TO title")
    assert judge("SELECT title FROM item", "SELECT title FROM item AS t", trade, mode="match").correct
    with pytest.raises(GoldError):
        judge("SELECT name FROM item", "SELECT title FROM item", trade, mode="match")


# --- texts that are no queries -----------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    [
        "(", "( ", ")", ". ", ".)", ".) ", ". . .", "a. ", "5. ", "! ", "a.! ", "as ", "'", "' ", "\" '", "= ", "> = ",
        ",", ", ", ":", "`", "--", "-- ", "…", "— ", "cannot ", "1", "x", "\u00a0", ".\u2019 ", "and ", "name ",
        "SELECT ", "SELECT * FROM (", "SELECT * FROM item UNION ", "( SELECT name FROM item EXCEPT ", "name = 1 and ",
        "SELECT name FROM item WHERE id IN (", "\N{GRINNING FACE}", "\ud800",
    ],
)  # fmt: skip
def test_long_texts_are_judged_soon(trade, piece):
    start = time.process_time()
    for text in ((piece * LONG)[:LONG], f"{NAMES} WHERE {piece * 2000}", f"{NAMES} {piece * 2000}"):
        verdict = matcher(trade).verdict(NAMES, text)
        assert not verdict.correct or verdict.detail == "the same parts"
    assert time.process_time() - start < 5


def test_a_text_that_is_too_long(trade):
    assert matcher(trade).verdict(NAMES, f"{NAMES} WHERE name = '{'x' * 100_000}'").outcome is Outcome.LIMIT


@pytest.mark.parametrize("form", ["SELECT name FROM item UNION {}", "SELECT name FROM item WHERE id IN ({})"])
def test_queries_in_queries(trade, form):
    def nested(n):
        sql = NAMES
        for _ in range(n - 1):
            sql = form.format(sql)
        return sql

    deep, deeper = nested(MAX_QUERIES), nested(MAX_QUERIES + 1)
    assert matcher(trade).verdict(deep, deep).correct
    assert matcher(trade).verdict(deep, nested(MAX_QUERIES - 1)).detail.startswith("differs in ")
    assert "100 queries stand in each other" in matcher(trade).verdict(deep, deeper).detail
    assert not matcher(trade).verdict(deep, nested(20_000 // len(form))).correct

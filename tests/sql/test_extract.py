"""What models say, and the query in it: fixtures/model_answers.json."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spider_opt.sql.extract import extract_sql

ANSWERS = json.loads((Path(__file__).parent.parent / "fixtures" / "model_answers.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ANSWERS, ids=[case["name"] for case in ANSWERS])
def test_the_query_is_found(case):
    assert extract_sql(case["answer"]) == case["sql"]


@pytest.mark.parametrize("case", ANSWERS, ids=[case["name"] for case in ANSWERS])
def test_a_query_that_was_found_is_found_again(case):
    assert extract_sql(case["sql"]) == case["sql"]


def test_names_of_cases_differ():
    assert len({case["name"] for case in ANSWERS}) == len(ANSWERS) >= 250


SIGNS = "=$*_~\"'`“„‘«「《（([{<|>:：.-#@%^&!?\\/ \n"


@given(st.text(st.sampled_from(SIGNS), max_size=6))
@settings(max_examples=400)
def test_any_signs_before_a_query(signs):
    assert extract_sql(f"{signs}SELECT a FROM t") is not None


@given(st.text())
def test_any_text_gives_one_line_at_most_outside_quotes(text):
    found = extract_sql(text)
    assert found == found.strip()
    if not set("'\"`") & set(found):
        assert "\n" not in found


PIECES = [
    "SELECT ", "select a from t where (", "\nSELECT a FROM t\n", "SELECT a FROM t;\n", '"SELECT a" ',
    "`SELECT a` ", "(SELECT ",
    "SELECT 'a", 'SELECT "a', "Select the names from the table.\n", "Corrected: SELECT a FROM t\n", "WITH ",
    "with a as (",
    "values (", "FROM ", "FROM a SELECT b ", "\nUPDATE t SET ", "<sql>SELECT 1</sql>\n", "```sql\nSELECT 1\n```\n",
    "```sql\n", "```",
    "`", "\n~~~\n", '\n{"sql": "SELECT 1"}\n', '{"a":', "[[", "(", "'", '"', "<think>", "</think>",
    "<think></think>", "[THINK]",
    "<|channel|>analysis<|message|>", "</s>", "<", "--", "-- a\n", "/*", "/**/", ";", "\n", " ", "a", "a b ", "的",
    "；", "，", "&gt;",
    "\u200b", "\x00", "\\n", "1,", "**",
    "so select a from b, ", "the VALUES (1), ", "Sure! SELECT a FROM t WHERE b IN (SELECT c FROM u) lists it.\n",
    "| SELECT a ", "|", "| SELECT a FROM t |\n", "b > (SELECT a FROM t) ", "b > (SELECT a, ", "The (SELECT (a) is ",
    "a = ", "[EOS]", "SELECT a FROM t [END] ", "[END END ", "select the name from singer's table. ",
]  # fmt: skip


@pytest.mark.parametrize("before", ["", "SELECT a FROM t\n", "Sure! "])
@pytest.mark.parametrize("piece", PIECES)
def test_a_long_answer_takes_no_time(before, piece):
    start = time.process_time()
    extract_sql(before + piece * (500_000 // len(piece)))
    assert time.process_time() - start < 1.0  # 0.02 to 0.2 on a quiet machine


MIXTURES = [
    "a -- a\nCREATE TABLE t (a);\n&gt;",
    "CASE WHEN &quot;SELECT&#39; 7 SELECT a FROM t WHERE b > 2;\n",
    '(&quot;SELECT&#39; {"a":```sql\nSELECT ',
    "a b Select the names from the table.\nWHERE a = 'bwith a as (CASE WHEN ",
    "WHERE a = 'b-- SELECT 1\n&gt;```sql\nSELECT ",
    '`ＳＥＬＥＣＴ １；/*\u200b"',
    "/*(a'select a from t where (",
    "Question: Which?\nSELECT [THINK]\n~~~\n&gt;",
    "Select the names from the table.\n[(ELSE 0 END ",
]  # fmt: skip


@pytest.mark.parametrize("mixture", MIXTURES)
def test_nor_does_one_of_several_pieces(mixture):
    start = time.process_time()
    extract_sql(mixture * (300_000 // len(mixture)))
    assert time.process_time() - start < 3.0  # 0.2 to 0.8 on a quiet machine, once up to 8


def test_what_is_read_of_a_longer_answer_costs_as_much_more():
    def seconds(n: int) -> float:
        answer = (
            "The boats are many, select any of them. It's `SELECT 1`, or (2).\n" * n + "```sql\nSELECT a FROM t\n```"
        )
        start = time.process_time()
        assert extract_sql(answer) == "SELECT a FROM t"
        return time.process_time() - start

    small, large = min(seconds(1_000) for _ in range(3)), min(seconds(10_000) for _ in range(3))
    assert large < 20 * small + 0.1


def test_a_long_answer_takes_no_memory():
    answer = "Boats and crews.\n" * 60_000 + "SQL: SELECT a FROM t WHERE b > 2\nIt lists them."
    extract_sql("SELECT 1")
    tracemalloc.start()
    try:
        assert extract_sql(answer) == "SELECT a FROM t WHERE b > 2"
        assert tracemalloc.get_traced_memory()[1] < 4 * len(answer)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opening", ["", "```sql\n", "<think>x</think>"])
def test_a_long_query_comes_back_whole(opening):
    query = f"SELECT a FROM t WHERE b IN ({', '.join(map(str, range(100_000)))})"
    assert extract_sql(opening + query) == query


def test_half_a_surrogate_is_no_reason_to_stop():
    assert extract_sql("SELECT '\ud83d' FROM t") == "SELECT '?' FROM t"


def test_golds_come_back_as_they_are(shared):
    for name in ("dev.json", "train_spider.json"):
        for entry in json.loads((shared / "spider" / name).read_text(encoding="utf-8")):
            found = extract_sql(entry["query"])
            assert "".join(found.split()) == "".join(entry["query"].split()).rstrip(";")

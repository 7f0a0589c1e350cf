"""What models say, and the query in it: fixtures/model_answers.json."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
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
    assert len({case["name"] for case in ANSWERS}) == len(ANSWERS) >= 70


@given(st.text())
def test_any_text_gives_one_line_at_most_outside_quotes(text):
    found = extract_sql(text)
    assert found == found.strip()
    if not set("'\"`") & set(found):
        assert "\n" not in found


@pytest.mark.parametrize(
    "piece", ["```sql\n", "<think>", "SELECT ", "with a as (", "'", '"', "--", "/*", "(", ";", "\n", "a"]
)
def test_long_answers_take_no_time(piece):
    start = time.process_time()
    extract_sql(piece * (20_000 // len(piece)))
    assert time.process_time() - start < 1.5


def test_golds_come_back_as_they_are(shared):
    for name in ("dev.json", "train_spider.json"):
        for entry in json.loads((shared / "spider" / name).read_text(encoding="utf-8")):
            found = extract_sql(entry["query"])
            assert "".join(found.split()) == "".join(entry["query"].split()).rstrip(";")

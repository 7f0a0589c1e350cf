"""Which field holds the answer: never the golds where another may."""

from __future__ import annotations

import json
import random

import pytest
from answer_files import SCHEMAS, jsonl, table

from spider_opt.errors import PredictionsError
from spider_opt.types import Benchmark, Example, Question

N = 10
WORDS = [f"Which is number {i}?" for i in range(N)]
GOLDS = [f"SELECT g{i} FROM t WHERE x = 'A'" for i in range(N)]
SQL = [f"SELECT {i}" for i in range(N)]
PAIRED = dict(enumerate(SQL))
SAID = [f"I would use this:\n```sql\n{sql}\n```" for sql in SQL]
THOUGHT = [f"<think>\nThey want a number.\n</think>\n{sql}" for sql in SQL]
PROSE = [f"The answer is: {sql}" for sql in SQL]
HALF = [said if i % 2 else sql for i, (said, sql) in enumerate(zip(SAID, SQL, strict=True))]


@pytest.fixture
def benchmark():
    examples = tuple(
        Example(i, Question(f"dev-{i}", words, SCHEMAS["cars"]), gold)
        for i, (words, gold) in enumerate(zip(WORDS, GOLDS, strict=True))
    )
    return Benchmark("spider", "dev", examples, {}, {}, N, "f" * 16)


# What one of our golds is in the files of others.
VERSIONS = {
    "the golds": GOLDS,
    "other blanks and quotes": [gold.replace(" ", "\n ").replace("'", '"').lower() + ";" for gold in GOLDS],
    "two were corrected": ["SELECT 'corrected'", "SELECT 'too'", *GOLDS[2:]],
}
# What holds the golds may be called so, and what holds the answer so.
PAIRS = [
    *(("query", "response"), ("SQL", "answer"), ("sql", "output"), ("sql_query", "completion"), ("query", "sql")),
    *(("output", "response"), ("query", "model_output"), ("answer", "prediction"), ("query", "generated_text")),
    *(("result", "llm_response"), ("response", "raw_output"), ("answer_sql", "response"), ("output_sql", "answer")),
]
FILES = {
    "a.jsonl": lambda columns: jsonl(rows_of(columns)),
    "a.json": lambda columns: json.dumps(rows_of(columns)),
    "keys.json": lambda columns: json.dumps({str(i): row for i, row in enumerate(rows_of(columns))}),
    "a.csv": lambda columns: table(columns, *zip(*columns.values(), strict=True)),
}


def rows_of(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("gold", "answer"), PAIRS, ids=[" ".join(pair) for pair in PAIRS])
@pytest.mark.parametrize("said", [SAID, THOUGHT, PROSE], ids=["fenced", "thought", "prose"])
def test_the_gold_is_never_the_answer_where_another_field_may_be(pair, version, gold, answer, said):
    columns = {"question": WORDS, gold: VERSIONS[version], answer: said, "difficulty": ["easy"] * N}
    for name, content in FILES.items():
        assert pair(content(columns), name, extract=True) == PAIRED
        assert pair(content(columns), name, extract=True, field=answer) == PAIRED
        if answer == "prediction":  # which nothing but an answer is called
            assert pair(content(columns), name) == dict(enumerate(said))
            continue
        with pytest.raises(PredictionsError) as caught:
            pair(content(columns), name)
        says = (
            f'"{gold}" holds the benchmark\'s gold queries, and "{answer}" may hold the answer\'s query: name the one'
        )
        assert says in str(caught.value)


@pytest.mark.parametrize("extract", [False, True])
@pytest.mark.parametrize(("gold", "answer"), PAIRS, ids=[" ".join(pair) for pair in PAIRS])
@pytest.mark.parametrize("version", VERSIONS)
def test_of_two_that_hold_queries_the_gold_is_not_the_answer(pair, extract, gold, answer, version):
    good = [*GOLDS[:7], *SQL[7:]]
    for said in (SQL, good):
        for columns in ({gold: VERSIONS[version], answer: said}, {answer: said, gold: VERSIONS[version]}):
            if gold in ("answer_sql", "output_sql"):  # which are called so as sure answers are
                with pytest.raises(
                    PredictionsError, match=f'"{gold}" holds the benchmark\'s gold queries, and "{answer}'
                ):
                    pair(jsonl(rows_of(columns)), "a.jsonl")
            else:
                assert pair(jsonl(rows_of(columns)), "a.jsonl", extract=extract) == dict(enumerate(said))


DOUBTFUL = {
    "an unknown name": (
        {"query": GOLDS, "my_model": SAID},
        '"query" holds the benchmark\'s gold queries, and "my_model"',
    ),
    "blank answers": ({"query": GOLDS, "response": [""] * N}, '"query" holds the benchmark\'s gold queries, and "resp'),
    "no answers": ({"query": GOLDS, "response": [None] * N}, '"query" holds the benchmark\'s gold queries, and "resp'),
    "refusals": (
        {"query": GOLDS, "response": ["I cannot."] * N},
        '"query" holds the benchmark\'s gold queries, and "r',
    ),
    "two answers": (
        {"query": GOLDS, "response": SAID, "reply": THOUGHT},
        '"query" holds the benchmark\'s gold queries, and "response", "reply" may hold',
    ),
    "objects": (
        {"query": GOLDS, "response": [{"role": "assistant", "content": said} for said in SAID]},
        '"query" holds the benchmark\'s gold queries, and "response" may hold',
    ),
    "several each": (
        {"query": GOLDS, "candidates": [[sql, "SELECT 1"] for sql in SQL]},
        '"query" holds the benchmark\'s gold queries, and "candidates" may hold',
    ),
    "many columns": ({f"gpt{i}": SQL for i in range(20)}, '"gpt6", "gpt7" and 12 more)'),
    "two golds": ({"query": GOLDS, "sql": GOLDS, "response": SAID}, "several of its fields may hold"),
    "two models": ({"query": GOLDS, "gpt": SQL, "llama": SQL}, "several of its fields may hold the answer's query"),
}


@pytest.mark.parametrize("extract", [False, True])
@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_is_doubtful_is_refused_and_can_be_named(pair, case, extract):
    columns, said = DOUBTFUL[case]
    with pytest.raises(PredictionsError) as caught:
        pair(jsonl(rows_of(columns)), "a.jsonl", extract=extract)
    assert said in str(caught.value)
    if not isinstance(list(columns.values())[1][0], list | dict):
        assert len(pair(jsonl(rows_of(columns)), "a.jsonl", extract=True, field=list(columns)[1])) == N


def test_answers_half_of_which_begin_with_words(pair):
    content = jsonl(rows_of({"query": GOLDS, "response": HALF}))
    assert pair(content, "a.jsonl", extract=True) == PAIRED
    with pytest.raises(PredictionsError, match="holds the benchmark's gold queries"):
        pair(content, "a.jsonl")


# --- what is no gold stays the answer ----------------------------------------------------------

RAW = [f"Let me see.\n```sql\n{gold}\n```" for gold in GOLDS]
STAYS = {
    "taken from what was said": {"response": SAID, "sql": SQL},
    "in an unknown field": {"raw": SAID, "sql": SQL},
    "as good as it can be": {"response": RAW, "sql": GOLDS},
    "as good, and named": {"response": RAW, "predicted_sql": GOLDS},
    "with its result": {"predicted_sql": GOLDS, "result": ["[[1]]"] * N},
    "with its prompt": {"prompt": SAID, "sql": GOLDS},
    "with the hint and the schema": {"hint": PROSE, "schema": ["SELECT"] * N, "sql": GOLDS},
    "alone": {"question": WORDS, "query": GOLDS, "score": [0.5] * N},
    "beside the golds": {"gold": GOLDS, "sql": SQL, "response": SAID},
    "question is called query": {"query": WORDS, "sql": GOLDS},
    "as Spider's file": {"query": GOLDS, "sql": [{"select": [], "from": {}}] * N, "query_toks": [["select"]] * N},
    "many are golds": {"sql": [*GOLDS[:7], *SQL[7:]], "output": ["one row"] * N},
}


@pytest.mark.parametrize("case", STAYS)
@pytest.mark.parametrize("extract", [False, True])
def test_what_is_no_gold_stays_the_answer(pair, case, extract):
    columns = STAYS[case]
    name = next(name for name in ("predicted_sql", "query", "sql") if columns.get(name, WORDS) is not WORDS)
    for order in (list(columns), list(reversed(columns))):
        content = jsonl(rows_of({field: columns[field] for field in order}))
        assert pair(content, "a.jsonl", extract=extract) == dict(enumerate(columns[name]))


def test_words_are_an_answer_where_the_other_words_are_the_questions(pair):
    content = jsonl(rows_of({"query": WORDS, "response": SAID}))
    assert pair(content, "a.jsonl", extract=True) == PAIRED


# --- golds as answers are told -----------------------------------------------------------------


@pytest.mark.parametrize("version", ["the golds", "other blanks and quotes"])
@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("a.txt", lambda golds: "\n".join(" ".join(gold.split()) for gold in golds)),
        ("tabs.txt", lambda golds: "\n".join(f"{' '.join(gold.split())}\tSELECT 1" for gold in golds)),
        ("a.json", json.dumps),
        ("inside.json", lambda golds: json.dumps({"golds": golds, "model": "m"})),
        ("a.jsonl", lambda golds: jsonl(rows_of({"question": WORDS, "query": golds}))),
        ("a.csv", lambda golds: table(["query"], *([gold] for gold in golds))),
    ],
)
def test_answers_that_are_the_golds_themselves_are_told(pair, caplog, version, name, of):
    assert len(pair(of(VERSIONS[version]), name)) == N
    says = "has the gold query itself as 10 of 10 answers to spider dev; are these golds rather than what somebody"
    assert says in caplog.messages[-1]


def test_good_answers_are_not_called_golds(pair, caplog):
    pair("\n".join([*GOLDS[:9], "SELECT 1"]))
    shuffled = list(GOLDS)
    random.Random(0).shuffle(shuffled)
    pair("\n".join(shuffled))
    assert not caplog.messages


def test_words_before_queries_are_told_where_none_is_taken_out(pair, caplog):
    pair(json.dumps(PROSE), "a.json")
    [said] = caplog.messages
    assert said.endswith("10 of 10 answers have words before their queries: extract=True takes the queries out")

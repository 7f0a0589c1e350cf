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
NAMED_GOLD = [
    *(("query", "response"), ("query", "sql"), ("query", "model_output"), ("query", "generated_text")),
    *(("Query", "llm_answer"), ("answer", "prediction")),
]
# What holds the golds is named as an answer may be.
NAMED_ANSWER = [
    *(("SQL", "answer"), ("sql", "output"), ("sql_query", "completion"), ("output", "response")),
    *(("result", "llm_response"), ("response", "raw_output"), ("answer_sql", "response"), ("output_sql", "answer")),
]
FILES = {
    "a.jsonl": lambda columns: jsonl(rows_of(columns)),
    "a.json": lambda columns: json.dumps(rows_of(columns)),
    "keys.json": lambda columns: json.dumps({str(i): row for i, row in enumerate(rows_of(columns))}),
    "a.csv": lambda columns: table(columns, *zip(*columns.values(), strict=True)),
}


def golds_in(field):
    return f'"{field}" holds the benchmark\'s gold queries, and'


def rows_of(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def by_pair(pairs, names=("gold", "answer")):
    return pytest.mark.parametrize(names, pairs, ids=[" ".join(pair) for pair in pairs])


@pytest.mark.parametrize("version", VERSIONS)
@by_pair(NAMED_GOLD)
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
        assert f'{golds_in(gold)} "{answer}" may hold the answer\'s query: name the one' in str(caught.value)


@pytest.mark.parametrize("extract", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
@by_pair(NAMED_ANSWER)
@pytest.mark.parametrize("said", [SAID, THOUGHT, PROSE], ids=["fenced", "thought", "prose"])
def test_golds_that_are_named_as_answers_are_refused_beside_other_queries(pair, version, gold, answer, said, extract):
    columns = {"question": WORDS, gold: VERSIONS[version], answer: said, "difficulty": ["easy"] * N}
    for name, content in FILES.items():
        with pytest.raises(PredictionsError) as caught:
            pair(content(columns), name, extract=extract)
        assert f'{golds_in(gold)} "{answer}" may hold the answer\'s query: name the one' in str(caught.value)
        assert pair(content(columns), name, extract=True, field=answer) == PAIRED


@pytest.mark.parametrize("extract", [False, True])
@by_pair([*NAMED_GOLD, *NAMED_ANSWER])
@pytest.mark.parametrize("version", VERSIONS)
def test_of_two_that_hold_other_queries_the_gold_is_not_the_answer(pair, extract, gold, answer, version):
    good = [*GOLDS[:7], *SQL[7:]]
    for said in (SQL, good):
        for columns in ({gold: VERSIONS[version], answer: said}, {answer: said, gold: VERSIONS[version]}):
            content = jsonl(rows_of(columns))
            if (gold, answer) in NAMED_GOLD:
                assert pair(content, "a.jsonl", extract=extract) == dict(enumerate(said))
                continue
            with pytest.raises(PredictionsError, match=r"may hold the answer's query.*: name the one"):
                pair(content, "a.jsonl", extract=extract)


@pytest.mark.parametrize("extract", [False, True])
@pytest.mark.parametrize("n_gold", [0, 5, 7])
def test_a_query_that_is_no_gold_is_not_taken_where_an_answer_says_another(pair, extract, n_gold):
    columns = {"query": [*GOLDS[:n_gold], *(f"SELECT other{i}" for i in range(n_gold, N))], "response": SAID}
    with pytest.raises(PredictionsError, match=r'may hold the answer\'s query \("query", "response"\)'):
        pair(jsonl(rows_of(columns)), "a.jsonl", extract=extract)


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
    "two golds": (
        {"query": GOLDS, "sql": GOLDS, "response": SAID},
        '"sql" holds the benchmark\'s gold queries, and "re',
    ),
    "fenced at once": ({"sql": GOLDS, "raw": [f"```sql\n{sql}\n```" for sql in SQL]}, '("sql", "raw")'),
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


# --- how well a model answered decides nothing ---------------------------------------------------

FENCED = "```sql\n{sql};\n```"
# What may stand beside the answer to each question: where it holds a query, it is the same.
BESIDE = {
    "raw, fenced": {"raw": FENCED},
    "response, fenced": {"response": FENCED},
    "said": {"response": "Sure! This does it:\n```sql\n{sql}\n```\nIt counts."},
    "thought": {"output": "<think>\nSELECT x?\n</think>\n{sql}"},
    "rows": {"output": "3"},
    "rows as a list": {"result": [[1, "a"], [2, "b"]]},
    "words": {"answer": "There are three items."},
    "nothing": {"response": ""},
    "reasoning": {"reasoning": "We SELECT the rows from the table."},
    "drafts": {"thoughts": "First I had SELECT 1 FROM t.", "log": "ran SELECT 2"},
    "the same again": {"final_answer": "{sql}"},
    "the same beside": {"query": "{sql}"},
    "chat": {"response": [{"role": "assistant", "content": "So:\n{sql}"}, {"role": "user", "content": "Thanks!"}]},
    "two of them": {"raw": FENCED, "response": "I would say: {sql}"},
}


def filled(what, sql):
    if isinstance(what, str):
        return what.replace("{sql}", sql)
    return json.loads(json.dumps(what).replace("{sql}", json.dumps(sql)[1:-1]))


@pytest.mark.parametrize("extract", [False, True])
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("name", ["sql", "SQL", "prediction", "pred", "generated_sql", "sql_query"])
def test_an_answer_is_the_answer_however_many_are_right(pair, name, beside, extract):
    if "query" in name and beside == "the same beside":
        return
    for n_right in range(N + 1):
        queries = [*GOLDS[:n_right], *SQL[n_right:]]
        rows = [
            {"question": q, name: sql, **filled(BESIDE[beside], sql)} for q, sql in zip(WORDS, queries, strict=True)
        ]
        for order in (rows, [dict(reversed(row.items())) for row in rows]):
            assert pair(jsonl(order), "a.jsonl", extract=extract) == dict(enumerate(queries))


@pytest.mark.parametrize("n_right", [0, 5, N])
@pytest.mark.parametrize(("raw", "clean"), [("generated", "sql"), ("prediction", "query"), ("pred", "extracted")])
def test_the_clean_one_of_two_is_taken_whatever_they_are_called(pair, raw, clean, n_right):
    queries = [*GOLDS[:n_right], *SQL[n_right:]]
    for form in (FENCED, "This does it: {sql}"):
        rows = [{raw: filled(form, sql), clean: sql} for sql in queries]
        assert pair(jsonl(rows), "a.jsonl") == dict(enumerate(queries))
    rows = table(*((f"```sql\n{sql}\n```", sql) for sql in queries))
    assert pair(rows, "a.csv") == dict(enumerate(queries))


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


# --- two that may each be the answer ------------------------------------------------------------

OTHER = [*SQL[:6], "SELECT 'another'", *SQL[7:]]
TWO = [("sql", "predicted_sql"), ("pred", "final_sql"), ("query", "prediction"), ("answer", "generated_sql")]


@pytest.mark.parametrize("extract", [False, True])
@pytest.mark.parametrize("name", FILES)
@by_pair(TWO, ("one", "other"))
def test_two_that_differ_are_refused_and_one_can_be_named(pair, name, one, other, extract):
    for columns in ({one: OTHER, other: SQL}, {other: SQL, one: OTHER}, {"id": range(N), one: SQL, other: OTHER}):
        with pytest.raises(PredictionsError) as caught:
            pair(FILES[name](columns), name, extract=extract)
        said = str(caught.value)
        assert f'"{one}"' in said
        assert f'"{other}"' in said
        assert said.endswith("name the one that does with field=NAME")
        for field in (one, other):
            assert pair(FILES[name](columns), name, extract=extract, field=field) == dict(enumerate(columns[field]))


@pytest.mark.parametrize("name", FILES)
@by_pair([pair for pair in TWO if pair != ("pred", "final_sql")], ("one", "other"))
def test_two_that_are_equal_or_say_nothing_need_no_word(pair, name, one, other, caplog):
    for beside in (SQL, [f"{sql.lower()} ;" for sql in SQL], ["", *SQL[1:]], VERSIONS["two were corrected"], [""] * N):
        for columns in ({one: beside, other: SQL}, {other: SQL, one: beside}):
            assert pair(FILES[name](columns), name, extract=False) in (dict(enumerate(SQL)), dict(enumerate(beside)))
    assert not caplog.messages


def test_the_entry_where_two_differ_is_said(pair):
    with pytest.raises(PredictionsError, match=r'line 7: "predicted_sql" and "sql" may each be the answer\'s query'):
        pair(jsonl(rows_of({"sql": OTHER, "predicted_sql": SQL})), "a.jsonl")

"""Whose answer is it: numbers, questions and golds that do not agree, shared questions, parts of a split."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from answer_files import SCHEMAS, jsonl, table

from spider_opt.benchmarks.ids import numbered as numbered_ids
from spider_opt.errors import PredictionsError
from spider_opt.types import Benchmark, Example, Question

N = 8
DB_IDS = ["cars", "pets"] * 4
WORDS = [f"Which is number {i}?" for i in range(N)]
GOLDS = [f"SELECT g{i} FROM t" for i in range(N)]
SQL = [f"SELECT {i}" for i in range(N)]
PAIRED = dict(enumerate(SQL))
ORDERS = {
    "rotated": [*range(1, N), 0],
    "reversed": [*reversed(range(N))],
    "swapped": [1, 0, *range(2, N)],
    "mixed": [3, 0, 1, 4, 7, 6, 5, 2],
}


@pytest.fixture
def whole():
    examples = tuple(
        Example(i, Question(f"dev-{i}", words, SCHEMAS[db_id]), gold)
        for i, (words, db_id, gold) in enumerate(zip(WORDS, DB_IDS, GOLDS, strict=True))
    )
    return Benchmark("spider", "dev", examples, {}, {}, N, "f" * 16)


def beside(order, *names):
    told = {"question": WORDS, "gold": GOLDS, "db_id": DB_IDS}
    return [{name: told[name][i] for name in names} | {"predicted_sql": SQL[i]} for i in order]


NUMBERED = {
    "index.jsonl": lambda rows: jsonl({"index": n} | row for n, row in enumerate(rows)),
    "one.jsonl": lambda rows: jsonl({"idx": n} | row for n, row in enumerate(rows, 1)),
    "id.json": lambda rows: json.dumps([{"id": n} | row for n, row in enumerate(rows)]),
    "keys.json": lambda rows: json.dumps({str(n): row for n, row in enumerate(rows)}),
    "twice.jsonl": lambda rows: jsonl({"index": n // 2} | row for n, row in enumerate(rows)),
    "far.jsonl": lambda rows: jsonl({"index": n + 100} | row for n, row in enumerate(rows)),
    "index.csv": lambda rows: table(["idx", *rows[0]], *([n, *row.values()] for n, row in enumerate(rows))),
}
TOLD = [
    (("question",), "question"),
    (("question", "db_id"), "question"),
    (("question", "gold", "db_id"), "question"),
    (("gold",), "gold query"),
    (("gold", "db_id"), "gold query"),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", NUMBERED)
@pytest.mark.parametrize(("names", "by"), TOLD, ids=[" ".join(names) for names, _ in TOLD])
def test_numbers_of_another_order_do_not_count_beside_questions_or_golds(pair, whole, caplog, order, name, names, by):
    content = NUMBERED[name](beside(ORDERS[order], *names))
    if order == "swapped" and names == ("gold",) and name not in ("twice.jsonl", "far.jsonl"):
        assert pair(content, name, of=whole) == PAIRED | {0: SQL[1], 1: SQL[0]}
        assert "has other gold queries beside 2 of its answers" in caplog.text
        return
    assert pair(content, name, of=whole) == PAIRED
    [said] = caplog.messages
    assert f"has numbers that are not those of spider dev; the {by} beside each answer is looked at" in said


@pytest.mark.parametrize("names", [(), *(names for names, _ in TOLD)])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_that_fit_what_is_beside_them_count(pair, whole, caplog, names, first):
    rows = beside(ORDERS["mixed"], *names)
    numbered = [{"index": i + first} | row for i, row in zip(ORDERS["mixed"], rows, strict=True)]
    assert pair(jsonl(numbered), "a.jsonl", of=whole) == PAIRED
    assert not caplog.messages


def changed(rows, i, **fields):
    return [row | fields if n == i else row for n, row in enumerate(rows)]


def numbered(rows):
    return [{"index": n} | row for n, row in enumerate(rows)]


ROTATED = beside(ORDERS["rotated"], "question")
REFUSED = {
    "one question is another": (
        numbered(changed(ROTATED, 3, question="What else?")),
        'line 1 has the question "Which is number 1?", but there spider dev asks "Which is number 0?"',
    ),
    "one question is lacking": (numbered(changed(ROTATED, 3, question="")), 'line 1 has the question "Which is'),
    "without numbers, one question is lacking": (changed(ROTATED, 3, question=""), 'line 1 has the question "Which is'),
    "most questions are lacking": ([ROTATED[0], *({**row, "question": ""} for row in ROTATED[1:])], "line 1 has the"),
    "only databases": (numbered(beside(ORDERS["rotated"], "db_id")), "line 1 is about pets, but that question is"),
    "numbers lack one": (numbered(ROTATED)[:-1], "1 of the 8 questions of spider dev have no answer"),
    "golds lack one": (
        numbered(changed(beside(ORDERS["rotated"], "gold"), 3, gold="SELECT other")),
        'line 1 has the gold query "SELECT g1 FROM t", but there spider dev has "SELECT g0 FROM t", and so it is with',
    ),
    "ids and questions": (
        [{"id": f"dev-{n}"} | row for n, row in enumerate(ROTATED)],
        'line 1 has the question "Which is number 1?"',
    ),
    "questions and golds": (
        [row | {"gold": gold} for row, gold in zip(ROTATED, GOLDS, strict=True)],
        'line 8 has the gold query "SELECT g7 FROM t", but there spider dev has "SELECT g0 FROM t"',
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_tells_two_things_is_refused_and_never_read_in_order(pair, whole, case):
    rows, said = REFUSED[case]
    with pytest.raises(PredictionsError) as caught:
        pair(jsonl(rows), "a.jsonl", of=whole)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("more", "by"),
    [(lambda i: {}, "order"), (lambda i: {"index": i}, "number"), (lambda i: {"id": f"dev-{i}"}, "id")],
    ids=["order", "numbers", "ids"],
)
def test_questions_none_of_which_is_known_do_not_count_and_it_is_said_what_does(pair, whole, caplog, more, by):
    rows = [{"question": f"Other words {i}?", "sql": sql} | more(i) for i, sql in enumerate(SQL)]
    assert pair(jsonl(rows), "a.jsonl", of=whole) == PAIRED
    [said] = caplog.messages
    assert said.endswith(f"has other questions beside its answers than spider dev; only their {by} counts")


# --- ids ---------------------------------------------------------------------------------------


@pytest.fixture
def named(whole):
    """The questions with ids as they are given today."""
    ids = numbered_ids("dev", zip(DB_IDS, WORDS, strict=True))
    examples = [replace(x, question=replace(x.question, id=id)) for x, id in zip(whole.examples, ids, strict=True)]
    return replace(whole, examples=tuple(examples))


@pytest.mark.parametrize("form", ["{id}", "other-{hash}", "{hash}", "dev-{i:04d}"])
def test_ids_are_known_in_the_ways_they_were_written_ever(pair, named, caplog, form):
    ids = [x.question.id for x in named.examples]
    rows = {form.format(id=ids[i], hash=ids[i].removeprefix("dev-"), i=i): SQL[i] for i in ORDERS["mixed"]}
    assert pair(json.dumps(rows), "a.json", of=named) == PAIRED
    assert pair(jsonl({"id": id, "sql": sql} for id, sql in rows.items()), "a.jsonl", of=named) == PAIRED
    by_place = [said for said in caplog.messages if "names questions by their places in spider dev" in said]
    assert len(by_place) == len(caplog.messages) == (2 if form.startswith("dev-") else 0)


def test_ids_of_somebody_else_are_told_to_be_looked_over(pair, named, caplog):
    assert pair(json.dumps({f"q{i}": sql for i, sql in enumerate(SQL)}), "a.json", of=named) == PAIRED
    [said] = caplog.messages
    assert said.endswith("has ids that are not those of spider dev; they are not looked at")
    rows = [{"id": f"dev-{n:04d}", "question": WORDS[7 - n], "sql": SQL[7 - n]} for n in range(N)]
    with pytest.raises(PredictionsError, match=r'line 1 has the question "Which is number 7\?", but there spider dev'):
        pair(jsonl(rows), "a.jsonl", of=named)


# --- a question that is asked twice ------------------------------------------------------------


@pytest.fixture
def shared(whole):
    """Questions 2 and 5 have the same words, about two databases; 4 and 6 too, about one, and with one gold."""
    examples = list(whole.examples)
    for i, other in ((5, 2), (6, 4)):
        words = examples[other].question.text
        examples[i] = replace(examples[i], question=replace(examples[i].question, text=words))
    examples[6] = replace(examples[6], gold_sql=examples[4].gold_sql)
    return replace(whole, examples=tuple(examples))


def asked(benchmark, order, **more):
    examples = benchmark.examples
    told = [{"question": examples[i].question.text, "sql": SQL[i]} for i in order]
    return [row | {name: of(examples[i]) for name, of in more.items()} for row, i in zip(told, order, strict=True)]


def test_a_shared_question_is_told_apart_by_the_database_or_the_order(pair, shared):
    assert pair(jsonl(asked(shared, range(N))), "a.jsonl", of=shared) == PAIRED
    rows = asked(shared, [*range(1, N), 0], db_id=lambda example: example.question.db_id)
    assert pair(jsonl(rows), "a.jsonl", of=shared) == PAIRED


def test_a_shared_question_in_another_order_is_refused_where_it_makes_a_difference(pair, shared):
    rows = asked(shared, ORDERS["reversed"])
    said = r"line 3 has a question that spider dev has 2 times, and the file is in another order: put the database"
    with pytest.raises(PredictionsError, match=said):
        pair(jsonl(rows), "a.jsonl", of=shared)
    with pytest.raises(PredictionsError, match=r"line 1 has the question .*, but there spider dev asks"):
        pair(jsonl(numbered(rows)), "a.jsonl", of=shared)
    same = [row | {"sql": "SELECT 2"} if row["sql"] == "SELECT 5" else row for row in rows]
    assert pair(jsonl(same), "a.jsonl", of=shared)[5] == "SELECT 2"


# --- a part of a split -------------------------------------------------------------------------

PART = range(3, 6)


@pytest.fixture
def part(whole):
    return replace(whole, examples=whole.examples[3:6], n_total=3)


OF_A_PART = {
    "a.txt": "".join(f"{SQL[i]}\n" for i in PART),
    "a.json": json.dumps([SQL[i] for i in PART]),
    "places.json": json.dumps({str(i): SQL[i] for i in (5, 3, 4)}),
    "places-from-one.json": json.dumps({str(i + 1): SQL[i] for i in (5, 3, 4)}),
    "own.json": json.dumps({str(i - 3): SQL[i] for i in (5, 3, 4)}),
    "own-from-one.json": json.dumps({str(i - 2): SQL[i] for i in (5, 3, 4)}),
    "ids.json": json.dumps({f"dev-{i}": SQL[i] for i in (5, 3, 4)}),
    "a.jsonl": jsonl({"question": WORDS[i], "sql": SQL[i]} for i in (5, 3, 4)),
    "strange.jsonl": jsonl({"question_id": 700 + i, "sql": SQL[i]} for i in PART),
}


@pytest.mark.parametrize("name", OF_A_PART)
@pytest.mark.parametrize("known", [True, False], ids=["n_total is its own", "n_total is the split's"])
def test_answers_to_a_part_of_a_split(pair, whole, part, name, known):
    of = part if known else replace(whole, examples=part.examples)
    if not known and name in ("places-from-one.json", "own-from-one.json"):
        with pytest.raises(PredictionsError, match=r"no question of spider dev|have no answer"):
            pair(OF_A_PART[name], name, of=of)
    else:
        assert pair(OF_A_PART[name], name, of=of) == {i: SQL[i] for i in PART}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "\n".join(SQL), "there are 8 answers for the 3 questions of spider dev"),
        ("a.txt", "SELECT 1", "there is 1 answer for the 3 questions of spider dev"),
        ("a.json", json.dumps({str(i): SQL[i] for i in (2, 3, 4)}), "questions of spider dev"),
        ("a.json", json.dumps({str(i): SQL[i] for i in (3, 4)}), "questions of spider dev"),
        ("a.json", json.dumps({str(i): SQL[i] for i in range(N)}), "questions of spider dev"),
        ("a.json", json.dumps({str(i): SQL[i] for i in (1, 3, 4, 5)}), 'entry "1" answers number 1, which is no'),
        ("a.json", json.dumps({str(i): SQL[i] for i in range(4)}), 'entry "3" answers number 3, which is no'),
    ],
)
def test_answers_to_another_part_are_refused(pair, part, name, content, said):
    with pytest.raises(PredictionsError) as caught:
        pair(content, name, of=part)
    assert said in str(caught.value) or "spider dev has 3" in str(caught.value)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("form", ["first", "second", "list", "mixed", "query"])
def test_questions_with_several_golds_are_known_by_each(pair, whole, caplog, form, order):
    """Else answers that stand beside other golds would be read in their order, without a word."""
    several = replace(
        whole, examples=tuple(replace(x, other_golds=(f"SELECT h{x.index} FROM t",)) for x in whole.examples)
    )
    golds = {
        "first": lambda i: GOLDS[i],
        "second": lambda i: f"SELECT h{i} FROM t",
        "list": lambda i: [GOLDS[i], f"SELECT h{i} FROM t"],
        "mixed": lambda i: f"SELECT h{i} FROM t" if i % 2 else [GOLDS[i]],
        "query": lambda i: f"SELECT h{i} FROM t",
    }[form]
    named = "query" if form == "query" else "gold"
    rows = [{named: golds(i), "prediction": SQL[i]} for i in ORDERS[order]]
    assert pair(json.dumps(rows), "a.json", of=several) == PAIRED
    assert not caplog.messages

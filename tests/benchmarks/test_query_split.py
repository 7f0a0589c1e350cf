"""Halves of one's own questions that share a database and no query: how they are made, and kept apart."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

import spider_opt as so
from spider_opt.benchmarks import Source, Split, load, training_half
from spider_opt.benchmarks.check import check_benchmark
from spider_opt.benchmarks.importing import import_benchmark
from spider_opt.benchmarks.leaks import check_leaks, other_evaluations, training_for, without_leaks
from spider_opt.benchmarks.query_split import Sided, to_learn
from spider_opt.benchmarks.questions import normal_text
from spider_opt.errors import DatasetError, LeakError, UsageError
from spider_opt.types import Benchmark

ITEMS = ("pen", "ink", "pad", "card")
QUESTIONS = [
    *((f"What does the {item} cost?", f"SELECT price FROM item WHERE name = '{item}'") for item in ITEMS),
    *((f"Which items cost more than {n} coins?", f"SELECT name FROM item WHERE price > {n}") for n in (1, 2, 3)),
    ("How many items are there?", "SELECT count(*) FROM item"),
    ("Count all items", "select COUNT(*) from item ;"),
    ("What is the mean price?", "SELECT avg(price) FROM item"),
    ("Which kinds are sold?", "SELECT DISTINCT kind FROM item"),
    ("Which is the dearest thing?", "SELECT name FROM item ORDER BY price DESC LIMIT 1"),
    ("Name the three dearest things", "SELECT name FROM item ORDER BY price DESC LIMIT 3"),
    ("How many of each kind?", "SELECT kind, count(*) FROM item GROUP BY kind"),
    ("What is the whole stock worth?", "SELECT sum(price) FROM item"),
]


def plain_key(sql: str) -> str:
    """Return a query without its values, by other means than the code that is tested."""
    return re.sub(r"'[^']*'|\b\d+\b", "?", " ".join(sql.lower().replace(";", "").split()))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE item (name TEXT, kind TEXT, price REAL);"
            "INSERT INTO item VALUES ('pen', 'pens', 1.5), ('ink', 'pens', 4.0), ('pad', 'paper', 2.5)"
        )
    return path


def imported(tmp_path: Path, shop: Path, questions: Any = QUESTIONS, **options: Any) -> Path:
    table = tmp_path / "questions.json"
    table.write_text(json.dumps([{"question": text, "query": sql} for text, sql in questions]))
    import_benchmark(table, [shop], tmp_path / "own", split_by="query", **options)
    return tmp_path / "own"


@pytest.fixture
def own(tmp_path: Path, shop: Path) -> Benchmark:
    return load(data=imported(tmp_path, shop))


def test_halves_share_the_database_and_no_query(own: Benchmark) -> None:
    half = training_half(own)
    asked, learnt = own.examples, half.examples
    assert len(asked) + len(learnt) == len(QUESTIONS)
    assert 0.3 <= len(learnt) / len(QUESTIONS) <= 0.5
    assert {e.question.db_id for e in asked} == {e.question.db_id for e in learnt} == {"shop"}
    assert not {plain_key(e.gold_sql) for e in asked} & {plain_key(e.gold_sql) for e in learnt}
    for one, other in product(asked, learnt):
        words, others = (set(normal_text(e.question.text).split()) for e in (one, other))
        assert len(words & others) < 0.8 * len(words | others)


def test_its_name_says_it_wherever_it_stands(own: Benchmark) -> None:
    assert (own.name, own.split) == ("own", "dev-query-split")
    assert all(example.question.id.startswith("dev-query-split-") for example in own.examples)
    assert training_half(own).split == "train"
    for name in ("own:dev", "own:dev-query-split"):
        assert load(name, data=own.root).fingerprint == own.fingerprint
    assert other_evaluations(own) == []


def test_other_questions_over_it_are_a_query_split_too(own: Benchmark, tmp_path: Path) -> None:
    more = tmp_path / "more.json"
    learnt = training_half(own).examples[0]
    more.write_text(json.dumps([{"db_id": "shop", "question": learnt.question.text, "query": "SELECT 1"}]))
    asked = load(data=own.root, questions=more)
    assert asked.split == "more-query-split"
    _, left_out = training_for(asked)
    assert left_out["same question"] >= 1


def test_no_name_can_claim_it(tmp_path: Path, shop: Path) -> None:
    folder = tmp_path / "own"
    table = tmp_path / "questions.json"
    table.write_text(json.dumps([{"question": text, "query": sql} for text, sql in QUESTIONS]))
    import_benchmark(table, [shop], folder)
    more = tmp_path / "dev-query-split.json"
    more.write_text(json.dumps([{"db_id": "shop", "question": "Any?", "query": "SELECT 1"}]))
    assert "query-split" not in load(data=folder, questions=more).split
    with pytest.raises(ValueError, match="shares_databases"):
        Source("x", "x.", "MIT", {"dev-query-split": Split(("a.json",))}, "dev-query-split")


@pytest.mark.parametrize(
    ("text", "sql", "reason"),
    [
        ("Something else entirely", "SELECT avg(price) FROM item", "same query"),
        ("Something else entirely", "SELECT name FROM item WHERE price > 77", "same query"),
        ("Something else entirely", 'select T.name from item as T where T.price > 1', "same query"),
        ("what is THE mean price", "SELECT 1, 2", "same question"),
        ("What is the mean price now?", "SELECT 1, 2", "near question"),
        ("What is the mean price?", "SELECT 1, 2", "same question"),
        ("Something else entirely", "SELECT kind FROM item WHERE price < 2", ""),
    ],
)  # fmt: skip
def test_what_is_too_near_is_left_out_when_it_is_retrieved(
    own: Benchmark, tmp_path: Path, text: str, sql: str, reason: str
) -> None:
    root = own.root
    assert root is not None
    asked = [{"db_id": "shop", "question": q, "query": s} for q, s in QUESTIONS if "mean" in q or "more than" in q]
    (root / "dev.json").write_text(json.dumps(asked))
    (root / "train_spider.json").write_text(json.dumps([{"db_id": "shop", "question": text, "query": sql}]))
    split = load(data=root)
    kept, left_out = training_for(split)
    assert (len(kept), left_out) == ((0, {reason: 1}) if reason else (1, {}))
    found = check_benchmark("", root)
    assert (found.query_split, dict(found.too_near)) == (True, {reason: 1} if reason else {})


def test_halves_that_are_no_query_split_share_nothing(own: Benchmark) -> None:
    root = own.root
    assert root is not None
    (root / "benchmark.json").write_text('{"name": "own"}')
    kept, left_out = training_for(load(data=root))
    assert (kept, set(left_out)) == ([], {"same database"})
    (root / "benchmark.json").write_text('{"name": "own", "split_by": "chance"}')
    with pytest.raises(DatasetError, match='"split_by" must be "database" or "query"'):
        load(data=root)


def test_training_examples_of_a_query_split_leak_elsewhere(own: Benchmark) -> None:
    """The exemption is of who is asked, not of what is shown."""
    other = load("spider-mini")
    _, left_out = without_leaks(own.examples, other.examples)
    assert left_out == {"evaluation split": len(own.examples)}


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_questions_does_not_matter(seed: int) -> None:
    questions = [Sided("shop", text, (sql,)) for text, sql in QUESTIONS]
    shuffled = random.Random(seed).sample(questions, len(questions))
    first = {q for q, learn in zip(questions, to_learn(questions), strict=True) if learn}
    assert first == {q for q, learn in zip(shuffled, to_learn(shuffled), strict=True) if learn}


def test_any_gold_binds_and_what_cannot_be_learnt_is_asked() -> None:
    one, other = Sided("a", "One?", ("SELECT 1 FROM x", "SELECT b FROM y")), Sided("a", "Two?", ("SELECT b FROM y",))
    more = [Sided("a", f"{word}?", (f"SELECT {word} FROM z",)) for word in ("red", "green", "blue", "grey")]
    learnt = to_learn([one, other, *more])
    assert learnt[0] == learnt[1]
    assert to_learn([Sided("a", "x", (), can_be_learnt=False), Sided("a", "y", ("SELECT 1",))])[0] is False
    assert to_learn([]) == []


def test_what_cannot_be_parted_is_refused_and_nothing_is_made(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be parted by query"):
        imported(tmp_path, shop, QUESTIONS[:4])
    assert not (tmp_path / "own").exists()
    with pytest.raises(UsageError, match="leave one of them out"):
        imported(tmp_path, shop, training=False)
    with pytest.raises(UsageError, match="split_by"):
        import_benchmark(tmp_path / "questions.json", [shop], tmp_path / "own", split_by="chance")


def test_golds_that_fail_are_asked_and_not_learnt(tmp_path: Path, shop: Path) -> None:
    broken = [(f"Broken {i}?", f"SELECT nothing{i} FROM nowhere") for i in range(8)]
    own = load(data=imported(tmp_path, shop, [*QUESTIONS, *broken]))
    assert not any("Broken" in example.question.text for example in training_half(own).examples)


def test_prompts_never_show_a_query_of_the_asked_half(own: Benchmark, tmp_path: Path) -> None:
    model = FakeModel("SELECT count(*) FROM item")
    run = so.evaluate("fewshot:k=4+zero-shot", own, model=model, out=tmp_path / "run", embedder="hashing")
    assert run.info.split == "dev-query-split"
    texts = [request.text for request in model.requests]
    assert len(texts) >= len(own.examples)
    golds = {" ".join(example.gold_sql.lower().split()) for example in own.examples}
    for text in texts:
        shown = " ".join(text.lower().split())
        assert not [gold for gold in golds if gold in shown]
    learnt = [example.question.text for example in training_half(own).examples]
    assert all(any(text in shown for text in learnt) for shown in texts), "examples of its database are shown"


def test_an_index_with_a_query_of_the_asked_half_is_refused(own: Benchmark) -> None:
    learnt = training_half(own).examples[0]
    for example in own.examples:
        with pytest.raises(LeakError, match="has its query"):
            check_leaks([replace(learnt, gold_sql=example.gold_sql)], own.examples)

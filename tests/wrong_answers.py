"""Runs of given answers to questions about singers and their songs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.evaluation.running import evaluate
from spider_opt.runs import Run
from spider_opt.types import Benchmark, ModelInfo, Request

GOLDS = {
    "How many singers are there?": "SELECT count(*) FROM singer",
    "What are the singers called?": "SELECT name FROM singer",
    "Who is from Peru?": "SELECT name FROM singer WHERE country = 'Peru'",
    "Who sang Hello?": "SELECT name FROM singer JOIN song ON singer.id = song.singer_id WHERE title = 'Hello'",
    "Who is the oldest?": "SELECT name FROM singer ORDER BY age DESC LIMIT 1",
    "Whose songs are old?": "SELECT name FROM singer WHERE id NOT IN (SELECT singer_id FROM song WHERE year > 2000)",
}
ANSWERS = {
    "How many singers are there?": "SELECT COUNT(*) FROM singer",  # right
    "What are the singers called?": "SELECT title FROM song",  # another table
    "Who is from Peru?": "SELECT name FROM singer WHERE country = 'peru'",  # another value
    "Who sang Hello?": "SELECT name FROM song WHERE title = 'Hello'",  # no such column
    "Who is the oldest?": "I do not know.",  # no query
    "Whose songs are old?": "SELECT name FROM singer WHERE age > 2000",  # no nested query
}
MAKE = """
CREATE TABLE singer (id INT PRIMARY KEY, name TEXT, age INT, country TEXT);
CREATE TABLE song (id INT PRIMARY KEY, singer_id INT REFERENCES singer(id), title TEXT, year INT);
INSERT INTO singer VALUES (1, 'Ann', 30, 'Peru'), (2, 'Bob', 40, 'Cuba'), (3, 'Eva', 50, 'Peru');
INSERT INTO song VALUES (1, 1, 'Hello', 1999), (2, 2, 'Stars', 2010), (3, 3, 'Rain', 1980);
"""
TRAINING = {
    "Which zoos have no animals?": "SELECT name FROM zoo WHERE id NOT IN (SELECT zoo_id FROM animal WHERE age > 5)",
    "Which animals are from Rome?": "SELECT kind FROM animal WHERE city = 'Rome'",
    "How old is the oldest animal?": "SELECT max(age) FROM animal",
    "Name the animals.": "SELECT kind FROM animal",
}
ZOO = "CREATE TABLE zoo (id INT, name TEXT); CREATE TABLE animal (kind TEXT, zoo_id INT, age INT, city TEXT);"


def music(root: str | Path = "own", golds: Mapping[str, str] = GOLDS) -> Benchmark:
    """Write a benchmark in Spider's layout, with training examples of another database, and load it."""
    root = Path(root)
    for db_id, script in (("music", MAKE), ("zoo", ZOO)):
        path = root / "database" / db_id / f"{db_id}.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
    dev = [{"db_id": "music", "question": question, "query": gold} for question, gold in golds.items()]
    train = [{"db_id": "zoo", "question": question, "query": gold} for question, gold in TRAINING.items()]
    (root / "dev.json").write_text(json.dumps(dev))
    (root / "train_spider.json").write_text(json.dumps(train))
    (root / "train_others.json").write_text("[]")
    return load("spider:dev", data=root)


def asked(request: Request, questions: Sequence[str]) -> str:
    """Return the question that a request ends with."""
    last = request.text.rpartition("Question: ")[2].splitlines()[0]
    assert last in questions
    return last


def answering(answers: Mapping[str, str] = ANSWERS) -> FakeModel:
    return FakeModel(
        lambda request: answers[asked(request, list(answers))], info=ModelInfo("fake", "ab" * 32), cache_tag="fake"
    )


def answered(
    benchmark: Benchmark, out: str | Path = "run", answers: Mapping[str, str] = ANSWERS, method: str = "zero-shot"
) -> Run:
    return evaluate(method, benchmark, model=answering(answers), out=out, progress=False)


def with_context(run: Run, **context: Mapping[str, float]) -> Run:
    """Return a run whose answers, by the first word of their question in ``q0`` …, have other context metrics."""
    told = {int(name.removeprefix("q")): said for name, said in context.items()}
    answers = [replace(a, context={**a.context, **told.get(a.index, {})}) for a in run.answers]
    return replace(run, answers=tuple(answers))

"""Which golds are doubtful: by rules, by what systems agree on, and in what form that comes."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from click.testing import CliRunner
from real_spider import real_spider

import spider_opt as so
from spider_opt.analysis.doubt import COLUMNS, RULES, to_csv
from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import gold_hash, read_corrections
from spider_opt.cli import main
from spider_opt.errors import UsageError

GOLDS = ("SELECT name FROM item", "SELECT count(*) FROM item", "SELECT price FROM item", "SELECT 1 WHERE 0", "SELECT 1")
SYSTEMS = {
    "a": ("SELECT 'z'", "SELECT 4", "SELECT 1", "SELECT 5", "SELECT 1"),
    "b": ("SELECT 'z'", "SELECT 4", "SELECT 1", "SELECT 5", "SELECT nope"),
    "c": ("SELECT 'y'", "SELECT 2 + 2", "SELECT 1", "SELECT 1 WHERE 0", "SELECT nope"),
    "d": ("SELECT 'x'", "SELECT 4 AS n", "SELECT 1", "SELECT 6", ""),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A shop with five questions, the gold of one of which fails, and the answers of four systems."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIDER_DIR", raising=False)
    path = tmp_path / "own" / "database" / "shop" / "shop.sqlite"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b'), ('c')")
    asked = [{"db_id": "shop", "question": f"Number {i}?", "query": gold} for i, gold in enumerate(GOLDS)]
    (tmp_path / "own" / "dev.json").write_text(json.dumps(asked))
    for name, queries in SYSTEMS.items():
        (tmp_path / f"{name}.txt").write_text("".join(f"{query}\tshop\n" for query in queries))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["data", "doubt", "--data", "own", *arguments])


FILES = tuple(f"{name}.txt" for name in SYSTEMS)


def test_by_rules_and_by_what_systems_agree_on(here):
    benchmark = load(data="own")
    found = {one.index: one for one in so.doubt(benchmark, *FILES)}
    assert {index: [*one.reasons] for index, one in found.items()} == {1: ["contradicted"], 2: ["fails"], 3: ["empty"]}
    assert found[1].reasons == {"contradicted": "4 systems of 4 agree on another result"}
    assert (found[1].systems, found[1].sql) == (("a", "b", "c", "d"), "SELECT 4")
    assert found[1].hash == gold_hash(benchmark.examples[1])
    assert "price" in found[2].reasons["fails"]


@pytest.mark.parametrize(
    ("agree", "expected"),
    [(4, {1: "abcd"}), (3, {1: "abcd"}), (2, {0: "ab", 1: "abcd", 3: "ab"})],
)
def test_how_many_agree(here, agree, expected):
    found = so.doubt(load(data="own"), *FILES, agree=agree, rules=["contradicted"])
    assert {one.index: "".join(one.systems) for one in found} == expected


def test_without_answers_only_rules(here):
    assert [one.index for one in so.doubt(load(data="own"))] == [2, 3]
    assert [one.index for one in so.doubt(load(data="own"), rules=["empty"])] == [3]


def test_runs_are_systems_too(here):
    benchmark = load(data="own")

    def method(question, database):
        return "SELECT 4"

    one = so.evaluate(method, benchmark, name="m", out=here / "run", progress=False)
    found = so.doubt(benchmark, "a.txt", one, rules=["contradicted"])
    assert [(each.index, each.systems) for each in found] == [(1, ("a", "run"))]
    assert so.doubt(benchmark, "a.txt", here / "run", rules=["contradicted"]) == found


def test_the_command(here):
    result = run(*FILES, "--out", "out/d.csv")
    assert result.exit_code == 0, result.stderr
    assert "1  shop  " in result.stdout
    assert "  contradicted: 4 systems of 4 agree on another result (a, b, c, d)\n" in result.stdout
    assert "3 of 5 golds doubtful: fails 1, empty 1, contradicted 1\n" in result.stderr
    rows = [*csv.DictReader(io.StringIO((here / "out" / "d.csv").read_text()))]
    assert [row["index"] for row in rows] == ["1", "2", "3"]
    assert (rows[0]["systems"], rows[0]["n_systems"], rows[0]["sql"]) == ("a b c d", "4", "SELECT 4")
    assert tuple(rows[0]) == COLUMNS
    told = json.loads(run(*FILES, "--json", "--out", "d.json").stdout)
    assert told == json.loads((here / "d.json").read_text())
    assert [one["index"] for one in told] == [1, 2, 3]
    assert run(*FILES, "--out", "d.json").exit_code == 0, "its own file may be written again"


def test_what_it_prints_makes_corrections(here):
    """The hash that is printed is the one that corrections need."""
    told = {one["index"]: one for one in json.loads(run(*FILES, "--json").stdout)}[1]
    entry = {key: told[key] for key in ("index", "db_id", "hash")} | {"verdict": "wrong", "golds": ["SELECT 4"]}
    (here / "mine.json").write_text(json.dumps([entry]))
    read_corrections("mine.json").check(load(data="own"))
    assert so.score("a.txt", load(data="own"), corrections="mine.json").summary()["corrected"] == 50


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["a.txt"], "one system agrees with nobody"),
        (["--agree", "2"], "--agree says how many systems agree: name their files"),
        (["a.txt", "b.txt", "--agree", "3"], "3 systems cannot agree where there are 2: give --agree 2 at most"),
        (["a.txt", "a.txt"], "named twice"),
        (["--rule", "empti"], "there is no rule 'empti': they are fails, empty"),
        (["--rule", "contradicted"], "is about what systems answered"),
        (["a.txt", "b.txt", "--out", "a.txt"], "a.txt is read itself"),
        (["--out", "own/dev.json"], "holds no doubtful golds"),
    ],
)
def test_what_makes_no_sense(here, arguments, why):
    result = run(*arguments)
    assert result.exit_code == 2
    assert why in result.stderr
    assert not result.stdout


def test_from_python_it_speaks_python(here):
    with pytest.raises(UsageError, match=r"give agree=2 at most"):
        so.doubt(load(data="own"), "a.txt", "b.txt", agree=3)
    with pytest.raises(UsageError, match="benchmark"):
        so.doubt("own")
    with pytest.raises(UsageError, match="rules"):
        so.doubt(load(data="own"), rules="empty")


def test_csv_of_nothing_has_its_columns():
    assert to_csv([]) == ",".join(COLUMNS) + "\n"


def test_spider_dev(shared):
    """Every gold that four of the eight recorded systems contradict alike is one that was read."""
    dev = real_spider("dev", shared)
    files = sorted((shared / "predictions").glob("*.txt"))
    found = so.doubt(dev, *files, agree=4)
    against = [one for one in found if "contradicted" in one.reasons]
    assert len(against) == 116
    assert sum(len(one.systems) >= 6 for one in against) == 56
    read = {entry.index: entry.said for entry in read_corrections("spider-dev")}
    assert Counter(read[one.index] for one in against) == {"right": 41, "several": 38, "wrong": 37}
    assert set().union(*(one.reasons for one in found)) == set(RULES) - {"fails"}


def test_each_of_several_golds_is_looked_at(here, caplog):
    asked = json.loads((here / "own" / "dev.json").read_text())
    asked[0]["query"] = ["SELECT name FROM item", "SELECT nope FROM item", "SELECT 1 WHERE 0"]
    asked[1]["query"] = ["SELECT count(*) FROM item", "SELECT 3"]
    (here / "own" / "dev.json").write_text(json.dumps(asked))
    found = {one.index: one for one in so.doubt(load(data="own"), *FILES)}
    assert found[0].reasons == {
        "fails": "gold 2: no such column: nope",
        "empty": found[0].reasons["empty"],
    }
    assert found[0].reasons["empty"].startswith("gold 3: ")
    assert found[1].reasons == {"contradicted": "4 systems of 4 agree on another result"}
    assert "question 1: its gold" not in caplog.text  # the systems' answers stand in gold's place there


def test_systems_agree_by_what_the_rule_reads(here):
    """The official rule makes 1 of the letters value, in an answer that stands in gold's place too."""
    for name in SYSTEMS:
        (here / f"{name}.txt").write_text("".join(f"{sql}\n" for sql in ("SELECT value", *SYSTEMS[name][1:])))
    found = {one.index: one for one in so.doubt(load(data="own"), *FILES, rules=["contradicted"])}
    assert found[0].systems == ("a", "b", "c", "d")

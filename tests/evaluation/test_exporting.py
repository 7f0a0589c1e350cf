"""Files for the official tools: what their scripts read back is what was answered."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.errors import UsageError
from spider_opt.evaluation.exporting import MANIFEST, NO_SQL, export, one_line
from spider_opt.types import Benchmark

SAME = [
    "SELECT name\nFROM item\r\n\tWHERE id = 1",
    "SELECT name -- the name; of what\nFROM item /* a\nb */ WHERE id = 1",
    "SELECT 'a\tb', 'it''s\n', '\n', name FROM item",
    "SELECT name FROM item WHERE name = 'a\nb' OR name <> 'c\t\r\n'",
    "SELECT 1-\n-2, 'x' --\n",
    "\n\nSELECT name FROM item\n",
    "SELECT name FROM item WHERE name LIKE '%--%' \nAND id > 0",
]


@pytest.fixture
def shop(tmp_path: Path) -> Benchmark:
    root = tmp_path / "spider"
    (root / "database" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(root / "database" / "shop" / "shop.sqlite")) as connection:
        connection.execute("CREATE TABLE item (id INTEGER, name TEXT)")
        connection.executemany("INSERT INTO item VALUES (?, ?)", [(1, "pen"), (2, "a\nb"), (3, "x--y")])
        connection.commit()
    golds = ["SELECT name FROM item", "SELECT 1", "SELECT count(*)\nFROM item -- all", "SELECT max(id) FROM item"]
    entries = [{"db_id": "shop", "question": f"What of {at}?", "query": sql} for at, sql in enumerate(golds)]
    entries[1]["db_id"] = "gone"
    (root / "dev.json").write_text(json.dumps(entries))
    (root / "tables.json").write_text(json.dumps([{"db_id": "gone"}]))
    return load("spider:dev", data=root)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(["SELECT name\nFROM\titem", "SELECT 2", "", "SELECT max(id) FROM item"]))
    return path


@pytest.mark.parametrize("sql", SAME)
def test_one_line_says_the_same(shop, sql):
    line, whole = one_line(sql)
    assert whole
    assert not any(mark in line for mark in "\n\r\t")
    assert line == line.strip()
    with closing(sqlite3.connect(shop.paths["shop"])) as connection:
        assert connection.execute(line).fetchall() == connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "a\nb" FROM item',
        "SELECT `a\tb` FROM item",
        "SELECT 'never\nclosed",
        "SELECT id AS 'a\nb' FROM item",
        "SELECT count(*) 'a\tb' FROM item",
        "SELECT 1 FROM 'a\nb'",
    ],
)
def test_what_no_line_can_hold_is_told(sql):
    line, whole = one_line(sql)
    assert not whole
    assert not any(mark in line for mark in "\n\r\t")


def test_spider(shop, answers, tmp_path):
    made = export(answers, shop, form="spider", out=tmp_path / "out")
    # As evaluation.py reads them: no blank line, of each what stands before the first tab.
    pred = [line.strip().split("\t") for line in made.files["pred"].read_text().splitlines()]
    gold = [line.strip().split("\t") for line in made.files["gold"].read_text().splitlines()]
    assert pred == [["SELECT name FROM item", "shop"], [NO_SQL, "shop"], ["SELECT max(id) FROM item", "shop"]]
    assert gold[1] == ["SELECT count(*) FROM item", "shop"]
    assert made.indices == (0, 2, 3)
    told = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert (told["n"], told["n_total"], told["without_database"]) == (3, 4, {"gone": 1})
    assert [line["index"] for line in told["lines"]] == [0, 2, 3]
    assert told["lines"][1]["id"] == shop.examples[1].question.id


def test_bird(shop, answers, tmp_path):
    made = export(answers, shop, form="bird", out=tmp_path / "out")
    assert made.files["pred"].name == "predict_dev.json"
    assert json.loads(made.files["pred"].read_text()) == {
        "0": "SELECT name\nFROM\titem\t----- bird -----\tshop",
        "1": "\t----- bird -----\tshop",
        "2": "SELECT max(id) FROM item\t----- bird -----\tshop",
    }
    gold = made.files["gold"].read_text().splitlines()
    assert [line.split("\t") for line in gold][1] == ["SELECT count(*) FROM item", "shop"]
    levels = [json.loads(line)["difficulty"] for line in made.files["difficulty"].read_text().splitlines()]
    assert levels == ["simple"] * 3


def test_what_is_not_its_own_stays(shop, answers, tmp_path):
    out = tmp_path / "out"
    export(answers, shop, form="spider", out=out)
    export(answers, shop, form="spider", out=out)
    export(answers, shop, form="bird", out=out)
    assert sorted(path.name for path in out.iterdir()) == ["dev.jsonl", "dev_gold.sql", MANIFEST, "predict_dev.json"]
    (out / "gold.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"gold\.txt is there and of no export: name a new folder, out=DIR"):
        export(answers, shop, form="spider", out=out)
    assert (out / "gold.txt").read_text() == "mine"
    assert (out / "dev_gold.sql").exists()
    for folder in (answers, tmp_path / "spider"):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UsageError, match="name a new folder"):
            export(answers, shop, form="spider", out=folder)
        assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MANIFEST).write_text('{"made_by": "somebody", "files": ["a"]}')
    with pytest.raises(UsageError, match="of no export"):
        export(answers, shop, form="spider", out=tmp_path / "other")


def test_a_manifest_names_no_file_elsewhere(shop, answers, tmp_path):
    out = tmp_path / "out"
    export(answers, shop, form="spider", out=out)
    (out / MANIFEST).write_text(json.dumps({"made_by": "spider-opt export", "files": ["../answers.json", "pred.txt"]}))
    with pytest.raises(UsageError, match=r"gold\.txt is there"):
        export(answers, shop, form="spider", out=out)
    (out / "gold.txt").unlink()
    export(answers, shop, form="spider", out=out)
    assert answers.exists()


def test_command(shop, answers, tmp_path):
    words = ["export", str(answers), "--spider", str(shop.root), "--split", "dev", "--as", "spider"]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [str(tmp_path / "out" / name) for name in ("pred.txt", "gold.txt")]
    assert "1 of 4 questions left out" in done.stderr
    assert CliRunner().invoke(main, [*words, "--out", str(tmp_path / "spider")]).exit_code == 2
    assert CliRunner().invoke(main, [*words[:-2], "--out", str(tmp_path / "o")]).exit_code == 2


def test_every_gold_of_dev_on_one_line(shared, tmp_path):
    dev = real_spider("dev", shared)
    made = export(shared / "predictions" / "c3sql_chatgpt.txt", dev, form="spider", out=tmp_path / "out")
    lines = made.files["gold"].read_text().splitlines()
    assert len(lines) == len(dev.examples) == len(made.files["pred"].read_text().splitlines())
    assert all(line.count("\t") == 1 for line in lines)
    assert made.changed == ()


@pytest.mark.parametrize("form", ["spider", "bird"])
def test_of_several_golds_the_first_stands_there_and_that_is_told(shop, answers, tmp_path, form):
    first, *others = shop.examples
    benchmark = replace(shop, examples=(replace(first, other_golds=("SELECT 7",)), *others))
    made = export(answers, benchmark, form=form, out=tmp_path / "out")
    assert made.several == (0,)
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["first_of_several_golds"] == [0]
    assert "SELECT 7" not in made.files["gold"].read_text()

"""Our verdicts beside those of official scripts, of which small ones of our own stand here in their layout."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from official_folder import bird_folder, spider_folder

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.errors import UsageError
from spider_opt.evaluation.verifying import verify
from spider_opt.types import Benchmark

GOLD = "SELECT name FROM item WHERE id = "


@pytest.fixture
def shop(tmp_path: Path) -> Benchmark:
    root = tmp_path / "spider"
    (root / "database" / "shop").mkdir(parents=True)
    with closing(sqlite3.connect(root / "database" / "shop" / "shop.sqlite")) as connection:
        connection.execute("CREATE TABLE item (id INTEGER, name TEXT)")
        connection.executemany("INSERT INTO item VALUES (?, ?)", [(1, "pen"), (2, "odd"), (3, "cup"), (4, "hang")])
        connection.commit()
    entries = [{"db_id": "shop", "question": f"What is {at}?", "query": f"{GOLD}{at}"} for at in range(1, 7)]
    (root / "dev.json").write_text(json.dumps(entries))
    (root / "tables.json").write_text("[]")
    return load("spider:dev", data=root)


def answered(path: Path, **others: str) -> Path:
    """Write the gold queries as answers, but for those named ``q0``, ``q1`` and so on."""
    path.write_text("".join(others.get(f"q{at}", f"{GOLD}{at + 1}") + "\n" for at in range(6)))
    return path


def files(root: Path) -> Iterator[tuple[Path, int]]:
    return ((path, path.stat().st_mtime_ns) for path in sorted(root.rglob("*")))


def test_all_the_same(shop, tmp_path):
    official = spider_folder(tmp_path / "official")
    before = [*files(official), *files(shop.root)]
    found = verify(answered(tmp_path / "a.txt", q1="SELECT 7", q2=""), shop, official=official)
    assert found.compared == {"exec": 6, "match": 6}
    assert found.different == ()
    assert [*files(official), *files(shop.root)] == before, "their folder and the databases stay as they are"


def test_each_difference_is_named(shop, tmp_path):
    official = spider_folder(tmp_path / "official")
    path = answered(tmp_path / "a.txt", q1=f"{GOLD}2 AND name = 'odd'", q3="SELECT 'odd'")
    found = verify(path, shop, official=official, metrics=["exec"])
    (one,) = found.different
    assert (one.index, one.db_id, one.metric, one.ours, one.theirs) == (1, "shop", "exec", True, False)
    assert str(found).splitlines() == [
        "question 1 (shop), exec: ours right, theirs wrong",
        f"exec: 5 of 6 verdicts the same, by {official.absolute() / 'evaluation.py'}",
    ]


def test_a_script_that_hangs_dies_or_fails_costs_its_question_only(shop, tmp_path):
    official = spider_folder(tmp_path / "official")
    path = answered(tmp_path / "a.txt", q0="SELECT 'hang'", q2="SELECT 'die'", q5="SELECT name FROM item")
    began = time.monotonic()
    found = verify(path, shop, official=official, metrics=["exec"], timeout_s=2)
    assert time.monotonic() - began < 150
    assert [(one.index, one.theirs, one.why) for one in found.different] == [
        (0, None, "no verdict within 2 s"),
        (2, None, "it ended the process"),
    ]


def test_an_answer_that_writes_is_not_given_to_it(shop, tmp_path):
    official = spider_folder(tmp_path / "official")
    before = shop.paths["shop"].read_bytes()
    path = answered(
        tmp_path / "a.txt", q0="DROP TABLE item", q1="WITH a AS (SELECT 1) DELETE FROM item", q4="; VACUUM INTO 'x'"
    )
    found = verify(path, shop, official=official)
    assert found.not_run == (0, 1, 4)
    assert found.compared == {"exec": 3, "match": 3}
    assert "not given to the script, since they do more than read: 0, 1, 4" in str(found)
    assert shop.paths["shop"].read_bytes() == before


def test_suites_are_those_that_are_named(shop, tmp_path):
    official = spider_folder(tmp_path / "official")
    (tmp_path / "suites" / "shop").mkdir(parents=True)
    for name, rows in (("shop", [(1, "pen")]), ("shop_1", [(1, "ink"), (1, "pad")])):
        with closing(sqlite3.connect(tmp_path / "suites" / "shop" / f"{name}.sqlite")) as connection:
            connection.execute("CREATE TABLE item (id INTEGER, name TEXT)")
            connection.executemany("INSERT INTO item VALUES (?, ?)", rows)
            connection.commit()
    path = answered(tmp_path / "a.txt", q0="SELECT name FROM item WHERE id = 1 LIMIT 1")
    assert verify(path, shop, official=official, metrics=["exec"]).different == ()
    found = verify(path, shop, official=official, metrics=["exec"], suite=tmp_path / "suites")
    assert found.different == (), "both say wrong"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import no_such_module", r"type .* -m pip install no_such_module, or name another Python"),
        ("import func_timeout_", r"-m pip install func_timeout_"),
        ("import evaluation_utils", r"needs evaluation_utils\.py, which is a file of the same script"),
        ("from exec_eval import no_such_name", r"\(.*no_such_name.*\): are its files of one version\?"),
        ("raise LookupError('not found: nltk.download(\\'punkt_tab\\')')", "-m nltk.downloader punkt_tab"),
        ("def broken(:", "cannot be run with"),
    ],
)  # fmt: skip
def test_what_the_script_lacks(shop, tmp_path, line, said):
    official = spider_folder(tmp_path / "official")
    script = official / "evaluation.py"
    script.write_text(f"{line}\n{script.read_text()}")
    with pytest.raises(UsageError, match=said):
        verify(answered(tmp_path / "a.txt"), shop, official=official)


def test_a_gold_that_fails(shop, tmp_path):
    """For both it is the same; where it stops the script alone, each verdict that it does not give is listed."""
    official = spider_folder(tmp_path / "official")
    file = shop.root / "dev.json"
    entries = json.loads(file.read_text())
    entries[2]["query"] = (
        "SELECT name FROM item WHERE name IS NULL OR name = 'never'"  # exact set match reads no IS NULL
    )
    file.write_text(json.dumps(entries))
    found = verify(answered(tmp_path / "a.txt"), load("spider:dev", data=shop.root), official=official)
    assert [(one.index, one.metric, one.ours, one.theirs) for one in found.different] == [(2, "exec", False, None)]
    assert "AssertionError: gold query fails" in found.different[0].why


def test_no_script(shop, tmp_path):
    path = answered(tmp_path / "a.txt")
    with pytest.raises(UsageError, match="has no official script: it is to have evaluation"):
        verify(path, shop, official=tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        verify(path, shop, official=tmp_path / "none")
    with pytest.raises(UsageError, match="evaluation_ex"):
        verify(path, shop, official=spider_folder(tmp_path / "official"), form="bird")
    with pytest.raises(UsageError, match="gives exec and match, not ex: ask for metrics=exec alone"):
        verify(path, shop, official=tmp_path / "official", metrics=["ex"])


def test_bird(shop, tmp_path):
    official = bird_folder(tmp_path / "mini_dev")
    path = answered(tmp_path / "a.txt", q1="SELECT name FROM item", q2="nothing", q3=f"{GOLD}4 UNION ALL {GOLD}4")
    found = verify(path, shop, official=official)
    assert (found.compared, found.different) == ({"ex": 6}, ())
    soft = verify(path, shop, official=official, metrics=["f1"])
    assert [(one.index, one.theirs) for one in soft.different] == [(1, 0.25), (2, 0.25), (3, 0.25)]
    with pytest.raises(UsageError, match="knows no test suites"):
        verify(path, shop, official=official, keep_distinct=True)


def test_command(shop, tmp_path):
    official = spider_folder(tmp_path / "official")
    path = answered(tmp_path / "a.txt", q1=f"{GOLD}2 AND name = 'odd'")
    words = ["verify", str(path), "--official", str(official), "--spider", str(shop.root), "--split", "dev"]
    done = CliRunner().invoke(main, [*words, "--metric", "exec", "--python", sys.executable])
    assert done.exit_code == 1
    assert "question 1 (shop), exec: ours right, theirs wrong" in done.stdout
    assert "Error: 1 verdict differs from ours" in done.stderr
    told = json.loads(CliRunner().invoke(main, [*words, "--metric", "exec", "--json"]).stdout)
    assert told["compared"] == {"exec": 6}
    assert [one["index"] for one in told["different"]] == [1]

"""``spider-opt score`` on what is damaged, slow or asked wrongly."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from scored_files import LOST, score


def damage(path):
    """Keep the first page, which has the schema, and spoil the rows."""
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\x99" * (len(whole) - 4096))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage, r"questions 0, 2, 4 left out: The database .*/yard\.sqlite is damaged: "),
        (
            lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
            "no database for yard (3); n=3",
        ),
    ],
)
def test_a_damaged_database_costs_its_own_questions_only(tmp_path, caplog, harm, said):
    root = tmp_path / "own"
    for db_id in ("shop", "yard"):
        (root / "database" / db_id).mkdir(parents=True)
        with closing(sqlite3.connect(root / "database" / db_id / f"{db_id}.sqlite")) as connection:
            connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b'), ('a')")
    questions = [{"db_id": d, "question": f"{i}?", "query": f"SELECT name FROM item WHERE {i} = {i}"}
                 for i, d in enumerate(["yard", "shop"] * 3)]  # fmt: skip
    (root / "dev.json").write_text(json.dumps(questions))
    (tmp_path / "answers.txt").write_text("SELECT name FROM item WHERE name IS NOT NULL\n" * 5 + "SELECT 1\n")
    harm(root / "database" / "yard" / "yard.sqlite")
    result = score(tmp_path / "answers.txt", "--spider", root)
    assert result.exit_code == LOST
    assert re.search(r"EX 66\.7 .* n=3$", result.stdout.splitlines()[0])
    assert re.search(said if said.startswith("questions") else re.escape(said), result.stderr)
    assert "3 questions could not be judged" in result.stderr
    assert "yard.sqlite" in result.stderr + caplog.text


def test_progress_is_shown_when_it_takes_long(spider, answers, monkeypatch):
    calls = []

    class Shown:
        def __enter__(self):
            return lambda: calls.append(1)

        def __exit__(self, *_):
            calls.append("closed")

    monkeypatch.setattr("spider_opt.evaluation.scoring_files.PROGRESS_AFTER_S", -1.0)
    monkeypatch.setattr("spider_opt.progress.progress", lambda label, total: Shown())
    assert score(answers, "--spider", spider).exit_code == LOST
    assert calls == [1, 1, 1, 1, "closed"]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 3, 6])
def test_too_few_or_too_many_lines(spider, tmp_path, n):
    path = tmp_path / "answers.txt"
    path.write_text("SELECT 1\n" * n)
    result = score(path, "--spider", spider)
    assert result.exit_code == 2
    assert re.search(rf"there (is|are) {n or 'no'} answers? for the 5 questions of own-spider dev", result.stderr)
    assert result.stdout == ""


def test_lines_in_another_order(spider, tmp_path):
    path = tmp_path / "answers.txt"
    path.write_text("SELECT 1\tgone\nSELECT 1\tshop\n" + "SELECT 1\tshop\n" * 3)
    result = score(path, "--spider", spider)
    assert result.exit_code == 2
    assert "line 1 is about gone" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.txt"], "does not exist"),
        (["{answers}", "--mode", "kind"], "kind"),
        (["{answers}", "--timeout", "0"], "timeout"),
        (["{answers}", "--metric", "offical"], "no scorer 'offical' (did you mean 'official'?)"),
        (["{answers}", "--metric", ""], '--metric is "", which names none: write --metric strict'),
        (["{answers}", "--metric", " , "], '--metric is " , ", which names none'),
        (["{answers}", "--metric", "official,"], '--metric is "official,", where a name is missing beside a comma'),
        (["{answers}", "--metric", "match,,suite"], '--metric is "match,,suite", where a name is missing beside a'),
        (["{answers}", "--metric", "match", "--metric", ""], '--metric is "match,", where a name is missing'),
        (["{answers}", "--mode", ""], '--mode is "", which names none: write --mode strict'),
        (["{answers}", "--metric", "official", "--suite", "{tmp}"], "--suite is for the metric suite"),
        (["{answers}", "--mode", "strict", "--plug-value"], "--plug-value is for the metric suite"),
        (["{answers}", "--spider", "{spider}", "--suite", "{tmp}"], "has no databases for 1 of 1 database"),
        (["{answers}", "--suite", "{tmp}/nowhere"], "does not exist"),
        (["{answers}", "--spider", "{tmp}/nowhere"], "No folder"),
        (["{answers}", "--spider", "{spider}", "--split", "nope"], 'No split is called "nope"'),
        (["{tmp}", "--spider", "{spider}"], "no run.json"),
    ],
)
def test_what_is_asked_wrongly(spider, answers, tmp_path, arguments, message):
    filled = [a.format(answers=answers, tmp=tmp_path, spider=spider) for a in arguments]
    result = score(*filled)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_no_utf8(spider, tmp_path):
    path = tmp_path / "answers.txt"
    path.write_bytes(b"SELECT 1\n\xff\xfe\n" * 3)
    result = score(path, "--spider", spider)
    assert (result.exit_code, "not UTF-8: see line 2" in result.stderr) == (2, True)


def test_help_has_an_example():
    result = score("--help")
    assert result.exit_code == 0
    assert "spider-opt score predictions.txt" in result.stdout


def test_databases_stay_as_they_are(spider, answers):
    path = Path(spider, "database", "shop", "shop.sqlite")
    before = path.read_bytes()
    for mode in ("official", "strict"):
        score(answers, "--spider", spider, "--mode", mode)
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_no_model_is_loaded_to_score(spider, answers):
    """Nor what retrieves: scoring a thousand answers takes less time than importing these."""
    code = (
        "import sys\n"
        "from spider_opt.cli import main\n"
        "try:\n    main(['score', *sys.argv[1:]], standalone_mode=False)\nexcept Exception:\n    pass\n"
        "print(*{name.rpartition('.')[0] for name in sys.modules if name.startswith('spider_opt.')})"
    )
    command = [sys.executable, "-c", code, str(answers), "--spider", str(spider)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    loaded = printed.splitlines()[-1].split()
    assert "spider_opt.scoring" in loaded
    others = ("models", "retrieval", "training", "steps", "sql.extract")
    assert {f"spider_opt.{name}" for name in others}.isdisjoint(loaded)

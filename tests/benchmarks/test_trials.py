"""Folders that somebody had trouble with, from their SQL to a number."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_model import FakeModel

from spider_opt import models
from spider_opt.benchmarks import load
from spider_opt.cli import main

QUAY = """
CREATE TABLE ship (ship_id INTEGER PRIMARY KEY, name TEXT, class TEXT, berths INTEGER);
INSERT INTO ship VALUES (1, 'Iris', 'ferry', 4), (2, 'Juno', 'tug', 0), (3, 'Kite', 'ferry', 6);
"""
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """make(golds, scripts, **files) -> a folder with questions about one database, of one or several files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIDER_DIR", raising=False)

    def make(golds: list[str], scripts: Mapping[str, str] | None = None, **files: object) -> Path:
        root = tmp_path / "quays"
        (root / "database" / "quay").mkdir(parents=True)
        for name, script in (scripts or {"quay": QUAY}).items():
            with closing(sqlite3.connect(root / "database" / "quay" / f"{name}.sqlite")) as connection:
                connection.executescript(script)
        asked = [{"db_id": "quay", "question": f"What, {i}?", "query": gold} for i, gold in enumerate(golds)]
        (root / "dev.json").write_text(json.dumps(asked))
        for name, content in files.items():
            (root / f"{name}.json").write_text(json.dumps(content))
        return root

    return make


def ex(*arguments: object) -> tuple[float, int]:
    result = CliRunner().invoke(main, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    return told["ex"], told["n"]


def test_predictions_as_bird_writes_them(make: Make) -> None:
    root = make(["SELECT count(*) FROM ship", "SELECT name FROM ship", "SELECT max(berths) FROM ship"])
    answers = ["SELECT count(name) FROM ship", "SELECT name FROM ship WHERE 1", "SELECT 5"]
    path = Path("predict_dev.json")
    path.write_text(json.dumps({str(i): f"{sql}\t----- bird -----\tquay" for i, sql in enumerate(answers)}))
    assert ex("score", path, "--data", root) == (pytest.approx(66.67, abs=0.01), 3)
    assert ex("score", path, "--data", root, "--mode", "strict") == (pytest.approx(66.67, abs=0.01), 3)


def test_of_several_databases_in_a_folder_one_is_asked_and_it_is_said(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    later = f"{QUAY}; UPDATE ship SET berths = 9 WHERE ship_id = 2;"
    root = make(["SELECT name FROM ship WHERE berths > 2"], {"quay": QUAY, "quay_later": later})
    Path("answers.txt").write_text("SELECT name FROM ship WHERE class = 'ferry'\n")
    with caplog.at_level(logging.WARNING, "spider_opt"):
        assert ex("score", "answers.txt", "--data", root) == (100, 1)
    assert "quay.sqlite is asked, quay_later.sqlite not; the official evaluator runs each query on all" in caplog.text


@pytest.mark.parametrize(
    "lacks", ["foreign_keys", "primary_keys", "column_types", "column_names", "table_names", "column_names_original"]
)
def test_a_tables_file_that_lacks_a_part(make: Make, lacks: str) -> None:
    names = [[-1, "*"], [0, "ship_id"]]
    entry: dict[str, object] = {
        "db_id": "quay", "table_names": ["ship"], "table_names_original": ["ship"], "column_names": names,
        "column_names_original": names, "column_types": ["text", "number"], "primary_keys": [1], "foreign_keys": [],
    }  # fmt: skip
    del entry[lacks]
    root = make(["SELECT name FROM ship"], tables=[entry])
    Path("answers.txt").write_text("SELECT name FROM ship\n")
    assert ex("score", "answers.txt", "--data", root) == (100, 1)


def test_views_stand_in_the_prompt(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    view = "CREATE VIEW ferry AS SELECT ship_id, name FROM ship WHERE class = 'ferry';"
    search = "CREATE VIRTUAL TABLE words USING fts5(body);"
    root = make(["SELECT name FROM ferry"], {"quay": f"{QUAY} {view} {search}"})
    model = FakeModel("SELECT name FROM ferry")
    monkeypatch.setattr(models, "open", lambda *arguments, **options: model)
    assert ex("eval", "--method", "zero-shot", "--data", root, "--out", "run") == (100, 1)
    [prompt] = model.prompts
    assert "CREATE TABLE ferry (\n  ship_id INTEGER" in prompt
    assert "CREATE TABLE words (\n  body\n);" in prompt
    assert "words_" not in prompt


def test_a_folder_of_ones_own_is_called_by_its_name_everywhere(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(["SELECT name FROM ship"])
    monkeypatch.setattr(models, "open", lambda *arguments, **options: FakeModel("SELECT name FROM ship"))
    for where in (["--spider", root], ["--data", root], ["--benchmark", "spider", "--data", root]):
        assert ex("eval", "--method", "zero-shot", *where) == (100, 1)
    [folder] = Path("results/runs").iterdir()
    assert folder.name == "zero-shot-fake-quays-dev"
    assert json.loads((folder / "run.json").read_text())["benchmark"] == "quays"
    result = CliRunner().invoke(main, ["leaderboard"])
    assert "quays dev" in result.stdout
    assert "spider" not in result.stdout


def test_a_run_that_an_earlier_version_called_spider_is_called_what_it_is(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make(["SELECT name FROM ship", "SELECT 1"])
    monkeypatch.setattr(models, "open", lambda *arguments, **options: FakeModel("SELECT name FROM ship"))
    ex("eval", "--method", "zero-shot", "--data", root, "--out", "run")
    described = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps(described | {"benchmark": "spider", "format": 1}))
    assert "own-spider dev" in CliRunner().invoke(main, ["leaderboard", "run"]).stdout
    assert CliRunner().invoke(main, ["score", "run", "--data", str(root)]).stdout.startswith("quays dev  EX 50.0")
    assert ex("eval", "--method", "zero-shot", "--data", root, "--out", "run") == (50, 2)
    assert load(data=root).name == json.loads(Path("run/run.json").read_text())["benchmark"] == "quays"

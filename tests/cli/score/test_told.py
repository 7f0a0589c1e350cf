"""What ``spider-opt score`` prints and writes, by which metrics."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest
from click.testing import CliRunner
from scored_files import LOST, run_folder, score

from spider_opt.cli import main
from spider_opt.scoring import read_verdicts


def test_text_for_people(spider, answers):
    result = score(answers, "--spider", spider, "--split", "dev")
    assert result.exit_code == LOST, result.output
    first, *others = result.stdout.splitlines()
    assert re.fullmatch(r"own-spider dev  EX 66\.7 ± \d+\.\d  n=3", first)
    assert re.search(r"^  easy +66\.7  n=3$", result.stdout, re.MULTILINE)
    assert "  correct 2, wrong_rows 1" in others
    assert re.fullmatch(r"  scorer official \S+, DISTINCT dropped, SQLite \S+, databases [0-9a-f]{16}", others[-1])
    assert f", SQLite {sqlite3.sqlite_version}," in others[-1], "which functions there are is its version's"
    assert result.stderr.splitlines() == [
        "1 of 5 questions left out: no database for gone (1); n=4",
        "question 3 left out: gold query fails on shop: no such column: price",
        "Error: 1 question could not be judged, since the gold query fails or the database cannot be read, see above; "
        "the numbers are over the others",
    ]


def test_json_for_programs(spider, answers):
    told = json.loads(score(answers, "--spider", spider, "--json").stdout)
    assert {"n", "skipped", "ex", "by_hardness", "outcomes", "mode", "keep_distinct", "fingerprint"} <= set(told)
    assert (told["n"], told["skipped"], told["mode"], told["keep_distinct"]) == (3, 2, "official", False)
    assert told["ex"] == pytest.approx(66.6667)
    assert told["by_hardness"]["easy"] == {"n": 3, "ex": told["ex"]}
    assert told["by_hardness"]["extra"] == {"n": 0, "ex": None}
    assert told["failed_golds"] == [3]


def test_verdicts_in_a_file(spider, answers, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    assert score(answers, "--spider", spider, "--out", out).exit_code == LOST
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(e["index"], e["db_id"], e["correct"], e["outcome"]) for e in entries] == [
        (0, "shop", True, "correct"),
        (2, "shop", False, "wrong_rows"),
        (4, "shop", True, "correct"),
    ]
    assert all(entry["detail"] for entry in entries)
    assert len(read_verdicts(out)) == 3


@pytest.mark.parametrize("out", ["answers.txt", "linked.txt", "spider/dev.json", "spider/database/shop/shop.sqlite"])
def test_no_file_but_one_of_verdicts_is_written_over(spider, answers, tmp_path, out):
    (tmp_path / "linked.txt").symlink_to(answers)
    before = (tmp_path / out).read_bytes()
    result = score(answers, "--spider", spider, "--out", tmp_path / out)
    assert result.exit_code == 2
    assert re.search(r"(is read itself|is there and holds no verdicts): name another file", result.stderr)
    assert (tmp_path / out).read_bytes() == before
    assert not result.stdout


def test_verdicts_and_empty_files_are_written_over(spider, answers, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    out.touch()
    for _ in range(2):
        assert score(answers, "--spider", spider, "--out", out).exit_code == LOST
        assert len(read_verdicts(out)) == 3


@pytest.mark.parametrize("name", ["verdicts.jsonl", "predictions.jsonl", "run.json"])
@pytest.mark.parametrize("command", ["score", "compare"])
def test_nothing_of_a_run_is_written_over(tmp_path, name, command):
    """A run's verdicts are as its run.json says they were made."""
    folder = run_folder(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    runs = [folder] if command == "score" else [folder, folder]
    result = CliRunner().invoke(main, [command, *map(str, runs), "--out", str(folder / name)])
    assert result.exit_code == 2
    assert f"belongs to the run in {folder}: name another file" in result.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_flags_reach_the_scorer(spider, answers):
    kept = json.loads(score(answers, "--spider", spider, "--keep-distinct", "--json").stdout)
    assert (kept["ex"], kept["keep_distinct"]) == (pytest.approx(33.3333), True)
    strict = json.loads(score(answers, "--spider", spider, "--mode", "strict", "--json", "--no-cache").stdout)
    assert (strict["ex"], strict["mode"], strict["outcomes"]["not_a_query"]) == (0, "strict", 1)
    timed = json.loads(score(answers, "--spider", spider, "--timeout", "0.5", "--json").stdout)
    assert timed["timeout_s"] == 0.5


def test_several_metrics_in_one_pass(spider, answers, tmp_path):
    out = tmp_path / "verdicts.jsonl"
    told = json.loads(score(answers, "--spider", spider, "--metric", "strict, official", "--json", "--out", out).stdout)
    assert (told["mode"], told["ex"]) == ("official", told["metrics"]["official"]["value"])
    assert told["metrics"]["strict"] == {"n": 3, "value": 0, "se": 0}
    assert told["metrics"]["official"] == {"n": 3, "value": pytest.approx(66.6667), "se": pytest.approx(33.3333)}
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    assert entries[0]["correct"] is True
    assert entries[0]["metrics"] == {"official": True, "strict": False}
    shown = score(answers, "--spider", spider, "--metric", "official,strict,official-distinct").stdout.splitlines()
    one_by_one = ("--metric", "official", "--metric", "strict", "--metric", "official-distinct")
    assert score(answers, "--spider", spider, *one_by_one).stdout.splitlines() == shown
    assert shown[0].startswith("own-spider dev  EX 66.7")
    assert shown[6:8] == ["  strict  0.0 ± 0.0  n=3", "  official-distinct  33.3 ± 33.3  n=3"]


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        (["--metric", "official"], ["--mode", "official"]),
        (["--metric", "strict"], ["--mode", "strict"]),
        (["--metric", "official-distinct"], ["--keep-distinct"]),
        (["--metric", "official", "--keep-distinct"], ["--keep-distinct"]),
    ],
)
def test_modes_are_short_for_metrics(spider, answers, metric, mode):
    by_metric, by_mode = (
        json.loads(score(answers, "--spider", spider, "--json", *said).stdout) for said in (metric, mode)
    )
    of_mode = next(iter(by_mode["metrics"]))
    assert by_metric["metrics"][of_mode] == by_mode["metrics"][of_mode]
    assert by_mode["ex"] == by_mode["metrics"][of_mode]["value"]


def test_official_and_strict_are_told_where_nothing_is_asked_for(spider, answers):
    told = json.loads(score(answers, "--spider", spider, "--json").stdout)
    assert (told["mode"], list(told["metrics"])) == ("official", ["official", "strict"])
    assert (told["benchmark"], told["split"]) == ("own-spider", "dev")
    assert told["ex"] == told["metrics"]["official"]["value"] != told["metrics"]["strict"]["value"]


def test_one_question_has_no_error_bar(spider, tmp_path):
    (spider / "dev.json").write_text(json.dumps([{"db_id": "shop", "question": "?", "query": "SELECT 1"}]))
    path = tmp_path / "answers.txt"
    path.write_text("SELECT 1\n")
    assert score(path, "--spider", spider).stdout.startswith("own-spider dev  EX 100.0  n=1\n")
    said = json.loads(score(path, "--spider", spider, "--json").stdout)
    assert said["ex_se"] is None
    assert said["sqlite"] == sqlite3.sqlite_version


def test_a_runaway_query_is_stopped(spider, tmp_path):
    path = tmp_path / "answers.txt"
    runaway = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
    path.write_text(f"{runaway}\nx\nSELECT 3\nSELECT 1\nSELECT 1\n")
    told = json.loads(score(path, "--spider", spider, "--timeout", "0.3", "--json").stdout)
    assert told["outcomes"]["timeout"] == 1
    assert told["outcomes"]["correct"] == 1

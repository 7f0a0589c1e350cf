"""``spider-opt score --update``, and scores with corrected golds."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from scored_files import LOST, RECORDED, score

from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import gold_hash
from spider_opt.errors import GoldError
from spider_opt.scoring import read_verdicts, report
from spider_opt.scoring.worker_pool import judge_all


def test_a_run_is_judged_again_where_it_lies(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)
    answers = (folder / "predictions.jsonl").read_bytes()
    before = json.loads((folder / "run.json").read_text())
    told = json.loads(
        score(folder, "--benchmark", "spider-mini", "--metric", "strict,bird", "--update", "--json").stdout
    )
    after = json.loads((folder / "run.json").read_text())
    assert after["scorer"].pop("metrics") == ["official", "strict", "bird"]
    assert {key: value for key, value in after.items() if key not in ("scorer", "costs")} == {
        key: value for key, value in before.items() if key != "scorer"
    }
    verdicts = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
    right = sum(verdict["metrics"]["bird"] for verdict in verdicts)
    assert round(100 * right / len(verdicts), 4) == told["metrics"]["bird"]["value"] > 0
    assert (folder / "predictions.jsonl").read_bytes() == answers


def test_a_run_that_is_judged_by_more_keeps_what_it_was_judged_by(tmp_path, caplog):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)

    def metrics():
        verdicts = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
        noted = json.loads((folder / "run.json").read_text())["scorer"]
        return noted.get("metrics"), [verdict["metrics"] for verdict in verdicts]

    again = ("--benchmark", "spider-mini", "--update", "--metric")
    score(folder, *again, "bird,match")
    names, first = metrics()
    assert names == ["official", "bird", "match", "strict"]  # strict was there
    told = score(folder, *again, "strict").stdout
    names, second = metrics()
    assert names == ["official", "strict", "bird", "match"]
    assert [one.get("match") for one in second] == [one.get("match") for one in first]  # where its gold can be read
    assert "  match  " in told
    run = json.loads((folder / "run.json").read_text())
    run["scorer"]["sqlite"] = "3.0.0"  # another may say otherwise
    (folder / "run.json").write_text(json.dumps(run))
    result = score(folder, *again, "strict")
    assert metrics()[0] == ["official", "strict"]
    for name in ("bird", "match"):
        said = f"is no longer judged by {name}, which was under other conditions: ask for it, too (--metric {name})"
        assert said in result.stderr + caplog.text


def test_a_tab_in_one_answer_changes_no_other_metrics_questions(spider, tmp_path, caplog):
    """Scorers read a line to its tab or whole; who can judge which question does not depend on how."""
    dev = json.loads((spider / "dev.json").read_text())
    dev[4]["query"] = dev[4]["SQL"] = "PRAGMA table_info(item)"  # which bird runs and strict does not
    (spider / "dev.json").write_text(json.dumps(dev))
    answers = ["SELECT name FROM item", "SELECT 1", "SELECT 7", "SELECT 1", "PRAGMA table_info(item)"]
    told = []
    for line in ("SELECT 1", "SELECT 1\tFROM item"):
        answers[0] = line
        (tmp_path / "p.txt").write_text("".join(f"{answer}\tshop\n" for answer in answers))
        result = score(tmp_path / "p.txt", "--spider", spider, "--metric", "official,strict,bird", "--json")
        assert "question 4 left out of strict" in result.stderr + caplog.text
        caplog.clear()
        told.append({name: one["n"] for name, one in json.loads(result.stdout)["metrics"].items()})
    assert told[0] == told[1]
    assert told[0]["strict"] == told[0]["bird"] - 1


def test_a_run_on_other_questions_keeps_its_verdicts(tmp_path, spider, answers):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)
    before = (folder / "verdicts.jsonl").read_bytes()
    result = score(folder, "--spider", spider, "--update")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "its verdicts stay as they are; leave out --update to see" in result.stderr
    assert (folder / "verdicts.jsonl").read_bytes() == before
    for option in (["--extract"], ["--field", "x"]):
        assert f"{option[0]} says nothing to a run folder" in score(folder, "--update", *option).stderr
    assert "is no run folder: --update writes into one" in score(answers, "--spider", spider, "--update").stderr


def corrections_for(spider, **changes):
    """Write corrections of the folder's last question, which asks for no rows, and return their file."""
    example = next(e for e in load("spider:dev", data=spider).examples if e.index == 4)
    entry = {"index": 4, "db_id": "shop", "hash": gold_hash(example), "verdict": "wrong", "golds": ["SELECT 2"]}
    path = spider.parent / "mine.json"
    path.write_text(json.dumps([entry | changes]))
    return path


def test_ex_stands_beside_that_with_corrected_golds(spider, tmp_path):
    (tmp_path / "p.txt").write_text("SELECT name FROM item\nSELECT 1\nSELECT 7\nSELECT 1\nSELECT 2\n")
    arguments = (tmp_path / "p.txt", "--spider", spider, "--corrections", corrections_for(spider))
    text = score(*arguments, "--out", tmp_path / "v.jsonl")
    assert text.exit_code == LOST  # of the gold that fails
    assert re.search(r"EX 33\.3 ± \S+  with corrected golds 66\.7 ± \S+  n=3\n", text.stdout)
    assert re.search(r"  corrected  66\.7 ± \S+  n=3  \(golds of mine [0-9a-f]{12}; (.*)\)\n", text.stdout)
    assert "; 1 question becomes right, 0 wrong)" in text.stdout
    said = json.loads(score(*arguments, "--json").stdout)
    assert (said["ex"], said["corrected"]) == (33.3333, 66.6667)
    assert said["corrected_changes"] == {"become_right": 1, "become_wrong": 0}
    lines = {one.index: one for one in read_verdicts(tmp_path / "v.jsonl")}
    assert (lines[4].correct, lines[4].metrics["corrected"]) == (False, True)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hash": "0" * 16}, "its words or its gold query are others"),
        ({"index": 5}, "corrects question 5, and own-spider dev has 5 questions"),
        ({"db_id": "gone"}, "as one about gone"),
        ({"golds": ["SELECT price FROM item"]}, "a corrected query of question 4 fails on shop: no such column: price"),
        ({"golds": []}, "is called wrong, and has no golds"),
    ],
)
def test_corrections_of_something_else_are_one_sentence(spider, tmp_path, changes, why):
    (tmp_path / "p.txt").write_text("SELECT name FROM item\nSELECT 1\nSELECT 7\nSELECT 1\nSELECT 2\n")
    out = tmp_path / "v.jsonl"
    path = corrections_for(spider, **changes)
    result = score(tmp_path / "p.txt", "--spider", spider, "--corrections", path, "--out", out)
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.count("\n") <= 2
    assert not result.stdout
    assert not out.exists()


def test_corrected_is_no_metric_without_corrections(spider, tmp_path):
    (tmp_path / "p.txt").write_text("SELECT 1\n")
    result = score(tmp_path / "p.txt", "--spider", spider, "--metric", "corrected")
    assert result.exit_code == 2
    assert "name their file with --corrections FILE" in result.stderr


def test_a_run_stays_as_it_is_where_questions_cannot_be_judged_now(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(RECORDED, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(pairs, *given, **options):
        first, *others = judge_all(pairs, *given, **options)
        return [dict.fromkeys(first, GoldError("gold query fails today")), *others]

    monkeypatch.setattr(report, "judge_all", fail)
    result = score(folder, "--benchmark", "spider-mini", "--update")
    assert (result.exit_code, result.stdout) == (LOST, "")
    assert "1 question of " in result.stderr
    assert "cannot be judged now, its verdicts stay as they are: 0: gold query fails today" in result.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".jsonl")} == before


def test_a_suite_that_cannot_judge_all_is_no_success(tmp_path):
    benchmark = load("spider-mini:test")
    folder, answers = tmp_path / "suites", tmp_path / "answers.txt"
    answers.write_text("".join(f"{example.gold_sql}\n" for example in benchmark.examples))
    for db_id, path in benchmark.paths.items():
        (folder / db_id).mkdir(parents=True)
        for name in (f"{db_id}.sqlite", f"{db_id}_1.sqlite"):
            shutil.copy(path, folder / db_id / name)
    whole = score(answers, "--benchmark", "spider-mini", "--suite", folder, "--json")
    assert (whole.exit_code, json.loads(whole.stdout)["metrics"]["suite"]["value"]) == (0, 100)
    db_id = next(iter(benchmark.paths))
    (folder / db_id / f"{db_id}_1.sqlite").write_bytes(benchmark.paths[db_id].read_bytes()[:4096])
    harmed = score(answers, "--benchmark", "spider-mini", "--suite", folder, "--json")
    told = json.loads(harmed.stdout)
    assert (harmed.exit_code, told["ex"], told["n"]) == (LOST, 100, 125)
    n_lost = 125 - told["metrics"]["suite"]["n"]
    assert n_lost > 0
    assert f"{n_lost} questions could not be judged by suite" in harmed.stderr


# --- tabs in queries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said", "strict"),
    [
        ("SELECT\tname FROM item\tshop", "1 line has a tab within the query, where it ends to official", True),
        ("SELECT name FROM\titem", "; strict, which reads whole lines, is left out", False),
    ],
)
def test_a_tab_within_a_query_is_told_once(spider, answers, caplog, line, said, strict):
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join([line, *lines[1:]]) + "\n")
    result = score(answers, "--spider", spider, "--split", "dev")
    about = [told for told in caplog.messages if " tab" in told]
    assert len(about) == 1
    assert said in about[0]
    assert ("strict" in result.stdout) is strict
    for options in (("--mode", "strict"), ("--metric", "official,strict")):
        result = score(answers, "--spider", spider, "--split", "dev", *options)
        if strict:
            assert result.exit_code == LOST
        else:
            assert (result.exit_code, result.stdout) == (2, "")
            assert "where it is a part of the query, write a blank for the tab" in result.stderr
    caplog.clear()
    score(answers, "--spider", spider, "--split", "dev", "--mode", "bird")
    assert not [told for told in caplog.messages if "within the query" in told]

"""What the official evaluator was measured to say: of recorded predictions (EX, exact set match), corners, hardness."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.runs.prediction_files import read_predictions
from spider_opt.scoring import PairScorer, Rules, score
from spider_opt.scoring.gold_cache import GoldCache, levels
from spider_opt.sql.hardness import hardness
from spider_opt.types import Outcome

TIMEOUT_S = 0.4
STRICT = Path(__file__).parent.parent / "fixtures" / "strict_corners.json"


@pytest.fixture(scope="module")
def dev(shared):
    return real_spider("dev", shared)


@pytest.fixture(scope="module")
def recorded(shared, dev):
    """All recorded predictions as (system, question index, pair), to be scored in one go."""
    files = sorted((shared / "conformance" / "verdicts").glob("*.jsonl"))
    found = [
        (file.stem, pair.example.index, (pair.example, pair.cut))
        for file in files
        for pair in read_predictions(dev, shared / "predictions" / f"{file.stem}.txt")
    ]
    assert len(files) == 8
    assert len(found) == 8 * 972
    return found


@pytest.mark.parametrize("keep_distinct", [False, True], ids=["distinct dropped", "distinct kept"])
def test_every_recorded_verdict(shared, dev, recorded, keep_distinct):
    expected = {}
    for file in (shared / "conformance" / "verdicts").glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            verdict = entry["official_keep_distinct" if keep_distinct else "official"]
            expected[file.stem, entry["dev_index"]] = bool(verdict)
    report = score(dev, [pair for _, _, pair in recorded], Rules(keep_distinct=keep_distinct))
    assert not report.failed_golds
    found = {(name, index): s.correct for (name, index, _), s in zip(recorded, report.scored, strict=True)}
    assert len(found) == len(expected) == 8 * 972
    assert [key for key in expected if found[key] != expected[key]] == []


def test_every_recorded_exact_set_match(shared, dev, recorded):
    expected = {}
    for file in (shared / "conformance" / "esm").glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            expected[file.stem, entry["dev_index"]] = bool(entry["exact_match"])
    report = score(dev, [pair for _, _, pair in recorded], Rules("match"))
    assert not report.failed_golds
    found = {(name, index): s.correct for (name, index, _), s in zip(recorded, report.scored, strict=True)}
    assert len(found) == len(expected) == 8 * 972
    assert [key for key in expected if found[key] != expected[key]] == []


# --- corner cases ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corners(shared, tmp_path_factory):
    """The corner cases, their database, and an empty working folder to catch what they might write."""
    told = json.loads((shared / "conformance" / "corners.json").read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("corners")
    path = folder / "corners.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(told["schema"])
    connection.close()
    here = os.getcwd()
    os.chdir(folder)
    yield told["cases"], path
    os.chdir(here)


def judged(cases, path, rules):
    """Judge every case and return {name: verdict}; the database must stay as it is, and alone."""
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    scorer = PairScorer(rules.timeout_s)
    found = {}
    for case in cases:
        start = time.monotonic()
        found[case["name"]] = scorer(rules.main, path, case["gold"], case["pred"])
        assert time.monotonic() - start < TIMEOUT_S + 1.5, case["name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == before, case["name"]
        assert os.listdir(path.parent) == [path.name], case["name"]
    scorer.close()
    return found


@pytest.mark.parametrize("keep_distinct", [False, True], ids=["distinct dropped", "distinct kept"])
def test_corner_cases_in_official_mode(corners, keep_distinct):
    cases, path = corners
    found = judged(cases, path, Rules("official", keep_distinct, TIMEOUT_S))
    key = "official_keep_distinct" if keep_distinct else "official"
    returns = {case["name"]: case[key] for case in cases if case[key] != "does not return"}
    assert {name: found[name].correct for name in returns} == returns
    runaway = [found[case["name"]].outcome for case in cases if case["name"] not in returns]
    assert runaway == [Outcome.TIMEOUT] * 2


def test_corner_cases_in_strict_mode(corners):
    cases, path = corners
    expected = json.loads(STRICT.read_text(encoding="utf-8"))
    found = judged(cases, path, Rules("strict", timeout_s=TIMEOUT_S))
    assert {name: verdict.outcome.value for name, verdict in found.items()} == expected


def test_strict_differs_from_official_only_where_the_notes_say_so(corners):
    cases, _ = corners
    expected = json.loads(STRICT.read_text(encoding="utf-8"))
    for case in cases:
        if case["official_keep_distinct"] == "does not return":
            assert expected[case["name"]] == "timeout"
        elif "strict" not in case.get("note", ""):
            assert (expected[case["name"]] == "correct") == case["official_keep_distinct"], case["name"]
        elif "so equal" in case["note"] or "strict: equal" in case["note"]:
            assert expected[case["name"]] == "correct"
        else:
            assert expected[case["name"]] != "correct"


# --- hardness ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n"), [("dev", 1034), ("train_spider", 6999)])
def test_hardness(shared, name, n):
    golds = [entry["query"] for entry in json.loads((shared / "spider" / f"{name}.json").read_text(encoding="utf-8"))]
    expected = json.loads((shared / "conformance" / f"hardness_{name}.json").read_text(encoding="utf-8"))
    found = levels(golds, GoldCache(None))
    differ = [i for i, level in enumerate(expected) if level is not None and level != found[i]]
    assert differ == []
    assert sum(level is not None for level in expected) == n


def test_hardness_of_what_is_no_query():
    assert [hardness(sql) for sql in ("", "DROP TABLE t", "SELECT FROM", "SELECT 1; SELECT 2", "VALUES (1)")] == [
        None
    ] * 5

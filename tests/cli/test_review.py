from __future__ import annotations

import json
from pathlib import Path

import pytest
from boats import Fill, benchmark, boats, fill, runs
from click.testing import CliRunner, Result
from fake_openai import FakeOpenAI

from spider_opt.benchmarks.corrections import read_corrections
from spider_opt.cli import main

__all__ = ["benchmark", "boats", "fill", "runs"]
pytestmark = pytest.mark.usefixtures("runs")
OWN = ("--data", "own")
LONGEST = "SELECT name FROM boat ORDER BY length DESC LIMIT 1"


def review(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["review", *arguments])


def test_from_a_sheet_to_numbers_and_corrections(fill: Fill) -> None:
    made = review("a", "b", *OWN, "--out", "s.csv", "--gold")
    assert made.exit_code == 0, made.output
    assert "s.csv: 14 answers to 8 questions by 2 runs" in made.stdout
    assert "spider-opt review a b --read PERSON.csv" in made.stdout
    fill("s.csv", "anna", {("What is the longest", "SELECT max"): ("wrong", "\x1b[2J", LONGEST)}, "right")
    fill("s.csv", "ben", {("How many", "SELECT count"): ("right",)})
    files = ("--corrections-out", "c.json", "--review-out", "r.jsonl")
    read = review("a", "b", *OWN, "--read", "anna.csv", "--read", "ben.csv", *files)
    assert read.exit_code == 0, read.output
    assert "anna.csv: 14 labels by anna, kept in the run folders" in read.stderr
    assert "14 answers with labels, by 2 people" in read.stdout
    assert "anna and ben: the same label, % 100.0, kappa not defined, n=1" in read.stdout
    assert "written: c.json, 3 corrected golds" in read.stderr
    assert {entry.index: entry.said for entry in read_corrections("c.json")}[5] == "wrong"
    again = review("a", "b", "--data", "own", "--json")
    assert json.loads(again.stdout)["voices"][0]["name"] == "anna"
    shown = CliRunner().invoke(main, ["show", "b", "5", *OWN]).stdout
    assert f"  label       wrong, by anna: \\x1b[2J\n  corrected   {LONGEST}\n" in shown
    refused = review("a", "b", *OWN, "--out", "anna.csv")
    assert refused.exit_code == 2
    assert "anna.csv has labels in it (row 1), which would be lost" in refused.stderr


def test_a_judge(endpoint: FakeOpenAI) -> None:
    endpoint.script = [endpoint.said("right\nyes")]
    done = review("a", *OWN, "--judge", "big", "--base-url", endpoint.url, "--n", "3", "--out", "j.csv")
    assert done.exit_code == 0, done.output
    assert "big judged 3 of 3 answers, 30 tokens; 0 replies had no verdict" in done.stderr
    assert "big (judge)" in done.stdout
    assert "big (judge) and people: the same label, no answer that both judged" in done.stdout
    assert Path("j.csv").exists()
    endpoint.script = [endpoint.refused(400, "no")]
    failed = review("a", *OWN, "--judge", "other", "--base-url", endpoint.url, "--n", "2")
    assert failed.exit_code == 1
    assert "2 of 2 requests got no answer" in failed.stderr
    assert "the same command asks them again" in failed.stderr


def test_two_runs_against_each_other(endpoint: FakeOpenAI) -> None:
    endpoint.script = [endpoint.said("second")]
    done = review("a", "b", *OWN, "--judge", "big", "--pairwise", "--base-url", endpoint.url)
    assert done.exit_code == 0, done.output
    assert "big on a against b, 8 questions: 0 won, 0 lost, 8 tied (2 are the same query)" in done.stdout
    assert "% for what was shown first: 0.0" in done.stdout
    as_json = review("a", "b", *OWN, "--judge", "big", "--pairwise", "--base-url", endpoint.url, "--json")
    assert json.loads(as_json.stdout)["contradicted"] == 6


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("a", "--read", "own/dev.json", "--out", "s.csv"), "--read reads a sheet that is filled in: leave out --out"),
        (("a", "--n", "3"), "say what --out or --judge shows: give one of these two"),
        (("a", "--base-url", "http://x"), "--base-url is about a model that judges: name one with --judge MODEL"),
        (("a", "--judge", "m", "--pairwise"), "--pairwise compares two runs, and 1 are given"),
        (("a", "b", "--judge", "m", "--pairwise", "--out", "s.csv"), "--pairwise fills in no sheet"),
        (("a", "--out", "s.txt"), "end it with .csv or .xlsx"),
        (("a", "--corrections-out", "own/dev.json"), "own/dev.json is there: name another file"),
        (("a", "--review-out", "r.json"), "end it with .jsonl"),
        (("a", "--judge", "no-such-model"), "There is no embedded model 'no-such-model'"),
        (("own", "--out", "s.csv"), "own"),
    ],
)
def test_what_makes_no_sense(typed: tuple[str, ...], said: str) -> None:
    refused = review(*typed, *OWN)
    assert refused.exit_code in (1, 2)
    assert said in refused.stderr
    assert "Traceback" not in refused.output
    assert not list(Path().glob("s.*"))

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from spider_opt.cli import main
from spider_opt.methods import parse_method
from spider_opt.steps import ALIASES, STEPS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["methods", *arguments])


def test_every_step_of_ours_is_listed_with_its_options() -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stderr == ""
    heads = [line for line in result.stdout.splitlines() if line and not line.startswith(" ")]
    assert {head.split()[0] for head in heads} >= {*STEPS, *ALIASES}
    [head] = [head for head in heads if head.startswith("zero-shot ")]
    assert head.startswith("zero-shot  [draft]  schema=ddl, keys=yes, rows=0, ")
    assert "    Show the schema, ask the question, take the SQL" in result.stdout
    assert "    Source: " in result.stdout
    assert "        rows: sample rows" in result.stdout


def test_json() -> None:
    said = json.loads(run("--json").stdout)
    assert said["aliases"] == ALIASES
    steps = {step["name"]: step for step in said["steps"]}
    assert set(steps) >= set(STEPS)
    assert steps["zero-shot"]["stage"] == "draft"
    assert steps["zero-shot"]["options"]["rows"] == "0"
    assert steps["zero-shot"]["options"]["keys"] == "yes"
    assert steps["zero-shot"]["doc"].startswith("Show the schema")


def test_aliases_are_listed_with_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(ALIASES):
        monkeypatch.delitem(ALIASES, name)
    assert "[alias]" not in run().stdout
    assert json.loads(run("--json").stdout)["aliases"] == {}
    monkeypatch.setitem(ALIASES, "wide", "zero-shot:rows=3,values=0")
    monkeypatch.setitem(ALIASES, "plain", "zero-shot")
    result = run()
    assert result.stderr == ""
    assert result.stdout.splitlines()[-2:] == [
        "plain  [alias]  stands for zero-shot",
        "wide  [alias]  stands for zero-shot:rows=3,values=0",
    ]
    assert json.loads(run("--json").stdout)["aliases"] == {"plain": "zero-shot", "wide": "zero-shot:rows=3,values=0"}


def test_what_is_listed_can_be_typed() -> None:
    said = json.loads(run("--json").stdout)
    for name in said["aliases"]:
        assert parse_method(name).label == name
    for step in said["steps"]:
        options = ",".join(f"{key}={value}" for key, value in step["options"].items())
        assert parse_method(f"{step['name']}:{options}").label == step["name"]

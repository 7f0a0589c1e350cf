from __future__ import annotations

import json

from click.testing import CliRunner, Result

from spider_opt.cli import main
from spider_opt.methods import parse_method
from spider_opt.steps import STEPS


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["methods", *arguments])


def test_every_step_of_ours_is_listed_with_its_options() -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stderr == ""
    heads = [line for line in result.stdout.splitlines() if line and not line.startswith(" ")]
    assert {head.split()[0] for head in heads} >= set(STEPS)
    [head] = [head for head in heads if head.startswith("zero-shot ")]
    assert head.startswith("zero-shot  [draft]  schema=ddl, keys=yes, rows=0, ")
    assert "    Show the schema, ask the question, take the SQL" in result.stdout
    assert "    Source: " in result.stdout
    assert "        rows: sample rows" in result.stdout


def test_json() -> None:
    steps = {step["name"]: step for step in json.loads(run("--json").stdout)}
    assert set(steps) >= set(STEPS)
    assert steps["zero-shot"]["stage"] == "draft"
    assert steps["zero-shot"]["options"]["rows"] == "0"
    assert steps["zero-shot"]["options"]["keys"] == "yes"
    assert steps["zero-shot"]["doc"].startswith("Show the schema")


def test_what_is_listed_can_be_typed() -> None:
    for step in json.loads(run("--json").stdout):
        options = ",".join(f"{key}={value}" for key, value in step["options"].items())
        assert parse_method(f"{step['name']}:{options}").label == step["name"]

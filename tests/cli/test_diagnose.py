from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from full_disk import full_at
from wrong_answers import ANSWERS, GOLDS, answered, answering, music

from spider_opt.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    answered(music())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["diagnose", *arguments])


def test_the_table() -> None:
    result = run("run")  # its benchmark's folder is called own, as the benchmark is
    assert result.exit_code == 0
    head, table, refusals, bounds, *_, last = result.stdout.split("\n\n")
    assert head == "zero-shot with fake on own dev: EX 16.7, n=6, 5 wrong answers."
    rows = [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]]
    assert rows == [
        "unanswered", "does not execute", "nesting", "schema linking: table", "schema linking: column", "condition",
        "value",
    ]  # fmt: skip
    assert refusals.endswith("no such column 1, no query in the answer 1.")
    assert bounds.startswith("Of 83.3 points lost, context is at most 83.3 (")
    assert last == (
        "Next: repair, which could bring at most 33.3 points (what does not run, or compares with another value): "
        "spider-opt eval --method repair --model fake --benchmark own --data DIR\n"
    )
    assert not any(question in result.stdout for question in ANSWERS)


def test_examples_show_the_questions() -> None:
    shown = run("run", "--examples", "1").stdout
    assert "  question  Who is from Peru?" in shown
    assert "  value: 'peru' for 'Peru' in WHERE" in shown


@pytest.mark.parametrize("options", [("--controls", "3"), ("--examples", "1", "--json")])
def test_what_would_say_nothing_is_refused(options: tuple[str, ...]) -> None:
    result = run("run", *options)
    assert (result.exit_code, "leave" in result.stderr) == (2, True)


def test_json() -> None:
    told = json.loads(run("run", "--json").stdout)
    assert told["wrong"] == 5
    assert {answer["primary"] for answer in told["answers"]} >= {"value", "nesting"}


def test_some_questions_and_files(here: Path) -> None:
    pytest.importorskip("matplotlib")
    ids = [json.loads(line)["id"] for line in Path("run/predictions.jsonl").read_text().splitlines()]
    Path("some.txt").write_text("\n".join(ids[:3]))
    result = run("run", "--ids", "some.txt", "--out", "there")
    assert result.exit_code == 0, result.stderr
    assert "n=3, 2 wrong answers." in result.stdout
    assert sorted(path.name for path in Path("there").iterdir()) == [
        "diagnosis.csv", "diagnosis.json", "quadrant.png", "quadrant.svg"
    ]  # fmt: skip
    assert Path("there/quadrant.png").read_bytes().startswith(b"\x89PNG")
    assert Path("there/quadrant.svg").read_text().count("<svg") == 1
    assert not Path("results").exists()


def test_on_a_full_disk_all_files_are_written_or_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("run", "--out", "there")
    before = {path.name: path.read_bytes() for path in Path("there").iterdir()}
    full_at(monkeypatch, 2)
    (some := Path("some.txt")).write_text(json.loads(Path("run/predictions.jsonl").read_text().splitlines()[0])["id"])
    result = run("run", "--ids", str(some), "--out", "there")
    assert (result.exit_code, "diagnosis.csv: No space left on device" in result.stderr) == (1, True)
    assert {path.name: path.read_bytes() for path in Path("there").iterdir()} == before


def test_the_oracle_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.evaluation import plan

    with monkeypatch.context() as opened:
        opened.setattr(plan.models, "open", lambda *_, **__: answering(GOLDS))
        result = run("run", "--oracle", "--controls", "1")
    assert result.exit_code == 0, result.stderr
    assert "the oracle asks at most" in result.stderr
    assert "Of 83.3 points lost, 83.3 are context" in result.stdout
    assert "Of 83.3 points lost, 83.3 are context" in run("run").stdout  # with no model
    assert [path.name for path in Path("results/diagnosis").iterdir()] == ["run"]
    assert run("run", "--out", "run").exit_code == 2


def test_wrong_input_is_refused() -> None:
    assert run("nowhere").exit_code == 2
    result = run(".")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no run in .")
    result = run("run", "--benchmark", "spider-mini")
    assert result.exit_code == 1
    assert "other questions" in result.stderr

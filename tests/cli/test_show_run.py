from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from few_questions import asked, entry, folder, model

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.evaluation.running import evaluate
from spider_opt.runs import Run


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    benchmark = load("spider:dev", data=folder(asked()))
    return evaluate("zero-shot", benchmark, model=model(), out="run", progress=False)


def show(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["show", "run", *arguments])


def test_what_went_wrong_and_why(run: Run) -> None:
    result = show("--wrong", "--spider", "own")
    assert result.exit_code == 0, result.output
    wrong = next(scored for scored in run.verdicts if not scored.correct)
    answer = run.answers[wrong.index]
    head, *lines = result.stdout.splitlines()
    assert head == f"{answer.id}  port  {wrong.hardness}  wrong_rows: {wrong.detail}"
    assert "  question    What is the longest?" in lines
    assert "  gold        SELECT max(length) FROM boat" in lines
    assert "  prediction  SELECT 17 FROM boat" in lines
    at = lines.index("  gold gives 1 row:")
    assert lines[at + 1 : at + 4] == ["    max(length)", "    -----------", "              7"]
    assert "  prediction gives 1 row:" in lines
    assert any(line.startswith("  step zero-shot  {") for line in lines)
    assert len([line for line in lines if "question" in line]) == 1


@pytest.mark.parametrize("by", ["id", "index"])
def test_one_question(run: Run, by: str) -> None:
    answer = run.answers[2]
    result = show(answer.id if by == "id" else str(answer.index), "--spider", "own")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{answer.id}  port")
    assert result.stdout.count("  question  ") == 1
    assert "  gold and prediction give 1 row:" in result.stdout


def test_of_one_database_and_no_more_than_asked_for(run: Run) -> None:
    assert show("--db", "port", "--spider", "own").stdout.count("  question  ") == 4
    few = show("--limit", "3", "--spider", "own")
    assert few.stdout.count("  question  ") == 3
    assert "1 more: --limit 4 shows all" in few.stderr
    assert show("--db", "moon").stdout == "run has no answer about moon\n"


def test_a_folder_of_the_benchmarks_name_need_not_be_named(run: Run) -> None:
    assert run.info.benchmark == "own"
    result = show("--wrong")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == show("--wrong", "--data", "own").stdout
    assert "  gold        SELECT max(length) FROM boat" in result.stdout


def test_of_other_questions_nothing_is_shown(run: Run) -> None:
    Path("own").rename("there")
    folder([entry("Which is it?", "name")])
    for typed in ([], ["--data", "own"]):
        result = show("--wrong", *typed)
        assert result.exit_code == 0
        assert "the benchmark is not at hand" in result.stderr
        assert "  gold" not in result.stdout


def entries_with(place: int, **other: str) -> list[dict[str, str]]:
    entries = asked()
    entries[place] |= other
    return entries


def longer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO boat VALUES ('Nora', 17)")
        connection.commit()


CHANGES: dict[str, tuple[Callable[[], object], dict[int, str]]] = {
    "a gold that is now what was answered": (
        lambda: folder(entries_with(3, query="SELECT 17 FROM boat")), {3: "correct"}),
    "a gold that is no longer what was answered": (
        lambda: folder(entries_with(1, query="SELECT 'x' FROM boat")), {1: "wrong_rows"}),
    "a gold that fails now": (lambda: folder(entries_with(1, query="SELECT x FROM boat")), {1: "not judged"}),
    "no gold any more": (lambda: folder(entries_with(1, query="")), {1: "not judged"}),
    "the database": (lambda: longer(Path("own/database/port/port.sqlite")), {3: "wrong_rows"}),
    "a question before them": (lambda: folder([entry("What else is there?", "17"), *asked()]), {}),
    "another order": (lambda: folder(asked()[::-1]), {}),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_no_verdict_of_then_stands_beside_what_is_there_now(run: Run, what: str) -> None:
    change, changed = CHANGES[what]
    own = (Path("run") / "verdicts.jsonl").read_bytes()
    change()
    expected = {0: "correct", 1: "correct", 2: "correct", 3: "wrong_rows"} | changed
    result = show("--data", "own")
    assert result.exit_code == 0, result.output
    assert "run was made with other questions, gold queries or databases of own dev than those here" in result.stderr
    said = {i: result.stdout.partition(answer.id)[2].splitlines()[0] for i, answer in enumerate(run.answers)}
    for i, verdict in expected.items():
        assert verdict in said[i], (i, said[i])
    wrong = show("--data", "own", "--wrong").stdout
    assert [i for i, answer in enumerate(run.answers) if answer.id in wrong] == [
        i for i, verdict in sorted(expected.items()) if verdict != "correct"
    ]
    rescored = CliRunner().invoke(main, ["score", "run", "--data", "own", "--out", "again.jsonl"])
    right = sum(verdict == "correct" for verdict in expected.values())
    assert sum('"correct": true' in line for line in Path("again.jsonl").read_text().splitlines()) == right, rescored
    assert (Path("run") / "verdicts.jsonl").read_bytes() == own


def test_golds_that_a_program_had_changed(tmp_path: Path) -> None:
    benchmark = load("spider:dev", data="own")
    examples = tuple(replace(example, gold_sql="SELECT 17 FROM boat") for example in benchmark.examples)
    evaluate("zero-shot", replace(benchmark, examples=examples), model=model(), out="other", progress=False)
    result = CliRunner().invoke(main, ["show", "other", "--data", "own"])
    assert "with other questions, gold queries" in result.stderr
    assert (result.stdout.count("  correct"), result.stdout.count("  wrong_rows")) == (3, 1)


def test_where_nothing_changed_nothing_is_said(run: Run) -> None:
    result = show("--data", "own")
    assert (result.exit_code, result.stderr) == (0, "")


def test_without_the_benchmark_the_answers_are_shown(run: Run) -> None:
    Path("own").rename("there")
    result = show("--wrong")
    assert result.exit_code == 0
    assert "the benchmark is not at hand: name the folder of own, --data DIR" in result.stderr
    assert "  prediction  SELECT 17 FROM boat" in result.stdout


def test_an_unknown_id_is_refused(run: Run) -> None:
    result = show("dev-9999")
    assert (result.exit_code, result.stderr) == (2, "Error: run has no answer to dev-9999\n")


def test_fail_under(run: Run) -> None:
    for points, code in (("75", 0), ("75.1", 1), ("0", 0), ("100", 1)):
        result = CliRunner().invoke(main, ["score", "run", "--spider", "own", "--fail-under", points])
        assert result.exit_code == code
        assert ("less than the" in result.stderr) == bool(code)
    assert "Error: EX is 75.0, less than the 100 that was asked for" in result.stderr

"""``spider-opt compare``: the table of runs, the file it is written to, and what is committed of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from compared_runs import RUN, fabricate, lines, rows, run

from spider_opt.runs import find_runs

RESULTS = Path(__file__).resolve().parents[2] / "results"

# --- the table ---------------------------------------------------------------------------------


def test_base_first_then_the_best(here: Path) -> None:
    fabricate(here / "runs" / "a", "+---" * 5, method="retry")
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    fabricate(here / "runs" / "c", "++--" * 5, method="cot")
    found = rows("runs/base", "runs")
    assert [row["method"] for row in found] == ["zero-shot", "vote", "cot", "retry"]
    assert [row["change"] for row in found] == [None, 25, 0, -25]
    base, vote, cot, retry = found
    assert (base["p"], base["p_holm"], base["won"], base["n"], base["ex"]) == (None, None, None, 20, 50)
    assert (vote["won"], vote["lost"], vote["p"], vote["p_holm"]) == (5, 0, 0.0625, 0.1875)
    assert (retry["won"], retry["lost"], retry["p"], retry["p_holm"]) == (0, 5, 0.0625, 0.1875)
    assert vote["change_low"] < 25 < vote["change_high"]
    assert (cot["change_low"], cot["change_high"], cot["p_holm"]) == (0, 0, 1)
    costs = {key: value for key, value in base.items() if key.endswith("_per_question")}
    assert costs == {
        "calls_per_question": 2, "prompt_tokens_per_question": 1009.5, "cached_tokens_per_question": 900,
        "completion_tokens_per_question": 30, "s_per_question": 0.5,
    }  # fmt: skip


def test_the_markdown(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    result = run("runs/base", "runs/b")
    assert (result.exit_code, result.stderr) == (0, "")
    table, _, below = result.stdout.partition("\n\n")
    legend, _, power = below.partition("\n\n")
    head, rule, base, vote = table.splitlines()
    assert head == (
        "| method | n | EX | change (95 %) | p | won/lost | calls | prompt tokens (cached) | answer tokens | seconds |"
    )
    assert rule == "| --- |" + " ---: |" * 9
    assert base == "| zero-shot | 20 | 50.0 ± 16.7 | - | - | - | 2.0 | 1,010 (900) | 30 | 0.5 |"
    assert vote.startswith("| vote | 20 | 75.0 ± ")
    assert " | +25.0 (+6.1 to +43.9) | 0.062 | 5/0 | " in vote
    assert "on the same 20 questions" in legend
    assert legend.count("\n") == 0
    assert power.startswith("Could be shown: a change of ")
    assert power.count("\n") == 1


def test_a_run_of_more_questions_is_compared_on_those_of_the_base(here: Path) -> None:
    fabricate(here / "runs" / "whole", "+++-" * 10, method="vote")
    fabricate(here / "sample", "--" * 5, start=8, method="zero-shot:values=0")
    base, *others = rows("sample", "runs/base", "runs/whole")
    assert [base["ex"], base["n"], base["prompt_tokens_per_question"]] == [0, 10, 1012.5]
    assert [(row["ex"], row["n"], row["won"], row["lost"]) for row in others] == [(80, 10, 8, 0), (60, 10, 6, 0)]
    assert {row["prompt_tokens_per_question"] for row in others} == {1012.5}


def test_a_shorter_run_counts_only_if_it_was_named(here: Path) -> None:
    fabricate(here / "runs" / "short", "++++", method="vote")
    fabricate(here / "runs" / "whole", "+" * 20, method="retry")
    found = run("runs/base", "runs", "--json")
    assert [row["method"] for row in json.loads(found.stdout)] == ["zero-shot", "retry"]
    assert found.stderr == (
        "left out: runs/short has 4 of the 20 questions of runs/base; name it to compare on these\n"
    )
    named = run("runs/base", "runs", "runs/short", "--json")
    assert [(row["method"], row["n"]) for row in json.loads(named.stdout)] == [
        ("zero-shot", 4), ("retry", 4), ("vote", 4),
    ]  # fmt: skip
    assert named.stderr == ("16 of the 20 questions of runs/base left out: not all runs have them; see runs/short\n")


def _judged(folder: Path, metric: str, values: list[float | bool | None], **scorer: Any) -> None:
    """Say of each question what a metric gave it, None for nothing."""
    run = json.loads((folder / "run.json").read_text())
    run["scorer"] |= {"metrics": ["official", metric]} | scorer
    (folder / "run.json").write_text(json.dumps(run))
    verdicts = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
    for verdict, value in zip(verdicts, values, strict=True):
        verdict["metrics"] = {"official": verdict["correct"]} | ({} if value is None else {metric: value})
    (folder / "verdicts.jsonl").write_text(lines(verdicts))


def test_by_another_metric_on_the_questions_that_have_it(here: Path) -> None:
    _judged(fabricate(here / "m" / "one", "++--"), "suite", [True, False, False, None], suite="given 1")
    _judged(fabricate(here / "m" / "two", "++--"), "suite", [True, True, True, True], suite="given 1")
    told = json.loads(run("m/one", "m/two", "--metric", "suite", "--json").stdout)
    assert [(line["metric"], line["n"], round(line["ex"], 1)) for line in told] == [
        ("suite", 3, 33.3),
        ("suite", 3, 100.0),
    ]
    assert (told[1]["won"], told[1]["lost"], told[1]["change"]) == (2, 0, 66.6667)
    shown = run("m/one", "m/two", "--metric", "suite").stdout
    assert "| method | run | n | suite | change (95 %) |" in shown
    assert "Judged by suite on the databases given 1." in shown
    assert told[0]["judged_by"] == "suite on the databases given 1"
    by_ex = json.loads(run("m/one", "m/two", "--json").stdout)
    assert (by_ex[1]["n"], by_ex[1]["won"], "metric" in by_ex[1]) == (4, 0, False)


def test_by_a_metric_that_is_a_number(here: Path) -> None:
    _judged(fabricate(here / "m" / "one", "++"), "bird-f1", [0.5, 0.25])
    _judged(fabricate(here / "m" / "two", "++"), "bird-f1", [0.75, 0.0])
    line = json.loads(run("m/one", "m/two", "--metric", "bird-f1", "--json").stdout)[1]
    assert (line["ex"], line["won"], line["lost"], line["change"]) == (37.5, 1, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "match"], "m/one was not judged by match, but by official, suite"),
        (["--metric", "suite"], "m/two was scored by suite on the databases given 2, but m/one by "),
        (["--metric", "suite,strict"], "runs are compared by one metric: name one of suite,strict"),
    ],
)  # fmt: skip
def test_metrics_that_cannot_be_compared(here: Path, arguments: list[str], said: str) -> None:
    _judged(fabricate(here / "m" / "one", "+"), "suite", [True], suite="given 1")
    _judged(fabricate(here / "m" / "two", "+"), "suite", [True], suite="given 2")
    result = run("m/one", "m/two", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_by_database(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    by_query, by_database = rows("runs/base", "runs/b"), rows("runs/base", "runs/b", "--by", "database")
    for one, other in zip(by_query, by_database, strict=True):
        differing = {key for key in one if one[key] != other[key]}
        assert {"ex_se"} <= differing <= {"ex_se", "change_low", "change_high", "p_clustered", "smallest"}
    assert "questions of one database" in run("runs/base", "runs/b", "--by", "database").stdout


def test_the_same_run_twice_is_one_row(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, method="vote")
    (here / "link").symlink_to(here / "runs" / "b")
    assert len(rows("runs/base", "runs/b", "runs", "link", "runs/b/", "./runs/base")) == 2


def test_methods_that_are_called_the_same_are_told_apart(here: Path) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5, model="larger")
    assert run("runs/base", "runs").stdout.startswith("| method | model | n |")
    fabricate(here / "runs" / "c", "+++-" * 5, model="larger", seed=1)
    assert run("runs/base", "runs").stdout.startswith("| method | model | run | n |")
    (here / "runs" / "b" / "verdicts.jsonl").unlink()
    (here / "runs" / "c" / "run.json").write_text(json.dumps(RUN | {"n": 20}))
    assert run("runs/base", "runs").stdout.startswith("| method | run | n |")


def test_one_question_has_no_interval(here: Path) -> None:
    fabricate(here / "one", "-")
    fabricate(here / "other", "+", method="vote")
    found = rows("one", "other")[1]
    assert (found["change"], found["change_low"], found["ex_se"], found["p_holm"]) == (100, None, None, 1)
    assert "| 100.0 ± - | +100.0 (-) | 1.000 | 1/0 |" in run("one", "other").stdout


def test_no_minus_before_nothing(here: Path) -> None:
    fabricate(here / "a", "+" * 3000)
    fabricate(here / "b", "+" * 2999 + "-", method="vote")
    assert "| +0.0 (-0.1 to +0.0) | 1.000 | 0/1 |" in run("a", "b").stdout


# --- --out -------------------------------------------------------------------------------------


def test_out_says_which_command_made_it(here: Path) -> None:
    fabricate(here / "runs" / "b's", "+++-" * 5, method="vote")
    result = run("runs/base", "runs", "runs/b's", "--by", "database", "--out", "new/results/table.md")
    assert result.exit_code == 0
    assert result.stderr == "written: new/results/table.md\n"
    first, empty, *rest = (here / "new" / "results" / "table.md").read_text().splitlines(keepends=True)
    assert first == (
        "Made by `spider-opt compare runs/base runs 'runs/b'\"'\"'s' --by database --out new/results/table.md`.\n"
    )
    assert empty == "\n"
    assert "".join(rest) == result.stdout
    before = (here / "new" / "results" / "table.md").read_bytes()
    run("runs/base", "runs", "runs/b's", "--by", "database", "--json", "--out", "new/results/table.md")
    assert (here / "new" / "results" / "table.md").read_bytes() == before
    assert [path.name for path in (here / "new" / "results").iterdir()] == ["table.md"]


@pytest.mark.parametrize(
    ("out", "said"),
    [("file/table.md", "file/table.md cannot be written (file is no folder)"), ("runs", "'runs' is a directory"),
     ("file/deeper/table.md", "file/deeper/table.md cannot be written (file is no folder)")],
)  # fmt: skip
def test_where_nothing_can_be_written(here: Path, out: str, said: str) -> None:
    fabricate(here / "runs" / "b", "+++-" * 5)
    (here / "file").write_text("")
    result = run("runs/base", "runs/b", "--out", out)
    assert (result.exit_code, result.stdout) == (2, "")
    assert isinstance(result.exception, SystemExit)
    assert said in result.stderr.splitlines()[-1]


def test_a_refusal_leaves_the_file_as_it_was(here: Path) -> None:
    fabricate(here / "b", "++", fingerprint="g")
    (here / "table.md").write_text("old")
    assert run("runs/base", "b", "--out", "table.md").exit_code == 2
    assert (here / "table.md").read_text() == "old"


# --- what is committed -------------------------------------------------------------------------


def test_the_committed_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    base, trials = Path("results/trials/zero-shot"), Path("results/trials")
    if not base.exists():
        pytest.skip("no trials here")
    right = {
        folder.name: {v["index"] for v in map(json.loads, path.read_text().splitlines()) if v["correct"]}
        for folder in find_runs(trials)
        if (path := folder / "verdicts.jsonl").exists()
    }
    first, *others = rows(str(base), str(trials))
    assert first["run"] == "zero-shot"
    assert len(others) >= 5
    assert [row["ex"] for row in others] == sorted((row["ex"] for row in others), reverse=True)
    for row in others:
        assert row["n"] == first["n"]
        assert row["won"] == len(right[row["run"]] - right["zero-shot"])
        assert row["lost"] == len(right["zero-shot"] - right[row["run"]])
        assert row["change"] == pytest.approx(row["ex"] - first["ex"], abs=2e-4)
        assert row["change_low"] <= row["change"] <= row["change_high"]
        assert row["p"] <= row["p_holm"] <= 1


def test_the_committed_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RESULTS.parent)
    dev, mini = (f"results/runs/zero-shot-qwen2.5-coder-0.5b-spider-{name}" for name in ("dev", "mini-test"))
    if not (Path(dev).exists() and Path(mini).exists()):
        pytest.skip("no runs here")
    result = run(dev, mini)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {mini} was asked spider-mini test, but {dev} was asked spider dev\n"


def test_out_writes_over_nothing_but_its_own_tables(here: Path) -> None:
    fabricate(here / "b", "+++-" * 5)
    (here / "answers.txt").write_text("SELECT 1\n")
    result = run("runs/base", "b", "--out", "answers.txt")
    assert result.exit_code == 2
    assert "answers.txt is there and holds no table of spider-opt compare: name another file" in result.stderr
    assert (here / "answers.txt").read_text() == "SELECT 1\n"
    for _ in range(2):
        assert run("runs/base", "b", "--out", "table.md").exit_code == 0


def test_a_sample_was_not_asked_other_questions(here: Path) -> None:
    fabricate(here / "whole", "+" * 20, questions="a" * 16, schemas="a" * 16)
    fabricate(here / "part", "+" * 10, questions="b" * 16, schemas="b" * 16, sample="some")
    assert "beside" not in run("whole", "part").stdout

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.errors import RunError, UsageError
from spider_opt.runs import Run, find_runs
from spider_opt.scoring.report import cluster_of
from spider_opt.scoring.statistics import clustered_se
from spider_opt.types import Benchmark, Example, Question, Schema

Fabricate = Callable[..., Path]
BENCHMARK = Benchmark(
    "spider",
    "dev",
    tuple(
        Example(
            i,
            Question(f"dev-{i:04d}", f"How many, {i}?", Schema("shop", ())),
            f"GOLD {i}",
            {"difficulty": "simple"} if i < 3 else {},
        )
        for i in range(6)
    ),
    {},
    {},
    6,
    "0123456789abcdef",
)


def judged_on(folder: Path, benchmark: Benchmark) -> Path:
    """Have a run's verdicts name the gold queries of a benchmark."""
    path = folder / "verdicts.jsonl"
    clusters = [cluster_of(example) for example in benchmark.examples]
    told = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(one | {"cluster": clusters[one["index"]]}) + "\n" for one in told))
    return folder


def test_what_a_run_came_to(fabricate: Fabricate) -> None:
    run = Run.read(fabricate())
    assert (run.n, run.ex, run.name, str(run.scorer)) == (5, 60.0, "run", "official v1")
    assert run.ex_se == clustered_se([True, True, False, False, True], "aabcd")
    assert (run.usage.calls, run.usage.seconds) == (10, 2.5)  # the sixth answer does not count
    assert [(answer.id, scored.outcome) for answer, scored in run.judged][2:4] == [
        ("dev-0002", "wrong_rows"), ("dev-0003", "timeout")
    ]  # fmt: skip
    assert run.failed_golds == ((5, "its gold query fails"),)
    assert len(run.answers) == 6


def test_questions_without_a_database_are_told_wherever_it_is_shown(fabricate: Fabricate) -> None:
    run = Run.read(fabricate())
    assert str(replace(run, info=replace(run.info, missing={}), failed_golds=())).endswith(", n=5")
    lacking = replace(run, info=replace(run.info, missing={"wta_1": 60, "shop": 2}, n_total=1034))
    for shown in (str(lacking), repr(lacking), lacking._repr_html_()):
        assert "n=5 (62 of 1,034 questions left out, without a database; 1 left out, whose gold query fails)" in shown


def test_the_interval_is_of_queries_or_of_databases(fabricate: Fabricate) -> None:
    run = Run.read(fabricate())
    low, high = run.interval()
    assert 0 <= low < 60 < high <= 100
    assert run.interval() == run.interval(seed=0)
    # One of the two databases is all right, the other all wrong.
    assert run.interval("database") == pytest.approx((0, 100), abs=1e-6)


def test_by_hardness_and_by_database(fabricate: Fabricate) -> None:
    run = Run.read(fabricate())
    levels = run.by("hardness")
    assert list(levels.index) == ["easy", "medium", "hard", "-"]
    assert [list(row) for row in levels[["n", "ex"]].to_numpy()] == [[2, 100], [1, 100], [1, 0], [1, 0]]
    databases = run.by("database")
    assert (databases.index.name, dict(databases["n"])) == ("database", {"shop": 3, "zoo": 2})
    assert databases.loc["shop", "ex_se"] == 0
    assert math.isnan(levels.loc["hard", "ex_se"])


def test_by_what_the_benchmark_tells(fabricate: Fabricate) -> None:
    folder = judged_on(fabricate(), BENCHMARK)
    parts = Run.read(folder, BENCHMARK).by("difficulty")
    assert [(name, row["n"], row["ex"]) for name, row in parts.iterrows()] == [("simple", 3, 66.6667), ("-", 2, 50)]
    with pytest.raises(
        UsageError, match=r"by 'difficulty', but by hardness, database \(read the run with its benchmark"
    ):
        Run.read(folder).by("difficulty")
    with pytest.raises(UsageError, match=r"no parts by 'mood', but by hardness, database, difficulty, tables, joins, "):
        Run.read(folder, BENCHMARK).by("mood")


def test_the_table_has_a_row_for_each_answer(fabricate: Fabricate) -> None:
    table = Run.read(fabricate()).table()
    assert list(table.columns) == [
        "id", "db_id", "sql", "answer", "outcome", "correct", "detail", "hardness",
        "calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "dollars", "recall_tables",
    ]  # fmt: skip
    assert list(table["correct"]) == [True, True, False, False, True, None]
    assert table.loc[2].to_dict() == {
        "id": "dev-0002", "db_id": "zoo", "sql": "SELECT 2", "answer": "", "outcome": "wrong_rows", "correct": False,
        "detail": "so it is", "hardness": "hard", "calls": 2, "prompt_tokens": 100, "cached_tokens": 0,
        "completion_tokens": 0, "seconds": 0.5, "dollars": 0.0, "recall_tables": 0.2,
    }  # fmt: skip


def test_with_the_benchmark_there_are_questions_and_golds(fabricate: Fabricate) -> None:
    folder = judged_on(fabricate(), BENCHMARK)
    table = Run.read(folder, BENCHMARK).table()
    assert list(table.columns)[:5] == ["id", "db_id", "question", "gold", "sql"]
    assert (table.loc[3, "question"], table.loc[3, "gold"]) == ("How many, 3?", "GOLD 3")
    path = folder / "predictions.jsonl"
    path.write_text(
        path.read_text().replace('"sql": "SELECT 3"', '"sql": "SELECT 3", "answer": "-- {question} SELECT"')
    )
    assert Run.read(folder).table().loc[3, "answer"] == "-- {question} SELECT"
    assert Run.read(folder, BENCHMARK).table().loc[3, "answer"] == "-- How many, 3? SELECT"
    other = replace(BENCHMARK, fingerprint="other")
    with pytest.raises(RunError, match=r"run was made with other questions or databases of spider dev than"):
        Run.read(folder, other)
    golds = replace(BENCHMARK, examples=tuple(replace(each, gold_sql="SELECT 1") for each in BENCHMARK.examples))
    with pytest.raises(RunError, match=r"^the verdicts in .*run are about other gold queries of spider dev than"):
        Run.read(folder, golds)  # whose files are the same: a program has changed them


def test_the_summary_is_the_scorers(fabricate: Fabricate) -> None:
    scorer = {"mode": "strict", "keep_distinct": False, "timeout_s": 1.0, "version": "0"}
    summary = Run.read(fabricate(scorer=scorer)).summary()
    assert (summary["n"], summary["ex"], summary["skipped"], summary["failed_golds"]) == (5, 60, 2, [5])
    assert summary["by_hardness"]["extra"] == {"n": 0, "ex": None}
    assert summary["outcomes"]["timeout"] == 1
    assert (summary["mode"], summary["scorer_version"], summary["timeout_s"]) == ("strict", "0", 1.0)


def test_what_a_notebook_shows(fabricate: Fabricate) -> None:
    run = Run.read(fabricate(method="a<b"))
    assert repr(run) == f"<Run {run}>"
    assert str(run).startswith(f"a<b with fake on spider dev: EX 60.0 ± {run.ex_se:.1f}, n=5 (1 of 1,034 ")
    page = run._repr_html_()
    assert page.startswith("<p>a&lt;b with fake on spider dev: EX 60.0 ")
    assert "<th>easy</th>" in page


# --- what is no finished run -------------------------------------------------------------------


def test_an_unfinished_run_is_none(fabricate: Fabricate, tmp_path: Path) -> None:
    (fabricate("no-verdicts") / "verdicts.jsonl").unlink()
    fabricate("not-scored", without="scorer")
    for name in ("not-scored", "no-verdicts"):
        with pytest.raises(RunError, match=f"the run in .*{name} is unfinished: evaluate it again"):
            Run.read(str(tmp_path / name))
    with pytest.raises(RunError, match="no run in"):
        Run.read(tmp_path)


@pytest.mark.parametrize("name", ["predictions.jsonl", "verdicts.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]\n", b"{}\n", b"\xff\n", b"null\n"])
def test_a_broken_file_is_one_sentence(fabricate: Fabricate, name: str, content: bytes) -> None:
    folder = fabricate()
    (folder / name).write_bytes(content)
    with pytest.raises(RunError, match=r"evaluate it again|is not an answer|cannot be read") as caught:
        Run.read(folder)
    assert str(folder) in str(caught.value)


# --- finding -----------------------------------------------------------------------------------


def test_runs_are_found_in_folders_and_as_folders_each_once(fabricate: Fabricate, tmp_path: Path) -> None:
    (tmp_path / "runs" / "deeper").mkdir(parents=True)
    one, two = fabricate("runs/b"), fabricate("runs/a")
    fabricate("runs/deeper/c")
    (tmp_path / "runs" / "empty").mkdir()
    assert find_runs(tmp_path / "runs") == [two, one]
    assert find_runs(one) == [one]
    assert find_runs(one, tmp_path / "runs", two / ".." / "a") == [one, two]
    assert find_runs(tmp_path / "nowhere") == []
    assert find_runs() == []


@pytest.mark.parametrize(
    ("format", "cut", "n", "says"),
    [
        (1, "predictions.jsonl", 6, "of 6 answers it has 5"),
        (2, "predictions.jsonl", 6, "of 6 answers it has 5"),
        (2, "verdicts.jsonl", 6, "1 answers have no verdict"),
        (1, "", 7, "of 7 answers it has 6"),
    ],
)
def test_a_run_that_has_lost_answers_or_verdicts_is_no_smaller_run(
    fabricate: Fabricate, format: int, cut: str, n: int, says: str
) -> None:
    """Cut by whoever copied it: fewer questions would count, and nothing would say so."""
    failed = {"dev-0005": "no such table"}
    folder = fabricate(format=format, n=n, failed_golds=failed)
    if cut:
        lines = (folder / cut).read_text().splitlines(keepends=True)
        del lines[0 if cut == "verdicts.jsonl" else -1]
        (folder / cut).write_text("".join(lines))
    with pytest.raises(RunError, match=says):
        Run.read(folder)


def test_why_golds_fail_is_kept(fabricate: Fabricate) -> None:
    run = Run.read(fabricate(format=2, failed_golds={"dev-0005": "no such table: x"}))
    assert run.failed_golds == ((5, "no such table: x"),)
    assert run.n == 5
    with pytest.raises(RunError, match="is broken"):
        Run.read(fabricate("other", format=2, failed_golds={"dev-0000": "it has a verdict, too"}))


def test_a_run_whose_golds_all_fail_says_why_and_not_to_ask_again(fabricate: Fabricate) -> None:
    folder = fabricate(format=2, failed_golds={f"dev-{number:04}": "no such table: x" for number in range(6)})
    (folder / "verdicts.jsonl").write_text("")
    with pytest.raises(
        RunError, match=r"no question of .*run counts, since all gold queries fail, .*: no such table: x"
    ):
        Run.read(folder)

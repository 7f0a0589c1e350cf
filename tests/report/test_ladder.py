from __future__ import annotations

import csv
import io
import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from real_spider import real_spider

from spider_opt.analysis.ablation import comparable
from spider_opt.analysis.ablation import to_markdown as compared_markdown
from spider_opt.benchmarks import load
from spider_opt.errors import PredictionsError, UsageError
from spider_opt.report import RUNGS, Ladder, climb, recorded_systems
from spider_opt.report.ladder import TALK, System, with_beside
from spider_opt.report.table import cells, to_csv, to_markdown
from spider_opt.types import Benchmark

ROOT = Path(__file__).resolve().parents[2]
ZERO_SHOT = "zero-shot:schema=ddl,keys=yes,rows=0,values=3,form=chat,rules=no"
STEPS = {
    "zero-shot": ZERO_SHOT,
    "repair": f"repair:k=4,rows=yes,values=yes+{ZERO_SHOT}",
    "schema+repair": f"schema:tables=none,columns=none,values=3+repair:k=4,rows=yes,values=yes+{ZERO_SHOT}",
}
RUN = {
    "model": "fake", "model_sha256": "", "adapter_sha256": "", "benchmark": "spider", "split": "dev", "sample": "",
    "fingerprint": "f", "seed": 0, "version": "0.1.0", "commit": "c",
    "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
}  # fmt: skip
THREE = (("prompt", "zero-shot"), ("+ repair", "repair"), ("+ RAG", "rag"))


def fabricate(folder: Path, method: str, marks: str, **changes: Any) -> Path:
    """Write a run with a right (+) or wrong (-) answer to each question, two to a gold query."""
    folder.mkdir(parents=True)
    run = RUN | {"method": method, "steps": STEPS.get(method, method), "n": len(marks)} | changes
    (folder / "run.json").write_text(json.dumps({key: value for key, value in run.items() if value is not None}))
    answers, verdicts = [], []
    for index, mark in enumerate(marks):
        usage = {"calls": 1, "prompt_tokens": 1000, "cached_tokens": 900, "completion_tokens": 30, "seconds": 0.5}
        answers.append({"index": index, "id": f"dev-{index:04d}", "db_id": "db", "sql": "SELECT 1", "usage": usage})
        told = {"outcome": "correct" if mark == "+" else "wrong_rows", "detail": "", "hardness": "easy"}
        verdicts.append({"index": index, "db_id": "db", "correct": mark == "+", **told, "cluster": f"c{index // 2}"})
    (folder / "predictions.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in answers))
    (folder / "verdicts.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in verdicts))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs of three rungs, each better than the one before."""
    folder = tmp_path / "runs"
    fabricate(folder / "a", "zero-shot", "++--" * 5)
    fabricate(folder / "b", "repair", "+++-" * 5)
    fabricate(folder / "c", "schema+repair", "++++" * 4 + "+++-")
    return folder


def look(folder: Path, rungs: Any = THREE, **options: Any) -> tuple[Ladder, list[str]]:
    told: list[str] = []
    return climb(rungs, [folder], "fake", "spider dev", tell=told.append, **options), told


def exs(ladder: Ladder) -> list[float | None]:
    return [rung.line.ex if rung.line else None for rung in ladder.rungs]


# --- rungs -------------------------------------------------------------------------------------


def test_rungs_bottom_to_top_each_against_the_one_below(runs: Path) -> None:
    ladder, told = look(runs)
    assert told == []
    assert exs(ladder) == [50, 75, 95]
    assert ladder.missing == []
    assert gains(ladder) == [None, (25, 5, 0), (20, 4, 0)]
    line = ladder.rungs[2].line
    assert line
    assert line.method == "schema+repair"  # found though the rung calls it rag


def gains(ladder: Ladder) -> list[tuple[float, int, int] | None]:
    """Return points, won and lost of each rung that was run."""
    against = [rung.line.against for rung in ladder.rungs if rung.line]
    return [paired and (paired.change, paired.won, paired.lost) for paired in against]


def test_the_numbers_are_those_of_compare(runs: Path) -> None:
    ladder, _ = look(runs)
    for below, rung in pairwise(ladder.rungs):
        assert below.run
        assert below.run.folder
        assert rung.run
        assert rung.run.folder
        _, line = comparable(below.run.folder, [rung.run.folder]).lines()
        said = line.cells()
        assert rung.line
        assert {**rung.line.cells(), "p": said["p"], "p_holm": said["p_holm"]} == said


def test_a_rung_that_was_not_run_is_stepped_over(runs: Path) -> None:
    shutil.rmtree(runs / "b")
    ladder, _ = look(runs)
    assert exs(ladder) == [50, None, 95]
    assert [rung.method for rung in ladder.missing] == ["repair"]
    assert gains(ladder) == [None, (45, 9, 0)]


def test_nothing_was_run(tmp_path: Path) -> None:
    ladder, told = look(tmp_path)
    assert (exs(ladder), told, len(ladder.missing)) == ([None] * 3, [], 3)


def test_other_models_benchmarks_and_samples_do_not_count(tmp_path: Path) -> None:
    changes = ({"model": "other"}, {"split": "train"}, {"benchmark": "spider-mini"}, {"sample": "dev-250"})
    for i, change in enumerate(changes):
        fabricate(tmp_path / str(i), "zero-shot", "++++", **change)
    ladder, told = look(tmp_path)
    assert (exs(ladder), told) == ([None] * 3, [])


def test_the_tuned_model_may_have_its_own_name(runs: Path) -> None:
    fabricate(runs / "d", "finetune", "+" * 20, model="fake-tuned")
    fabricate(runs / "e", "finetune", "-" * 20)
    rungs = (("prompt", "zero-shot"), ("fine-tune", "finetune"))
    assert exs(look(runs, rungs, tuned="fake-tuned")[0]) == [50, 100]
    assert exs(look(runs, rungs)[0]) == [50, 0]


def test_a_method_is_known_by_its_steps_not_by_its_label(tmp_path: Path) -> None:
    earlier = fabricate(tmp_path / "earlier", "rag", "++++", steps=f"fewshot:k=3+repair:k=4+{ZERO_SHOT}")
    ladder, _ = look(tmp_path)
    assert exs(ladder) == [None, None, None], "rag stood for something else then"
    shutil.rmtree(earlier)
    fabricate(tmp_path / "other-default", "zero-shot", "++++", steps=ZERO_SHOT.replace("values=3", "values=1"))
    assert exs(look(tmp_path)[0]) == [None, None, None]
    fabricate(tmp_path / "fewer-options", "zero-shot", "++++", steps="zero-shot:schema=ddl")
    assert exs(look(tmp_path)[0]) == [100, None, None]


def test_a_run_of_before_an_option_had_its_default(tmp_path: Path) -> None:
    """A vote of before there were orders is none over eight of them."""
    rungs = [("vote", "vote"), ("in orders", "vote:orders=8")]
    then = "vote:n=8,temperature=0.7,greedy=yes,chunk=none,nonempty=no"
    fabricate(tmp_path / "vote", "vote", "+++-", steps=f"{then}+{ZERO_SHOT}")
    assert exs(look(tmp_path, rungs)[0]) == [75, None]
    fabricate(tmp_path / "orders", "vote:orders=8", "++++", steps=f"{then},orders=8+{ZERO_SHOT}")
    assert exs(look(tmp_path, rungs)[0]) == [75, 100]


def test_a_step_that_is_not_installed_is_known_by_its_label(tmp_path: Path) -> None:
    fabricate(tmp_path / "a", "nobody-has-this:k=1", "++++")
    rungs = (("mine", "nobody-has-this:k=1"), ("other", "nobody-has-this"))
    assert exs(look(tmp_path, rungs)[0]) == [100, None]


# --- runs that do not go together --------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"fingerprint": "g"}, {"scorer": RUN["scorer"] | {"mode": "strict"}}],  # type: ignore[operator]
    ids=["other databases", "other scorer"],
)  # fmt: skip
def test_what_most_rungs_have_counts(runs: Path, change: dict[str, Any]) -> None:
    shutil.rmtree(runs / "a")
    fabricate(runs / "a", "zero-shot", "++++" * 5, **change)
    ladder, told = look(runs)
    assert exs(ladder) == [None, 75, 95]
    [sentence] = told
    assert sentence.startswith(f"left out: {runs / 'a'} was asked or judged otherwise than most (n=20, ")


def test_of_a_limited_and_a_whole_run_the_whole_one_counts(runs: Path) -> None:
    fabricate(runs / "a-20", "zero-shot", "++++")
    assert exs(look(runs)[0]) == [50, 75, 95]
    shutil.rmtree(runs / "a")
    ladder, told = look(runs)
    assert exs(ladder) == [None, 75, 95]
    assert "(n=4, official v1)" in told[0]
    shutil.rmtree(runs / "c")
    assert exs(look(runs)[0]) == [None, 75, None], "of as many the one with more questions"


def test_of_two_runs_the_first_seed_counts_and_not_the_better_one(runs: Path) -> None:
    fabricate(runs / "0", "zero-shot", "+" * 20, seed=7)
    ladder, told = look(runs)
    assert exs(ladder)[0] == 50
    assert told == [f"left out: {runs / '0'} is a run of zero-shot too; taken: {runs / 'a'}"]


def test_unfinished_and_broken_runs_are_named(runs: Path) -> None:
    (runs / "a" / "verdicts.jsonl").unlink()
    (runs / "b" / "verdicts.jsonl").write_text("{")
    ladder, told = look(runs)
    assert exs(ladder) == [None, None, 95]
    assert "is unfinished" in told[0]
    assert "is broken" in told[1]


def test_a_broken_description_is_one_sentence(runs: Path) -> None:
    for text in ("{", "[]", "{}"):
        (runs / "a" / "run.json").write_text(text)
        ladder, told = look(runs)
        assert exs(ladder) == [None, 75, 95]
        assert told
    said = RUN | {"method": "zero-shot", "steps": 3}
    (runs / "a" / "run.json").write_text(json.dumps(said))
    assert exs(look(runs)[0]) == [None, 75, 95]


def test_with_the_benchmark_only_its_whole_runs_count(tmp_path: Path) -> None:
    benchmark = load("spider-mini:test")
    marks = "+" * len(benchmark.examples)
    right = {"benchmark": "spider-mini", "split": "test", "fingerprint": benchmark.fingerprint}
    fabricate(tmp_path / "a", "zero-shot", marks, **right)
    fabricate(tmp_path / "b", "repair", marks[:-1], **right)
    fabricate(tmp_path / "c", "schema+repair", marks, **right | {"fingerprint": "g"})
    told: list[str] = []
    ladder = climb(THREE, [tmp_path], "fake", "spider-mini test", whole=benchmark, tell=told.append)
    assert exs(ladder) == [100, None, None]
    assert [sentence.split(" has ")[0] for sentence in told] == [f"left out: {tmp_path / name}" for name in "bc"]


# --- the talk ----------------------------------------------------------------------------------


def test_the_talks_figures_stand_at_the_first_rung_of_their_kind(tmp_path: Path) -> None:
    methods = ["repair", "zero-shot", "rag", "hyde", "finetune+repair", "finetune", "fewshot+finetune",
               "finetune+rag", "nobody-has-this"]  # fmt: skip
    ladder, _ = look(tmp_path, [(method, method) for method in methods])
    assert [rung.talk for rung in ladder.rungs] == [69, None, None, None, 82, None, 83.5, None, None]


def test_beside_questions_of_another_benchmark_the_talk_tells_nothing(tmp_path: Path) -> None:
    fabricate(tmp_path / "a", "zero-shot", "++--" * 5, benchmark="spider-mini", split="test")
    ladder = climb(THREE, [tmp_path], "fake", "spider-mini test", tell=lambda said: None)
    assert [rung.talk for rung in ladder.rungs] == [None] * 3
    assert "alk" not in to_markdown(ladder)


def test_the_rungs_go_from_the_prompt_to_fine_tuning_with_retrieval(tmp_path: Path) -> None:
    ladder, _ = look(tmp_path, RUNGS)
    assert [rung.talk for rung in ladder.rungs if rung.talk] == list(TALK.values())
    assert RUNGS[0][1] == "zero-shot"
    assert {rung.method: rung.talk for rung in ladder.rungs}["finetune+rag"] == 83.5
    assert len({name for name, _ in RUNGS}) == len({method for _, method in RUNGS}) == len(RUNGS)


# --- recorded systems --------------------------------------------------------------------------


@pytest.fixture
def mini(tmp_path: Path) -> tuple[Benchmark, Ladder]:
    """The bundled benchmark, and a ladder with one run of its first 40 questions."""
    benchmark = load("spider-mini:test")
    changes = {"benchmark": "spider-mini", "split": "test", "fingerprint": benchmark.fingerprint}
    fabricate(tmp_path / "mini", "zero-shot", "+-" * 20, **changes)
    return benchmark, climb(THREE, [tmp_path / "mini"], "fake", "spider-mini test")


def test_recorded_systems_are_judged_on_the_same_questions(mini: tuple[Benchmark, Ladder], tmp_path: Path) -> None:
    benchmark, ladder = mini
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    golds = [f"{example.gold_sql}\t{example.question.db_id}\n" for example in benchmark.examples]
    wrong = [f"SELECT nothing\t{example.question.db_id}\n" for example in benchmark.examples]
    (recorded / "mine.txt").write_text("".join(golds))
    (recorded / "gpt4_zero_shot.txt").write_text("".join(golds[:10] + wrong[10:]))
    (recorded / "README.md").write_text("no answers")
    worse, better = recorded_systems(recorded, benchmark, ladder)
    assert (better.name, better.n, better.ex, better.ex_se) == ("mine", 40, 100, 0)
    assert (worse.name, worse.n, worse.ex) == ("GPT-4, zero-shot", 40, 25)
    assert worse.ex_se > 0


def test_recorded_answers_that_do_not_fit_are_refused(mini: tuple[Benchmark, Ladder], tmp_path: Path) -> None:
    benchmark, ladder = mini
    with pytest.raises(UsageError, match="no recorded answers in"):
        recorded_systems(tmp_path, benchmark, ladder)
    (tmp_path / "few.txt").write_text("SELECT 1\n")
    with pytest.raises(PredictionsError, match="there is 1 answer for the 125 questions"):
        recorded_systems(tmp_path, benchmark, ladder)
    with pytest.raises(UsageError, match="other questions or databases of spider-mini test"):
        recorded_systems(tmp_path, load("spider-mini:train"), ladder)


def test_recorded_systems_score_as_published(shared: Path) -> None:

    ladder = climb(RUNGS[:1], [ROOT / "results" / "runs"], "qwen2.5-coder-0.5b", "spider dev")
    benchmark = real_spider("dev", shared)
    if ladder.missing or not ladder.rungs[0].run:
        pytest.skip("no run on Spider dev here")
    if ladder.rungs[0].run.info.fingerprint != benchmark.fingerprint:
        pytest.skip("other databases than the run was made with")
    found = {system.name: system for system in recorded_systems(shared / "predictions", benchmark, ladder)}
    assert round(found["GPT-4, zero-shot"].ex, 2) == 73.05
    assert round(found["DAIL-SQL + vote"].ex, 2) == 83.85
    assert {system.n for system in found.values()} == {972}
    assert all(1 < system.ex_se < 2.5 for system in found.values())


# --- the table ---------------------------------------------------------------------------------


def test_the_markdown(runs: Path) -> None:
    shutil.rmtree(runs / "c")
    ladder, _ = look(runs, (*THREE, ("fine-tune", "finetune")))
    table, _, legend = to_markdown(with_systems(ladder, System("a|b", 20, 60.0, float("nan")))).partition("\n\n")
    head, rule, prompt, repair, tuned, system = table.splitlines()
    assert head == (
        "| rung | method | n | EX | gain (95 %) | talk | prompt tokens (cached) | answer tokens | seconds "
        "| computed by |"
    )
    assert rule == "| --- | --- |" + " ---: |" * 7 + " --- |"
    assert prompt == "| prompt | `zero-shot` | 20 | 50.0 ± 16.7 | - | 69.0 | 1,000 (900) | 30 | 0.5 | endpoint |"
    assert repair.startswith("| + repair | `repair` | 20 | 75.0 ± ")
    assert " | +25.0 (+6.1 to +43.9) | - | " in repair
    assert tuned == "| fine-tune | `finetune` | - | not run | - | 82.0 | - | - | - | - |"
    assert system == "| a\\|b | recorded | 20 | 60.0 ± - | - | - | - | - | - | - |"
    assert "fake on spider dev, scorer official v1" in legend
    assert legend.count("\n") == 1


SCORER = RUN["scorer"]
BESIDE: dict[str, tuple[dict[str, Any], str]] = {
    "adapter": ({"adapter_sha256": "cd" * 32}, "adapter abababab → cdcdcdcd"),
    "engine": (
        {"engine": "torch int8", "side_by_side": 32, "endpoint": ""},
        "engine endpoint → torch int8, 32 side by side",
    ),
    "one by one and side by side": ({"side_by_side": 8}, "engine endpoint → endpoint, 8 side by side"),
    "time-out": ({"scorer": SCORER | {"timeout_s": 5.0}}, "time-out 10 s → 5 s"),
    "seed": ({"seed": 1}, "seed 0 → 1"),
    "how it is asked": ({"manner": "system=no"}, "asked as usual → system=no"),
    "endpoint": ({"endpoint": "http://b"}, "endpoint http://a → http://b"),
    "SQLite": ({"versions": {"sqlite": "3.50"}}, "SQLite 3.40 → 3.50"),
}


@pytest.mark.parametrize(("change", "said"), BESIDE.values(), ids=BESIDE)
def test_what_changed_beside_the_step_is_said(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    base = {"adapter_sha256": "ab" * 32, "endpoint": "http://a", "versions": {"sqlite": "3.40"}}
    fabricate(tmp_path / "a", "zero-shot", "++--" * 5, **base)
    fabricate(tmp_path / "b", "repair", "+++-" * 5, **base | change)
    ladder, _ = look(tmp_path)
    line = ladder.rungs[1].line
    assert line
    assert said in line.beside
    assert said in to_markdown(ladder)
    [_, compared] = comparable(tmp_path / "a", [tmp_path / "b"]).lines()
    assert compared.beside == line.beside
    assert said in compared_markdown([_, compared])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"engine": "torch int8"}, {"engine": "torch int8", "side_by_side": 32}, ()),
        ({"engine": "torch int8", "side_by_side": 32}, {"engine": "torch int8"}, ()),
        (
            {"engine": "torch int8", "side_by_side": 8},
            {"engine": "torch int8", "side_by_side": 32},
            ("engine torch int8, 8 side by side → torch int8, 32 side by side",),
        ),
        (
            {"engine": "", "model_sha256": "ab" * 32, "computed_by": "llama 1"},
            {"engine": "torch int8", "model_sha256": "ab" * 32, "computed_by": "torch 2"},
            ("engine llama.cpp, one by one → torch int8, side by side",),
        ),
        (
            {"engine": "torch int8", "side_by_side": 8, "computed_by": "torch 2"},
            {"engine": "torch int8", "side_by_side": 8, "computed_by": "torch 3"},
            ("version torch 2 → torch 3",),
        ),
    ],
)
def test_what_is_not_known_or_follows_from_the_engine_is_not_said(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], said: tuple[str, ...]
) -> None:
    fabricate(tmp_path / "a", "zero-shot", "++--" * 5, endpoint="", **before)
    fabricate(tmp_path / "b", "repair", "+++-" * 5, endpoint="", **after)
    ladder, _ = look(tmp_path)
    assert ladder.rungs[1].line
    assert ladder.rungs[1].line.beside == said


def test_an_adapter_is_the_step_where_one_is_tuned(tmp_path: Path) -> None:
    fabricate(tmp_path / "a", "zero-shot", "++--" * 5)
    fabricate(tmp_path / "b", "finetune", "+++-" * 5, steps="finetune:adapter=spider", adapter_sha256="ab" * 32)
    ladder, _ = look(tmp_path, (("prompt", "zero-shot"), ("fine-tune", "finetune")))
    assert ladder.rungs[1].line
    assert ladder.rungs[1].line.beside == ()
    assert "beside" not in to_markdown(ladder)


@pytest.mark.parametrize(
    ("model", "adapter", "is_it"),
    [
        ("qwen2.5-coder-0.5b", "spider", True),
        ("qwen2.5-coder-1.5b", "spider-1.5b", True),
        ("qwen2.5-coder-1.5b", "mine", False),
        ("qwen2.5-coder-0.5b", "spider-1.5b", False),
        ("gpt-4.1-nano", "spider", True),
        ("smollm2-135m", "spider", False),
    ],
)
def test_the_tuned_rung_is_a_run_by_the_models_own_adapter(
    tmp_path: Path, model: str, adapter: str, is_it: bool
) -> None:
    steps = f"finetune:adapter={adapter}"
    fabricate(tmp_path / "b", "finetune", "+++-" * 5, steps=steps, adapter_sha256="ab" * 32, model=model)
    ladder = climb((("fine-tune", "finetune"),), [tmp_path], model, "spider dev")
    assert [rung.run is not None for rung in ladder.rungs] == [is_it]


def with_systems(ladder: Ladder, *systems: System) -> Ladder:
    return Ladder(ladder.model, ladder.benchmark, ladder.scorer, ladder.rungs, systems)


def test_csv_and_json_have_the_same_cells(runs: Path) -> None:
    ladder, _ = look(runs, (*THREE, ("fine-tune", "finetune")))
    ladder = with_systems(ladder, System("one", 20, 60.0, float("nan")), System("two", 20, 65.5, 1.25))
    rows = list(csv.DictReader(io.StringIO(to_csv(ladder))))
    told = json.loads(json.dumps(cells(ladder), allow_nan=False))
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in told] == rows
    assert [row["kind"] for row in rows] == ["rung"] * 4 + ["recorded"] * 2
    assert [row["ex"] for row in rows] == ["50.0", "75.0", "95.0", "", "60.0", "65.5"]
    assert [row["ex_se"] for row in rows][-2:] == ["", "1.25"]
    assert [row["talk"] for row in rows] == ["69.0", "", "", "82.0", "", ""]
    assert (rows[1]["change"], rows[1]["change_low"], rows[1]["s_per_question"]) == ("25.0", "6.1487", "0.5")
    assert rows[3]["method"] == "finetune"


def test_a_rung_without_run_and_without_figure_is_no_row(runs: Path) -> None:
    shutil.rmtree(runs / "b")
    ladder, _ = look(runs)
    assert [row["name"] for row in cells(ladder)] == ["prompt", "+ RAG"]
    assert "+ repair" not in to_markdown(ladder)


# --- other models beside -----------------------------------------------------------------------


@pytest.fixture
def larger(runs: Path) -> Path:
    """Two of the rungs, by another model."""
    fabricate(runs / "l1", "repair", "++++" * 4 + "++--", model="larger")
    fabricate(runs / "l2", "schema+repair", "++++" * 5, model="larger")
    return runs


def _both(runs: Path, *others: str) -> Ladder:
    ladders = [climb(THREE, [runs], model, "spider dev", tell=lambda said: None) for model in ("fake", *others)]
    return with_beside(ladders[0], ladders[1:])


def test_another_model_stands_beside_on_the_rungs_that_it_has(larger: Path) -> None:
    ladder = _both(larger, "larger")
    rows = [line.split(" | ") for line in to_markdown(ladder).splitlines() if line.startswith("| ")]
    at = rows[0].index("EX of larger")
    assert rows[0].index("gain (95 %)") == at - 1
    assert [row[at].partition(" ")[0] for row in rows[2:]] == ["-", "90.0", "100.0"]
    told = [(row["kind"], row["model"], row["name"], row["ex"]) for row in cells(ladder) if row["kind"] == "beside"]
    assert told == [("beside", "larger", "+ repair", 90.0), ("beside", "larger", "+ RAG", 100.0)]
    assert len(list(csv.DictReader(io.StringIO(to_csv(ladder))))) == 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "unknown"}, "no finished run of larger on spider dev"),
        (
            {"model": "larger", "fingerprint": "other"},
            "was asked or judged otherwise than .*larger cannot stand beside",
        ),
        ({"model": "larger", "scorer": RUN["scorer"] | {"mode": "strict"}}, "was asked or judged otherwise"),
    ],
)
def test_one_that_does_not_compare_is_refused(runs: Path, changes: dict[str, Any], sentence: str) -> None:
    fabricate(runs / "l", "repair", "++--" * 5, **changes)
    with pytest.raises(UsageError, match=sentence):
        _both(runs, "larger")

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from spider_opt.analysis.ranking import RANKED_BY
from spider_opt.errors import RunError
from spider_opt.leaderboard import read_row, table, to_csv, to_markdown
from spider_opt.runs import Run
from spider_opt.runs.context_metrics import METRICS
from spider_opt.scoring.statistics import clustered_se

COLUMNS = [
    "method", "model", "model_sha256", "adapter_sha256", "engine", "benchmark", "fingerprint",
    "question_set", "n", "ex", "ex_se",
    "ex_low", "ex_high", "ex_deff", "gold_queries", "ex_low_db", "ex_high_db", "ex_deff_db", "databases",
    "ex_easy", "ex_medium", "ex_hard", "ex_extra",
    "correct", "wrong_rows", "query_error", "timeout", "limit", "not_a_query", "no_sql", "refused",
    "cut", "calls", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "dollars", "s_per_question",
    *(f"{name}_per_question" for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "dollars")),
    *(f"{name}_per_correct" for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "dollars")),
    "s_per_correct", "price", "scorer", "suites", "seed", "version", "commit", "steps", "run",
    "ctx_recall_tables", "ctx_recall_columns", "ctx_recall_values", "ctx_recall_skeleton",
    "ctx_precision_tables", "ctx_precision_columns", "ctx_precision_values", "ctx_precision_demos",
    "ctx_faithfulness", "ctx_level", "timeout_s", "asked",
]  # fmt: skip
LEVELS = ("easy", "easy", "medium", "medium", "hard")
OUTCOMES = ("correct", "correct", "wrong_rows", "timeout", "correct")
RUN = {
    "format": 1, "method": "zero-shot", "steps": "zero-shot:rows=0",
    "model": "fake", "model_sha256": "ab" * 32, "adapter_sha256": "",
    "benchmark": "spider", "split": "dev", "sample": "", "fingerprint": "0123456789abcdef", "n_total": 1034,
    "missing": {"gone": 1}, "seed": 3, "version": "0.1.0", "commit": "0123456789ab+", "python": "3.11.7",
    "started": "2026-01-01T00:00:00+00:00", "n": 5,
    "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
}  # fmt: skip


def verdict(index: int, level: str | None, outcome: str, cluster: str | None = None) -> dict[str, Any]:
    return {
        "index": index, "db_id": "shop", "correct": outcome == "correct", "outcome": outcome, "detail": "as it is",
        "hardness": level, "cluster": cluster or f"c{index}",
    }  # fmt: skip


def prediction(index: int) -> dict[str, Any]:
    tokens = {"prompt_tokens": 100, "cached_tokens": 60, "completion_tokens": 20}
    usage = {"calls": 2, **tokens, "seconds": 0.1, "dollars": 0.001}
    return {"index": index, "id": f"dev-{index:04d}", "db_id": "shop", "sql": "SELECT 1", "usage": usage, "trace": []}


def lines(entries: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def fabricate(
    folder: Path, verdicts: list[dict[str, Any]] | None = None, without: tuple[str, ...] = (), **changes: Any
) -> Path:
    folder.mkdir(parents=True)
    if verdicts is None:
        verdicts = [verdict(i, *pair) for i, pair in enumerate(zip(LEVELS, OUTCOMES, strict=True))]
    answers = [prediction(i) for i in range(max(6, len(verdicts)))]
    run = {key: value for key, value in (RUN | {"n": len(answers)} | changes).items() if key not in without}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "predictions.jsonl").write_text(lines(answers))
    (folder / "verdicts.jsonl").write_text(lines(verdicts))
    return folder


def test_a_row_says_all_there_is(tmp_path: Path) -> None:
    cells = read_row(fabricate(tmp_path / "my-run")).cells()
    assert list(cells) == COLUMNS
    assert len(cells.pop("question_set")) == 8
    assert cells == {
        "method": "zero-shot", "model": "fake", "model_sha256": "ab" * 32, "adapter_sha256": "", "engine": "",
        "benchmark": "spider dev", "fingerprint": "0123456789abcdef", "n": 5, "ex": 60.0, "ex_se": 24.4949,
        "ex_low": 8.1045, "ex_high": 96.2282, "ex_deff": 1.0, "gold_queries": 5,
        "ex_low_db": None, "ex_high_db": None, "ex_deff_db": None, "databases": 1,
        "ex_easy": 100.0, "ex_medium": 0.0, "ex_hard": 100.0, "ex_extra": None,
        "correct": 3, "wrong_rows": 1, "query_error": 0, "timeout": 1, "limit": 0, "not_a_query": 0, "no_sql": 0,
        "refused": 0, "cut": 0, "calls": 10, "prompt_tokens": 500, "cached_tokens": 300, "completion_tokens": 100,
        "seconds": 0.5, "dollars": 0.005, "s_per_question": 0.1,
        "calls_per_question": 2.0, "prompt_tokens_per_question": 100.0, "cached_tokens_per_question": 60.0,
        "completion_tokens_per_question": 20.0, "dollars_per_question": 0.001, "s_per_correct": 0.167,
        "calls_per_correct": 3.333, "prompt_tokens_per_correct": 166.667, "cached_tokens_per_correct": 100.0,
        "completion_tokens_per_correct": 33.333, "dollars_per_correct": 0.00166667,
        "price": "computed on this machine",
        "scorer": "official v1", "suites": "", "seed": 3, "version": "0.1.0", "commit": "0123456789ab+",
        "run": "my-run", "steps": "zero-shot:rows=0", **{f"ctx_{name}": None for name in METRICS}, "timeout_s": 10.0,
        "asked": "llama.cpp, one by one",
    }  # fmt: skip


JUDGED = {
    "mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1",
    "metrics": ["official", "suite", "mine", "strict"], "suite": "given 0123", "plug_value": True,
}  # fmt: skip


def _told(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [verdict(i, "easy", "correct") | {"metrics": {"official": True} | said} for i, said in enumerate(values)]


def test_metrics_stand_behind_ex_each_with_its_error_ours_first(tmp_path: Path) -> None:
    said = [{"suite": True, "mine": 0.5, "strict": True}, {"suite": False, "mine": 1.0, "strict": True}, {"mine": 0.0}]
    fabricate(tmp_path / "all", _told(said), scorer=JUDGED)
    fabricate(tmp_path / "old", [verdict(0, "easy", "correct")])
    frame = table([read_row(tmp_path / name) for name in ("all", "old")])
    at = list(frame).index("ex_se") + 1
    columns = ["strict", "strict_se", "strict_n", "suite", "suite_se", "suite_n", "mine", "mine_se"]
    assert list(frame)[at : at + 8] == columns
    row = frame[frame["run"] == "all"].iloc[0]
    assert [row[name] for name in ("ex", "strict", "suite", "mine", "suite_se")] == [100, 100, 50, 50, 50]
    assert row["suites"] == "given 0123 plug-value"
    assert frame[frame["run"] == "old"].iloc[0][["strict", "suite", "mine"]].isna().all()
    shown = to_markdown(frame)
    assert "| EX | ± | strict | suite | mine | easy |" in shown
    assert "| 100.0 | 0.0 | 100.0 (n=2) | 50.0 (n=2, given 0123 plug-value) | 50.0 |" in shown
    assert [row["strict_n"], row["suite_n"], "mine_n" in frame] == [2, 2, False]
    assert "| EX | ± | easy |" in shown  # of the other questions, where no row has them


def test_runs_with_another_rule_behind_ex_are_not_ranked_together(tmp_path: Path) -> None:
    fabricate(tmp_path / "official")
    fabricate(tmp_path / "strict", scorer=RUN["scorer"] | {"mode": "strict"})
    none_right = [verdict(i, level, "wrong_rows") for i, level in enumerate(LEVELS)]
    fabricate(tmp_path / "worse", none_right)
    frame = table([read_row(tmp_path / name) for name in ("official", "strict", "worse")])
    assert list(frame["run"]) == ["official", "worse", "strict"]
    shown = to_markdown(frame)
    assert shown.count("| rank | method | model |") == 2
    assert "EX by official v1:" in shown
    assert "EX by strict v1:" in shown


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "strict"}, {"keep_distinct": True}, {"version": "2"}, {"timeout_s": 5.0},
    ],
)  # fmt: skip
def test_runs_judged_otherwise_have_ranks_and_tables_of_their_own(tmp_path: Path, change: dict[str, Any]) -> None:
    good = [verdict(i, "easy", "correct") for i in range(40)]
    bad = [verdict(i, "easy", "wrong_rows") for i in range(40)]
    fabricate(tmp_path / "good", good)
    fabricate(tmp_path / "bad", bad, scorer=RUN["scorer"] | change)
    frame = table([read_row(tmp_path / name) for name in ("good", "bad")])
    assert list(frame["rank"]) == [1, 1]
    assert to_markdown(frame).count("| rank |") == 2
    fabricate(tmp_path / "too", bad)
    assert dict(
        zip(
            *(table([read_row(tmp_path / name) for name in ("good", "bad", "too")])[c] for c in ("run", "rank")),
            strict=True,
        )
    ) == {"good": 1, "bad": 1, "too": 2}


def test_a_rank_is_one_and_the_rows_better_beyond_chance(tmp_path: Path) -> None:
    """The middle is tied with both ends, of which one is better than the other."""
    marks = {"best": 50, "middle": 46, "worst": 42}
    for name, right in marks.items():
        told = [verdict(i, "easy", "correct" if i < right else "wrong_rows") for i in range(60)]
        fabricate(tmp_path / name, told)
    frame = table([read_row(tmp_path / name) for name in marks])
    assert list(zip(frame["run"], frame["rank"], strict=True)) == [("best", 1), ("middle", 1), ("worst", 2)]
    assert set(frame["rank_by"]) == {RANKED_BY}
    assert [line.split(" | ")[0] for line in to_markdown(frame).splitlines()[2:]] == [
        "| rank",
        "| ---:",
        "| 1",
        "| 1",
        "| 2",
    ]
    text = to_csv(frame)
    assert [row["rank"] for row in csv.DictReader(io.StringIO(text))] == ["1", "1", "2"]


def test_an_interval_by_query_and_by_database(tmp_path: Path) -> None:
    told = [
        verdict(i, "easy", "correct" if i % 3 else "wrong_rows", f"c{i // 2}") | {"db_id": f"d{i % 7}"}
        for i in range(42)
    ]
    folder = fabricate(tmp_path / "run", told)
    cells, run = read_row(folder).cells(), Run.read(folder)
    assert [cells["ex_low"], cells["ex_high"]] == pytest.approx(run.interval(), abs=1e-4)
    assert [cells["ex_low_db"], cells["ex_high_db"]] == pytest.approx(run.interval("database"), abs=1e-4)
    assert (cells["gold_queries"], cells["databases"]) == (21, 7)
    se = clustered_se([s.correct for s in run.verdicts], range(42))
    assert cells["ex_deff"] == pytest.approx((run.ex_se / se) ** 2, abs=1e-4)


def test_only_answers_that_were_judged_are_counted(tmp_path: Path) -> None:
    row = read_row(fabricate(tmp_path / "run", [verdict(4, "easy", "correct"), verdict(2, None, "no_sql")]))
    assert (row.n, row.ex, row.costs.usage.calls) == (2, 50.0, 4)


def test_answers_that_were_cut_and_tokens_that_nobody_told(tmp_path: Path) -> None:
    folder = fabricate(tmp_path / "run")
    answers = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    answers[0]["trace"] = answers[5]["trace"] = [{"step": "zero-shot", "finish": "length"}]  # the sixth counts nowhere
    answers[1]["usage"]["untold"] = 1
    (folder / "predictions.jsonl").write_text(lines(answers))
    cells = read_row(folder).cells()
    assert (cells["cut"], cells["calls"], cells["seconds"]) == (1, 10, 0.5)
    assert [cells[f"{kind}_tokens"] for kind in ("prompt", "cached", "completion")] == [None] * 3
    assert list(cells) == COLUMNS


def test_a_sample_and_a_mode_are_named(tmp_path: Path) -> None:
    scorer = {"mode": "strict", "keep_distinct": True, "timeout_s": 1.0, "version": "2"}
    row = read_row(fabricate(tmp_path / "run", sample="heldout-train-250", split="train", scorer=scorer))
    assert row.benchmark == "spider heldout-train-250"
    assert row.scorer == "strict keep-distinct v2"


def test_the_error_counts_questions_of_one_gold_as_dependent(tmp_path: Path) -> None:
    alone = [verdict(i, "easy", "correct" if i % 4 < 2 else "wrong_rows") for i in range(40)]
    pairs = [entry | {"cluster": f"c{entry['index'] // 2}"} for entry in alone]
    assert read_row(fabricate(tmp_path / "pairs", pairs)).ex_se > 1.3 * read_row(fabricate(tmp_path / "x", alone)).ex_se


def test_what_retrieval_brought_is_the_mean_over_the_questions_that_have_it(tmp_path: Path) -> None:
    folder = fabricate(tmp_path / "run", [verdict(i, "easy", "correct") for i in range(3)])
    contexts: list[dict[str, float]] = [
        {"recall_tables": 1.0, "level": 0.0, "later_metric": 1.0}, {"recall_tables": 0.5}, {}, {"recall_tables": 0.0}
    ]  # fmt: skip
    entries = [prediction(i) | {"context": context} for i, context in enumerate([*contexts, {}, {}])]
    del entries[2]["context"]
    (folder / "predictions.jsonl").write_text(lines(entries))
    cells = read_row(folder).cells()  # the fourth has no verdict
    assert (cells["ctx_recall_tables"], cells["ctx_level"], cells["ctx_recall_values"]) == (0.75, 0.0, None)
    assert list(cells) == COLUMNS
    [row] = csv.DictReader(io.StringIO(to_csv(table([read_row(folder)]))))
    assert (row["ctx_recall_tables"], row["ctx_level"], row["ctx_recall_values"]) == ("0.75", "0.0", "")
    assert "ctx" not in to_markdown(table([read_row(folder)]))


# --- what is no finished run -------------------------------------------------------------------


def test_an_unfinished_run_is_none(tmp_path: Path) -> None:
    fabricate(tmp_path / "not-scored", without=("scorer", "n"))
    (fabricate(tmp_path / "no-verdicts") / "verdicts.jsonl").unlink()
    for name in ("not-scored", "no-verdicts"):
        with pytest.raises(RunError, match=f"the run in .*{name} is unfinished: evaluate it again"):
            read_row(tmp_path / name)
    with pytest.raises(RunError, match="no run in"):
        read_row(tmp_path)


@pytest.mark.parametrize("name", ["predictions.jsonl", "verdicts.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]\n", b"{}\n", b"\xff\n", b"null\n"])
def test_a_broken_file_is_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (fabricate(tmp_path / "run") / name).write_bytes(content)
    with pytest.raises(RunError, match=r"evaluate it again|is not an answer|cannot be read") as caught:
        read_row(tmp_path / "run")
    assert "run" in str(caught.value)


@pytest.mark.parametrize("key", ["version", "commit", "sample", "seed", "method"])
def test_a_run_json_that_lacks_something_is_one_sentence(tmp_path: Path, key: str) -> None:
    with pytest.raises(RunError, match=str(tmp_path)):
        read_row(fabricate(tmp_path / "run", without=(key,)))


def test_a_scorer_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not describe a run"):
        read_row(fabricate(tmp_path / "run", scorer={"mode": "official"}))


def test_missing_predictions_are_one_sentence(tmp_path: Path) -> None:
    (fabricate(tmp_path / "run") / "predictions.jsonl").unlink()
    with pytest.raises(RunError, match=r"no predictions\.jsonl in"):
        read_row(tmp_path / "run")
    other = fabricate(tmp_path / "other", [verdict(99, "easy", "correct")])
    (other / "predictions.jsonl").write_text(lines([prediction(1)]))
    with pytest.raises(RunError, match="verdicts without predictions"):
        read_row(other)


# --- tables ------------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path: Path) -> list[Any]:
    return [
        read_row(fabricate(tmp_path / "worse", [verdict(i, "easy", "wrong_rows") for i in range(5)])),
        read_row(fabricate(tmp_path / "fewer", [verdict(0, "easy", "wrong_rows"), verdict(1, "easy", "correct")])),
        read_row(fabricate(tmp_path / "best", method="retry:k=2,x=3+zero-shot")),
        read_row(
            fabricate(
                tmp_path / "single", [verdict(0, None, "correct")], benchmark="mini", model="a|\nb", engine="torch int8"
            )
        ),
    ]


def test_csv_has_all_columns_in_order(rows: list[Any]) -> None:
    text = to_csv(table(rows))
    read = list(csv.reader(io.StringIO(text)))
    assert read[0] == ["rank", *COLUMNS, "rank_by", "beside"]
    assert text.endswith("\n")
    assert "\r" not in text
    by_run = {row["run"]: row for row in csv.DictReader(io.StringIO(text))}
    assert list(by_run) == ["single", "best", "worse", "fewer"]  # by benchmark and questions, best first
    assert by_run["best"]["method"] == "retry:k=2,x=3+zero-shot"
    assert (by_run["best"]["ex"], by_run["best"]["ex_se"], by_run["best"]["n"]) == ("60.0", "24.4949", "5")
    assert (by_run["best"]["ex_extra"], by_run["best"]["ex_medium"]) == ("", "0.0")
    assert (by_run["single"]["ex_se"], by_run["single"]["ex_easy"]) == ("", "")
    assert by_run["single"]["commit"] == "0123456789ab+"


def test_csv_does_not_depend_on_the_order_of_the_runs(rows: list[Any]) -> None:
    assert to_csv(table(rows)) == to_csv(table(rows[::-1]))


def test_markdown_is_for_reading_and_ranks_the_same_questions_only(rows: list[Any]) -> None:
    head = (
        "| rank | method | model | computed by | benchmark | n | EX | ± | easy | medium | hard | extra | s/question |\n"
        "| ---: | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    )
    of_two, of_five = (row.question_set for row in rows[1:3])
    assert to_markdown(table(rows)) == (
        f"mini dev, questions and databases 0123456789abcdef:\n\n{head}"
        "| 1 | zero-shot | a\\| b | torch int8, side by side | mini dev | 1 | 100.0 | - | - | - | - | - | 0.1 |\n\n"
        f"spider dev, questions and databases 0123456789abcdef, the 5 questions {of_five}:\n\n{head}"
        "| 1 | retry:k=2,x=3+zero-shot | fake | llama.cpp, one by one | spider dev | 5 | 60.0 | 24.5 | 100.0 | 0.0 "
        "| 100.0 | - | 0.1 |\n"
        "| 1 | zero-shot | fake | llama.cpp, one by one | spider dev | 5 | 0.0 | 0.0 | 0.0 | - | - | - | 0.1 |\n\n"
        f"spider dev, questions and databases 0123456789abcdef, the 2 questions {of_two}:\n\n{head}"
        "| 1 | zero-shot | fake | llama.cpp, one by one | spider dev | 2 | 50.0 | 50.0 | 50.0 | - | - | - | 0.1 |\n"
    )


def test_what_a_number_hides_stands_beside_it(tmp_path: Path) -> None:
    """Answers that were cut, and questions that were given up: only where there are some."""
    cut = fabricate(tmp_path / "cut")
    answers = [json.loads(line) for line in (cut / "predictions.jsonl").read_text().splitlines()]
    answers[0]["trace"] = [{"step": "zero-shot", "finish": "length"}]
    (cut / "predictions.jsonl").write_text(lines(answers))
    given_up = [
        verdict(i, "easy", outcome) for i, outcome in enumerate(["correct", "refused", "refused", "no_sql", "no_sql"])
    ]
    alone = [verdict(0, "easy", "refused")]
    folders = [cut, fabricate(tmp_path / "up", given_up), fabricate(tmp_path / "all", alone, fingerprint="f" * 16)]
    with_cut, only_refused = to_markdown(table([read_row(folder) for folder in folders])).split("\n\nspider")
    assert [line.split(" | ")[12:16] for line in with_cut.splitlines()[2:]] == [
        ["s/question", "cut", "refused", "EX of the others"], ["---:"] * 4,
        ["0.1", "1", "0", "60.0"], ["0.1", "0", "2", "33.3"],
    ]  # fmt: skip
    assert only_refused.splitlines()[2].endswith("| s/question | refused | EX of the others |")
    assert only_refused.splitlines()[4].endswith("| 0.0 | - | 0.0 | - | - | - | 0.1 | 1 | - |")


BESIDE: dict[str, tuple[dict[str, Any], str]] = {
    "seed": ({"seed": 4}, "seed 4"),
    "adapter": ({"adapter_sha256": "cd" * 32}, "adapter cdcdcdcd"),
    "weights": ({"model_sha256": "cd" * 32}, "weights cdcdcdcd"),
    "manner": ({"manner": "max_tokens=900"}, "asked max_tokens=900"),
    "embedder": ({"embedder": "hashing"}, "examples by hashing"),
    "version": ({"computed_by": "xllamacpp 2"}, "version xllamacpp 2"),
    "nothing": ({}, "run other"),
}


@pytest.mark.parametrize(("change", "said"), BESIDE.values(), ids=BESIDE)
def test_rows_of_one_method_say_what_differs(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    base = {"adapter_sha256": "ab" * 32, "computed_by": "xllamacpp 1"}
    folders = [fabricate(tmp_path / "one", **base), fabricate(tmp_path / "other", **base | change)]
    frame = table([read_row(folder) for folder in folders])
    assert said in list(frame["beside"])
    assert len(set(frame["beside"])) == 2
    assert f"| {said} |" in to_markdown(frame)
    assert "as usual" not in to_markdown(frame)


def test_as_many_other_questions_are_another_ranking(tmp_path: Path) -> None:
    """Two samples whose files have one name: neither is ranked with the other, nor told apart from it."""
    marks = {"low": ("wrong_rows", 0), "high": ("correct", 5), "middle": ("correct", 0)}
    folders = [
        fabricate(tmp_path / name, [verdict(i + at, "easy", outcome) for i in range(5)], seed=at, n=10)
        for name, (outcome, at) in marks.items()
    ]
    for folder in folders:
        (folder / "predictions.jsonl").write_text(lines([prediction(i) for i in range(10)]))
    frame = table([read_row(folder) for folder in folders])
    assert to_markdown(frame).count("| rank | method |") == 2
    assert sorted(zip(frame["run"], frame["beside"], strict=True)) == [
        ("high", ""),
        ("low", "run low"),
        ("middle", "run middle"),
    ]


def test_golds_that_fail_are_told_of_each_row(tmp_path: Path) -> None:
    failed = {"dev-0005": "no such table: x"}
    folders = [fabricate(tmp_path / name, failed_golds=failed, method=name) for name in ("a", "b")]
    assert list(table([read_row(folder) for folder in folders])["beside"]) == ["golds that fail 1"] * 2


def test_runs_of_other_questions_are_never_one_ranking(tmp_path: Path) -> None:
    folders = [fabricate(tmp_path / name, fingerprint=name * 16) for name in ("a", "b")]
    text = to_markdown(table([read_row(folder) for folder in folders]))
    assert [line.split()[-1] for line in text.splitlines() if line.endswith(":")] == ["a" * 16 + ":", "b" * 16 + ":"]
    assert text.count("| rank | method |") == 2
    assert text.count("| zero-shot |") == 2


def test_one_question_has_no_error_bar(rows: list[Any]) -> None:
    assert math.isnan(rows[-1].ex_se)
    parsed = json.loads(table(rows).to_json(orient="records"))
    assert parsed[0]["ex_se"] is None
    assert parsed[0]["ex_easy"] is None


def test_corrected_golds_stand_beside_ex(tmp_path: Path) -> None:
    scorer = {**RUN["scorer"], "corrections": "mine 0123456789ab"}
    told = fabricate(tmp_path / "one", scorer=scorer)
    verdicts = [json.loads(line) for line in (told / "verdicts.jsonl").read_text().splitlines()]
    (told / "verdicts.jsonl").write_text(lines([verdict | {"metrics": {"corrected": True}} for verdict in verdicts]))
    found = table([read_row(told), read_row(fabricate(tmp_path / "two"))])
    place = list(found.columns).index("ex_se")
    assert list(found.columns)[place + 1 : place + 3] == ["corrected", "corrected_se"]
    by_run = found.set_index("run")
    assert (by_run.loc["one", "corrected"], by_run.loc["one", "corrections"]) == (100, "mine 0123456789ab")
    assert by_run.loc["two", ["corrected", "corrections"]].isna().all()
    text = to_markdown(found)
    assert "| EX | ± | corrected | corrections |" in text
    assert "| 60.0 | 24.5 | 100.0 | mine 0123456789ab |" in text
    assert "| 60.0 | 24.5 | - | - |" in text
    assert "correct" not in to_markdown(table([read_row(fabricate(tmp_path / "three"))]))

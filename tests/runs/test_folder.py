from __future__ import annotations

import errno
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel
from fake_run import MODEL, Answering, go, ids, text

from spider_opt.errors import LeakError, ModelError, ModelUnavailable, PredictionsError, RunError
from spider_opt.runs import Run, RunInfo, ScoredBy, verdict_files
from spider_opt.runs import folder as runs
from spider_opt.runs.answers import read_answers
from spider_opt.runs.conditions import conditions
from spider_opt.runs.describing import describe
from spider_opt.runs.folder import Finished, finish, run
from spider_opt.scoring import Rules, read_verdicts
from spider_opt.types import Benchmark, Candidate, Example, ModelInfo, Prediction, Task

# --- the way of a run --------------------------------------------------------------------------


def test_questions_of_a_database_follow_each_other_and_the_file_is_in_the_splits_order(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    generator = Answering()
    finished = go(benchmark, tmp_path / "run", generator)
    assert generator.asked == ["q0", "q2", "q4", "q6", "q9", "q1", "q3", "q7", "q5", "q8"]
    assert ids(tmp_path / "run") == [f"q{i}" for i in range(10)]
    assert [answer.id for answer in finished.answers] == ids(tmp_path / "run")
    assert (finished.n_new, finished.unanswered) == (10, {})


def test_a_line_is_on_disk_before_the_next_question_is_asked(benchmark: Benchmark, tmp_path: Path) -> None:
    seen = []

    class Looking(Answering):
        def __call__(self, task: Task) -> Prediction:
            path = tmp_path / "predictions.jsonl"
            seen.append(path.read_text().count("\n") if path.exists() else 0)
            return super().__call__(task)

    go(benchmark, tmp_path, Looking())
    assert seen == list(range(10))


def test_run_json_says_what_was_run(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path, seed=7)
    description = json.loads(text(tmp_path, "run.json"))
    assert description["method"] == "fake-method"
    assert (description["model"], description["model_sha256"], description["adapter_sha256"]) == ("fake", "ab" * 32, "")
    assert (description["benchmark"], description["split"], description["sample"]) == ("fakes", "dev", "")
    assert (description["fingerprint"], description["seed"], description["n_total"]) == ("0123456789abcdef", 7, 10)
    assert {"version", "commit", "python", "started", "format", "missing"} <= set(description)
    assert "scorer" not in description
    assert json.loads(text(tmp_path).splitlines()[3])["trace"] == [{"step": "fake", "seed": 7}]


def test_run_json_names_the_engine_where_there_is_one(benchmark: Benchmark, tmp_path: Path) -> None:
    def go_by(engine: str, limit: int | None = None) -> Finished:
        info = describe(benchmark, "fake-method", "fake-method", ModelInfo("fake", "ab" * 32, engine=engine), 0)
        assert info.to_json().get("engine", "none") == (engine or "none")
        return run(benchmark, Answering(), MODEL, tmp_path, info, limit=limit)

    go_by("torch int8", limit=2)
    assert RunInfo.read(tmp_path).engine == "torch int8"
    assert go_by("torch int8").n_new == 8
    for other in ("", "torch bfloat16"):
        with pytest.raises(RunError, match=rf"holds another run \(engine is 'torch int8' there, '{other}' now\)"):
            go_by(other)


def learning(manner: str, limit: int | None = None, known: str = "") -> Callable[[Benchmark, Path], Finished]:
    """A run of a model that turns out to be asked in a manner at its first answer; ``known`` is what was before."""
    model = FakeModel(info=ModelInfo("fake", "ab" * 32, manner=known))

    class Learning(Answering):
        def __call__(self, task: Task) -> Prediction:
            model.info = replace(model.info, manner=manner)
            return super().__call__(task)

    def go(benchmark: Benchmark, folder: Path) -> Finished:
        info = describe(benchmark, "fake-method", "fake-method", model.info, 0)
        return run(benchmark, Learning(), model, folder, info, limit=limit)

    return go


def test_how_a_server_turns_out_to_be_asked_belongs_to_the_run(benchmark: Benchmark, tmp_path: Path) -> None:
    learning("without seed", limit=2)(benchmark, tmp_path)
    assert json.loads(text(tmp_path, "run.json"))["manner"] == "without seed"
    with pytest.raises(RunError, match=r"holds another run .manner is 'without seed' there, '' now.; choose another"):
        learning("")(benchmark, tmp_path)
    with pytest.raises(RunError, match=r"manner is 'without seed' there, 'without temperature' now"):
        learning("without temperature", known="without temperature")(benchmark, tmp_path)
    with pytest.raises(RunError, match=r"manner is 'without seed' there, 'system=no' now"):
        learning("system=no; without seed", known="system=no")(benchmark, tmp_path)
    assert ids(tmp_path) == ["q0", "q1"]
    assert learning("without seed")(benchmark, tmp_path).n_new == 8, "not known before, as with an empty cache"
    assert learning("without seed", known="without seed")(benchmark, tmp_path).n_new == 0


def test_answers_to_the_whole_request_are_not_gone_on_with(benchmark: Benchmark, tmp_path: Path) -> None:
    learning("", limit=2)(benchmark, tmp_path)
    assert "manner" not in json.loads(text(tmp_path, "run.json"))
    with pytest.raises(RunError, match=r"manner is '' there, 'without seed' now"):
        learning("without seed")(benchmark, tmp_path)
    assert ids(tmp_path) == ["q0", "q1"]


def test_the_same_command_again_asks_nothing_and_leaves_the_same_bytes(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path)
    before = text(tmp_path), text(tmp_path, "run.json")
    again = Answering()
    finished = go(benchmark, tmp_path, again)
    assert again.asked == []
    assert finished.n_new == 0
    assert len(finished.answers) == 10
    assert (text(tmp_path), text(tmp_path, "run.json")) == before


def test_answers_that_an_earlier_version_wrote_stay_as_they_are_where_nothing_is_new(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    go(benchmark, tmp_path)
    path = tmp_path / "predictions.jsonl"
    path.write_text(path.read_text().replace(', "context": {}', "").replace('{"index"', '{ "index"'))
    before = path.read_bytes()
    go(benchmark, tmp_path)
    assert path.read_bytes() == before
    lines = before.splitlines(keepends=True)
    path.write_bytes(b"".join(reversed(lines)))  # as they came, where the run was killed before its end
    go(benchmark, tmp_path)
    assert [json.loads(line)["index"] for line in path.read_text().splitlines()] == list(range(10))


@pytest.mark.parametrize("concurrency", [2, 4, 50])
def test_answers_at_the_same_time_make_the_same_file(benchmark: Benchmark, tmp_path: Path, concurrency: int) -> None:
    running, most = 0, 0
    lock = threading.Lock()
    threads = set(threading.enumerate())

    class Slow(Answering):
        def __call__(self, task: Task) -> Prediction:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.01 * (int(task.question.id[1:]) % 3))
            answer = super().__call__(task)
            with lock:
                running -= 1
            return answer

    go(benchmark, tmp_path / "one")
    go(benchmark, tmp_path / "many", Slow(), concurrency=concurrency)
    assert text(tmp_path / "one") == text(tmp_path / "many")
    assert 1 < most <= concurrency
    assert set(threading.enumerate()) <= threads


def test_progress_counts_what_is_left_to_ask(benchmark: Benchmark, tmp_path: Path) -> None:
    told: list[object] = []

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Any]:
        told.append((label, total))
        yield lambda: told.append("+")

    opened: Any = progress
    go(benchmark, tmp_path, limit=7)
    with pytest.raises(ModelUnavailable):
        go(benchmark, tmp_path, Answering(q8=ModelUnavailable("gone")), progress=opened)
    assert told == [("answering", 3), "+", "+"]
    told.clear()
    go(benchmark, tmp_path, Answering(q8=ModelError("bad luck")), progress=opened)
    assert told == [("answering", 1), "+"]


# --- what stood in the prompt ------------------------------------------------------------------


def measured(example: Example, prediction: Prediction) -> dict[str, float]:
    """Tell by figures that it got the question's own gold and answer."""
    assert prediction.sql == example.gold_sql
    return {"recall": example.index / 7, "none": 0.0} if example.index != 3 else {}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_what_is_measured_stands_with_the_answer(benchmark: Benchmark, tmp_path: Path, concurrency: int) -> None:
    go(benchmark, tmp_path, measure=measured, concurrency=concurrency)
    entries = [json.loads(line) for line in text(tmp_path).splitlines()]
    assert [entry.get("context") for entry in entries[:4]] == [
        {"recall": 0.0, "none": 0.0}, {"recall": 0.1429, "none": 0.0}, {"recall": 0.2857, "none": 0.0}, None
    ]  # fmt: skip
    assert "context" not in entries[3]


def test_a_run_that_goes_on_keeps_what_was_measured(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path / "whole", measure=measured)
    go(benchmark, tmp_path / "parts", limit=4, measure=measured)
    with pytest.raises(ModelUnavailable):
        go(benchmark, tmp_path / "parts", Answering(q8=ModelUnavailable("gone")), measure=measured)
    go(benchmark, tmp_path / "parts", measure=measured)
    assert text(tmp_path / "parts") == text(tmp_path / "whole")
    go(benchmark, tmp_path / "parts", Answering(), measure=None)  # what has its answer is not measured again
    assert text(tmp_path / "parts") == text(tmp_path / "whole")


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_leak_stops_the_run(benchmark: Benchmark, tmp_path: Path, concurrency: int) -> None:
    def leaking(example: Example, prediction: Prediction) -> dict[str, float]:
        if example.question.id == "q4":
            raise LeakError("question q4 was shown its gold")
        return {}

    go(benchmark, tmp_path, limit=1)
    finish(benchmark, tmp_path, Rules())
    generator = Answering()
    with pytest.raises(LeakError, match="q4 was shown its gold"):
        go(benchmark, tmp_path, generator, measure=leaking, concurrency=concurrency)
    assert "q4" not in ids(tmp_path)
    assert len(generator.asked) < 9  # nobody asks on
    assert not (tmp_path / "verdicts.jsonl").exists()
    with pytest.raises(LeakError):
        go(benchmark, tmp_path, measure=leaking)


# --- what the model said -----------------------------------------------------------------------


def test_what_the_model_said_is_kept_but_for_the_questions_own_words(benchmark: Benchmark, tmp_path: Path) -> None:
    class Chatty(Answering):
        def __call__(self, task: Task) -> Prediction:
            text = f"-- {task.question.text}\nSELECT 1"
            candidates = tuple(Candidate("vote", "SELECT 1", f"{text} {i}", "rows", n=4) for i in range(2))
            return replace(super().__call__(task), text=text, candidates=candidates)

    go(benchmark, tmp_path, Chatty(), limit=3)
    assert "Question" not in text(tmp_path)
    [*_, last] = read_answers(tmp_path / "predictions.jsonl")
    assert last.prediction.text == "-- {question}\nSELECT 1"
    assert [(c.text, c.n) for c in last.prediction.candidates] == [
        ("-- {question}\nSELECT 1 0", 4), ("-- {question}\nSELECT 1 1", 4)
    ]  # fmt: skip
    before = text(tmp_path)
    assert go(benchmark, tmp_path, Answering(), limit=3).n_new == 0
    assert text(tmp_path) == before


# --- going on ----------------------------------------------------------------------------------


def test_a_torn_last_line_is_asked_again(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path)
    whole = text(tmp_path)
    data = whole.encode()
    for cut in range(1, 40):
        (tmp_path / "predictions.jsonl").write_bytes(data[:-cut])
        again = Answering()
        assert go(benchmark, tmp_path, again).n_new == 1
        assert again.asked == ["q9"]
        assert text(tmp_path) == whole


DAMAGE = [
    b"{}",
    b"\0" * 200,
    b'{"index": 3, "id": "q3", "db_id"',
    b"\xff\xfe{}",
    b"[" * 100_000,
    b'{"index": "3", "id": "q3", "db_id": "a", "sql": "SELECT 1"}',
    b"<<<<<<< HEAD",
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: repr(damage[:20]))
def test_a_damaged_line_is_named_and_its_question_asked_again(
    benchmark: Benchmark, tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    go(benchmark, tmp_path)
    finish(benchmark, tmp_path, Rules())
    whole = text(tmp_path)
    lines = whole.encode().splitlines(keepends=True)
    (tmp_path / "predictions.jsonl").write_bytes(b"".join([*lines[:2], damage + b"\n", *lines[3:]]))
    with pytest.raises(RunError) as caught:
        Run.read(tmp_path)
    said = f"{tmp_path / 'predictions.jsonl'}, line 3 is not an answer: "
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith("; to have that question asked again, evaluate it again")
    again = Answering()
    finished = go(benchmark, tmp_path, again)
    assert (again.asked, finished.n_new, len(finished.answers)) == (["q2"], 1, 10)
    assert text(tmp_path) == whole
    assert (tmp_path / "predictions.jsonl.damaged").read_bytes() == damage + b"\n"
    [warning] = caplog.messages
    assert "predictions.jsonl: line 3 was not an answer" in warning
    with pytest.raises(RunError, match="is unfinished"):
        Run.read(tmp_path)  # no verdicts stand beside answers that they may not be of
    assert finish(benchmark, tmp_path, Rules()).n == 10


def test_several_damaged_lines_and_a_torn_one(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path)
    whole = text(tmp_path)
    lines = whole.splitlines(keepends=True)
    (tmp_path / "predictions.jsonl").write_text("".join(["x\n", *lines[1:4], "y\n", *lines[5:9], lines[9][:20]]))
    with pytest.raises(RunError, match=r"line 1 is not an answer: .*; 2 more are none; to have that"):
        read_answers(tmp_path / "predictions.jsonl")
    again = Answering()
    assert go(benchmark, tmp_path, again, limit=3).n_new == 1
    assert go(benchmark, tmp_path, again).n_new == 2
    assert sorted(again.asked) == ["q0", "q4", "q9"]
    assert text(tmp_path) == whole


def test_a_file_of_something_else_is_not_mended(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path)
    (tmp_path / "predictions.jsonl").write_text("SELECT 1\nSELECT 2\n")
    with pytest.raises(RunError, match="line 1 is not an answer"):
        go(benchmark, tmp_path)
    assert text(tmp_path) == "SELECT 1\nSELECT 2\n"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed is 0 there, 1 now"),
        ({"method": "other"}, "method is 'fake-method' there, 'other' now"),
        ({"model_sha256": ""}, "model_sha256 is 'abab"),
        ({"engine": "torch int8"}, "engine is '' there, 'torch int8' now"),
        ({"fingerprint": "x"}, "fingerprint is '0123456789abcdef' there, 'x' now"),
        ({"sample": "s", "split": "test"}, "split is 'dev' there, 'test' now; sample is '' there, 's' now"),
    ],
)
def test_another_run_is_refused_by_what_differs(
    benchmark: Benchmark, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    go(benchmark, tmp_path, limit=2)
    before = text(tmp_path), text(tmp_path, "run.json")
    with pytest.raises(RunError, match="holds another run") as caught:
        run(
            benchmark,
            Answering(),
            MODEL,
            tmp_path,
            replace(describe(benchmark, "fake-method", "fake-method", MODEL.info, 0), **change),
        )
    assert named in str(caught.value)
    assert "choose another out" in str(caught.value)
    assert (text(tmp_path), text(tmp_path, "run.json")) == before


def test_another_sample_of_the_same_name_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    go(replace(benchmark, examples=benchmark.examples[:3]), tmp_path)
    with pytest.raises(RunError, match="the questions asked, or some of them, are others now"):
        go(replace(benchmark, examples=benchmark.examples[1:5]), tmp_path)
    assert ids(tmp_path) == ["q0", "q1", "q2"]


def test_predictions_of_nobody_are_not_taken_over(benchmark: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "predictions.jsonl").write_text("something\n")
    with pytest.raises(RunError, match=r"predictions but no run\.json"):
        go(benchmark, tmp_path)
    assert text(tmp_path) == "something\n"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"method": "x"}', "\x00\xff"])
def test_a_broken_run_json_is_one_sentence(benchmark: Benchmark, tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RunError, match=r"run\.json"):
        go(benchmark, tmp_path)


def test_limits_grow_and_shrink(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path, limit=5)
    assert finish(benchmark, tmp_path, Rules()).summary()["n"] == 5
    more = Answering()
    finished = go(benchmark, tmp_path, more, limit=10)
    assert sorted(more.asked) == ["q5", "q6", "q7", "q8", "q9"]
    assert len(finished.answers) == 10
    assert finish(benchmark, tmp_path, Rules()).summary()["n"] == 10
    files = text(tmp_path), text(tmp_path, "verdicts.jsonl"), text(tmp_path, "run.json")
    none = Answering()
    finished = go(benchmark, tmp_path, none, limit=5)
    assert none.asked == []
    assert [answer.id for answer in finished.answers] == ["q0", "q1", "q2", "q3", "q4"]
    assert ids(tmp_path) == [f"q{i}" for i in range(10)]  # nothing once answered is thrown away
    assert finish(benchmark, tmp_path, Rules()).summary()["n"] == 10
    assert (text(tmp_path), text(tmp_path, "verdicts.jsonl"), text(tmp_path, "run.json")) == files


def test_a_run_that_grows_has_no_verdicts_until_it_is_finished(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path, limit=5)
    finish(benchmark, tmp_path, Rules())
    assert RunInfo.read(tmp_path).n == 5
    go(benchmark, tmp_path, Answering(q7=ModelError("busy")))
    assert not (tmp_path / "verdicts.jsonl").exists()
    assert not {"n", "scorer"} & set(json.loads(text(tmp_path, "run.json")))


# --- scoring -----------------------------------------------------------------------------------


def test_finish_writes_verdicts_and_how_they_came_about(benchmark: Benchmark, tmp_path: Path) -> None:
    class Half(Answering):
        def __call__(self, task: Task) -> Prediction:
            right = super().__call__(task)
            return right if int(task.question.id[1:]) % 2 else replace(right, sql="SELECT nothing")

    go(benchmark, tmp_path, Half())
    report = finish(benchmark, tmp_path, Rules("strict", timeout_s=3.0))
    assert report.summary()["ex"] == 50
    verdicts = read_verdicts(tmp_path / "verdicts.jsonl")
    assert [v.index for v in verdicts] == list(range(10))
    assert [v.correct for v in verdicts] == [bool(i % 2) for i in range(10)]
    assert {v.outcome for v in verdicts} == {"correct", "query_error"}
    description = json.loads(text(tmp_path, "run.json"))
    assert description["n"] == 10
    scorer = {"mode": "strict", "keep_distinct": False, "timeout_s": 3.0, "version": "1"}
    assert description["scorer"] == scorer | {"sqlite": sqlite3.sqlite_version}
    finish(benchmark, tmp_path, Rules())
    assert RunInfo.read(tmp_path).scorer == ScoredBy.of(Rules())


def test_finish_keeps_the_folder_honest_when_it_cannot_write(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(benchmark, tmp_path)
    finish(benchmark, tmp_path, Rules("strict"))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(verdict_files, "write_verdicts", fail)
    with pytest.raises(RunError, match="No space left on device"):
        finish(benchmark, tmp_path, Rules("official"))
    assert RunInfo.read(tmp_path).scorer is None  # verdicts of one mode never stand under another's name


def test_a_second_command_cannot_leave_verdicts_for_fewer_answers_than_there_are(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One asked five questions and scores them; another one asks all of them meanwhile."""
    really, scored = runs.score, []

    def score_while_another_asks(*given: Any, **named: Any) -> Any:
        report = really(*given, **named)
        scored.append(len(report.scored))
        go(benchmark, tmp_path)
        return report

    monkeypatch.setattr(runs, "score", score_while_another_asks)
    go(benchmark, tmp_path, limit=5)
    assert finish(benchmark, tmp_path, Rules()).n == 10
    assert scored == [5, 10]
    assert len(read_verdicts(tmp_path / "verdicts.jsonl")) == RunInfo.read(tmp_path).n == len(ids(tmp_path)) == 10
    assert Run.read(tmp_path).n == 10


def test_a_second_command_that_is_stopped_leaves_no_verdicts_that_lack_its_answers(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    go(benchmark, tmp_path, limit=5)
    finish(benchmark, tmp_path, Rules())
    with pytest.raises(KeyboardInterrupt):
        go(benchmark, tmp_path, Answering(q8=KeyboardInterrupt()))
    assert len(ids(tmp_path)) > 5
    assert not (tmp_path / "verdicts.jsonl").exists()
    with pytest.raises(RunError, match="is unfinished"):
        Run.read(tmp_path)


def test_by_which_sqlite_it_was_scored_stands_there_whichever_it_was_asked_with(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(benchmark, tmp_path)
    monkeypatch.setattr("spider_opt.runs.info.sqlite3.sqlite_version", "3.99")
    finish(benchmark, tmp_path, Rules())
    info = RunInfo.read(tmp_path)
    assert info.scorer
    assert info.scorer.sqlite == conditions(info)["SQLite"] == "3.99"
    assert ScoredBy.from_json({"mode": "official", "keep_distinct": False, "timeout_s": 1, "version": "1"}).sqlite == ""


def test_finish_of_another_benchmarks_answers(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path)
    with pytest.raises(PredictionsError, match="answers q9 on zoo, which is no question of fakes dev here"):
        finish(replace(benchmark, examples=benchmark.examples[:9]), tmp_path, Rules())

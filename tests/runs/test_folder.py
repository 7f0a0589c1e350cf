from __future__ import annotations

import errno
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.errors import LeakError, ModelError, ModelUnavailable, PredictionsError, RunError
from spider_opt.runs import RunInfo, ScoredBy
from spider_opt.runs import folder as runs
from spider_opt.runs import info as info_module
from spider_opt.runs.answers import read_answers
from spider_opt.runs.folder import Finished, finish, run
from spider_opt.runs.info import describe
from spider_opt.scoring import Rules, read_verdicts
from spider_opt.types import Benchmark, Candidate, Example, ModelInfo, Prediction, Question, Schema, Task, Usage

DB_IDS = ("zoo", "shop", "zoo", "shop", "zoo", "farm", "zoo", "shop", "farm", "zoo")


class Answering:
    """A generator that answers right, but for the questions in ``errors``; notes whom it was asked."""

    def __init__(self, **errors: BaseException) -> None:
        self.errors = errors
        self.asked: list[str] = []

    def __call__(self, task: Task) -> Prediction:
        question = task.question
        self.asked.append(question.id)
        if question.id in self.errors:
            raise self.errors[question.id]
        usage = Usage(1, 100, 0, 10, 0.25)
        return Prediction(
            f"SELECT {int(question.id[1:])}, name FROM item", usage, ({"step": "fake", "seed": task.seed},)
        )


MODEL = FakeModel(info=ModelInfo("fake", "ab" * 32))
the_commit = info_module.commit


@pytest.fixture(autouse=True)
def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info_module, "commit", lambda: "0123456789ab")


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    folder = tmp_path_factory.mktemp("databases")
    paths = {}
    for db_id in sorted(set(DB_IDS)):
        paths[db_id] = folder / f"{db_id}.sqlite"
        with closing(sqlite3.connect(paths[db_id])) as connection:
            connection.executescript("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a'), ('b')")
    examples = tuple(
        Example(i, Question(f"q{i}", f"Question {i}?", Schema(db_id, ())), f"SELECT {i}, name FROM item")
        for i, db_id in enumerate(DB_IDS)
    )
    return Benchmark("fakes", "dev", examples, paths, {}, len(examples), "0123456789abcdef")


def go(
    benchmark: Benchmark, folder: Path, generator: Answering | None = None, seed: int = 0, **options: Any
) -> Finished:
    info = describe(benchmark, "fake-method", "fake-method", MODEL.info, seed)
    return run(benchmark, generator or Answering(), MODEL, folder, info, **options)


def ids(folder: Path) -> list[str]:
    return [answer.id for answer in read_answers(folder / "predictions.jsonl")]


def text(folder: Path, name: str = "predictions.jsonl") -> str:
    return (folder / name).read_text(encoding="utf-8")


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


@pytest.mark.parametrize("concurrency", [2, 4, 50])
def test_answers_at_the_same_time_make_the_same_file(benchmark: Benchmark, tmp_path: Path, concurrency: int) -> None:
    running, most = 0, 0
    lock = threading.Lock()

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
    assert threading.active_count() == 1


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


def test_a_broken_line_that_no_kill_can_make_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path)
    lines = text(tmp_path).splitlines(keepends=True)
    (tmp_path / "predictions.jsonl").write_text("".join([*lines[:2], "{}\n", *lines[2:]]))
    with pytest.raises(RunError, match="line 3 is not an answer"):
        go(benchmark, tmp_path)


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
    assert "choose another --out" in str(caught.value)
    assert (text(tmp_path), text(tmp_path, "run.json")) == before


def test_another_sample_of_the_same_name_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    go(replace(benchmark, examples=benchmark.examples[:3]), tmp_path)
    with pytest.raises(RunError, match="an answer to q0, which is not among the questions asked now"):
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


# --- trouble with the model --------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_answer_is_no_wrong_answer(benchmark: Benchmark, tmp_path: Path, concurrency: int) -> None:
    broken = Answering(q2=ModelError("the prompt does not fit"), q8=ModelError("busy"))
    finished = go(benchmark, tmp_path, broken, concurrency=concurrency)
    assert finished.unanswered == {"q2": "the prompt does not fit", "q8": "busy"}
    assert (len(finished.answers), finished.n_new) == (8, 8)
    assert "q2" not in ids(tmp_path)
    assert "q8" not in ids(tmp_path)
    again = Answering()
    assert go(benchmark, tmp_path, again).unanswered == {}
    assert sorted(again.asked) == ["q2", "q8"]
    go(benchmark, tmp_path / "unbroken")
    assert text(tmp_path) == text(tmp_path / "unbroken")


def test_a_model_that_is_gone_stops_the_run_at_once(benchmark: Benchmark, tmp_path: Path) -> None:
    gone = Answering(q6=ModelUnavailable("nothing answers"))
    with pytest.raises(ModelUnavailable, match="nothing answers"):
        go(benchmark, tmp_path, gone)
    assert gone.asked == ["q0", "q2", "q4", "q6"]
    assert ids(tmp_path) == ["q0", "q2", "q4"]
    assert go(benchmark, tmp_path).n_new == 7


def test_what_a_step_does_wrong_is_not_called_the_folders_fault(benchmark: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        go(benchmark, tmp_path, Answering(q4=ConnectionResetError("a plugin's own")))
    assert ids(tmp_path) == ["q0", "q2"]


def test_an_interrupt_keeps_answers_and_does_not_wait_for_a_model_that_hangs(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    freed = threading.Event()
    asked = []

    class Hanging(Answering):
        def __call__(self, task: Task) -> Prediction:
            asked.append(task.question.id)
            if task.question.id == "q4":
                os.kill(os.getpid(), signal.SIGINT)
                freed.wait(30)
            return super().__call__(task)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        go(benchmark, tmp_path, Hanging())
    assert time.monotonic() - started < 5
    assert ids(tmp_path) == ["q0", "q2"]
    freed.set()
    time.sleep(0.05)
    assert asked == ["q0", "q2", "q4"]  # nothing is asked after the interrupt
    assert go(benchmark, tmp_path).n_new == 8


def test_an_answer_with_half_a_character_is_kept(benchmark: Benchmark, tmp_path: Path) -> None:
    class Odd(Answering):
        def __call__(self, task: Task) -> Prediction:
            return Prediction("SELECT '\ud83d\u2028\x00' AS \"\x85\"")

    go(benchmark, tmp_path, Odd())
    before = text(tmp_path)
    assert {answer.prediction.sql for answer in read_answers(tmp_path / "predictions.jsonl")} == {
        "SELECT '\ud83d\u2028\x00' AS \"\x85\""
    }
    assert go(benchmark, tmp_path).n_new == 0
    assert text(tmp_path) == before


# --- trouble with the folder -------------------------------------------------------------------


def test_two_in_one_folder_are_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    class Second(Answering):
        def __call__(self, task: Task) -> Prediction:
            with pytest.raises(RunError, match="in use by another run"):
                go(benchmark, tmp_path)
            return super().__call__(task)

    assert go(benchmark, tmp_path, Second()).n_new == 10
    assert go(benchmark, tmp_path).n_new == 0


def test_two_processes_in_one_folder_are_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    inside, leave = context.Event(), context.Event()

    class Waiting(Answering):
        def __call__(self, task: Task) -> Prediction:
            inside.set()
            leave.wait(30)
            return super().__call__(task)

    process = context.Process(target=go, args=(benchmark, tmp_path, Waiting()))
    process.start()
    try:
        assert inside.wait(20)
        with pytest.raises(RunError, match="in use by another run; wait for it or choose another --out"):
            go(benchmark, tmp_path)
        with pytest.raises(RunError, match="in use by another run"):
            finish(benchmark, _with_answers(tmp_path), Rules())
        process.kill()
        process.join()
        assert go(benchmark, tmp_path).n_new == 10  # the dead hold no lock
    finally:
        process.kill()
        process.join()


def _with_answers(folder: Path) -> Path:
    (folder / "predictions.jsonl").touch()
    return folder


def _on_a_full_disk(folder: Path, room: int) -> AbstractContextManager[None]:
    """No file may grow beyond ``room`` bytes: the system then writes a part of what is asked, and fails."""

    @contextmanager
    def limited() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited()


@pytest.mark.parametrize("room", [1100, 1101, 1150, 1234])
def test_when_a_file_cannot_grow_nothing_is_half_written(benchmark: Benchmark, tmp_path: Path, room: int) -> None:
    go(benchmark, tmp_path / "unbroken")
    run_folder = tmp_path / "run"
    with _on_a_full_disk(run_folder, room), pytest.raises(RunError, match=r"cannot write to .*answers so far are kept"):
        go(benchmark, run_folder)
    lines = text(run_folder).splitlines(keepends=True)
    assert 0 < len(lines) < 10
    assert all(line.endswith("\n") and json.loads(line)["sql"] for line in lines)
    assert go(benchmark, run_folder).n_new == 10 - len(lines)
    assert text(run_folder) == text(tmp_path / "unbroken")


def test_a_full_disk_is_one_sentence(benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    appended: list[str] = []

    def append(path: Path, line: str) -> None:
        if len(appended) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        appended.append(line)
        with path.open("a") as file:
            file.write(line)

    monkeypatch.setattr(runs, "append_whole", append)
    generator = Answering()
    with pytest.raises(RunError, match=r"^cannot write to .*: No space left on device; answers so far are kept"):
        go(benchmark, tmp_path, generator)
    time.sleep(0.05)
    assert len(generator.asked) <= 5  # and no more is asked for nothing
    assert len(ids(tmp_path)) == 3


def test_on_a_real_disk_that_is_full(benchmark: Benchmark, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("needs the right to mount")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=8k", "none", str(disk)], capture_output=True)
    if made.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        filler = disk / "filler"
        folder = disk / "run"
        folder.mkdir()
        filler.write_bytes(bytes(4096))  # one page is left, for run.json
        with pytest.raises(RunError, match="No space left on device"):
            go(benchmark, folder)
        assert RunInfo.read(folder).method == "fake-method"
        assert not text(folder)
        assert sorted(path.name for path in folder.iterdir()) == ["predictions.jsonl", "run.json"]
        filler.unlink()
        with pytest.raises(RunError, match="No space left on device"):  # all lines fit, their sorted copy does not
            go(benchmark, folder)
        assert sorted(ids(folder)) == [f"q{i}" for i in range(10)]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_is_a_file_or_in_one(benchmark: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "run", tmp_path / ("n" * 300)):
        with pytest.raises(RunError, match="cannot write to"):
            go(benchmark, folder)
    assert text(tmp_path, "file") == "x"


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
    assert description["scorer"] == {"mode": "strict", "keep_distinct": False, "timeout_s": 3.0, "version": "1"}
    finish(benchmark, tmp_path, Rules())
    assert RunInfo.read(tmp_path).scorer == ScoredBy.of(Rules())


def test_finish_keeps_the_folder_honest_when_it_cannot_write(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(benchmark, tmp_path)
    finish(benchmark, tmp_path, Rules("strict"))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "write_verdicts", fail)
    with pytest.raises(RunError, match="No space left on device"):
        finish(benchmark, tmp_path, Rules("official"))
    assert RunInfo.read(tmp_path).scorer is None  # verdicts of one mode never stand under another's name


def test_finish_of_another_benchmarks_answers(benchmark: Benchmark, tmp_path: Path) -> None:
    go(benchmark, tmp_path)
    with pytest.raises(PredictionsError, match="answers q9 on zoo, which is no question of fakes dev here"):
        finish(replace(benchmark, examples=benchmark.examples[:9]), tmp_path, Rules())


# --- for the record ----------------------------------------------------------------------------


def test_commit_is_that_of_our_own_tree_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "somebody" / "venv" / "spider_opt"
    (package / "runs").mkdir(parents=True)
    for name in ("__init__.py", "runs/info.py", "other.py"):
        (package / name).write_text("")
    monkeypatch.setattr(info_module, "__file__", str(package / "runs" / "info.py"))
    assert the_commit() == ""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x@x")
        command = ["git", "-C", str(tmp_path / "somebody"), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "somebody" / "own.py").write_text("")
    git("add", "own.py")
    git("commit", "-qm", "x")
    assert the_commit() == ""  # installed inside somebody's tree: that tree's commit says nothing about us
    git("add", ".")
    git("commit", "-qm", "y")
    assert the_commit() == git("rev-parse", "--short=12", "HEAD")
    (package / "other.py").write_text("# changed")
    assert the_commit() == git("rev-parse", "--short=12", "HEAD") + "+"
    monkeypatch.setenv("PATH", "/nowhere")
    assert the_commit() == ""

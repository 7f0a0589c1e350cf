from __future__ import annotations

import errno
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from fake_run import Answering, go, ids, text

from spider_opt.errors import ModelError, ModelUnavailable, RunError
from spider_opt.runs import RunInfo
from spider_opt.runs import folder as runs
from spider_opt.runs.answers import read_answers
from spider_opt.runs.folder import finish
from spider_opt.scoring import Rules
from spider_opt.types import Benchmark, Prediction, Task

# --- trouble with the model --------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_answer_is_no_wrong_answer(benchmark: Benchmark, tmp_path: Path, concurrency: int) -> None:
    broken = Answering(q2=ModelError("the prompt does not fit"), q8=ModelError("busy"))
    finished = go(benchmark, tmp_path, broken, concurrency=concurrency)
    assert {id: str(error) for id, error in finished.unanswered.items()} == {
        "q2": "the prompt does not fit", "q8": "busy"
    }  # fmt: skip
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
        with pytest.raises(RunError, match="in use by another run; wait for it or choose another out"):
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

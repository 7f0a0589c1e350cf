"""Temporary folders go, however their process ended, and only theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from spider_opt import temporary
from spider_opt.temporary import PREFIX, temporary_folder

HOLD = """
import sys, time
from spider_opt.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "copy.sqlite").write_bytes(b"0" * 1000)
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def held() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_goes_with_all_that_is_in_it(root: Path) -> None:
    def fail() -> None:
        with temporary_folder() as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "file").write_text("x")
            assert folder.parent == root
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not list(root.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="locks of dead processes are files there")
def test_what_a_killed_process_left_goes_with_the_next_and_nothing_else_does(root: Path) -> None:
    (root / "spider-opt-notes").mkdir()
    (alive, in_use), (dead, left) = held(), held()
    try:
        dead.kill()
        dead.wait(10)
        assert (left / "copy.sqlite").exists()
        with temporary_folder():
            assert not left.exists()
            assert (in_use / "copy.sqlite").exists()
    finally:
        for process in (alive, dead):
            process.kill()
            process.communicate(timeout=10)
    assert (root / "spider-opt-notes").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_leaves_it_to_its_parent() -> None:
    with temporary_folder() as folder:
        context = temporary_folder()
        other = context.__enter__()
        child = os.fork()
        if child == 0:
            try:
                context.__exit__(None, None, None)
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert folder.exists()
        assert other.exists()
        with temporary_folder():  # the fork's end has freed no lock of its parent's
            assert other.exists()
        context.__exit__(None, None, None)
        assert not other.exists()


def test_one_that_another_sweeps_away_before_it_is_locked_is_made_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def mkdtemp(prefix: str) -> str:
        made.append(root / f"{prefix}{len(made)}")
        if len(made) > 1:
            made[-1].mkdir()
        return str(made[-1])

    monkeypatch.setattr(temporary.tempfile, "mkdtemp", mkdtemp)
    with temporary_folder() as folder:
        assert folder == made[1]
        assert folder.name.startswith(PREFIX)

"""What every test may use."""

from __future__ import annotations

import functools
import gc
import hashlib
import importlib.metadata
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_openai import endpoint

__all__ = ["endpoint"]
ROOT = Path(__file__).resolve().parent.parent
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # the cores have other tests to run
    os.environ.setdefault(name, "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells have it for what they start behind: tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)

# With torch or llama.cpp in the process, scoring starts its own ones anew instead of forking them, which is slow.
LAST = (
    "tests/models/torch/test_gguf.py",
    "tests/models/llamacpp/test_embedded.py",
    "tests/steps/test_grammar.py",
    "tests/models/torch/",
    "tests/training/",
)

# A memory disk spares the waits for a real one: caches and databases are written anew by
# each test, and synced. No test here outlives the machine.
MEMORY_DISK = Path("/dev/shm")
if "TMPDIR" not in os.environ and os.access(MEMORY_DISK, os.W_OK) and shutil.disk_usage(MEMORY_DISK).free > 4e9:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY_DISK)

# While they are collected every module of the package is imported: what is compiled is kept, whatever the environment
# says, or each of the hundreds of processes that tests start compiles it again.
WRITES_NONE, sys.dont_write_bytecode = sys.dont_write_bytecode, False


def pytest_collection_finish() -> None:
    """Let the environment decide again; what is loaded stays, and need not be looked through for what may go."""
    sys.dont_write_bytecode = WRITES_NONE
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put last what brings threads of its own, the longest first."""
    items.sort(key=lambda item: next((i for i, start in enumerate(LAST) if item.nodeid.startswith(start)), -1))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with Spider and the recorded answers, which not everyone has."""
    folder = (ROOT / os.environ.get("SPIDER_OPT_SHARED", "../shared")).resolve()
    if not (folder / "spider" / "dev.json").exists():
        pytest.skip(f"no Spider data at {folder}; set SPIDER_OPT_SHARED")
    return folder


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests out of the user's cache and away from the user's keys."""
    folder = tmp_path_factory.mktemp("cache")
    kept = {name: os.environ.pop(name, None) for name in ("SPIDER_OPT_CACHE", "SPIDER_DIR", "OPENAI_API_KEY")}
    os.environ["SPIDER_OPT_CACHE"] = str(folder)
    yield folder
    os.environ.pop("SPIDER_OPT_CACHE")
    os.environ.update({name: value for name, value in kept.items() if value is not None})


@pytest.fixture(autouse=True, scope="session")
def forks_under_xdist() -> Iterator[None]:
    """Score as in a process of one thread; xdist's own one only waits for what the other process says.

    Else each of the hundreds of tests that score would start interpreters, which takes ten times as long.
    """
    from spider_opt.scoring import worker

    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setattr(worker, "N_THREADS", worker.N_THREADS + 1)
        yield


@pytest.fixture(autouse=True, scope="session")
def one_commit() -> Iterator[None]:
    """Git is asked once, not thrice a run: while tests run the package's tree stays what it is."""
    from spider_opt.runs import describing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(describing, "commit", functools.cache(describing.commit))
        yield


@pytest.fixture(scope="session")
def installed_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the wheel of ``tests/plugin`` in, to be put on PYTHONPATH."""
    versions = [d.version for d in importlib.metadata.distributions(name="setuptools")]
    if not any(int(version.partition(".")[0]) >= 77 for version in versions):
        pytest.skip("without the network pip needs a setuptools here that makes wheels")
    folder = tmp_path_factory.mktemp("plugin")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    shutil.copytree(ROOT / "tests" / "plugin", source, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    pip += ["--disable-pip-version-check", "--root-user-action=ignore", "--target", str(folder / "site"), str(source)]
    subprocess.run(pip, check=True, capture_output=True, cwd=folder)
    return folder / "site"


@pytest.fixture
def make_adapter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Writes adapters of four bytes, among those made on this machine or in ``root``; ``card`` changes the card."""
    from spider_opt.models.adapters import CARD, FILE, adapters_dir
    from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL

    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))

    def make(name: str = "mine", *, root: Path | None = None, file: bytes = b"lora", **card: Any) -> Path:
        folder = (root or adapters_dir()) / name
        folder.mkdir(parents=True)
        (folder / FILE).write_bytes(file)
        said = {
            "sha256": hashlib.sha256(file).hexdigest(),
            "base": {"name": DEFAULT_MODEL, "sha256": CATALOG[DEFAULT_MODEL].sha256},
            "look": {"values": 2},
            "target": "from-first",
        }
        (folder / CARD).write_text(json.dumps(said | card))
        return folder

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes run folders with a right (+) or wrong (-) answer to each question, two to a gold query."""
    run = {
        "method": "zero-shot", "steps": "zero-shot", "model": "fake", "model_sha256": "", "adapter_sha256": "",
        "benchmark": "spider", "split": "dev", "sample": "", "fingerprint": "f", "seed": 0, "version": "0.1.0",
        "commit": "c", "scorer": {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"},
    }  # fmt: skip

    def make(name: str, marks: str, *, start: int = 0, without: str = "", **changes: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        described = {key: value for key, value in (run | {"n": len(marks)} | changes).items() if key != without}
        answers, verdicts = [], []
        for index, mark in enumerate(marks, start):
            about = {"index": index, "db_id": f"db{index % 3}"}
            answers.append({**about, "id": f"dev-{index:04d}", "sql": "SELECT 1", "usage": {"calls": 1}})
            told = {"outcome": "correct" if mark == "+" else "wrong_rows", "detail": "" if mark == "+" else "1 row"}
            verdicts.append(about | told | {"correct": mark == "+", "hardness": "easy", "cluster": f"c{index // 2}"})
        (folder / "run.json").write_text(json.dumps(described))
        for file, entries in (("predictions", answers), ("verdicts", verdicts)):
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        return folder

    return make


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small database of somebody's own."""
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript("""
            CREATE TABLE boat (id INTEGER PRIMARY KEY, name TEXT, color TEXT, length REAL);
            INSERT INTO boat VALUES (1, 'Ada', 'red', 7.5), (2, 'Bea', 'blue', 9.0), (3, 'Cleo', 'red', NULL);
            CREATE TABLE rental (id INTEGER PRIMARY KEY, boat_id INTEGER REFERENCES boat (id), day TEXT);
            INSERT INTO rental VALUES (1, 1, '2024-05-01'), (2, 3, '2024-06-01');
        """)
    return path


@pytest.fixture
def other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search databases with other rows in this process, and not for long."""
    monkeypatch.setattr("spider_opt.suites.build.usable_processors", lambda: 1)
    monkeypatch.setattr("spider_opt.suites.search.N_AT_LARGE", 10)
    monkeypatch.setattr("spider_opt.suites.search.N_TRIES", 2)

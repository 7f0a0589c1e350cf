from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.benchmarks import load, load_source, spider_mini
from spider_opt.benchmarks.spider_mini import MINI, SPIDER_MINI, build_databases
from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark

SCRIPT = """
CREATE TABLE "line item" (id INTEGER PRIMARY KEY, name TEXT, day TEXT);
CREATE TABLE empty_one (a);
INSERT INTO "line item" VALUES (1, 'Ä  tab\t', '2024-01-02'), (2, NULL, ' x'), (3, 'it''s; --no', '');
CREATE INDEX by_name ON "line item" (name);
CREATE TABLE priced (a INT, "the ""price" REAL, PRIMARY KEY (a));
INSERT INTO priced VALUES (1, 2.0), (2, 2.5), (3, NULL), (4, 'free');
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "mini"
    for db_id in ("shop", "zoo"):
        (folder / "database" / db_id).mkdir(parents=True)
        (folder / "database" / db_id / f"{db_id}.sql").write_text(SCRIPT, encoding="utf-8")
    for split, db_id in (("train", "shop"), ("test", "zoo")):
        entry = {"db_id": db_id, "question": "How many?", "query": 'SELECT count(*) FROM "line item"'}
        (folder / f"{split}.json").write_text(json.dumps([entry]))
    return folder


def loaded(split: str | None, source: Path) -> Benchmark:
    return load_source("spider-mini", replace(SPIDER_MINI, root=source), split)


def built(root: Path) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(root.glob("database/*/*.sqlite"))
    }


def test_loads_what_the_text_says(source: Path, cache: Path) -> None:
    benchmark = loaded("test", source)
    assert (benchmark.name, benchmark.split, benchmark.n_total, benchmark.missing) == ("spider-mini", "test", 1, {})
    assert benchmark.examples[0].question.id.startswith("test-")
    path = benchmark.paths["zoo"]
    assert path.is_relative_to(cache)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute('SELECT name, day FROM "line item" ORDER BY id').fetchall()
        assert rows == [("Ä  tab\t", "2024-01-02"), (None, " x"), ("it's; --no", "")]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM empty_one").fetchone() == (0,)
        prices = connection.execute("SELECT * FROM priced ORDER BY a").fetchall()
        assert repr(prices) == "[(1, 2.0), (2, 2.5), (3, None), (4, 'free')]"
    assert not list(cache.rglob("*-journal")) + list(cache.rglob("*-wal")) + list(cache.rglob(".building*"))


def test_dev_is_another_name_for_test(source: Path, cache: Path) -> None:
    assert loaded("dev", source) == loaded("test", source)
    assert loaded(None, source).split == "test"


@pytest.mark.parametrize("split", ["train_spider", "", "Test", "../train"])
def test_another_split_is_refused(source: Path, cache: Path, split: str) -> None:
    with pytest.raises(DatasetError, match=f'No split is called "{split}"; there is: train, test. Another bench'):
        loaded(split, source)


def test_bytes_are_the_same_each_time_and_no_matter_who_wrote_them(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = []
    for name in ("one", "two"):
        monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / name))
        hashes.append(built(build_databases(source)))
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 2
    data = next((tmp_path / "one").rglob("zoo.sqlite")).read_bytes()
    assert data[96:100] == bytes(4)  # no version of the SQLite that wrote it
    assert struct.pack(">d", 2.5) in data
    assert struct.pack(">d", 2.0) not in data  # stored as an integer, also by a SQLite that need not


def test_built_once_and_again_only_what_is_gone(source: Path, cache: Path) -> None:
    root = build_databases(source)
    before = {path: path.stat().st_mtime_ns for path in root.glob("database/*/*.sqlite")}
    hashes = built(root)
    assert build_databases(source) == root
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (root / "database" / "zoo" / "zoo.sqlite").unlink()
    assert built(build_databases(source)) == hashes


def test_left_overs_of_a_killed_build_do_not_count(source: Path, cache: Path) -> None:
    hashes = built(root := build_databases(source))
    (root / "database" / "zoo" / "zoo.sqlite").unlink()
    (root / "database" / "zoo" / ".building-abc").mkdir()
    (root / "database" / "zoo" / ".building-abc" / "zoo.sqlite").write_bytes(b"half")
    assert built(build_databases(source)) == hashes


def test_other_text_is_another_folder_and_fingerprint(source: Path, cache: Path) -> None:
    before = loaded("test", source)
    script = source / "database" / "zoo" / "zoo.sql"
    script.write_text(SCRIPT + 'DELETE FROM "line item" WHERE id = 3;', encoding="utf-8")
    after = loaded("test", source)
    assert after.fingerprint != before.fingerprint
    assert after.paths["zoo"] != before.paths["zoo"]
    assert before.paths["zoo"].exists()


def test_line_ends_of_another_system_change_nothing(source: Path, cache: Path) -> None:
    before = build_databases(source)
    script = source / "database" / "zoo" / "zoo.sql"
    script.write_bytes(script.read_bytes().replace(b"\n", b"\r\n"))
    assert build_databases(source) == before


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("CREATE TABLE a (b);\nINSERT INTO a VALUES (1, 2);", r"zoo\.sql fails: table a has 1 columns but 2 values"),
        ("CREATE TABLE a (b", r"zoo\.sql fails: incomplete input"),
        ("BEGIN; CREATE TABLE a (b); INSERT INTO a VALUES (1);", None),
    ],
)
def test_a_script_that_fails_is_named_and_leaves_nothing(
    source: Path, cache: Path, script: str, said: str | None
) -> None:
    (source / "database" / "zoo" / "zoo.sql").write_text(script)
    if said is None:
        assert build_databases(source).exists()
        return
    with pytest.raises(DatasetError, match=said):
        build_databases(source)
    assert not list(cache.rglob("zoo.sqlite"))
    assert not list(cache.rglob(".building*"))


def test_a_cache_that_cannot_be_written(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match=r"Cannot write .*: Not a directory\. .*SPIDER_OPT_CACHE=DIR"):
        build_databases(source)


def test_without_its_text_it_says_so(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DatasetError, match="install spider-opt again"):
        build_databases(tmp_path)


@pytest.mark.parametrize("harm", ["zeroed", "cut off", "changed", "emptied", "note lost", "note broken"])
def test_what_is_damaged_is_built_again(source: Path, cache: Path, harm: str) -> None:
    benchmark = loaded("test", source)
    path = benchmark.paths["zoo"]
    whole = path.read_bytes()
    note = path.with_suffix(".sha256")
    if harm == "note lost":
        note.unlink()
    elif harm == "note broken":
        note.write_bytes(b"\xff")
    elif harm == "changed":  # by SQLite, as a program may that is given the file
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript('DELETE FROM "line item"')
    else:
        path.write_bytes({"zeroed": bytes(len(whole)), "cut off": whole[:5000], "emptied": b""}[harm])
    assert loaded("test", source) == benchmark
    assert path.read_bytes() == whole
    assert note.read_text() == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_CANTOPEN", "SQLITE_READONLY"])
def test_a_full_disk_is_no_fault_of_the_text(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: object) -> None:
        error = sqlite3.OperationalError("what SQLite says")
        error.sqlite_errorcode = getattr(sqlite3, name)
        raise error

    monkeypatch.setattr(spider_mini, "_write_database", fail)
    why = "the disk is full" if name == "SQLITE_FULL" else "what SQLite says"
    with pytest.raises(DatasetError, match=rf"Cannot write the bundled databases to .*: {why}\. Name a folder"):
        loaded("test", source)


def test_processes_that_build_at_once_do_not_disturb_each_other(source: Path, cache: Path) -> None:
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from spider_opt.benchmarks import load_source
from spider_opt.benchmarks.spider_mini import SPIDER_MINI
print(load_source("spider-mini", replace(SPIDER_MINI, root=Path(sys.argv[1]))).fingerprint)
"""
    command = [sys.executable, "-W", "error", "-c", code, str(source)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(4)
    ]
    answers = [process.communicate() for process in started]
    assert [errors for _, errors in answers] == [""] * 4
    assert {printed.strip() for printed, _ in answers} == {loaded("test", source).fingerprint}


# --- the real text -----------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_real_text_loads(split: str) -> None:
    benchmark = load(f"spider-mini:{split}")
    assert benchmark.missing == {}
    assert len(benchmark.examples) == benchmark.n_total >= 80
    assert len(benchmark.paths) >= 4


def test_the_real_halves_share_no_database() -> None:
    assert not load("spider-mini:train").paths.keys() & load("spider-mini:test").paths.keys()


def test_every_real_script_is_built_and_asked_about() -> None:
    scripts = {file.stem for file in MINI.glob("database/*/*.sql")}
    assert scripts == load("spider-mini:train").paths.keys() | load("spider-mini:test").paths.keys()


def test_the_real_text_builds_to_the_same_bytes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = built(build_databases())
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path))
    assert built(build_databases()) == first

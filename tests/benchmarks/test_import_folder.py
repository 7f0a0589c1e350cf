"""An import replaces what an import wrote and nothing else, and whoever kills it loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spider_opt.benchmarks import load
from spider_opt.benchmarks.import_folder import NOTE, WORK
from spider_opt.benchmarks.importing import Imported, import_benchmark
from spider_opt.errors import DatasetError

BOATS = "CREATE TABLE boat (name TEXT); INSERT INTO boat VALUES ('Alba'), ('Borg')"
OLD, NEW = "How many boats are there?", "Which boats are there?"


def database(path: Path, script: str = BOATS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def table(*questions: str, name: str = "questions.csv", db: str = "") -> Path:
    header, more = ("question,query,database", f",{db}") if db else ("question,query", "")
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(f"{question},SELECT name FROM boat{more}" for question in questions)]) + "\n")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two databases and ``own``, which an import made of one question about the first."""
    monkeypatch.chdir(tmp_path)
    database(tmp_path / "harbour.db")
    database(tmp_path / "port.db", BOATS + ", ('Cora')")
    again(table(OLD))
    return tmp_path


def again(path: Path, db: str = "harbour.db", out: str = "own", **options: Any) -> Imported:
    return import_benchmark(path, [Path(db)], Path(out), **{"replace": True} | options)


def asked() -> list[str]:
    return [example.question.text for example in load(data="own").examples]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(path: str, text: str = "mine") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


OF_OTHERS = [
    "questions.csv", "runs/keep/predictions.jsonl", "train_spider.json", "train_others.json", "tables.json",
    "test.json",
    "database/zoo/zoo.sqlite", "database/harbour/schema.sql", "database/harbour.sqlite", ".git/HEAD", "README.md",
]  # fmt: skip


@pytest.mark.parametrize("name", OF_OTHERS)
@pytest.mark.parametrize("note", [True, False], ids=["noted", "of an earlier version"])
def test_what_others_put_into_the_folder_stays(here: Path, name: str, note: bool) -> None:
    write(f"own/{name}")
    if not note:
        (here / "own" / NOTE).unlink()
    again(table(NEW), "port.db")
    assert Path(f"own/{name}").read_text() == "mine"
    assert json.loads(Path("own/dev.json").read_text())[0]["question"] == NEW
    assert not Path("own/database/harbour/harbour.sqlite").exists(), "which the earlier import wrote"
    assert Path("own/database/port/port.sqlite").exists()


def test_the_table_and_the_database_may_lie_in_the_folder(here: Path) -> None:
    path = table(NEW, name="own/questions.csv")
    again(path, "own/database/harbour/harbour.sqlite")
    assert asked() == [NEW]
    assert path.read_text().count(NEW) == 1
    table(OLD, name="own/questions.csv", db="harbour")
    import_benchmark(path, [Path("own/database"), Path("port.db")], Path("own"), replace=True)
    assert asked() == [OLD]
    kept = Path("own/database/harbour/harbour.sqlite")
    table(NEW, name="own/questions.csv", db="port")
    import_benchmark(path, [kept, Path("port.db")], Path("own"), replace=True)
    assert kept.exists(), "it was named as one to import from"
    assert asked() == [NEW]


def test_a_table_that_the_import_would_replace_is_refused(here: Path) -> None:
    before = files(here)
    with pytest.raises(DatasetError, match=r"own/dev\.json would be replaced by what is made of it: copy it"):
        again(Path("own/dev.json"))
    assert files(here) == before


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ("dev.json", r"own/dev\.json was changed after it was imported"),
        ("benchmark.json", r"own/benchmark\.json was changed after it was imported"),
        ("database/harbour/harbour.sqlite", r"own/database/harbour/harbour\.sqlite was changed after"),
        ("database/harbour/harbour.sqlite-wal", r"harbour\.sqlite-wal says that something has the database open"),
        ("database/harbour/harbour.sqlite-journal", "has the database open"),
    ],
)
def test_what_was_changed_since_is_not_replaced(here: Path, changed: str, named: str) -> None:
    path = here / "own" / changed
    path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n")
    before = files(here)
    with pytest.raises(DatasetError, match=named):
        again(Path("questions.csv"))
    assert files(here) == before


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"benchmark.json": '{"name": "hand"}', "dev.json": "[]"}, "or no import wrote it"),
        ({"benchmark.json": '{\n "name": "a"\n}\n', "dev.json": '[{"db_id": "a"}]'}, "or no import wrote it"),
        ({"notes.txt": ""}, "is not empty; name a new folder"),
        ({"dev.json": "[]"}, "is not empty; name a new folder"),
        ({NOTE: "x"}, "is broken; name a new folder"),
        ({NOTE: '{"files": 3}'}, "is broken; name a new folder"),
    ],
)  # fmt: skip
def test_a_folder_that_no_import_made_is_left_alone(here: Path, content: dict[str, str], named: str) -> None:
    for name, text in content.items():
        write(f"hand/{name}", text)
    before = files(here)
    with pytest.raises(DatasetError, match=named):
        again(Path("questions.csv"), out="hand")
    assert files(here) == before


def test_a_note_names_no_file_outside(here: Path) -> None:
    outside, told = here / "questions.csv", json.loads((here / "own" / NOTE).read_text())
    from spider_opt.paths import file_hash

    told["files"] |= {"../questions.csv": file_hash(outside), str(outside): file_hash(outside)}
    (here / "own" / NOTE).write_text(json.dumps(told))
    again(table(NEW, name="other.csv"))
    assert outside.exists()


def test_a_link_to_the_folder_stays_a_link(here: Path) -> None:
    os.rename("own", "elsewhere")
    os.symlink("elsewhere", "own")
    again(table(NEW))
    assert Path("own").is_symlink()
    assert asked() == [NEW]
    os.symlink("not-there-yet", "fresh")
    again(table(NEW), out="fresh")
    assert Path("not-there-yet/dev.json").exists()
    os.symlink("round", "round")
    with pytest.raises(DatasetError, match="cannot be a folder"):
        again(table(NEW), out="round")


def test_into_the_folder_one_stands_in(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here / "own")
    import_benchmark(table(NEW), [Path("../harbour.db")], Path("."), replace=True)
    assert [example.question.text for example in load(data=".").examples] == [NEW]


def test_a_failed_import_changes_nothing(here: Path) -> None:
    before = files(here)
    with pytest.raises(KeyboardInterrupt):
        import_benchmark(
            Path("questions.csv"), [Path("harbour.db")], Path("own"), replace=True,
            on_gold=lambda *told: (_ for _ in ()).throw(KeyboardInterrupt),
        )  # fmt: skip
    assert files(here) == before
    write("own/database/port")
    table(NEW)
    before = files(here)
    with pytest.raises(DatasetError, match=r"Cannot write to .*own: "):
        again(Path("questions.csv"), "port.db")
    assert files(here) == before


def test_two_imports_do_not_mix(here: Path) -> None:
    def other(*told: object) -> None:
        with pytest.raises(DatasetError, match="another import is writing to"):
            again(Path("questions.csv"))

    import_benchmark(table(NEW), [Path("harbour.db")], Path("own"), replace=True, on_gold=other)
    assert asked() == [NEW]


# --- killed at any moment ------------------------------------------------------------------------

STEPS = ("rename", "replace", "mkdir", "rmdir", "unlink")


def killed_at(step: int, what: Callable[[], object]) -> bool:
    """Do something in a process of its own, which dies before the step-th change of the disk; False where it ended."""
    child = os.fork()
    if child == 0:
        n = 0

        def dying(do: Callable[..., object]) -> Callable[..., object]:
            def change(*arguments: Any, **options: Any) -> object:
                nonlocal n
                n += 1
                if n == step:
                    os._exit(9)
                return do(*arguments, **options)

            return change

        try:
            for name in STEPS:
                setattr(os, name, dying(getattr(os, name)))
            what()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def everything(folder: Path) -> set[bytes]:
    return set(files(folder).values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes can be forked off")
def test_killed_at_any_moment_nothing_is_lost(here: Path) -> None:
    write("own/runs/keep")
    before, seen = files(here / "own"), set()
    shutil.copytree("own", "as-it-was")
    table(NEW)
    step = 1
    while killed_at(step, lambda: again(Path("questions.csv"), "port.db")):
        seen.add(tuple(asked_or_nothing()))
        if asked_new := json.dumps(NEW).encode() in files(here / "own").get("dev.json", b""):
            assert set(files(here / "own")) >= {"runs/keep", "dev.json", "database/port/port.sqlite"}, step
        else:
            assert everything(here / "own") >= set(before.values()), step
            with pytest.raises(DatasetError, match="holds a benchmark already"):
                again(Path("questions.csv"), "port.db", replace=False)  # puts back what was
            assert files(here / "own") == before, step
        again(Path("questions.csv"), "port.db")
        assert asked() == [NEW], step
        assert Path("own/runs/keep").read_text() == "mine"
        assert not Path("own", WORK).exists()
        shutil.rmtree("own")
        shutil.copytree("as-it-was", "own")
        step += 1
        assert asked_new or step < 100
    assert seen == {(OLD,), (NEW,), ()}
    assert step > 15


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes can be forked off")
def test_killed_while_it_puts_back_what_was(here: Path) -> None:
    before, n_tried = files(here / "own"), 0
    shutil.copytree("own", "as-it-was")
    table(NEW)
    step = 1
    while killed_at(step, lambda: again(Path("questions.csv"))) and asked_or_nothing() != [NEW]:
        if Path("own", WORK, "old").exists() and step % 3 == 0:
            shutil.copytree("own", "half")
            putting_back = 1
            while killed_at(putting_back, lambda: again(Path("questions.csv"), replace=False)):
                assert everything(here / "own") >= set(before.values()), (step, putting_back)
                with pytest.raises(DatasetError, match="holds a benchmark already"):
                    again(Path("questions.csv"), replace=False)
                assert files(here / "own") == before, (step, putting_back)
                shutil.rmtree("own")
                shutil.copytree("half", "own")
                putting_back += 1
                n_tried += 1
            shutil.rmtree("half")
        shutil.rmtree("own")
        shutil.copytree("as-it-was", "own")
        step += 1
    assert n_tried > 20


def asked_or_nothing() -> list[str]:
    try:
        return asked()
    except DatasetError as error:
        return ["?"] if "is being replaced by an import" not in str(error) else []

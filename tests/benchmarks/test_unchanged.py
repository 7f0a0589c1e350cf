"""A database that changes after its benchmark was loaded is never asked, nor judged, under the old fingerprint."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from few_questions import asked, folder, model

import spider_opt as so
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.cli import main
from spider_opt.errors import DatasetError
from spider_opt.types import Completion, Request

DATABASE = Path("own/database/port/port.sqlite")
CHANGED = r"the database port has changed since own dev was loaded \(.*port\.sqlite\): load the benchmark again"


@pytest.fixture(autouse=True)
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> so.Benchmark:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folder(asked())
    Path("answers.txt").write_text("SELECT count(*) FROM boat\n" * 4)
    return so.load(data="own")


def change(sql: str = "INSERT INTO boat VALUES ('Ina', 9)") -> None:
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.execute(sql)


def unseen_in_its_times() -> None:
    """Change it, and put size and time of change back."""
    stat = DATABASE.stat()
    change("UPDATE boat SET name = 'Olga'")
    assert DATABASE.stat().st_size == stat.st_size
    os.utime(DATABASE, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def other_file() -> None:
    change()
    shutil.copy(DATABASE, "copy")
    os.replace("copy", DATABASE)


CHANGES: dict[str, Callable[[], object]] = {
    "a row more": change,
    "a table more": lambda: change("CREATE TABLE more (a)"),
    "a value of the same length": unseen_in_its_times,
    "another file": other_file,
}
USES: dict[str, Callable[[so.Benchmark], Any]] = {
    "evaluate a method": lambda b: so.evaluate("zero-shot", b, model=model(), out="run", progress=False),
    "evaluate a function": lambda b: so.evaluate(lambda q, d: "SELECT 1", b, out="run", progress=False),
    "score": lambda b: so.score("answers.txt", b),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_is_refused_before_anything_is_asked(
    use: Callable[[so.Benchmark], Any], change: Callable[[], object], benchmark: so.Benchmark
) -> None:
    change()
    with pytest.raises(DatasetError, match=CHANGED):
        use(benchmark)
    assert not Path("run").exists()
    assert use(so.load(data="own")).n == 4


def test_it_is_refused_where_it_changes_as_the_run_goes_on(benchmark: so.Benchmark) -> None:
    """What was answered stays, and is never judged under the fingerprint of before."""
    fake = model()
    answer = fake.complete

    def changes(request: Request) -> list[Completion]:
        if len(fake.requests) == 3:
            change()
        return answer(request)

    fake.complete = changes  # type: ignore[method-assign]
    with pytest.raises(DatasetError, match=CHANGED):
        so.evaluate("zero-shot", benchmark, model=fake, out="run", progress=False)
    assert len(Path("run/predictions.jsonl").read_text().splitlines()) == 4
    assert not Path("run/verdicts.jsonl").exists()
    with pytest.raises(so.SpiderOptError, match="unfinished"):
        so.Run.read("run")


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_it_is_refused_where_it_changes_as_it_is_judged(
    use: Callable[[so.Benchmark], Any], benchmark: so.Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.evaluation import scoring_files
    from spider_opt.runs import folder as of_runs
    from spider_opt.scoring import score

    def judged(*given: Any, **options: Any) -> Any:
        change()
        return score(*given, **options)

    monkeypatch.setattr(of_runs, "score", judged)
    monkeypatch.setattr(scoring_files, "judged", judged)
    with pytest.raises(DatasetError, match=CHANGED):
        use(benchmark)
    assert not Path("run/verdicts.jsonl").exists()


def test_a_run_that_was_finished_before_is_not_gone_on_with(benchmark: so.Benchmark) -> None:
    first = USES["evaluate a method"](benchmark)
    change()
    for _ in range(2):
        with pytest.raises(DatasetError, match=CHANGED):
            USES["evaluate a method"](benchmark)
    with pytest.raises(so.SpiderOptError, match=r"holds another run \(fingerprint is"):
        USES["evaluate a method"](so.load(data="own"))
    assert so.Run.read("run").ex == first.ex


@pytest.mark.parametrize("gone", [True, False])
def test_it_is_refused_where_it_is_gone(gone: bool, benchmark: so.Benchmark) -> None:
    if gone:
        DATABASE.unlink()
    else:
        DATABASE.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"port\.sqlite"):
        USES["score"](benchmark)


def test_what_is_the_same_is_no_change(benchmark: so.Benchmark) -> None:
    shutil.copy(DATABASE, "copy")
    os.replace("copy", DATABASE)
    os.utime(DATABASE, (1, 1))
    assert USES["score"](benchmark).n == 4


def test_who_only_reads_changes_nothing() -> None:
    change("PRAGMA journal_mode = WAL")
    benchmark = so.load(data="own")
    with closing(sqlite3.connect(DATABASE)) as reader:
        reader.execute("SELECT * FROM boat").fetchall()
        assert Path(f"{DATABASE}-wal").exists()
        assert USES["score"](benchmark).n == 4
        reader.execute("INSERT INTO boat VALUES ('Ina', 9)")
        reader.commit()  # it stands in the log beside the file, which is as it was
        with pytest.raises(DatasetError, match=CHANGED):
            USES["score"](benchmark)


def test_databases_that_no_question_asked_needs_may_change(benchmark: so.Benchmark) -> None:
    folder([*asked(), {"db_id": "mooring", "question": "How many?", "query": "SELECT count(*) FROM boat"}])
    both = so.load(data="own")
    with closing(sqlite3.connect("own/database/mooring/mooring.sqlite")) as connection, connection:
        connection.execute("DELETE FROM boat")
    ids = [example.question.id for example in both.examples[:4]]
    assert so.evaluate("zero-shot", both, ids=ids, model=model(), progress=False).n == 4
    change()
    with pytest.raises(DatasetError, match=r"the database \w+ has changed, and so did 1 more, since own dev was"):
        check_unchanged(both)


def test_the_files_are_read_once(benchmark: so.Benchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(DATABASE, (1, 1))
    import time

    time.sleep(0.15)  # what was just written may be written again within a tick of the clock
    check_unchanged(benchmark)
    from spider_opt import paths

    monkeypatch.setattr(paths, "_hash", lambda path: pytest.fail("it is read again"))
    check_unchanged(benchmark)


def test_commands_load_anew() -> None:
    assert CliRunner().invoke(main, ["score", "answers.txt", "--data", "own"]).exit_code == 0
    change()
    assert CliRunner().invoke(main, ["score", "answers.txt", "--data", "own"]).exit_code == 0

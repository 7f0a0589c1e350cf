"""What the cache folder holds: every place that the package keeps something in is told of, and can be emptied."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

import spider_opt as so
from spider_opt.benchmarks import load
from spider_opt.cache_contents import KINDS, Contents, clear, contents
from spider_opt.cache_use import cache_in_use
from spider_opt.errors import CacheError
from spider_opt.evaluation.folders import runs_dir
from spider_opt.models.adapters import adapters_dir
from spider_opt.models.catalog import CATALOG
from spider_opt.models.weights import folder_of
from spider_opt.paths import locked
from spider_opt.retrieval.text_cache import open_text_cache
from spider_opt.scoring import Rules, score
from spider_opt.store import Store

PACKAGE = Path(__file__).resolve().parent.parent / "spider_opt"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(path: Path, n_bytes: int = 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * n_bytes)
    return path


def fill(cache: Path) -> None:
    """Put something of each kind there, by the code that keeps it where that is easy."""
    for name, kind in KINDS.items():
        if kind.store:
            with closing(Store(cache / kind.store)) as store:
                store.keep(name, {"a": b"1", "b": b"2"})
    load("spider-mini:test")
    put(cache / "prefixes" / "1.kv")
    put(cache / "values" / "ab-1.sqlite")
    put(runs_dir() / "mine-spider-mini-test-0123456789ab" / "run.json", 40)
    put(folder_of(CATALOG["all-minilm-l6-v2"]) / "model.bin", 5000)
    put(cache / "expanded" / "ab.gguf", 300)
    put(cache / "merged" / "ab.gguf", 310)
    put(adapters_dir() / "mine" / "card.json", 10)
    put(adapters_dir() / "begun" / "checkpoint.pt", 20)


def by_kind() -> dict[str, Contents]:
    return {row.kind: row for row in contents()}


def test_an_empty_cache(cache: Path) -> None:
    assert [row.kind for row in contents()] == list(KINDS)
    assert all(row.n_bytes == 0 and not row.entries for row in contents())
    assert clear(list(KINDS)) == dict.fromkeys(KINDS, 0)
    assert not cache.exists()


def test_how_much_there_is_of_each(cache: Path) -> None:
    fill(cache)
    rows = by_kind()
    entries = {name: row.entries for name, row in rows.items()}
    assert entries == {
        **dict.fromkeys(("responses", "gold", "retrieval", "training"), 2),
        **dict.fromkeys(("values", "prefixes", "runs", "expanded", "merged", "adapters"), 1),
        **{"databases": 10, "weights": None},
    }
    assert (rows["weights"].n_bytes, rows["adapters"].n_bytes, rows["prefixes"].n_bytes) == (5000, 30, 1000)
    assert sum(row.n_bytes for row in rows.values()) == sum(f.stat().st_size for f in cache.rglob("*") if f.is_file())
    assert rows["responses"].path == cache / "responses.sqlite"
    assert list(cache.rglob("*-shm")) == []  # looking leaves nothing


def test_a_broken_store_is_counted_by_its_size(cache: Path) -> None:
    put(cache / "responses.sqlite")
    put(cache / "responses.sqlite.broken-1")
    assert by_kind()["responses"] == Contents("responses", cache / "responses.sqlite", 2000, None)
    assert clear(["responses"]) == {"responses": 2000}
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_is_deleted_and_nothing_else(cache: Path, kind: str) -> None:
    fill(cache)
    before = by_kind()
    assert before[kind].n_bytes
    assert clear([kind]) == {kind: before[kind].n_bytes}
    after = by_kind()
    assert after.pop(kind).n_bytes == 0
    assert after == {name: row for name, row in before.items() if name != kind}


def test_what_is_not_ours_stays(cache: Path, tmp_path: Path) -> None:
    """The folder may be one that has other things in it."""
    strange = [
        cache / "mini-project" / "x",
        cache / "weights" / "mine" / "x",
        cache / "notes.sqlite",
        cache / "a" / "b",
    ]
    elsewhere = put(tmp_path / "elsewhere" / "card.json")
    for path in strange:
        put(path)
    fill(cache)
    (adapters_dir() / "linked").symlink_to(elsewhere.parent)
    clear(list(KINDS))
    assert all(path.exists() for path in [*strange, elsewhere])
    assert not (adapters_dir() / "linked").is_symlink()


def test_databases_are_built_again(cache: Path) -> None:
    fill(cache)
    clear(["databases"])
    assert all(path.exists() for path in load("spider-mini:test").paths.values())


@pytest.mark.parametrize("store", [kind.store for kind in KINDS.values() if kind.store])
def test_nothing_is_deleted_while_a_store_is_open(cache: Path, store: str) -> None:
    fill(cache)
    before = contents()
    program = (
        "import sys, pathlib; from spider_opt.store import Store\n"
        "store = Store(pathlib.Path(sys.argv[1])); store.get('s', 'a'); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(cache / store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        for kinds in (list(KINDS), ["databases"]):
            with pytest.raises(CacheError, match=rf"{re.escape(store)} is in use by another spider-opt; wait until"):
                clear(kinds)
        process.kill()
    assert {row.kind: row.entries for row in contents()} == {row.kind: row.entries for row in before}
    assert clear(["responses"])["responses"] > 0


@pytest.mark.parametrize("what", ["runs", "adapters", "weights"])
def test_nothing_is_deleted_while_something_is_answered_trained_or_fetched(cache: Path, what: str) -> None:
    fill(cache)
    weights = folder_of(CATALOG["all-minilm-l6-v2"])
    [run] = runs_dir().iterdir()
    folder = {"runs": run, "adapters": adapters_dir() / "begun", "weights": weights}[what]
    before = contents()
    with locked(folder), pytest.raises(CacheError, match="is in use by another spider-opt"):
        clear(["prefixes"])
    assert contents() == before


ASKED = """
import os, sys
sys.path.insert(0, {tests!r})
from fake_model import FakeModel
import spider_opt as so
from spider_opt.types import ModelInfo

def wait(*_):
    print("in use", flush=True)
    sys.stdin.read()
    return "SELECT 1"

class Waits(FakeModel):
    def complete(self, request):
        wait()
        return super().complete(request)

bench = so.load("spider-mini")
path = next(iter(bench.paths.values()))
model = Waits("SELECT 1", info=ModelInfo("fake"))
out = f"run-{{os.getpid()}}"
{asks}
"""
ASKS = {
    "a function": "so.evaluate(wait, bench, limit=1, progress=False, out=out)",
    "a model": "so.evaluate('zero-shot', bench, limit=1, model=model, progress=False, out=out)",
    "a question": "so.method('zero-shot', model=model, cache=False).answer('How many?', database=path)",
    "a model that runs": """
from spider_opt.models.llamacpp import embedded
from pathlib import Path
embedded.LlamaServer = type("Server", (), {"__init__": lambda *_, **__: None, "stop": print})
Path("some.gguf").touch()
with embedded.EmbeddedModel(Path("some.gguf")):
    wait()
""",
}


@pytest.fixture
def uses(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Begins to use the cache in another process, which is at it when this returns."""
    begun: list[subprocess.Popen[str]] = []

    def begin(asks: str) -> subprocess.Popen[str]:
        code = ASKED.format(tests=str(Path(__file__).parent), asks=asks)
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "in use\n"
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("what", ASKS)
def test_nothing_is_deleted_while_it_is_used(
    cache: Path, what: str, uses: Callable[[str], subprocess.Popen[str]]
) -> None:
    fill(cache)
    first, second = uses(ASKS[what]), uses(ASKS[what])
    before = contents()
    for kind in KINDS:
        with pytest.raises(CacheError, match=rf"in use by another spider-opt \(process(es)? .*\b{first.pid}\b"):
            clear([kind])
    assert [row for row in contents() if row.kind != "runs"] == [row for row in before if row.kind != "runs"]
    first.communicate("")
    assert first.returncode == 0
    with pytest.raises(CacheError, match=rf"process {second.pid}\)"):
        clear(list(KINDS))
    second.kill()
    second.wait()
    clear(list(KINDS))
    assert not any(row.n_bytes for row in contents())
    assert not (cache / "in-use").exists()


def test_nothing_is_deleted_while_answers_are_scored(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "predictions.txt").write_text("SELECT 1\n" * 125)
    refused = []

    def amid(label: str, n: int) -> Any:
        with pytest.raises(CacheError, match="in use"):
            clear(list(KINDS))
        refused.append(label)
        return nullcontext(lambda: None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spider_opt.evaluation.scoring_files.PROGRESS_AFTER_S", -1.0)
        so.score(tmp_path / "predictions.txt", load("spider-mini"), progress=amid)
    assert refused == ["scoring"]
    clear(list(KINDS))


def test_who_uses_a_cache_that_is_being_emptied_waits(cache: Path) -> None:
    fill(cache)
    entered = threading.Event()

    def use() -> None:
        with cache_in_use():
            entered.set()

    thread = threading.Thread(target=use)
    with locked(cache):
        thread.start()
        assert not entered.wait(0.2)
    thread.join()
    assert entered.is_set()
    assert not (cache / "in-use").exists()


def test_a_cache_that_cannot_be_written_is_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(put(tmp_path / "file") / "cache"))
    with cache_in_use():
        pass
    with pytest.raises(ZeroDivisionError), cache_in_use():
        raise ZeroDivisionError


def test_what_cannot_be_deleted_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(cache)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(CacheError, match=r"1\.kv cannot be deleted: Permission denied"):
        clear(["prefixes"])


def test_stores_are_where_they_are_looked_for(cache: Path) -> None:
    with closing(open_text_cache()) as texts:
        texts.made("k", ["a"], lambda some: [b"1"] * len(some), "")
    benchmark = load("spider-mini:test")
    score(benchmark, [(example, example.gold_sql) for example in benchmark.examples[:3]], Rules(), n_workers=1)
    rows = by_kind()
    assert rows["retrieval"].entries == 1
    assert rows["gold"].entries


def test_every_place_in_the_cache_is_of_a_kind() -> None:
    """Whoever keeps something new in it says so in KINDS."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    places = set(re.findall(r'cache_dir\(\)\)?(?:\.absolute\(\))? / f?"([\w.-]+)', source))
    assert {"weights", "adapters", "retrieval", "gold.sqlite", "mini-"} <= places
    known = {kind.path.partition("/")[0].rstrip("*") for kind in KINDS.values()}
    assert places <= known | {"in-use", "logging"}  # locks, which are nothing that is kept


def test_an_older_file_is_counted(cache: Path) -> None:
    cache.mkdir()
    with closing(sqlite3.connect(cache / "responses.sqlite")) as db, db:
        db.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, completions TEXT NOT NULL) WITHOUT ROWID")
        db.execute("INSERT INTO answers VALUES ('a', 'b')")
    assert by_kind()["responses"].entries == 1

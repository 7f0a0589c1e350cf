"""Questions about a database of one's own, from Python."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_model import COST, FakeModel
from fake_openai import FakeOpenAI

from spider_opt import models
from spider_opt.bound_method import method
from spider_opt.errors import (
    DatasetError,
    MethodError,
    ModelError,
    NotAQuery,
    QueryFailed,
    QueryLimit,
    UsageError,
    WeightsError,
)
from spider_opt.models import CATALOG, DEFAULT_MODEL
from spider_opt.types import Completion, ModelInfo, Request

COUNT = "SELECT count(*) FROM boat"
PAIRS = [
    ("How many boats are red?", "SELECT count(*) FROM boat WHERE color = 'red'"),
    ("Names?", "SELECT name FROM boat"),
]


@pytest.fixture(autouse=True)
def own_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's model answered is no other's."""
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))


# --- an answer ---------------------------------------------------------------------------------


def test_an_answer(shop: Path) -> None:
    model = FakeModel(f"```sql\n{COUNT};\n```")
    with method("rag", model=model) as asking:
        answered = asking.answer("How many boats are there?", database=shop)
    assert (answered.question, answered.database, answered.sql) == ("How many boats are there?", shop, COUNT)
    assert (answered.usage, answered.model) == (COST, ModelInfo("fake"))
    assert [step["step"] for step in answered.trace] == ["zero-shot", "repair", "schema"]
    assert answered.rows() == [(3,)]
    assert answered.result().columns == ("count(*)",)
    [prompt] = model.prompts
    assert "CREATE TABLE boat" in prompt
    assert "'red', 'blue'" in prompt
    assert prompt.endswith("Question: How many boats are there?")


def test_steps_reach_the_database(shop: Path) -> None:
    model = FakeModel("SELECT count(*) FROM boats WHERE colour = 'Red'")
    assert method("rag", model=model).answer("How many boats are red?", database=str(shop)).rows() == [(2,)]
    retried = FakeModel("SELECT x FROM boat", COUNT)
    assert method("retry", model=retried).answer("How many?", database=shop).sql == COUNT
    assert "no such column: x" in retried.prompts[1]


def test_rows_are_capped_and_the_query_only_reads(shop: Path) -> None:
    named = method("zero-shot", model=FakeModel("SELECT name FROM boat ORDER BY id")).answer("Names?", database=shop)
    assert named.rows(2) == [("Ada",), ("Bea",)]
    assert len(named.rows()) == 3
    dropped = method("zero-shot", model=FakeModel("DROP TABLE boat")).answer("Drop it", database=shop)
    with pytest.raises(NotAQuery):
        dropped.rows()
    assert named.rows(1) == [("Ada",)]


def test_a_query_that_fails_is_an_answer_whose_rows_are_an_error(shop: Path) -> None:
    answered = method("zero-shot", model=FakeModel("SELECT x FROM boat")).answer("What?", database=shop)
    with pytest.raises(QueryFailed, match="no such column: x"):
        answered.rows()
    nothing = method("zero-shot", model=FakeModel("")).answer("What else?", database=shop)
    assert nothing.sql == ""
    with pytest.raises(NotAQuery, match="there is no query in what the model answered"):
        nothing.rows()


def test_a_query_ends_in_time(shop: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    asking = method("repair", model=FakeModel(endless), timeout_s=0.1)
    answered = asking.answer("How far?", database=shop)
    assert answered.trace[-1]["outcome"] == "stuck"
    with pytest.raises(Exception, match=r"no answer within 0\.1 s"):
        answered.rows()


def test_notes_are_shown(shop: Path) -> None:
    model = FakeModel(COUNT)
    method("zero-shot", model=model).answer("How many rouge?", database=shop, notes="rouge is red")
    assert "Note: rouge is red\nQuestion: How many rouge?" in model.prompts[0]


def test_the_seed_is_the_models(shop: Path) -> None:
    model = FakeModel(COUNT)
    method("vote:n=2", model=model, seed=7).answer("How many?", database=shop)
    assert [request.seed for request in model.requests] == [7, 8]


# --- databases ---------------------------------------------------------------------------------


def test_a_database_that_changed_is_read_again(shop: Path) -> None:
    model = FakeModel("SELECT * FROM pier")
    asking = method("rag", model=model)
    asking.answer("Which piers?", database=shop)
    assert "pier" not in model.prompts[0].partition("Question")[0]
    with closing(sqlite3.connect(shop)) as db, db:
        db.execute("CREATE TABLE pier (name TEXT)")
        db.execute("INSERT INTO pier VALUES ('North')")
    assert asking.answer("Which piers?", database=shop).rows() == [("North",)]
    assert "CREATE TABLE pier" in model.prompts[1]


def test_two_files_of_one_name_are_two_databases(shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / shop.name
    other.parent.mkdir()
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("CREATE TABLE tram (line TEXT)")
    model = FakeModel("SELECT * FROM tram")
    asking = method("rag", model=model, cache=False)
    for path in (shop, other, shop):
        asking.answer("What is there?", database=path)
    assert ["tram" in prompt for prompt in model.prompts] == [False, True, False]


def test_a_database_in_the_home_folder(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert method("zero-shot", model=FakeModel(COUNT)).answer("How many?", database=f"~/{shop.name}").rows() == [(3,)]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.sqlite", None, "No database at"),
        ("notes.txt", "hello", "is not a SQLite database"),
        ("empty.sqlite", "", "is not a SQLite database"),
        ("boats.sql", "CREATE TABLE boat (id);", 'make one of it with: sqlite3 "boats.sqlite" < ".*boats.sql"'),
        ("boats.csv", "id,name\n", 'make one of it with: sqlite3 "boats.sqlite" ".import --csv .*boats.csv boats"'),
        ("none.sql", None, "No database at"),
    ],
)
def test_what_is_no_database(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    model = FakeModel()
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=said):
        method("rag", model=model).answer("How many?", database=tmp_path / name)


def test_a_database_whatever_it_is_called(shop: Path) -> None:
    shop.rename(shop.with_name("shop.sql"))
    assert method("zero-shot", model=FakeModel(COUNT)).answer("How many?", database=shop.with_name("shop.sql")).rows()


def test_a_folder_and_a_database_without_tables(tmp_path: Path) -> None:
    asking = method("rag", model=FakeModel())
    with pytest.raises(DatasetError, match="Is a directory"):
        asking.answer("How many?", database=tmp_path)
    with closing(sqlite3.connect(tmp_path / "bare.sqlite")) as db, db:
        db.execute("CREATE TABLE t (a)")
        db.execute("DROP TABLE t")
    with pytest.raises(DatasetError, match=r"bare\.sqlite has no tables: there is nothing to ask about"):
        asking.answer("How many?", database=tmp_path / "bare.sqlite")


@pytest.mark.parametrize(("question", "said"), [("", "empty"), (" \n", "empty"), ("How\udce4?", "broken character")])
def test_what_is_no_question(shop: Path, question: str, said: str) -> None:
    asking = method("rag", model=FakeModel())
    with pytest.raises(UsageError, match=said):
        asking.answer(question, database=shop)
    with pytest.raises(UsageError, match="the notes has"):
        asking.answer("How many?", database=shop, notes="\ud800")


# --- examples ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["fewshot", "fewshot:by=question", "fewshot:schemas=yes", "hyde", "difficulty+fewshot"]
)
def test_ones_own_examples_are_shown(shop: Path, text: str) -> None:
    model = FakeModel(COUNT)
    asking = method(text, model=model, examples=PAIRS, embedder="hashing")
    answered = asking.answer("How many boats are blue?", database=shop)
    assert answered.sql == COUNT
    assert "Questions about this database, each with its query:\n\n" in model.prompts[-1]
    assert f"Question: {PAIRS[0][0]}\nSQL: {PAIRS[0][1]}" in model.prompts[-1]
    assert model.prompts[-1].count("CREATE TABLE boat") == 1


def test_a_very_question_is_answered_by_its_example(shop: Path) -> None:
    model = FakeModel(PAIRS[0][1])
    method("fewshot:k=1", model=model, examples=PAIRS, embedder="hashing").answer(PAIRS[0][0], database=shop)
    assert f"SQL: {PAIRS[0][1]}" in model.prompts[0]


def test_examples_from_a_file(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"question": "Oldest boat?", "query": "SELECT min(id) FROM boat"}\n')
    model = FakeModel(COUNT)
    asking = method("fewshot+rag", model=model, examples=tmp_path / "mine.jsonl", embedder="hashing")
    asking.answer("How many?", database=shop)
    assert "Oldest boat?" in model.prompts[0]


@pytest.mark.parametrize("text", ["fewshot+rag", "hyde", "difficulty"])
def test_a_step_that_needs_examples_says_so_at_once(text: str) -> None:
    with pytest.raises(MethodError, match=r"needs examples: give some \(examples=\[…\]\)"):
        method(text, model=FakeModel())


def test_examples_that_nobody_shows_are_refused() -> None:
    with pytest.raises(UsageError, match=r"no step of 'rag' shows examples: put one before it \(fewshot\+rag\)"):
        method("rag", model=FakeModel(), examples=PAIRS)
    with pytest.raises(UsageError, match="There is no embedder 'none'"):
        method("fewshot", model=FakeModel(), examples=PAIRS, embedder="none")


# --- the model ---------------------------------------------------------------------------------

Opened = list[tuple[str | None, str | None, tuple[str, ...]]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> tuple[Opened, FakeModel]:
    """Opens a fake whatever is asked for; notes what was."""
    asked: Opened = []
    model = FakeModel(COUNT)

    def open_fake(name: str | None, *, base_url: str | None, adapters: Any, **how: Any) -> FakeModel:
        asked.append((name, base_url, tuple(adapters)))
        return model

    monkeypatch.setattr(models, "open", open_fake)
    return asked, model


@pytest.mark.parametrize(
    ("model", "base_url", "label", "adapters"),
    [
        (None, None, "rag+finetune", ("spider",)),
        (DEFAULT_MODEL, None, "rag+finetune", ("spider",)),
        ("qwen2.5-coder-1.5b", None, "rag+finetune", ("spider-1.5b",)),
        ("smollm2-135m", None, "rag", ()),
        ("qwen2.5-coder-1.5b", "http://127.0.0.1:9/v1", "rag", ()),
        ("m", "http://127.0.0.1:9/v1", "rag", ()),
        (DEFAULT_MODEL, "http://127.0.0.1:9/v1", "rag", ()),
    ],
)
def test_what_is_asked_where_nothing_is_said(
    opened: tuple[Opened, FakeModel], shop: Path,
    model: str | None, base_url: str | None, label: str, adapters: tuple[str, ...],
) -> None:  # fmt: skip
    asked, _ = opened
    asking = method(model=model, base_url=base_url)
    assert asking.method.label == label
    assert asked == []  # not before a question
    asking.answer("How many?", database=shop)
    assert asked == [(model, base_url, adapters)]


def test_a_model_of_ones_own_is_asked_with_rag() -> None:
    assert method(model=FakeModel()).method.label == "rag"


def test_an_embedded_model_that_is_given_must_have_the_methods_adapter(
    make_adapter: Callable[..., Path], shop: Path
) -> None:
    make_adapter("mine")
    sha256 = hashlib.sha256(b"lora").hexdigest()
    base = CATALOG[DEFAULT_MODEL].sha256
    text = "finetune:adapter=mine"
    for there in ("", "ab" * 32):
        with pytest.raises(UsageError, match=rf"wants {DEFAULT_MODEL} with its adapter: open it by .*=\['mine'\]"):
            method(text, model=FakeModel(info=ModelInfo(DEFAULT_MODEL, base, there)))
    with pytest.raises(UsageError, match=f"'mine' is for {DEFAULT_MODEL}, and not for smollm2"):
        method(text, model=FakeModel(info=ModelInfo("smollm2-135m", "cd" * 32, sha256)))
    for info in (ModelInfo(DEFAULT_MODEL, base, sha256), ModelInfo("tuned elsewhere")):
        model = FakeModel("FROM boat SELECT count(*)", info=info)
        assert method(text, model=model).answer("How many?", database=shop).rows() == [(3,)]
    method("rag", model=FakeModel(info=ModelInfo(DEFAULT_MODEL, base)))


def test_what_is_wrong_with_question_or_database_is_said_before_a_model_is_opened(
    opened: tuple[Opened, FakeModel], tmp_path: Path
) -> None:
    for question, database in (("", tmp_path / "none"), ("How many?", tmp_path / "none")):
        with pytest.raises(UsageError):
            method().answer(question, database=database)
    assert opened[0] == []


def test_what_was_opened_is_closed_and_opened_again(opened: tuple[Opened, FakeModel], shop: Path) -> None:
    asked, model = opened
    with method(cache=False) as asking:
        for _ in range(3):
            asking.answer("How many?", database=shop)
        assert (len(asked), model.closed) == (1, 0)
    assert model.closed == 1
    asking.close()
    assert model.closed == 1
    asking.answer("How many?", database=shop)
    assert len(asked) == 2


@pytest.mark.parametrize("cache", [True, False])
def test_a_model_that_was_given_is_not_closed(shop: Path, cache: bool) -> None:
    model = FakeModel(COUNT)
    with method("rag", model=model, cache=cache) as asking:
        asking.answer("How many?", database=shop)
    assert model.closed == 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_no_file_stays_open(shop: Path) -> None:
    def files() -> list[str]:
        paths = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return [name for path in paths if os.path.exists(path) and shop.parent.name in (name := os.readlink(path))]

    with method("rag", model=FakeModel(COUNT)) as asking:
        asking.answer("How many?", database=shop).rows()
        assert str(shop) in files()
    assert files() == []


def test_an_answer_is_kept_unless_it_must_not_be(shop: Path) -> None:
    model = FakeModel(COUNT, "SELECT 2", "SELECT 3")
    for _ in range(2):
        assert method("zero-shot", model=model).answer("How many?", database=shop).sql == COUNT
    assert len(model.requests) == 1
    assert method("zero-shot", model=model, cache=False).answer("How many?", database=shop).sql == "SELECT 2"
    assert method("zero-shot", model=model, seed=1).answer("How many?", database=shop).sql == "SELECT 3"


class Plain:
    """A model as somebody else writes it, who has not heard of caches."""

    def __init__(self) -> None:
        self.info = ModelInfo("plain")
        self.calls = 0

    def complete(self, request: Request) -> list[Completion]:
        self.calls += 1
        return [Completion(f"SELECT {self.calls}")]


def test_a_model_that_does_not_say_what_its_answers_depend_on_is_asked_each_time(shop: Path) -> None:
    asking = method("zero-shot", model=Plain())
    assert [asking.answer("How many?", database=shop).sql for _ in range(2)] == ["SELECT 1", "SELECT 2"]


def test_a_model_that_does_not_answer(shop: Path) -> None:
    asking = method("rag", model=FakeModel(ModelError("the server is on fire"), COUNT))
    with pytest.raises(ModelError, match="the server is on fire"):
        asking.answer("How many?", database=shop)
    assert asking.answer("How many?", database=shop).rows() == [(3,)]


def test_threads_share_it(shop: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"shop{i}.sqlite" for i in range(3)]
    for path in paths:
        shutil.copy(shop, path)
    together = threading.Barrier(6)

    def ask(i: int) -> Any:
        together.wait()
        return [asking.answer(f"How many {j}?", database=paths[(i + j) % 3]).rows() for j in range(5)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with method("rag", model=FakeModel(COUNT)) as asking, ThreadPoolExecutor(6) as pool:
            assert list(pool.map(ask, range(6))) == [[[(3,)]] * 5] * 6
    finally:
        sys.setswitchinterval(interval)


def test_the_method_is_checked_at_once(make_adapter: Callable[..., Path]) -> None:
    with pytest.raises(MethodError, match="no method step 'ragg'"):
        method("ragg")
    with pytest.raises(UsageError, match="There is no adapter 'none'"):
        method("finetune:adapter=none")
    (make_adapter("broken") / "adapter.gguf").write_bytes(b"other")
    with pytest.raises(WeightsError, match="has not the bytes"):
        method("finetune:adapter=broken")


def test_torch_and_an_endpoint_do_not_go_together(shop: Path) -> None:
    with pytest.raises(UsageError, match="leave one out"):
        method("rag", model="m", base_url="http://127.0.0.1:9/v1", engine="torch").answer("How many?", database=shop)


def test_a_result_too_large_is_stopped(shop: Path) -> None:
    wide = "SELECT zeroblob(100001)"
    answered = method("zero-shot", model=FakeModel(wide)).answer("How large?", database=shop)
    with pytest.raises(QueryLimit):
        answered.rows()


def test_how_a_model_is_asked_that_is_opened_here(endpoint: FakeOpenAI, shop: Path) -> None:
    how: dict[str, Any] = {"max_tokens": 4000, "system": False, "extra": {"top_p": 0.5}, "request_timeout_s": 9.0}
    with method("zero-shot", model="m", base_url=endpoint.url, cache=False, **how) as asking:
        assert asking.answer("How many?", database=shop).model.manner == "max_tokens=4000, system=no, top_p=0.5"
    [sent] = endpoint.requests
    assert (sent["max_tokens"], sent["top_p"], [m["role"] for m in sent["messages"]]) == (4000, 0.5, ["user"])
    for name, value in how.items():
        with pytest.raises(UsageError, match=f"{name} says nothing to a model that is open"):
            method("zero-shot", model=FakeModel(), **{name: value})

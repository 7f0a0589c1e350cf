from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.errors import MethodError, ModelUnavailable
from spider_opt.methods import parse_method
from spider_opt.models import EmbeddedModel, weights
from spider_opt.models.llamacpp import server
from spider_opt.paths import cache_dir
from spider_opt.sql.grammar import Names, select_grammar
from spider_opt.steps.grammar import Grammar
from spider_opt.types import (
    Column,
    Context,
    Prediction,
    Question,
    Result,
    Schema,
    Stage,
    Table,
    Task,
    Tools,
    Usage,
)

# Read before the tests get a cache of their own.
USERS_CACHE = cache_dir()
BOTH: tuple[Names, ...] = ("bare", "pairs")
SHOP = Schema("shop", (Table("item", (Column("id", "INTEGER"), Column("price", "REAL"))),))
ZOO = Schema("zoo", (Table("animal", (Column("name", "TEXT"),)), Table("cage", (Column("size", "REAL"),))))

SAYS = "```sql\nSELECT id\nFROM item;\n```"


def grammars(model: FakeModel) -> list[str | None]:
    return [request.grammar for request in model.requests]


class NoRows:
    def run(self, sql: str) -> Result:
        return Result(("id",), [])


def ask(
    model: Any, method: str, *schemas: Schema, tables: tuple[tuple[str, tuple[str, ...]], ...] = ()
) -> list[Prediction]:
    generator = parse_method(method).build(Tools(dict.fromkeys(("shop", "zoo"), NoRows())))
    return [generator(Task(Question("q", "How many?", schema), model, Context(tables=tables))) for schema in schemas]


@pytest.mark.parametrize("names", BOTH)
def test_the_model_gets_the_grammar_of_the_questions_schema(names: Names) -> None:
    model = FakeModel(SAYS)
    first, *_ = ask(model, f"grammar:names={names}+zero-shot:values=0", SHOP, ZOO, SHOP)
    assert grammars(model) == [select_grammar(schema, names) for schema in (SHOP, ZOO, SHOP)]
    assert first.sql == "SELECT id FROM item"
    assert first.usage == Usage(1, 50, 40, 9, 0.5)
    assert first.trace[-1] == {"step": "grammar", "names": names}


def test_a_pruned_schema_does_not_narrow_it() -> None:
    model = FakeModel(SAYS)
    ask(model, "grammar+zero-shot:values=0", ZOO, tables=(("cage", ("size",)),))
    assert "animal" not in model.prompts[0]
    assert grammars(model) == [select_grammar(ZOO, "bare")]


@pytest.mark.parametrize("form", ["prefill", "completion"])
def test_the_grammar_begins_the_answer(form: str) -> None:
    model = FakeModel(SAYS)
    [prediction] = ask(model, f"grammar+zero-shot:values=0,form={form}", SHOP)
    assert not model.prompts[0].endswith(("```sql\n", "SELECT"))
    assert prediction.sql == "SELECT id FROM item"


def test_it_stands_outermost_and_every_call_follows_it() -> None:
    method = parse_method("retry:k=2,empty=yes+grammar+zero-shot:values=0")
    assert isinstance(method.steps[0], Grammar)
    assert Grammar.stage is Stage.MODEL
    model = FakeModel(SAYS)
    [prediction] = ask(model, method.label, SHOP)
    assert len(grammars(model)) > 1
    assert set(grammars(model)) == {select_grammar(SHOP, "bare")}
    assert prediction.usage.calls == len(grammars(model))


def test_other_names_are_refused() -> None:
    with pytest.raises(MethodError, match="bare or pairs"):
        parse_method("grammar:names=all")


@pytest.fixture(scope="module")
def llama() -> Iterator[EmbeddedModel]:
    try:
        server.binding()
    except ModelUnavailable as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIDER_OPT_CACHE", str(USERS_CACHE))
        path: Path | None = weights.find("smollm2-135m")
    if path is None:
        pytest.skip("no weights here; type: spider-opt models pull smollm2-135m, or set SPIDER_OPT_WEIGHTS")
    with EmbeddedModel(path, n_ctx=1024, n_threads=1) as model:
        yield model


@pytest.mark.parametrize("names", BOTH)
def test_llama_cpp_follows_it(llama: EmbeddedModel, names: Names) -> None:
    """The smallest model, which would rather talk."""
    [prediction] = ask(llama, f"grammar:names={names}+zero-shot:values=0", SHOP)
    assert prediction.sql.lower().startswith("select")
    assert "item" in prediction.sql.lower()
    assert prediction.trace[0] == {"step": "zero-shot", "finish": "stop"}

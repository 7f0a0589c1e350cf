"""Which questions stand together, and that their tokens are those that are asked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from spider_opt.answering.drafts import Drafter, Look
from spider_opt.models.torch.shared_prefix import Pack
from spider_opt.prompts.orders import shuffled
from spider_opt.training.dataset import Item
from spider_opt.training.packer import Packer, tokens_of, without_a_table
from spider_opt.training.renaming import renamed
from spider_opt.types import Column, Context, Database, Demo, ForeignKey, Result, Schema, Table, Task

Lessons = Callable[..., list[Item]]
LOOK = Look(values=0)


def as_written(sql: str, schema: Schema) -> str:
    return sql


def packer(tokenizer: Any, n: int = 4, look: Look = LOOK, databases: dict[str, Database] | None = None, **options: Any):  # type: ignore[no-untyped-def]
    return Packer(tokenizer, databases or {}, look=look, target=as_written, n=n, **options)


def ids(groups: list[list[Item]]) -> list[list[str]]:
    return [[item.question.id for item in group] for group in groups]


def texts(tokenizer: Any, pack: Pack) -> list[str]:
    return [tokenizer.decode([*pack.shared, *rest]) for rest in pack.rests]


# --- order -------------------------------------------------------------------------------------


def test_a_group_has_one_schema_and_all_items_are_in_one(tokenizer: Any, lessons: Lessons) -> None:
    items = [*lessons(9, "shop"), *lessons(4, "zoo"), *lessons(1, "farm")]
    pruned = [replace(item, context=Context(tables=(("t0", ("id",)),))) for item in lessons(5, "mine")]
    items += [*pruned, *lessons(2, "mine", kind="train-others")]
    groups = packer(tokenizer).order(items, random.Random(1))
    assert Counter(id for group in ids(groups) for id in group) == Counter(item.question.id for item in items)
    for group in groups:
        assert len({(item.question.db_id, item.context.tables) for item in group}) == 1
    sizes = Counter((group[0].question.db_id, bool(group[0].context.tables), len(group)) for group in groups)
    assert sizes == {
        ("shop", False, 3): 3,
        ("zoo", False, 4): 1,
        ("farm", False, 1): 1,
        ("mine", True, 3): 1,
        ("mine", True, 2): 1,
        ("mine", False, 2): 1,
    }


@pytest.mark.parametrize("n", [1, 3, 7, 16])
def test_groups_are_of_nearly_one_size(tokenizer: Any, lessons: Lessons, n: int) -> None:
    for count in (1, 5, 17, 33):
        sizes = [len(group) for group in packer(tokenizer, n).order(lessons(count), random.Random(0))]
        assert (sum(sizes), len(sizes)) == (count, -(-count // n))
        assert max(sizes) <= n
        assert max(sizes) - min(sizes) <= 1


def test_a_seed_draws_the_order(tokenizer: Any, lessons: Lessons) -> None:
    items = [*lessons(20, "shop"), *lessons(9, "zoo")]
    one, same, other = (ids(packer(tokenizer).order(items, random.Random(seed))) for seed in (1, 1, 2))
    assert one == same != other
    assert [item.question.db_id for item in items] == ["shop"] * 20 + ["zoo"] * 9  # the items are left in their order


# --- tokens ------------------------------------------------------------------------------------


def asked(tokenizer: Any, item: Item, look: Look = LOOK, databases: dict[str, Database] | None = None) -> list[int]:
    task = Task(item.question, None, item.context)  # type: ignore[arg-type]
    return tokens_of(tokenizer, Drafter(look, databases or {}).messages(task))


def test_a_prompt_is_what_is_asked_and_an_answer_what_ends_it(tokenizer: Any, lessons: Lessons) -> None:
    plain = lessons(3)
    demo = Demo(replace(plain[0].question, id="train-9999", schema=replace(plain[0].question.schema, db_id="zoo")), "x")
    brought = [Context(values=(("t0", "name", "Lamp"),)), Context(demos=(demo, demo)), Context()]
    items = [replace(item, context=context) for item, context in zip(plain, brought, strict=True)]
    pack = packer(tokenizer).pack(items)
    assert len(pack.shared) > 100
    for item, rest, start in zip(items, pack.rests, pack.answers, strict=True):
        assert [*pack.shared, *rest[:start]] == asked(tokenizer, item)
        assert tokenizer.decode(rest[start:]) == f"{item.sql}<|im_end|>"
    first = texts(tokenizer, pack)[0]
    assert first.startswith("<|im_start|>system\nYou write SQLite queries.")
    assert "t0.name = 'Lamp'" in first
    assert first.endswith("<|im_start|>assistant\nSELECT name FROM t0 WHERE price = 0<|im_end|>")


def test_the_target_is_made_from_the_query_and_the_whole_schema(tokenizer: Any, lessons: Lessons) -> None:
    items = lessons(2)
    seen = []

    def target(sql: str, schema: Schema) -> str:
        seen.append(schema)
        return sql.lower()

    pack = Packer(tokenizer, {}, look=LOOK, target=target).pack(items, random.Random(3))
    assert seen == [item.question.schema for item in items]
    assert all("select name" in text for text in texts(tokenizer, pack))


class Three:
    """A database with the same values in each column, and the column's name among them."""

    def run(self, sql: str) -> Result:
        return Result(("x",), [(sql.split()[2],), (7,)])


def test_values_stay_with_their_columns_however_these_are_shuffled(tokenizer: Any, lessons: Lessons) -> None:
    items, look, databases = lessons(2), Look(values=2), {"shop": Three()}
    ours = packer(tokenizer, look=look, databases=databases)
    seen = set()
    for seed in range(6):
        pack = ours.pack(items, random.Random(seed))
        text = texts(tokenizer, pack)[0]
        seen.add(text)
        for name in ("id", "name", "price"):
            assert text.count(f"-- '{name}', 7") == 2
        schema = shuffled(items[0].question.schema, random.Random(seed))
        item = replace(items[0], question=replace(items[0].question, schema=schema))
        assert [*pack.shared, *pack.rests[0][: pack.answers[0]]] == asked(tokenizer, item, look, databases)
    assert len(seen) == 6
    plain = ours.pack(items)
    assert [*plain.shared, *plain.rests[0][: plain.answers[0]]] == asked(tokenizer, items[0], look, databases)


def test_a_renamed_pack_shows_and_asks_for_the_new_names_alone(tokenizer: Any, lessons: Lessons) -> None:
    context = Context(values=(("t0", "name", "Paris"), ("t1", "price", "Rome")))
    items, databases = [replace(item, context=context) for item in lessons(2)], {"shop": Three()}
    ours = packer(tokenizer, look=Look(values=2), databases=databases, rename=1.0)
    plain = packer(tokenizer, look=Look(values=2), databases=databases)
    rng = random.Random(5)
    schema = shuffled(items[0].question.schema, rng)
    rng.random()
    names = renamed(schema, rng)
    assert any(new != old for old, new in names.names.items())
    pack = ours.pack(items, random.Random(5))
    for text, item in zip(texts(tokenizer, pack), items, strict=True):
        assert names.query(item.sql) in text
        for table, column, value in context.values:
            assert f"{names.name(table)}.{names.name(column)} = '{value}'" in text
        assert all(f"CREATE TABLE {names.name(table.name)} (" in text for table in schema.tables)
        assert text.count("-- '") == texts(tokenizer, plain.pack(items))[0].count("-- '") > 0
    assert ours.pack(items) == plain.pack(items)
    never = packer(tokenizer, look=Look(values=2), databases=databases, rename=0.0)
    assert never.pack(items, random.Random(5)) == plain.pack(items, random.Random(5))


@pytest.mark.parametrize("look", [Look(rows=2), Look(form="prefill"), Look(form="completion")])
def test_a_look_that_cannot_be_learnt_is_refused(tokenizer: Any, look: Look) -> None:
    with pytest.raises(ValueError, match="only prompts in the form of a chat and without sample rows"):
        packer(tokenizer, look=look)


def test_its_settings_tell_packers_apart(tokenizer: Any) -> None:
    made = [packer(tokenizer), packer(tokenizer, n=5), packer(tokenizer, look=Look(values=1)),
            packer(tokenizer, max_tokens=7), packer(tokenizer, rename=0.5),
            Packer(tokenizer, {}, look=LOOK, target=lambda sql, _: sql, n=4)]  # fmt: skip
    assert len({one.settings for one in made}) == 6
    assert made[0].settings == packer(tokenizer).settings


# --- schemas -----------------------------------------------------------------------------------


def schema(*names: str) -> Schema:
    columns = (Column("id", "INT", primary_key=True), Column("name", "TEXT"), Column("price", "INT"))
    keys = tuple(ForeignKey(a, "id", b, "id") for a, b in pairwise(names))
    return Schema("shop", tuple(Table(name, columns) for name in names), keys)


def item_on(tables: Schema, sql: str, *values: tuple[str, str, str]) -> Item:
    from spider_opt.types import Question

    return Item(Question("train-0001", "Which?", tables), sql, Context(values=values))


def test_a_long_schema_keeps_the_tables_in_use(tokenizer: Any) -> None:
    names = [f"table_{i}" for i in range(30)]
    whole = schema(*names)
    items = [
        item_on(whole, "SELECT T1.name FROM TABLE_3 AS T1 JOIN table_17 AS T2 ON T1.id = T2.id"),
        item_on(whole, "SELECT name FROM table_5", ("table_9", "name", "Lamp")),
    ]
    short = packer(tokenizer, max_tokens=1200).pack(items, random.Random(0))
    text = texts(tokenizer, short)[0]
    kept = {name for name in names if f"CREATE TABLE {name} (" in text}
    assert {"table_3", "table_17", "table_5", "table_9"} <= kept
    assert len(kept) < 12
    assert 600 < len(short.shared) <= 1200
    for line in text.splitlines():
        if "REFERENCES" in line:
            assert line.split("REFERENCES ")[1].split("(")[0] in kept
    whole_text = texts(tokenizer, packer(tokenizer, max_tokens=10**6).pack(items, random.Random(0)))[0]
    assert all(f"CREATE TABLE {name} (" in whole_text for name in names)


def test_where_no_table_can_go_a_schema_stays_long(tokenizer: Any) -> None:
    whole = schema("a", "b")
    used = item_on(whole, "SELECT a.name FROM a JOIN b ON a.id = b.id")
    pack = packer(tokenizer, max_tokens=10).pack([used], random.Random(0))
    assert "CREATE TABLE a (" in tokenizer.decode(pack.shared)
    assert "CREATE TABLE b (" in tokenizer.decode(pack.shared)
    assert without_a_table(whole, [item_on(whole, "no query at all")], random.Random(0), 2.0) is None
    assert without_a_table(whole, [item_on(whole, "SELECT name FROM a")], random.Random(0), 2.0) == schema("a")


# --- noise -------------------------------------------------------------------------------------


class Many:
    """A database with twenty values in each column, of which a query gets as many as it wants."""

    def run(self, sql: str) -> Result:
        return Result(("x",), [(f"{sql.split()[2]}-{i}",) for i in range(min(20, int(sql.split()[-1])))])


def test_noise_leaves_what_is_asked_and_draws_the_rest(tokenizer: Any, lessons: Lessons) -> None:
    items, look = lessons(2), Look(values=2)
    own = items[0].question.schema
    stranger = Schema("zoo", (Table("zebra", (Column("stripes", "INT"),)),))
    databases: dict[str, Database] = {"shop": Many(), "zoo": Many()}
    noisy = packer(tokenizer, look=look, databases=databases, noise=1.0, others=[own, stranger])
    seen = {texts(tokenizer, noisy.pack(items, random.Random(seed)))[0] for seed in range(12)}
    assert all("CREATE TABLE t0" in text for text in seen)
    assert 0 < sum("zebra" in text for text in seen) < 12
    assert any("'name-7'" in text or "'name-11'" in text for text in seen)
    assert any("stripes-" in text for text in seen)
    answers = {text.rpartition("assistant\n")[2] for text in seen}
    assert answers == {f"{items[0].sql}<|im_end|>"}
    plain = packer(tokenizer, look=look, databases=databases)
    assert noisy.pack(items) == plain.pack(items)  # what is watched is as it is asked


def test_without_noise_the_same_is_drawn_as_ever(tokenizer: Any, lessons: Lessons) -> None:
    items = lessons(3)
    one, other = packer(tokenizer, rename=0.5), packer(tokenizer, rename=0.5, noise=0.0, others=[])
    assert one.settings == other.settings != packer(tokenizer, rename=0.5, noise=0.2).settings
    for seed in range(6):
        assert one.pack(items, random.Random(seed)) == other.pack(items, random.Random(seed))

"""No question is loaded that tells its own gold query to the model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

import spider_opt as so
from spider_opt.benchmarks import load, training_half
from spider_opt.benchmarks.importing import import_benchmark
from spider_opt.benchmarks.shown_gold import shows_gold
from spider_opt.errors import DatasetError, LeakError

GOLD = "SELECT name FROM item WHERE 1 = 1"
SHOWS = [
    GOLD,
    f"{GOLD};",
    "select  NAME\nfrom item  where 1=1",
    f"Hint: use {GOLD} and nothing else",
    f"```sql\n{GOLD}\n```",
    "SELECT name -- so\nFROM item /* or */ WHERE 1 == 1",
    f'{{"sql": "{GOLD}"}}',
]
SHOWS_NOT = [
    f"never {GOLD}0",
    f"re{GOLD}",
    "name stands in item.name",
    "SELECT name FROM item",
    "WHERE 1 = 1",
    "",
    "item",
]


@pytest.mark.parametrize("notes", SHOWS)
@pytest.mark.parametrize("field", ["hint", "question", "query"])
def test_a_field_that_is_shown_and_has_the_gold_is_refused(small: Any, notes: str, field: str) -> None:
    if field == "query":  # the field of the gold itself is named
        small.write("benchmark.json", {"name": "own", "notes": "query"})
        entries = [small.entry("shop", 1)]
    else:
        small.write("benchmark.json", {"name": "own", "notes": "hint"})
        entries = [small.entry("shop", 1), small.entry("shop", 2, query=GOLD) | {field: notes}]
    for name in ("dev.json", "train_spider.json"):
        before = (small.root / name).read_bytes()
        small.write(name, entries)
        with pytest.raises(
            DatasetError, match=rf'entry {len(entries) - 1} .* its own gold query in its "{field}", which'
        ):
            load("spider:dev" if name == "dev.json" else "spider:train_spider", data=small.root)
        (small.root / name).write_bytes(before)


@pytest.mark.parametrize("notes", [*SHOWS_NOT, 7, None])
def test_other_notes_are_taken(small: Any, notes: object) -> None:
    small.write("benchmark.json", {"name": "own", "notes": "hint"})
    small.write("dev.json", [small.entry("shop", 2, query=GOLD, hint=notes)])
    [example] = load(data=small.root).examples
    assert example.question.notes == ("" if notes is None else str(notes))


def test_a_question_without_gold_may_say_anything(small: Any) -> None:
    small.write("benchmark.json", {"name": "own", "notes": "hint"})
    small.write("dev.json", [small.entry("shop", 2, query="", hint=GOLD)])
    assert load(data=small.root).examples[0].question.notes == GOLD


@pytest.mark.parametrize("where", ["table_names", "column_names"])
def test_plain_words_of_the_schema_are_shown_too(small: Any, where: str) -> None:
    tables = json.loads((small.root / "tables.json").read_text())
    query = small.entry("shop", 1)["query"]
    for entry in tables:
        said = entry[where]
        entry[where] = (
            [query for _ in said] if where == "table_names" else [[i, query if i >= 0 else n] for i, n in said]
        )
    small.write("tables.json", tables)
    small.write("dev.json", [small.entry("shop", 1)])
    with pytest.raises(DatasetError, match=r"tables\.json has the gold query of entry 0 of dev\.json among its names"):
        load("spider:dev", data=small.root)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", f"question,query,evidence\nWhich?,SELECT 1,\nAll?,{GOLD},{GOLD};\n"),
        ("a.csv", f"question,query,hint\nWhich?,SELECT 1,\nAll?,{GOLD},it is {GOLD.lower()}\n"),
        ("a.csv", f"question,query\nWhich?,SELECT 1\n{GOLD},{GOLD}\n"),
        (
            "a.jsonl",
            f'{{"question": "W?", "sql": "SELECT 1"}}\n{{"question": "A?", "sql": "{GOLD}", "note": "{GOLD}"}}\n',
        ),
        ("a.json", json.dumps([{"question": "W?"}, {"question": "A?", "gold": GOLD, "knowledge": GOLD}])),
    ],
)
def test_a_table_that_shows_it_is_not_imported(small: Any, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=r"(line|entry) .* has its gold query in its .*, which a model is shown"):
        import_benchmark(tmp_path / name, [small.database("shop")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["notes", "text"])
def test_a_program_that_puts_it_there_is_refused_as_well(part: str) -> None:
    bench = so.load()
    first = bench.examples[0]
    told = replace(first, question=replace(first.question, **{part: f"say {first.gold_sql}"}))
    with pytest.raises(LeakError, match=f"the {part} of {first.question.id} has its gold query"):
        so.evaluate("zero-shot", replace(bench, examples=(told,)), model=FakeModel("SELECT 1"), cache=False)


def test_nothing_of_the_bundled_benchmark_is_taken_for_it() -> None:
    for benchmark in (load(), training_half(load())):
        assert not any(shows_gold(example.question.text, example.gold_sql) for example in benchmark.examples)

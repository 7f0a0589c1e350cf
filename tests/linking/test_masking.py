"""What a question asks stays, what it asks about is masked."""

from __future__ import annotations

import pytest

from spider_opt.linking.masking import masked
from spider_opt.types import Column, Question, Schema, Table

ANIMAL = (Column("animalID", "INTEGER"), Column("first_name", "TEXT", "first name"), Column("wt", "REAL", "weight"))
CITY = (Column("city", "TEXT"), Column("total_class", "TEXT"), Column("highest", "INT"))
ZOO = Schema("zoo", (Table("animal", ANIMAL), Table("Keeper_City", CITY)))


def mask(text: str) -> str:
    return masked(Question("q", text, ZOO))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How many animals are there?", "How many <mask> are there?"),
        ("How many ANIMALS are there?", "How many <mask> are there?"),
        ("Show the cities of each keeper.", "Show the <mask> of each <mask>."),
        ("List the classes, by weight", "List the <mask>, by <mask>"),
        ("What is the animal id?", "What is the <mask>?"),
        ("Animals, please", "<mask>, please"),
        ("the animal's weights", "the <mask>'s <mask>"),
        ("the keepers' city", "the <mask>' <mask>"),
        ("Find the first name.", "Find the <mask>."),
        ("Find the first animal.", "Find the first <mask>."),
        ("Which has the highest weight in total?", "Which has the highest <mask> in total?"),
        ("The animalistic weightless", "The animalistic weightless"),
    ],
)
def test_words_of_the_schema(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("animals above 12.5 or 1,000?", "<mask> above <unk> or <unk>?"),
        ("born on 2014-03-01, for $5.", "born on <unk>, for <unk>."),
        ("called 'Big Joe'?", "called <unk>?"),
        ('called "Big Joe"?', "called <unk>?"),
        ("called \u201cBig Joe\u201d?", "called <unk>?"),
        ("called \u2018big joe\u2019?", "called <unk>?"),
        ("living in New York or Rome?", "living in <unk> or <unk>?"),
        ("Who lives in Rome? Give the weight.", "Who lives in <unk>? Give the <mask>."),
        ("Rome is where?", "Rome is where?"),
        ("whom do I ask?", "whom do I ask?"),
        ("it's the keeper's, isn't it?", "it's the <mask>'s, isn't it?"),
        ("an open \"quote and 'another", "an open \"quote and 'another"),
    ],
)
def test_values(text: str, expected: str) -> None:
    assert mask(text) == expected


def test_questions_about_two_databases_become_one() -> None:
    shop = Schema("shop", (Table("product", (Column("unit_price", "REAL", "unit price"),)),))
    one = mask("What is the average weight of animals from Peru?")
    other = masked(Question("q", "What is the average unit price of products from Spain?", shop))
    assert one == other == "What is the average <mask> of <mask> from <unk>?"


def test_space_does_not_matter() -> None:
    assert mask("  How many\n animals  ?") == mask("How many animals ?")


@pytest.mark.parametrize("text", ["", " ", "?", "'", '"""', "12", "<mask>", "é", "名前は?", "a" * 5000, "'" * 5000])
def test_odd_questions_are_masked_too(text: str) -> None:
    assert isinstance(mask(text), str)


def test_without_tables_only_values_are_masked() -> None:
    assert masked(Question("q", "How many animals in Rome?", Schema("none", ()))) == "How many animals in <unk>?"

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.linking.alike import words as words_of_name
from spider_opt.linking.masking import masked
from spider_opt.linking.words import name_words, stem, words
from spider_opt.types import Column, Question, Schema, Table

PAIRS = (
    "city cities", "movie movies", "size sizes", "day days", "id ids", "class classes", "match matches", "box boxes",
    "status status", "bus bus", "analysis analysis", "boss boss", "horse horses", "key keys", "gas gas", "tie ties",
)  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
def test_a_plural_has_the_stem_of_its_singular(pair: str) -> None:
    one, several = pair.split()
    assert stem(one) == stem(several) == stem(several.upper())
    # Whoever compares words compares these.
    assert words(one)[0].stem == words(several)[0].stem
    assert words_of_name(one) == words_of_name(several.capitalize())
    asked = Question("q", f"Which {several} are there?", Schema("d", (Table("t", (Column(one, "TEXT"),)),)))
    assert masked(asked) == "Which <mask> are there?"


@pytest.mark.parametrize("pair", ["is i", "its it", "as a", "has ha", "was wa", "woman women", "man male", "site city"])
def test_other_words_have_other_stems(pair: str) -> None:
    one, other = pair.split()
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("", []),
        ("Cities", ["city"]),
        ("the boss's cars", ["the", "boss", "car"]),
        ("isn't it 'so'", ["isn", "it", "so"]),
        ("bus, status, analysis, gas", ["bus", "status", "analysis", "gas"]),
        ("first_name2", ["first", "name2"]),
        ("3.5 km", ["3", "5", "km"]),
    ],
)
def test_words(text: str, stems: list[str]) -> None:
    assert [word.stem for word in words(text)] == stems


@given(st.text())
def test_words_stand_where_they_say(text: str) -> None:
    ends = [0]
    for word in words(text):
        assert word.start >= ends[-1]
        assert text[word.start : word.end]
        ends.append(word.end)


def test_words_of_names() -> None:
    names = MappingProxyType({"HTTPServerName": 3, "stu_fname": 2, "Product Names": 2, "": 0, "__": 0})
    assert {name: len(name_words(name)) for name in names} == names

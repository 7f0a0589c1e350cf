from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spider_opt.errors import LeakError, UsageError
from spider_opt.linking.masking import masked
from spider_opt.retrieval import index as index_module
from spider_opt.retrieval import levels as levels_module
from spider_opt.retrieval import library as library_module
from spider_opt.retrieval.annotations import Annotations
from spider_opt.retrieval.embed import CachedEmbedder, HashingEmbedder
from spider_opt.retrieval.library import TrainingLibrary
from spider_opt.retrieval.text_cache import TextCache
from spider_opt.sql.hardness import hardness
from spider_opt.sql.skeleton import skeleton
from spider_opt.types import HARDNESS_LEVELS, Column, Demo, Example, Hardness, Question, Schema, Table

TABLES = {
    "farm": ("cow", "name", "weight"),
    "port": ("ship", "title", "length"),
    "school": ("pupil", "nickname", "age"),
    "mine": ("shaft", "label", "depth"),
    "zoo": ("lion", "name", "age"),
}


def schema(db_id: str) -> Schema:
    table, *columns = TABLES[db_id]
    return Schema(db_id, (Table(table, tuple(Column(name, "TEXT") for name in columns)),))


def question(id: str, db_id: str, text: str) -> Question:
    return Question(id, text, schema(db_id))


def training() -> list[Example]:
    """Of each of four databases two phrasings of four queries, one of each level."""
    examples = []
    for db_id in ("farm", "port", "school", "mine"):
        table, name, size = TABLES[db_id]
        for texts, sql in (
            ((f"How many {table}s are there?", f"Count the {table}s."), f"SELECT count(*) FROM {table}"),
            (
                (
                    f"List the {name} and {size} of {table}s above 10.",
                    f"Which {name} and {size} have {table}s over 10?",
                ),
                f"SELECT {name}, {size} FROM {table} WHERE {size} > 10 AND {name} != 'x'",
            ),
            (
                (
                    f"Which {table}s have more than the average {size}?",
                    f"Give {table}s whose {size} is over the average.",
                ),
                f"SELECT {name} FROM {table} WHERE {size}  >  (SELECT avg({size}) FROM {table}) ;",
            ),
            (
                (f"Name the longest {table} that is no {name}.", f"What {table} is largest and without {name}?"),
                f"SELECT {name} FROM {table} WHERE {size} > 1 AND {name} IN (SELECT {name} FROM {table}) "
                f"ORDER BY {name}",
            ),
        ):
            for text in texts:
                n = len(examples)
                examples.append(Example(n, question(f"train-{n:04d}", db_id, text), sql))
    return examples


class Counting(HashingEmbedder):
    """Knows what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Any:
        self.asked.extend(texts)
        return super().__call__(texts)


Make = Callable[..., TrainingLibrary]


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """Makes a library over examples, with its own embedder, in one folder."""

    def make(examples: Sequence[Example], asked: Sequence[Example] = (), embedder: Any = None) -> TrainingLibrary:
        kept = TextCache(tmp_path / "retrieval" / "texts.sqlite")
        embeds = CachedEmbedder(embedder or Counting(), kept)
        return TrainingLibrary(examples, asked, embeds, Annotations(kept), tmp_path / "retrieval")

    return make


ASKED = question("dev-0000", "zoo", "How many lions are there?")


def ids(demos: list[Demo]) -> list[str]:
    return [demo.question.id for demo in demos]


def sqls(demos: list[Demo]) -> list[str]:
    return [demo.sql for demo in demos]


@pytest.fixture
def library(made: Make) -> TrainingLibrary:
    return made(training(), [Example(0, ASKED, "SELECT count(*) FROM lion")])


def test_what_the_training_set_is_made_of() -> None:
    levels = Counter(hardness(example.gold_sql) for example in training())
    assert levels == {"easy": 8, "medium": 8, "hard": 8, "extra": 8}


# --- nearest -----------------------------------------------------------------------------------


def test_by_question(library: TrainingLibrary) -> None:
    demos = library.nearest("question", ["How many pupils are there?"], 3, question=ASKED)
    assert demos[0] == Demo(training()[16].question, "SELECT count(*) FROM pupil")
    assert all(demo.question.text.startswith("How many") for demo in demos)


def test_by_masked_question(library: TrainingLibrary) -> None:
    demos = library.nearest("masked", [masked(ASKED)], 4, question=ASKED)
    assert ids(demos) == ["train-0000", "train-0008", "train-0016", "train-0024"]  # equally near: as they stand


def test_by_skeleton_and_among_equal_ones_by_masked_question(library: TrainingLibrary) -> None:
    draft = skeleton("SELECT a FROM lion WHERE age > (SELECT avg(age) FROM lion)")
    asked = question("dev-0001", "zoo", "Give lions whose age is over the average.")
    demos = library.nearest("skeleton", [draft], 5, question=asked)
    assert ids(demos)[:4] == ["train-0005", "train-0013", "train-0021", "train-0029"]
    other = replace(asked, text="Which lions have more than the average age?")
    demos = library.nearest("skeleton", [draft], 5, question=other)
    assert ids(demos)[:4] == ["train-0004", "train-0012", "train-0020", "train-0028"]
    assert "avg(" not in demos[4].sql


def test_by_the_mean_of_several_texts(library: TrainingLibrary) -> None:
    texts = ["How many cows are there?", "Name the longest ship that is no title."]
    one, other = (library.nearest("question", [text], 1, question=ASKED) for text in texts)
    assert {*ids(one), *ids(other)} == set(ids(library.nearest("question", texts, 2, question=ASKED)))
    same = library.nearest("question", texts[:1] * 3, 4, question=ASKED)
    assert same == library.nearest("question", texts[:1], 4, question=ASKED)


def test_a_query_comes_back_once_and_tidy(library: TrainingLibrary) -> None:
    demos = library.nearest("question", ["Which cows have more than the average weight?"], 16, question=ASKED)
    assert len(demos) == 16
    assert len(set(sqls(demos))) == 16
    assert demos[0].sql == "SELECT name FROM cow WHERE weight > (SELECT avg(weight) FROM cow)"
    assert len(library.nearest("question", ["cows"], 99, question=ASKED)) == 16
    assert library.drawn(99, question=ASKED, seed=0) != []
    assert len(set(sqls(library.drawn(99, question=ASKED, seed=0)))) == 16


def test_other_spellings_of_a_query_are_that_query(made: Make) -> None:
    examples = training()[:2]
    examples[1] = replace(examples[1], gold_sql="select COUNT( * ) from COW AS T1;")
    assert len(made(examples).nearest("question", ["x"], 5, question=ASKED)) == 1


@pytest.mark.parametrize("k", [0, -1])
def test_none(library: TrainingLibrary, k: int) -> None:
    assert library.nearest("question", ["x"], k, question=ASKED) == []
    assert library.drawn(k, question=ASKED, seed=0) == []


def test_nothing_to_look_for(library: TrainingLibrary) -> None:
    with pytest.raises(ValueError, match="nothing to look for"):
        library.nearest("question", [], 3, question=ASKED)


@pytest.mark.parametrize("text", ["", " ", "?!", "\ud83d", "x" * 50_000, "日本語"])
def test_whatever_is_looked_for(library: TrainingLibrary, text: str) -> None:
    for likeness in ("question", "masked", "skeleton"):
        assert len(library.nearest(likeness, [text], 3, question=ASKED)) == 3  # type: ignore[arg-type]


# --- level -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", HARDNESS_LEVELS)
@pytest.mark.parametrize("likeness", ["question", "masked", "skeleton"])
def test_within_a_level(library: TrainingLibrary, likeness: Any, level: Hardness) -> None:
    demos = library.nearest(likeness, ["How many are there?"], 99, question=ASKED, level=level)
    assert [hardness(demo.sql) for demo in demos] == [level] * 4
    drawn = library.drawn(3, question=ASKED, seed=1, level=level)
    assert [hardness(demo.sql) for demo in drawn] == [level] * 3


def test_a_level_that_no_example_has(made: Make) -> None:
    library = made(training()[:2])
    assert library.nearest("question", ["x"], 3, question=ASKED, level="extra") == []
    assert library.drawn(3, question=ASKED, seed=0, level="extra") == []


def test_a_gold_that_does_not_parse_is_of_no_level(made: Make) -> None:
    broken = Example(99, question("train-0099", "farm", "Nonsense?"), "SELECT )")
    library = made([*training(), broken])
    assert ids(library.nearest("question", ["Nonsense?"], 1, question=ASKED)) == ["train-0099"]
    found = [library.nearest("question", ["Nonsense?"], 99, question=ASKED, level=level) for level in HARDNESS_LEVELS]
    assert "train-0099" not in [id for demos in found for id in ids(demos)]
    assert library.level(ASKED) == "easy"


def test_levels_are_guessed(library: TrainingLibrary) -> None:
    for text, level in (
        ("How many lions are there?", "easy"),
        ("List the name and age of lions above 10.", "medium"),
        ("Which lions have more than the average age?", "hard"),
        ("Name the longest lion that is no name.", "extra"),
    ):
        assert library.level(replace(ASKED, text=text)) == level


def test_the_classifier_is_trained_once(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(training()).level(ASKED)
    monkeypatch.setattr(library_module, "train", None)
    assert made(training()).level(ASKED) == first
    with pytest.raises(TypeError):
        made(training()[1:]).level(ASKED)
    with pytest.raises(TypeError):
        made(training(), embedder=Other()).level(ASKED)
    monkeypatch.setattr(library_module, "PENALTY", levels_module.PENALTY * 2)
    with pytest.raises(TypeError):
        made(training()).level(ASKED)


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"\x93NUMPY" * 9])
def test_a_broken_classifier_is_trained_again(made: Make, tmp_path: Path, damage: Any) -> None:
    first = made(training()).level(ASKED)
    [path] = (tmp_path / "retrieval").glob("*.npy")
    path.write_bytes(damage(path.read_bytes()))
    assert made(training()).level(ASKED) == first
    assert len(list((tmp_path / "retrieval").glob("*.npy"))) == 1


# --- at random ---------------------------------------------------------------------------------


def test_drawn_the_same_for_the_same_question_and_seed(library: TrainingLibrary, made: Make) -> None:
    first = library.drawn(5, question=ASKED, seed=3)
    assert first == library.drawn(5, question=ASKED, seed=3) == made(training()).drawn(5, question=ASKED, seed=3)
    assert first[:2] == library.drawn(2, question=ASKED, seed=3)
    assert first != library.drawn(5, question=ASKED, seed=4)
    assert first != library.drawn(5, question=replace(ASKED, id="dev-0001"), seed=3)


def test_drawn_uniformly(library: TrainingLibrary) -> None:
    drawn = Counter(ids(library.drawn(1, question=ASKED, seed=seed))[0] for seed in range(1600))
    assert len(drawn) == 32
    assert 20 < min(drawn.values()) <= max(drawn.values()) < 90  # 50 are due


# --- leaks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leak", "sentence"),
    [
        (Example(9, question("dev-0009", "farm", "Is it?"), "SELECT 9"), "dev-0009 must not be shown: its id"),
        (Example(9, question("train-0009", "zoo", "Is it?"), "SELECT 9"), "dev-0000 asks about its database zoo"),
        (Example(9, question("train-0009", "farm", "how many LIONS are there"), "SELECT 9"), "dev-0000 has its text"),
        (Example(9, question("train-0009", "farm", "Is it?"), "select COUNT(*) from Lion;"), "dev-0000 has its query"),
    ],
)
def test_a_library_is_not_made_with_a_leak(made: Make, leak: Example, sentence: str) -> None:
    with pytest.raises(LeakError, match=sentence):
        made([*training(), leak], [Example(0, ASKED, "SELECT count(*) FROM lion")])


@pytest.mark.parametrize("likeness", ["question", "masked", "skeleton", "random"])
def test_nothing_of_an_unannounced_questions_database_or_text(made: Make, likeness: Any) -> None:
    own = Example(50, question("train-0050", "zoo", "Count them."), "SELECT count(*) FROM lion")
    text = Example(51, question("train-0051", "farm", "HOW many lions are there"), "SELECT sum(1) FROM cow")
    upper = replace(own, question=replace(own.question, schema=replace(own.question.schema, db_id="ZOO")))
    library = made([own, text, upper, *training()])
    if likeness == "random":
        demos = library.drawn(99, question=ASKED, seed=0)
    else:
        demos = library.nearest(likeness, [ASKED.text], 99, question=ASKED)
    assert len(demos) == 16
    assert not {"train-0050", "train-0051"} & set(ids(demos))


def test_no_example(made: Make) -> None:
    with pytest.raises(UsageError, match="no training example is left to retrieve from"):
        made([])


# --- what it costs -----------------------------------------------------------------------------


def test_nothing_is_embedded_before_it_is_needed_nor_twice(made: Make) -> None:
    embedder = Counting()
    library = made(training(), embedder=embedder)
    library.drawn(3, question=ASKED, seed=0, level="easy")
    assert embedder.asked == []
    first = library.nearest("question", ["cows"], 3, question=ASKED)
    assert sorted(embedder.asked) == sorted(["cows", *(example.question.text for example in training())])
    assert library.nearest("question", ["cows"], 3, question=ASKED) == first
    assert len(embedder.asked) == 33
    again = Counting()
    assert made(training(), embedder=again).nearest("question", ["cows"], 3, question=ASKED) == first
    assert again.asked == []


def test_a_broken_store_costs_time_alone(made: Make, tmp_path: Path) -> None:
    first = made(training()).nearest("skeleton", ["SELECT _"], 5, question=ASKED)
    for path in (tmp_path / "retrieval").iterdir():
        path.write_bytes(b"nonsense" * 1000)
    assert made(training()).nearest("skeleton", ["SELECT _"], 5, question=ASKED) == first


def test_the_fingerprint_says_what_is_in_it_and_who_embeds(made: Make) -> None:
    library = made(training())
    assert library.fingerprint == made(training()).fingerprint
    changed = [replace(training()[0], gold_sql="SELECT 1"), *training()[1:]]
    prints = {made(x).fingerprint for x in (training(), training()[1:], training()[::-1], changed)}
    assert len({*prints, made(training(), embedder=Other()).fingerprint}) == 5


class Other(Counting):
    name = "other"


def test_threads_share_it(made: Make) -> None:
    library = made(training())
    found: list[object] = []

    def ask() -> None:
        found.append(
            [
                library.nearest("skeleton", [skeleton("SELECT a FROM b")], 3, question=ASKED),
                library.nearest("masked", [masked(ASKED)], 3, question=ASKED, level="hard"),
                library.level(ASKED),
            ]
        )

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 6


# --- through the graph -------------------------------------------------------------------------


def many() -> list[Example]:
    """Questions about four databases, of fewer different queries."""
    rng = np.random.default_rng(0)
    words = ["".join(word) for word in rng.choice(list("abcdefgh"), size=(200, 5))]
    examples = []
    for n in range(1600):
        one, two, three = rng.choice(words, size=3)
        text = f"Which {one} of {two} has {three}?"
        sql = f"SELECT {one} FROM {two}" if n % 5 else "SELECT 1"
        examples.append(Example(n, question(f"train-{n:04d}", ("farm", "port", "school", "mine")[n % 4], text), sql))
    return examples


def test_the_graph_finds_what_looking_at_all_finds(made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hnswlib")
    examples = many()
    library = made(examples)
    texts = [f"{example.question.text} and {example.question.text[6:11]}" for example in examples[::50]]
    through_graph = [ids(library.nearest("question", [text], 10, question=ASKED)) for text in texts]
    assert list((tmp_path / "retrieval").glob("*.hnsw"))
    again = made(examples)
    assert [ids(again.nearest("question", [text], 10, question=ASKED)) for text in texts] == through_graph
    monkeypatch.setattr(index_module, "EXACT_UP_TO", len(examples))
    exact = [ids(made(examples).nearest("question", [text], 10, question=ASKED)) for text in texts[:5]]
    found = np.mean([len(set(one) & set(two)) / 10 for one, two in zip(through_graph[:5], exact, strict=True)])
    assert found >= 0.99


def test_all_are_looked_at_where_the_graph_names_too_few(made: Make) -> None:
    """What is nearest may all be of one query, or of what must not be shown."""
    examples = many()
    for i in range(1500):
        examples[i] = replace(examples[i], gold_sql="SELECT 1")
    library = made(examples)
    demos = library.nearest("question", [examples[0].question.text], 30, question=ASKED)
    assert len(demos) == 30
    assert len(set(sqls(demos))) == 30

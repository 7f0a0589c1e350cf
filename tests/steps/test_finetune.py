from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.answering.drafts import MAX_TOKENS, Drafter, Look
from spider_opt.errors import MethodError, ModelError, QueryFailed, UsageError, WeightsError
from spider_opt.methods import parse_method
from spider_opt.models.adapters import CARD, FILE
from spider_opt.sql.from_first_grammar import from_first_grammar
from spider_opt.sql.grammar import select_grammar
from spider_opt.steps.finetune import FineTuned
from spider_opt.types import (
    ChatModel,
    Column,
    Completion,
    Context,
    Demo,
    ForeignKey,
    ModelInfo,
    Prediction,
    Question,
    Request,
    Result,
    Schema,
    Table,
    Task,
    Tools,
    Usage,
)

Make = Callable[..., Path]
MUSIC = Schema(
    "music",
    (
        Table("singer", (Column("id", "INT", primary_key=True), Column("name", "TEXT"), Column("town", "TEXT"))),
        Table("song", (Column("title", "TEXT"), Column("singer_id", "INT"))),
    ),
    (ForeignKey("song", "singer_id", "singer", "id"),),
)
ASKED = Question("q-1", "Who of Paris sings?", MUSIC)
DEMO = Demo(Question("train-1", "Which animals are there?", Schema("zoo", ())), "SELECT name FROM animal")
ANSWER = "FROM singer SELECT name WHERE town = 'Paris'"
QUERY = "SELECT name FROM singer WHERE town = 'Paris'"
COST = Usage(1, 50, 40, 9, 0.5)


class Music:
    """Two singers, one of them of Paris."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.executescript(
            "CREATE TABLE singer (id, name, town); CREATE TABLE song (title, singer_id);"
            "INSERT INTO singer VALUES (1, 'Ann', 'Paris'), (2, 'Bob', 'Rome'); INSERT INTO song VALUES ('La', 1)"
        )

    def run(self, sql: str) -> Result:
        try:
            rows = self.connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            raise QueryFailed(str(error)) from error
        return Result(("c",), rows)


class Books:
    """One training example, and what it was looked for by."""

    def __init__(self) -> None:
        self.looked: list[Any] = []

    def nearest(self, likeness: str, texts: Sequence[str], k: int, **options: Any) -> list[Demo]:
        self.looked.append((likeness, *texts, options["level"]))
        return [DEMO]

    def drawn(self, k: int, **_: Any) -> list[Demo]:
        return [DEMO]

    def level(self, question: Question) -> Any:
        return "easy"


@pytest.fixture
def music() -> Iterator[Music]:
    music = Music()
    yield music
    music.connection.close()


@pytest.fixture
def ask(make_adapter: Make, music: Music) -> Callable[..., Prediction]:
    """Ask a method with an adapter for FROM first, and one for plain queries."""
    make_adapter("tuned")
    make_adapter("plain", target="plain")

    def ask(method: str, model: FakeModel, books: Books | None = None, **task: Any) -> Prediction:
        text = method.replace("finetune", "finetune:adapter=tuned")
        return parse_method(text).build(Tools({"music": music}, books))(Task(ASKED, model, **task))

    return ask


Ask = Callable[..., Prediction]


# --- alone -------------------------------------------------------------------------------------


def test_it_asks_once_and_turns_the_answer_back(ask: Ask) -> None:
    model = FakeModel(Completion(ANSWER, logprob=-0.25))
    assert ask("finetune", model) == Prediction(
        QUERY, COST, ({"step": "finetune", "finish": "stop"},), Context(), -0.25, ANSWER
    )
    [asked] = model.requests
    assert asked == Request(asked.messages, max_tokens=MAX_TOKENS)


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"context": Context(values=(("singer", "town", "Paris"),))},
        {"context": Context(tables=(("singer", ("name", "town")),))},
        {"context": Context(demos=(DEMO,))},
        {"feedback": ((QUERY, "no such column: town"),)},
    ],
    ids=["plain", "values", "pruned", "demos", "feedback"],
)
def test_the_prompt_is_that_of_the_training(ask: Ask, music: Music, task: dict[str, Any]) -> None:
    model = FakeModel(ANSWER)
    assert ask("finetune", model, **task).context == task.get("context", Context())
    asked = Drafter(Look(values=2), {"music": music}).messages(Task(ASKED, model, **task))
    assert model.requests[0].messages == asked


def test_values_and_messages_are_in_it(ask: Ask) -> None:
    model = FakeModel(ANSWER)
    ask("finetune", model, context=Context((DEMO,), values=(("singer", "town", "Paris"),)), feedback=((QUERY, "no!"),))
    [prompt] = model.prompts
    for words in ("singer.town = 'Paris'", "Which animals are there?", "SELECT name FROM animal", QUERY, "no!"):
        assert words in prompt


@pytest.mark.parametrize("schema", ["ddl", "compact"])
def test_the_look_is_the_cards(make_adapter: Make, music: Music, schema: str) -> None:
    make_adapter("other", look={"schema": schema, "keys": False, "values": 0, "rows": 1})
    model = FakeModel(ANSWER)
    FineTuned("other").wrap(_nobody, Tools({"music": music}))(Task(ASKED, model))
    look = Look(schema=schema, keys=False, values=0, rows=1)  # type: ignore[arg-type]
    assert model.requests[0].messages == Drafter(look, {"music": music}).messages(Task(ASKED, model))


def _nobody(task: Task) -> Prediction:
    raise AssertionError("nothing is inside a draft")


@pytest.mark.parametrize("adapter", ["tuned", "plain"])
@pytest.mark.parametrize(
    ("says", "sql"),
    [
        (ANSWER, QUERY),
        (f" {ANSWER};\n", QUERY),
        (f"```sql\n{ANSWER}\n```", QUERY),
        (QUERY, QUERY),
        (f"```sql\n{QUERY};\n```\nIt lists them.", QUERY),
        (
            "FROM singer SELECT name UNION FROM song SELECT title",
            "SELECT name FROM singer UNION SELECT title FROM song",
        ),
        (
            "FROM singer SELECT name WHERE town = 'SELECT x FROM'",
            "SELECT name FROM singer WHERE town = 'SELECT x FROM'",
        ),
        ("FROM singer", ""),
        ("From Paris.", ""),
        ("", ""),
        (" \n", ""),
    ],
)
def test_what_is_said_and_the_query_in_it(
    ask: Ask, music: Music, make_adapter: Make, adapter: str, says: str, sql: str
) -> None:
    step = FineTuned(adapter).wrap(_nobody, Tools({"music": music}))
    assert step(Task(ASKED, FakeModel(says))).sql == sql


@pytest.mark.parametrize(
    "says",
    ["FROM", "FROM (((", "FROM a SELECT", "FROM ' SELECT \"", "FROM)))SELECT(((", "FROM \0 SELECT \ud83d", "```FROM```",
     "FROM a SELECT b FROM c SELECT d", "FROM " * 5000 + "SELECT", "FROM x SELECT " + "(" * 30_000, "-- FROM\nSELECT"],
    ids=lambda says: says[:12],
)  # fmt: skip
def test_garbage_does_no_harm(ask: Ask, says: str) -> None:
    assert isinstance(ask("finetune", FakeModel(says)).sql, str)


def test_temperature_and_seed_are_the_tasks(ask: Ask) -> None:
    model = FakeModel(ANSWER)
    ask("finetune", model, temperature=0.5, seed=7)
    assert (model.requests[0].temperature, model.requests[0].seed) == (0.5, 7)


def test_a_model_that_does_not_answer(ask: Ask) -> None:

    with pytest.raises(ModelError, match="it sleeps"):
        ask("finetune", FakeModel(ModelError("it sleeps")))


# --- with other steps --------------------------------------------------------------------------


def test_with_rag_it_is_shown_values_and_mended(ask: Ask, music: Music) -> None:
    model = FakeModel(ANSWER)
    prediction = ask("finetune+rag", model)
    assert prediction.sql == QUERY
    assert prediction.context.values == (("singer", "town", "Paris"),)
    assert [step["step"] for step in prediction.trace] == ["finetune", "repair", "schema"]
    context = Context(values=(("singer", "town", "Paris"),))
    shown = Drafter(Look(values=2), {"music": music}).messages(Task(ASKED, model, context))
    assert model.requests[0].messages == shown


def test_repair_mends_what_it_answers(ask: Ask) -> None:
    prediction = ask("finetune+repair", FakeModel("FROM singer SELECT nam WHERE town = 'Paris'"))
    assert prediction.sql == "SELECT singer.name FROM singer WHERE town = 'Paris'"
    assert prediction.trace[-1]["outcome"] == "mended"


def test_vote_samples_it_in_one_request(ask: Ask) -> None:
    other = "FROM singer SELECT town"
    model = FakeModel(other, ANSWER, "FROM nowhere SELECT x", f"{ANSWER} ORDER BY id")
    prediction = ask("vote:n=4,greedy=no+finetune", model)
    assert prediction.sql == QUERY
    assert [request.n for request in model.requests] == [4]
    assert (prediction.trace[-1]["groups"], prediction.trace[-1]["failed"]) == ([2, 1], 1)


def test_retry_shows_it_its_query_and_the_message(ask: Ask) -> None:
    model = FakeModel("FROM singer SELECT city", ANSWER)
    prediction = ask("retry+finetune", model)
    assert prediction.sql == QUERY
    assert prediction.usage == COST + COST
    assert "SELECT city FROM singer" in model.prompts[1]
    assert "no such column: city" in model.prompts[1]


def test_first_valid_samples_on(ask: Ask) -> None:
    prediction = ask("first-valid+finetune", FakeModel("FROM singer SELECT city", "FROM", ANSWER))
    assert (prediction.sql, prediction.trace[-1]["n"]) == (QUERY, 3)


@pytest.mark.parametrize("names", ["bare", "pairs"])
def test_its_grammar_is_that_of_its_form(ask: Ask, names: str) -> None:
    model = FakeModel(ANSWER)
    assert ask(f"grammar:names={names}+finetune", model).sql == QUERY
    assert model.requests[0].grammar == from_first_grammar(MUSIC)


def test_a_model_tuned_on_plain_queries_follows_the_plain_grammar(ask: Ask, music: Music) -> None:
    model = FakeModel(QUERY)
    generator = parse_method("grammar+finetune:adapter=plain").build(Tools({"music": music}))
    assert generator(Task(ASKED, model)).sql == QUERY
    assert model.requests[0].grammar == select_grammar(MUSIC, "bare")


def test_what_a_model_says_behind_a_skeleton_is_its_answer(make_adapter: Any, music: Music) -> None:
    make_adapter("built", target="skeleton-first")
    model = FakeModel(f"-- SELECT _ FROM _ WHERE _ = ?\n{QUERY}")
    generator = parse_method("finetune:adapter=built+repair").build(Tools({"music": music}))
    assert generator(Task(ASKED, model)).sql == QUERY


def test_what_it_leaves_out_is_put_back(make_adapter: Any, music: Music) -> None:
    make_adapter("short", target="implied-joins")
    said = "FROM singer JOIN song SELECT singer.name, COUNT(*) GROUP BY SELECTED"
    model = FakeModel(said, said)
    for method in ("finetune:adapter=short", "grammar+finetune:adapter=short"):
        generator = parse_method(method).build(Tools({"music": music}))
        prediction = generator(Task(ASKED, model))
        assert prediction.sql == (
            "SELECT singer.name, COUNT(*) FROM singer JOIN song ON singer.id = song.singer_id GROUP BY singer.name"
        )
        assert prediction.text == said
    assert model.requests[1].grammar == from_first_grammar(MUSIC, implied=True)


def test_a_database_has_one_grammar(ask: Ask, music: Music, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Schema] = []

    def grammar(schema: Schema, *, implied: bool) -> str:
        assert not implied
        made.append(schema)
        return "root ::= name"

    monkeypatch.setattr("spider_opt.steps.finetune.from_first_grammar", grammar)
    generator = parse_method("grammar+finetune:adapter=tuned").build(Tools({"music": music}))
    for _ in range(3):
        generator(Task(ASKED, FakeModel(ANSWER)))
    assert made == [MUSIC]


def test_hyde_takes_its_answer_for_a_draft(ask: Ask) -> None:
    model, books = FakeModel(ANSWER), Books()
    prediction = ask("hyde+finetune", model, books)
    assert books.looked == [("skeleton", "SELECT _ FROM _ WHERE _ = ?", None)]
    assert prediction.sql == QUERY
    assert prediction.trace[-1] == {"step": "hyde", "demos": ["train-1"], "drafts": [QUERY]}
    assert len(model.requests) == 2
    assert "Which animals are there?" in model.prompts[1]


def test_difficulty_tells_the_level_of_its_answer(ask: Ask) -> None:
    model, books = FakeModel("FROM singer SELECT name WHERE id IN (FROM song SELECT singer_id)", ANSWER), Books()
    prediction = ask("difficulty+fewshot:by=question+finetune", model, books)
    assert prediction.trace[-1] == {"step": "difficulty", "level": "hard"}
    assert books.looked == [("question", ASKED.text, "hard")]


@pytest.mark.parametrize("other", ["cot", "zero-shot"])
def test_two_drafts_are_one_too_many(ask: Ask, other: str) -> None:
    with pytest.raises(MethodError, match="both draft the query: take one of them"):
        ask(f"{other}+finetune", FakeModel(ANSWER))


# --- which adapter -----------------------------------------------------------------------------


def test_the_method_names_it() -> None:
    assert parse_method("rag+finetune").adapters == ("spider",)
    assert parse_method("finetune:adapter=./a/b").adapters == ("./a/b",)
    assert parse_method("rag").adapters == ()
    with pytest.raises(MethodError, match="adapter must be a name or a folder"):
        parse_method("finetune:adapter=")


@pytest.mark.parametrize(
    ("text", "model", "label", "adapter"),
    [
        ("finetune", None, "finetune", "spider"),
        ("finetune+rag", "qwen2.5-coder-0.5b", "rag+finetune", "spider"),
        ("finetune+rag", "qwen2.5-coder-1.5b", "rag+finetune", "spider-1.5b"),
        ("finetune:adapter=auto+rag", "qwen2.5-coder-1.5b", "rag+finetune", "spider-1.5b"),
        # one method has one label, so what goes without saying for that model is not said
        ("finetune:adapter=spider+rag", "qwen2.5-coder-0.5b", "rag+finetune", "spider"),
        ("finetune:adapter=spider", None, "finetune", "spider"),
        ("finetune:adapter=spider-1.5b", None, "finetune", "spider-1.5b"),
        ("finetune:adapter=spider-1.5b", "qwen2.5-coder-1.5b", "finetune", "spider-1.5b"),
        # what is named stays, and is refused where the model is opened
        ("finetune:adapter=spider", "qwen2.5-coder-1.5b", "finetune:adapter=spider", "spider"),
        ("finetune:adapter=spider-1.5b", "qwen2.5-coder-0.5b", "finetune:adapter=spider-1.5b", "spider-1.5b"),
        ("finetune:adapter=mine", "smollm2-135m", "finetune:adapter=mine", "mine"),
        # elsewhere
        ("finetune", "gpt-4.1-nano", "finetune", "spider"),
        ("finetune", FakeModel(ANSWER, info=ModelInfo("qwen2.5-coder-1.5b")), "finetune", "spider"),
        ("finetune", FakeModel(ANSWER, info=ModelInfo("qwen2.5-coder-1.5b", "ab")), "finetune", "spider-1.5b"),
    ],
)
def test_each_model_has_its_own(text: str, model: ChatModel | str | None, label: str, adapter: str) -> None:
    method = parse_method(text).for_model(model)
    assert (method.label, method.adapters) == (label, (adapter,))
    assert f"finetune:adapter={adapter}" in method.spelled_out  # which is what run.json keeps
    assert method.for_model(model) == method
    if adapter != "mine":
        assert parse_method(method.spelled_out).for_model(model).steps == method.steps


def test_behind_an_endpoint_a_name_means_nothing() -> None:
    method = parse_method("finetune").for_model("qwen2.5-coder-1.5b", "http://127.0.0.1:9/v1")
    assert method.adapters == ("spider",)


def test_the_same_text_is_read_anew_for_another_model() -> None:
    small = parse_method("finetune").for_model("qwen2.5-coder-0.5b")
    assert small.for_model("qwen2.5-coder-1.5b").adapters == ("spider-1.5b",)


def test_a_model_that_none_comes_for() -> None:
    with pytest.raises(UsageError) as caught:
        parse_method("finetune+rag").for_model("smollm2-135m")
    assert str(caught.value) == (
        "No adapter for smollm2-135m comes with spider-opt, only for qwen2.5-coder-0.5b, qwen2.5-coder-1.5b: ask one "
        "of these, or name an adapter of your own, as in finetune:adapter=mine"
    )
    assert parse_method("rag").for_model("smollm2-135m") == parse_method("rag")


def test_one_that_is_not_there(ask: Ask) -> None:
    with pytest.raises(UsageError, match="There is no adapter 'mien'"):
        FineTuned("mien").wrap(_nobody, Tools())


def test_one_at_a_provider_has_a_card_alone(make_adapter: Make, music: Music) -> None:
    (make_adapter("hosted", look={}, base_url="https://x/v1") / FILE).unlink()
    generator = FineTuned("hosted").wrap(_nobody, Tools({"music": music}))
    assert generator(Task(ASKED, FakeModel(ANSWER))).sql == QUERY


@pytest.mark.parametrize(
    "card",
    [
        {"look": {"values": 2, "colour": "red"}},
        {"look": {"schema": "yaml"}},
        {"look": {"form": "completion"}},
        {"look": {"values": -1}},
        {"look": {"values": "2"}},
        {"look": {"schema": ["ddl"]}},
        {"look": None},
        {"look": ["values"]},
        {"look": 7},
        {"target": "where-first"},
        {"target": None},
        {"target": ["plain"]},
    ],
    ids=str,
)
def test_a_card_of_a_version_to_come(make_adapter: Make, card: dict[str, Any]) -> None:
    make_adapter("new", version="9.9", **card)
    with pytest.raises(WeightsError) as caught:
        FineTuned("new").wrap(_nobody, Tools())
    assert str(caught.value).startswith("The adapter 'new' was tuned in a form that this version does not know: {")
    assert "9.9" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_without_a_look(make_adapter: Make) -> None:
    folder = make_adapter("bare")
    card = json.loads((folder / CARD).read_text())
    del card["look"]
    (folder / CARD).write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="does not know"):
        FineTuned("bare").wrap(_nobody, Tools())

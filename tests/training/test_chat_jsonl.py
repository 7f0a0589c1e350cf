from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spider_opt.prompts.texts import INSTRUCTION
from spider_opt.training import chat_jsonl
from spider_opt.training.chat_jsonl import check_jsonl, jsonl_text
from spider_opt.training.dataset import Item
from spider_opt.training.hosted_cost import PRICES, estimate
from spider_opt.types import Column, Context, Demo, Question, Result, Schema, Table

ITEMS = Schema("shop", (Table("item", (Column("id", "INTEGER", primary_key=True), Column("name", "TEXT"))),))
ZOO = Schema("zoo", (Table("animal", (Column("name", "TEXT"),)),))
OPENAI = "https://api.openai.com/v1"


class Rows:
    """A database with values."""

    def run(self, sql: str) -> Result:
        return Result(("c",), [("zażółć",)])


DATABASES = {"shop": Rows(), "zoo": Rows()}


def item(text: str, sql: str = "SELECT 1", context: Context | None = None) -> Item:
    return Item(Question("q", text, ITEMS), sql, context or Context())


def line(*messages: tuple[str, Any], **more: Any) -> str:
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in messages], **more})


def good(n: int) -> list[str]:
    return [line(("user", f"Which {i}?"), ("assistant", f"SELECT {i}")) for i in range(n)]


def faults(path: Path, lines: list[str | bytes]) -> tuple[str, ...]:
    path.write_bytes(b"".join((one.encode() if isinstance(one, str) else one) + b"\n" for one in lines))
    return check_jsonl(path).faults


def test_a_line_asks_as_the_method_asks_and_answers_with_the_target() -> None:
    context = Context(
        demos=(Demo(Question("d", "Which animals?", ZOO), "SELECT name FROM animal"),),
        values=(("item", "name", "pen"),),
    )
    asked = [item("Which pens?", "SELECT id FROM item", context)]
    [text] = jsonl_text(asked, DATABASES, lambda item: f"FROM … {item.sql}").splitlines()
    system, user, assistant = json.loads(text)["messages"]
    assert system == {"role": "system", "content": INSTRUCTION}
    assert user["role"] == "user"
    for part in ("CREATE TABLE item", "'zażółć'", "Which animals?", "item.name = 'pen'", "Question: Which pens?"):
        assert part in user["content"]
    assert text.isascii()  # what else ends a line for some reader stands as an escape
    assert assistant == {"role": "assistant", "content": "FROM … SELECT id FROM item"}


def test_our_own_file_is_without_fault(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    asked = [
        "Which\u2028one?",
        "half \ud83d a pair?",
        'a "quoted"\n\\ one?',
        *(f"Which {i}?" for i in range(7)),
        "Which 1?",
    ]
    path.write_text(jsonl_text([item(text) for text in asked], DATABASES))
    checked = check_jsonl(path)
    assert checked.faults == ()
    assert (checked.n_examples, checked.n_duplicates) == (11, 1)
    assert checked.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("", "line 11 is empty"),
        ("   ", "line 11 is empty"),
        (b'{"messages": "\xff"}', "line 11 is not UTF-8 (byte 15)"),
        ("{'messages': []}", "line 11 is not JSON (Expecting property name"),
        ("\ufeff" + good(1)[0], "line 11 is not JSON (Unexpected UTF-8 BOM"),
        ('{"messages": [], "messages": []}', 'line 11 has the key "messages" twice in one object'),
        ("[" * 100_000, "line 11 is not JSON ("),
        ("[1, 2]", 'line 11 has no list of "messages"'),
        ('"text"', 'line 11 has no list of "messages"'),
        ('{"prompt": "a", "completion": "b"}', 'line 11 has no list of "messages"'),
        ('{"messages": []}', 'line 11 has no list of "messages"'),
        ('{"messages": {"role": "user"}}', 'line 11 has no list of "messages"'),
        ('{"messages": ["hello"]}', "line 11 has a message (1) that is no object"),
        (line(("human", "a"), ("assistant", "b")), "line 11 has a message (1) of the role 'human'; there are system,"),
        ('{"messages": [{"content": "a"}]}', "line 11 has a message (1) of the role None"),
        ('{"messages": [{"role": ["user"], "content": "a"}]}', "line 11 has a message (1) of the role ['user']"),
        (line(("user", None), ("assistant", "b")), "line 11 has a message (1) of the user without text"),
        (line(("user", 5), ("assistant", "b")), "line 11 has a message (1) of the user without text"),
        (line(("user", "a"), ("assistant", "")), "line 11 has an empty answer of the assistant (message 2)"),
        (line(("user", "a"), ("assistant", " \n")), "line 11 has an empty answer of the assistant (message 2)"),
        (line(("user", "a"), ("assistant", None)), "line 11 has an empty answer of the assistant (message 2)"),
        (line(("user", "a"), ("assistant", ["b"])), "line 11 has an empty answer of the assistant (message 2)"),
        (
            line(("user", "a"), ("assistant", ""), ("user", "c"), ("assistant", "d")),
            "line 11 has an empty answer of the assistant (message 2)",
        ),
        (
            line(("user", "a"), ("assistant", "b"), ("user", "c")),
            "line 11 ends with a message of the user, not of the assistant",
        ),
        (line(("system", "a")), "line 11 ends with a message of the system, not of the assistant"),
    ],
)
def test_what_is_wrong_with_a_line(tmp_path: Path, bad: str | bytes, said: str) -> None:
    [fault] = faults(tmp_path / "own.jsonl", [*good(10), bad, *good(2)])
    assert fault.startswith(said)


def test_all_faults_are_told(tmp_path: Path) -> None:
    found = faults(tmp_path / "own.jsonl", ["{", *good(10), "[]"])
    assert [fault.split(" is")[0].split(" has")[0] for fault in found] == ["line 1", "line 12"]


def test_what_the_user_may_write_besides(tmp_path: Path) -> None:
    lines = [
        line(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")),
        line(("developer", "x"), ("user", "a"), ("assistant", "b"), tools=[]),
        line(("user", [{"type": "text", "text": "a"}]), ("assistant", "b")),
        line(("user", "a"), ("assistant", None), ("tool", "42"), ("assistant", "b")),
        json.dumps(
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 1}]}
        ),
    ]
    path = tmp_path / "own.jsonl"
    path.write_bytes("\r\n".join([*lines, *good(5)]).encode())  # without a line end at the end
    checked = check_jsonl(path)
    assert checked.faults == ()
    assert checked.n_examples == 10


def test_too_few(tmp_path: Path) -> None:
    assert faults(tmp_path / "own.jsonl", good(9)) == ("own.jsonl has 9 examples, and 10 are the least",)  # type: ignore[arg-type]
    assert faults(tmp_path / "own.jsonl", []) == ("own.jsonl has 0 examples, and 10 are the least",)


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    with path.open("wb") as file:
        file.truncate(513 * 10**6)
    checked = check_jsonl(path)
    assert checked.faults == ("own.jsonl has 513 MB, and 512 MB is the most",)
    assert checked.n_examples == 0


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_jsonl(tmp_path / "none.jsonl")


def test_tokens_are_estimated_from_bytes(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text((line(("user", "ż" * 160), ("assistant", "a" * 32)) + "\n") * 10)
    checked = check_jsonl(path, "gpt-4.1")
    assert checked.n_tokens == 10 * (100 + 10 + 2 * 3 + 3)
    assert checked.counted == "estimated at 3.2 bytes each"


class Tiktoken:
    """A package that counts words, and knows one model."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def encoding_for_model(self, model: str) -> Any:
        if self.error:
            raise self.error
        return SimpleNamespace(name="words", encode=lambda text, disallowed_special: text.split())


def test_tokens_are_counted_by_tiktoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", Tiktoken())  # type: ignore[arg-type]
    path = tmp_path / "own.jsonl"
    path.write_text((line(("user", "one two three"), ("assistant", "four")) + "\n") * 10)
    checked = check_jsonl(path, "gpt-4.1")
    assert checked.n_tokens == 10 * (3 + 1 + 2 * 3 + 3)
    assert checked.counted == "by tiktoken's words"


@pytest.mark.parametrize("error", [KeyError("no such model"), OSError("no network"), ValueError("wrong hash")])
def test_tiktoken_that_cannot_count(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", Tiktoken(error))  # type: ignore[arg-type]
    count, counted = chat_jsonl.token_counter("m")
    assert (count("a" * 32), counted) == (10, "estimated at 3.2 bytes each")


def checked(n_examples: int, n_tokens: int) -> chat_jsonl.Checked:
    return chat_jsonl.Checked(Path("t.jsonl"), "", n_examples, n_tokens, "", 0, ())


def test_the_cost() -> None:
    cost = estimate(checked(1000, 2_000_000), model="gpt-4.1-mini-2025-04-14", base_url=OPENAI, epochs=2)
    assert (cost.n_tokens, cost.epochs, cost.price, cost.dollars) == (4_000_000, 2, 5.0, 20.0)
    assert estimate(checked(1000, 10), model="m", base_url=OPENAI).epochs == 3
    own = estimate(checked(1000, 1_000_000), model="m", base_url="http://127.0.0.1/v1", epochs=1, price=0.5)
    assert own.dollars == 0.5
    assert estimate(checked(10, 5), model="m", base_url="http://127.0.0.1/v1", price=0).dollars == 0


@pytest.mark.parametrize(
    ("model", "base_url"),
    [
        ("gpt-9", OPENAI),
        ("gpt-4.1", OPENAI),  # an alias: which snapshot it stands for is not known here
        ("gpt-4.1-mini-2025-04-14", "https://api.example.org/v1"),
        ("gpt-4.1-mini-2025-04-14", "https://api.openai.com.example.org/v1"),
    ],
)
def test_a_price_that_is_not_known(model: str, base_url: str) -> None:
    cost = estimate(checked(100, 10), model=model, base_url=base_url)
    assert (cost.price, cost.dollars) == (None, None)


def test_a_model_that_is_tuned_further_costs_as_its_base() -> None:
    cost = estimate(checked(100, 10), model="ft:gpt-4.1-nano-2025-04-14:org::x", base_url=OPENAI)
    assert cost.price == PRICES["gpt-4.1-nano-2025-04-14"]

"""What may come next is what llama.cpp's own grammars allow, told by the small copy of its matcher (``gbnf.py``)."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spider_opt.errors import ModelError
from spider_opt.sql.from_first_grammar import from_first_grammar
from spider_opt.sql.grammar import select_grammar
from spider_opt.types import Column, ForeignKey, Schema, Table

if TYPE_CHECKING:
    import torch

NEEDS = ("torch", "llguidance")

Grammar: Any = runpy.run_path(str(Path(__file__).parents[2] / "sql" / "gbnf.py"))["Grammar"]
N_VOCABULARY = 300
SHOP = Schema(
    "shop",
    (
        Table("shop", (Column("id", "INT", "", True), Column("shop name", "TEXT"), Column("order", "TEXT"))),
        Table("sho", (Column("id", "INT"), Column("id_2", "INT"), Column("Count", "INT"))),
    ),
    (ForeignKey("sho", "id", "shop", "id"),),
)
GRAMMARS = {
    "from first": lambda: from_first_grammar(SHOP),
    "bare": lambda: select_grammar(SHOP, "bare"),
    "pairs": lambda: select_grammar(SHOP, "pairs"),
    "escapes": lambda: r'root ::= "\"\\\n" [^\\\]/"]{0,2} ("/" | "]" | "\x41\u0042")+ # ::= "no"' "\n",
    "beyond ASCII": lambda: 'root ::= ("é" | "日本")+ [à-ü]{1,2} "a"\n',
    "words that begin alike": lambda: (
        'root ::= ("CO" ("ALESCE" | "UNT") | "COUNTS" | AND | and)\nAND ::= "x"\nand ::= ""'
    ),
}
MODEL_GRAMMAR = 'root ::= "SELECT " ("a" | "bc"){1,3} [0-9]*'


@pytest.fixture(scope="module")
def rules(needed: None, tokenizer: Any) -> Any:
    from spider_opt.models.torch.constraints import Grammars

    return Grammars(tokenizer, N_VOCABULARY, [tokenizer.eos_token_id])


@cache
def reference(name: str) -> Any:
    return Grammar(GRAMMARS[name]())


def allowed(rule: Any) -> set[int]:
    bits = np.full((1, -(-N_VOCABULARY // 32)), -1, dtype=np.int32)
    rule.allow(bits, 0)
    return {i for i in range(N_VOCABULARY) if bits[0, i // 32] >> (i % 32) & 1}


@pytest.mark.parametrize("name", GRAMMARS)
def test_at_each_letter_the_same_letters_may_come_next(rules: Any, tokenizer: Any, name: str) -> None:
    chance, matcher = random.Random(3), reference(name)
    letters = {chr(i): tokenizer.convert_tokens_to_ids(tokenizer.tokenize(chr(i)))[0] for i in (10, *range(32, 127))}
    looked = 0
    for _ in range(8):
        sentence = matcher.sentence(chance, depth=12)[:160]
        rule = rules.rule(GRAMMARS[name]())
        for n in range(len(sentence) + 1):
            beginning = sentence[:n]
            if not (n and ord(sentence[n - 1]) > 126):
                next_ones = allowed(rule)
                expected = {token for letter, token in letters.items() if matcher.read(beginning + letter) is not None}
                assert next_ones & set(letters.values()) == expected, beginning
                assert (tokenizer.eos_token_id in next_ones) == matcher.accepts(beginning), beginning
                looked += 1
            for token in tokenizer(sentence[n : n + 1], add_special_tokens=False)["input_ids"]:
                rule.take(token)
    assert looked > 10


def test_what_is_not_allowed_cannot_be_taken(rules: Any, tokenizer: Any) -> None:
    rule = rules.rule('root ::= "a"')
    with pytest.raises(ModelError, match="The grammar cannot be followed any further"):
        rule.take(tokenizer("b")["input_ids"][0])


@pytest.mark.parametrize("grammar", ["root ::= nothing", 'root ::= ("a"', "", "rule ::= [a-"])
def test_what_is_no_grammar_is_refused(rules: Any, grammar: str) -> None:
    with pytest.raises(ModelError, match="The grammar cannot be read: "):
        rules.rule(grammar)


def test_rules_of_one_grammar_do_not_touch_each_other(rules: Any, tokenizer: Any) -> None:
    a, b = tokenizer("ab")["input_ids"]
    first = rules.rule('root ::= "a" "b"')
    first.take(a)
    second = rules.rule('root ::= "a" "b"')
    assert (allowed(first), allowed(second)) == ({b}, {a})


def test_only_rows_with_a_rule_are_changed(rules: Any, tokenizer: Any) -> None:
    from spider_opt.models.torch.constraints import forbid

    a = tokenizer("a")["input_ids"][0]
    logits = torch.randn(3, N_VOCABULARY)
    before = logits.clone()
    changed = forbid(logits, [None, rules.rule('root ::= "a"'), None])
    assert torch.equal(logits, before)
    assert torch.equal(changed[[0, 2]], before[[0, 2]])
    assert changed[1].isfinite().nonzero().tolist() == [[a]]
    assert changed[1, a] == before[1, a]
    assert forbid(logits, [None, None, None]) is logits


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_answers_by_the_grammar_beside_others_that_do_not(
    tuned: Callable[..., Any], tokenizer: Any, rules: Any, temperature: float
) -> None:
    from spider_opt.models.torch.decoding import Decoder, Draw

    matcher, decoder = Grammar(MODEL_GRAMMAR), Decoder(tuned()[0], [tokenizer.eos_token_id])
    prompts = [tokenizer(text)["input_ids"] for text in ("Which?", "Which of all?")]
    draws = [Draw(i % 2, temperature, i, rules.rule(MODEL_GRAMMAR) if i < 6 else None) for i in range(8)]
    answers = decoder.decode(prompts, max_tokens=40, draws=draws)
    for tokens in answers[:6]:
        text = tokenizer.decode(tokens)
        assert matcher.accepts(text) or (len(tokens) == 40 and matcher.good_part(text) == text)
    free = decoder.decode(prompts, max_tokens=40, draws=[Draw(i % 2, temperature, i) for i in (6, 7)])
    assert answers[6:] == free
    assert len({tuple(tokens) for tokens in answers[:6]}) > 1

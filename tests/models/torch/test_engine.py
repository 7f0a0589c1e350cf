"""A model computed by torch, asked as every other model is."""

from __future__ import annotations

import gc
import json
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.errors import ModelError, ModelUnavailable, UsageError, WeightsError
from spider_opt.models import CachedModel
from spider_opt.models.adapters import FILE
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.models.torch import base, compute, engine
from spider_opt.models.torch.base import tokens_of
from spider_opt.models.torch.batching import Said
from spider_opt.models.torch.engine import Opened, TorchModel, open_torch
from spider_opt.types import Completion, Message, ModelInfo, Request

if TYPE_CHECKING:
    import torch

NEEDS = ("torch", "transformers", "gguf")

INFO = ModelInfo("tiny", "ab" * 32, engine="torch float32")
NUMBERS = compute.numbers_here
N = 12
CHATS = [
    (Message("system", "You write SQL."), Message("user", f"CREATE TABLE t (a, b, c)\nQuestion: How many {words}?"))
    for words in ("cost 5", "singers are there", "x", "of all of these are older than that one")
]


def text_of(tokenizer: Any, tokens: list[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=True))


@pytest.fixture
def model(tuned: Callable[..., Any], tokenizer: Any) -> Iterator[TorchModel]:
    made = TorchModel(INFO, lambda: Opened(tokenizer, engine.decoding(tuned()[0], tokenizer)))
    yield made
    made.close()


@pytest.fixture
def said(tuned: Callable[..., Any], tokenizer: Any) -> Callable[..., list[int]]:
    """What the decoder alone says to a prompt."""
    from spider_opt.models.torch.decoding import Decoder, Draw

    decoder = Decoder(tuned()[0], [tokenizer.eos_token_id])

    def alone(prompt: list[int], temperature: float = 0.0, seed: int = 0, max_tokens: int = N) -> list[int]:
        return decoder.decode([prompt], max_tokens=max_tokens, draws=[Draw(0, temperature, seed)])[0]

    return alone


def test_an_answer_is_the_decoders(model: TorchModel, said: Any, tokenizer: Any) -> None:
    for chat in CHATS:
        prompt = tokens_of(tokenizer, chat)
        [done] = model.complete(Request(chat, max_tokens=N))
        expected = said(prompt)
        assert (done.text, done.finish_reason) == (text_of(tokenizer, expected), "length")
        usage = done.usage
        assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (1, len(prompt), len(expected))
        assert (usage.cached_tokens, usage.dollars, usage.seconds > 0) == (0, 0.0, True)


def test_log_probabilities_where_they_are_asked_for(tuned: Callable[..., Any], tokenizer: Any) -> None:
    network = tuned()[0]
    model = TorchModel(
        INFO, lambda: Opened(tokenizer, engine.decoding(network, tokenizer, logprobs=True)), logprobs=True
    )
    try:
        hot = model.complete(Request(CHATS[0], n=3, temperature=1.0, max_tokens=N))
        cold = model.complete(Request(CHATS[0], n=2, max_tokens=N))
    finally:
        model.close()
    assert all(one.logprob is not None and one.logprob < 0 for one in (*hot, *cold))
    assert len({one.logprob for one in hot}) > 1
    assert cold[0].logprob == cold[1].logprob
    assert model.cache_tag != TorchModel(INFO, lambda: pytest.fail("not opened")).cache_tag


def test_many_threads(model: TorchModel, said: Any, tokenizer: Any) -> None:
    asked = [(chat, heat, seed) for chat in CHATS for heat in (0.0, 0.8) for seed in (1, 2)]

    def ask(one: Any) -> list[Completion]:
        chat, heat, seed = one
        return model.complete(Request(chat, n=2, temperature=heat, seed=seed, max_tokens=N))

    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(ask, asked))
    for (chat, heat, seed), answer in zip(asked, answers, strict=True):
        prompt = tokens_of(tokenizer, chat)
        seeds = (seed, seed + 1) if heat else (seed, seed)
        assert [done.text for done in answer] == [text_of(tokenizer, said(prompt, heat, s)) for s in seeds]
        assert (answer[1].usage.calls, answer[0].usage.calls) == (0, 1)
        assert answer[0].usage.completion_tokens == (2 * N if heat else N), "what is the same is computed once"
    assert max(answer[0].usage.cached_tokens for answer in answers) > 20


def test_plain_text(model: TorchModel, said: Any, tokenizer: Any) -> None:
    [done] = model.complete(Request("SELECT count(", max_tokens=N))
    assert done.text == text_of(tokenizer, said(tokenizer("SELECT count(")["input_ids"]))
    assert done.usage.prompt_tokens == len("SELECT count(")


def test_answers_end_at_words_and_at_the_end(tuned: Any, tokenizer: Any, said: Any) -> None:
    letters = [ord(c) for c in "abc;def\n\nghi"]
    at = tokenizer.convert_tokens_to_ids
    tokens = [*(at(tokenizer.tokenize(chr(c)))[0] for c in letters)]

    def saying(*answers: list[int]) -> TorchModel:
        return TorchModel(INFO, lambda: Opened(tokenizer, lambda *_: [Said(tokens) for tokens in answers]))

    def ask(tokens: list[int], **options: Any) -> tuple[str, str, int]:
        model = saying(tokens)
        [done] = model.complete(Request("?", **{"max_tokens": len(tokens), **options}))
        model.close()
        return done.text, done.finish_reason, done.usage.completion_tokens

    assert ask(tokens) == ("abc;def\n\nghi", "length", 12)
    assert ask(tokens, max_tokens=13) == ("abc;def\n\nghi", "stop", 13)
    assert ask(tokens, stop=("\n\n", ";")) == ("abc", "stop", 12)
    assert ask(tokens, stop=("\n\n",)) == ("abc;def", "stop", 12)
    assert ask(tokens, stop=("", "xyz")) == ("abc;def\n\nghi", "length", 12)
    assert ask([tokenizer.eos_token_id, *tokens]) == ("abc;def\n\nghi", "length", 13)
    assert ask([], max_tokens=5) == ("", "stop", 1)


def test_what_ends_an_answer(tuned: Any, tokenizer: Any, said: Any) -> None:
    """All tokens that llama.cpp takes for an end, also where the tokenizer names another one."""
    prompt = tokens_of(tokenizer, CHATS[0])
    first = said(prompt)[4]
    other = SimpleNamespace(eos_token_id=299, get_vocab=lambda: {"a": 1, "<|endoftext|>": first})
    [ended] = engine.decoding(tuned()[0], other)([prompt], [(0, 0.0, 0)], N, lambda: True, [None])
    assert ended.tokens == said(prompt)[: said(prompt).index(first)]


def test_seeds_of_any_size(model: TorchModel) -> None:
    for seed in (-1, 2**63, 2**80, -(2**70)):
        assert len(model.complete(Request("?", n=2, temperature=1.0, seed=seed, max_tokens=2))) == 2


def test_kept_answers_are_those_of_this_engine(model: TorchModel, tmp_path: Path) -> None:
    cached = CachedModel(model, tmp_path / "responses.sqlite")
    first = cached.complete(Request(CHATS[0], max_tokens=N))
    assert cached.complete(Request(CHATS[0], max_tokens=N)) == first
    assert (cached.hits, cached.misses) == (1, 1)
    cached.close()


def test_what_threads_ask_together_follows_the_grammar_of_each(model: TorchModel) -> None:
    def ask(word: str) -> str:
        grammar = f'root ::= "{word}" [0-9]{{2}}' if word else None
        return model.complete(Request(CHATS[0], grammar=grammar, max_tokens=N))[0].text

    words = ["SELECT", "", "FROM", "SELECT", ""]
    with ThreadPoolExecutor(len(words)) as pool:
        answers = list(pool.map(ask, words))
    for word, answer in zip(words, answers, strict=True):
        assert re.fullmatch(rf"{word}\d\d", answer) if word else not answer.startswith(("SELECT", "FROM"))
    assert answers[0] == answers[3]
    assert answers[1] == answers[4]


# --- trouble -----------------------------------------------------------------------------------


def test_without_what_follows_grammars_one_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    model = TorchModel(INFO, lambda: pytest.fail("nothing is opened for that"))
    with pytest.raises(UsageError, match=r"^What follows a grammar is not installed; type: pip install 'spider-opt"):
        model.complete(Request("?", grammar='root ::= "SELECT"'))


def test_parameters_that_it_does_not_know_are_refused() -> None:
    model = TorchModel(INFO, lambda: pytest.fail("nothing is opened for that"))
    with pytest.raises(UsageError, match=r"^torch takes no further parameters: leave out top_p$"):
        model.complete(Request("?", extra={"top_p": 0.5}))


def test_a_grammar_that_cannot_be_read_is_named(model: TorchModel) -> None:
    with pytest.raises(ModelError, match="The grammar cannot be read: "):
        model.complete(Request("?", grammar="root ::= nothing"))
    assert model.complete(Request("?", max_tokens=2))[0].usage.calls == 1


def test_a_prompt_that_is_too_long_fails_alone(model: TorchModel) -> None:
    with pytest.raises(ModelError, match=r"The prompt has 8,193 tokens, more than the 8,192") as failed:
        model.complete(Request("x" * 8193))
    assert not isinstance(failed.value, ModelUnavailable)
    assert len(model.complete(Request("?", max_tokens=2))) == 1


def test_a_model_that_cannot_be_opened_is_tried_once_for_all(tokenizer: Any) -> None:
    tried = []

    def opened() -> Opened:
        tried.append(1)
        raise RuntimeError("no memory left")

    model = TorchModel(INFO, opened)

    def ask(_: int) -> str:
        with pytest.raises(ModelUnavailable) as failed:
            model.complete(Request("?"))
        return str(failed.value)

    with ThreadPoolExecutor(20) as pool:
        assert {*pool.map(ask, range(20))} == {"tiny cannot be opened by torch float32: no memory left"}
    assert len(tried) == 1
    model.close()
    ask(0)
    assert len(tried) == 2


def test_closed_it_opens_again(tuned: Any, tokenizer: Any) -> None:
    opened = []

    def open_() -> Opened:
        opened.append(1)
        return Opened(tokenizer, engine.decoding(tuned()[0], tokenizer))

    model = TorchModel(INFO, open_)
    model.close()
    one = model.complete(Request("?", max_tokens=3))[0].text
    model.close()
    assert model.complete(Request("?", max_tokens=3))[0].text == one
    assert len(opened) == 2
    model.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "batches"]


def test_closed_while_it_opens(tokenizer: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Opened:
        begun.set()
        go_on.wait(20)
        return Opened(tokenizer, lambda *_: pytest.fail("nobody waits for this"))

    model = TorchModel(INFO, slow)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(model.complete, Request("?"))
        assert begun.wait(20)
        model.close()  # does not wait for it
        go_on.set()
        assert isinstance(future.exception(20), ModelUnavailable)


# --- opened by name ----------------------------------------------------------------------------


@pytest.fixture
def bases(tiny: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Any]]:
    """Open a tiny model, whatever it is called, computed in float32; what was opened comes here."""
    opened: list[tuple[str, Any]] = []

    def open_base(name: str, *, dtype: Any, device: str) -> base.Base:
        opened.append((name, dtype))
        return base.Base(name, "a" * 64, tiny(), tokenizer)

    monkeypatch.setattr(engine, "open_base", open_base)
    monkeypatch.setattr(engine, "keep_memory", lambda: lambda: None)  # the tests' own process
    monkeypatch.setattr(engine, "fetched", lambda name, on_progress: None)
    monkeypatch.setattr(compute, "numbers_here", lambda device: "float32")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path))
    return opened


def adapter_bytes(tuned: Any, path: Path, **options: Any) -> bytes:
    from spider_opt.models.torch.gguf import write_gguf
    from spider_opt.models.torch.lora import weights_of

    _, lora = tuned(**options)
    write_gguf(path, weights_of(lora), architecture="qwen2", alpha=8.0, name="mine")
    return path.read_bytes()


def test_with_an_adapter(bases: Any, tuned: Any, make_adapter: Any, tmp_path: Path, said: Any, tokenizer: Any) -> None:
    from spider_opt.paths import file_hash

    folder = make_adapter(file=adapter_bytes(tuned, tmp_path / "x.gguf"))
    model = open_torch(["mine"])
    sha256 = file_hash(folder / FILE)
    assert model.info == ModelInfo(DEFAULT_MODEL, CATALOG[DEFAULT_MODEL].sha256, sha256, "torch float32")
    assert bases == [], "not before it is asked"
    [done] = model.complete(Request(CHATS[0], max_tokens=N))
    assert bases == [(DEFAULT_MODEL, torch.float32)]
    assert done.text == text_of(tokenizer, said(tokens_of(tokenizer, CHATS[0])))
    model.close()


def test_a_model_that_is_closed_is_gone_before_memory_is_given_back(
    bases: Any, tiny: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    gone: list[bool] = []

    def open_base(name: str, **_: Any) -> base.Base:
        made = tiny()
        opened.append(weakref.ref(made))
        return base.Base(name, "a" * 64, made, tokenizer)

    def give_back() -> None:
        gc.collect()
        gone.append(opened[-1]() is None)

    monkeypatch.setattr(engine, "open_base", open_base)
    monkeypatch.setattr(engine, "keep_memory", lambda: give_back)
    model = open_torch([], DEFAULT_MODEL)
    for n in (1, 2):
        model.complete(Request(CHATS[0], max_tokens=N))
        assert len(gone) == n - 1
        model.close()
        model.close()  # again is nothing
        assert gone == [True] * n


def test_an_adapter_that_was_replaced_before_the_first_answer(
    bases: Any, tuned: Any, make_adapter: Any, tmp_path: Path
) -> None:
    folder = make_adapter(file=adapter_bytes(tuned, tmp_path / "x.gguf"))
    model = open_torch(["mine"])
    (folder / FILE).write_bytes(adapter_bytes(tuned, tmp_path / "y.gguf", seed=1) + b"\0")
    with pytest.raises(ModelUnavailable, match="was replaced after it was found"):
        model.complete(Request("?"))
    model.close()


@pytest.mark.parametrize("name", [None, "smollm2-135m"])
def test_without_one(bases: Any, tiny: Any, tokenizer: Any, name: str | None) -> None:
    from spider_opt.models.torch.decoding import Decoder

    model = open_torch([], name)
    name = name or DEFAULT_MODEL
    assert model.info == ModelInfo(name, CATALOG[name].sha256, "", "torch float32")
    [done] = model.complete(Request(CHATS[1], max_tokens=N))
    plain = Decoder(tiny(), [tokenizer.eos_token_id]).decode([tokens_of(tokenizer, CHATS[1])], max_tokens=N)
    assert done.text == text_of(tokenizer, plain[0])
    model.close()


@pytest.mark.parametrize(
    ("fastest", "gpu", "name"),
    [("int8", False, "torch int8"), ("float32", False, "torch float32"), ("int8", True, "torch bfloat16 cuda")],
)
def test_the_engine_is_named_by_its_numbers(
    bases: Any, timed: list[str], monkeypatch: pytest.MonkeyPatch, fastest: str, gpu: bool, name: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    timed.append(fastest)
    assert open_torch([]).info.engine == name


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch, bases: Any) -> list[str]:
    """What is found to be fastest, the last of these; it is taken away."""
    fastest: list[str] = []

    def seconds_of(name: str) -> float:
        return 0.5 if name == fastest[-1] else 1.0

    monkeypatch.setattr(compute, "numbers_here", NUMBERS)
    monkeypatch.setattr("spider_opt.models.torch.compute._seconds_of", seconds_of)
    return fastest


def test_numbers_once_chosen_stay(timed: list[str], tmp_path: Path) -> None:
    kept = tmp_path / "training" / "compute.json"
    for fastest in ("int8", "float32"):
        timed.append(fastest)
        assert open_torch([]).info.engine == "torch int8"
    [(machine, _)] = json.loads(kept.read_text()).items()
    for broken in ("", "[]", "7", "null", json.dumps({machine: "int4"}), json.dumps({machine: None, "other": "int8"})):
        kept.write_text(broken)
        assert open_torch([]).info.engine == "torch float32", broken
        assert json.loads(kept.read_text())[machine] == "float32"


def test_whole_numbers(bases: Any, tiny: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.models.torch.decoding import Decoder
    from spider_opt.models.torch.lora import add_lora

    monkeypatch.setattr(compute, "numbers_here", lambda device: "int8")
    model = open_torch([])
    [done] = model.complete(Request(CHATS[2], max_tokens=N))
    model.close()
    plain = tiny()
    add_lora(plain, rank=1, alpha=1.0, seed=0, int8=True)  # it begins at 0
    expected = Decoder(plain, [tokenizer.eos_token_id]).decode([tokens_of(tokenizer, CHATS[2])], max_tokens=N)
    assert done.text == text_of(tokenizer, expected[0])


def test_an_adapter_that_does_not_fit(bases: Any, tuned: Any, make_adapter: Any, tmp_path: Path) -> None:
    make_adapter(file=b"no gguf")
    with pytest.raises(ModelUnavailable, match="is no adapter that this version can read") as failed:
        open_torch(["mine"]).complete(Request("?"))
    assert isinstance(failed.value.__cause__, WeightsError)
    make_adapter("other", file=adapter_bytes(tuned, tmp_path / "x.gguf", kv_heads=4))
    with pytest.raises(ModelUnavailable, match="cannot be opened by torch float32"):
        open_torch(["other"]).complete(Request("?"))


def test_what_it_does_not_compute(bases: Any, make_adapter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gpt-4.1", "all-minilm-l6-v2"):
        with pytest.raises(UsageError, match=rf"engine=torch computes embedded models only \(.*\), and '{name}' is"):
            open_torch([], name)
    make_adapter("a")
    make_adapter("b", file=b"more")
    with pytest.raises(UsageError, match="one adapter at a time: leave engine out"):
        open_torch(["a", "b"])
    with pytest.raises(UsageError, match="There is no adapter 'c'"):
        open_torch(["c"])
    with pytest.raises(UsageError, match=f"'a' is for {DEFAULT_MODEL}, and not for smollm2-135m"):
        open_torch(["a"], "smollm2-135m")

    def missing() -> None:
        raise ModelUnavailable(
            "The packages for tuning and for the torch engine are not installed; type: pip install 'spider-opt[train]'"
        )

    monkeypatch.setattr(engine, "import_transformers", missing)
    with pytest.raises(ModelUnavailable, match=r"pip install 'spider-opt\[train\]'"):
        open_torch([])

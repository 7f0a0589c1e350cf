"""Waits, lengths, samples of which some are no answers, and that no error holds a key."""

from __future__ import annotations

import gc
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from spider_opt import models
from spider_opt.errors import ModelError, ModelUnavailable, NoAnswer
from spider_opt.models import OpenAIModel
from spider_opt.models.openai import patience, wire
from spider_opt.models.openai.context_length import ContextLength
from spider_opt.types import Message, Request

CHAT = (Message("system", "You write SQL."), Message("user", "How many?"))
Open = Callable[..., OpenAIModel]


@pytest.fixture
def open_at(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)
    with ExitStack() as stack:

        def make(**options: Any) -> OpenAIModel:
            model = OpenAIModel("m", base_url=endpoint.url, **{"timeout_s": 10.0, **options})
            stack.callback(model.close)
            return model

        yield make


def long(n_chars: int, begins: str = "") -> Request:
    return Request((Message("user", begins + "x" * (n_chars - len(begins))),))


# --- secrets -----------------------------------------------------------------------------------

SECRETS = {"api_key": "sk-very-secret", "headers": {"X-Auth": "Basic token-very-secret"}}


@pytest.mark.parametrize(
    "reply",
    [
        (401, {}, {"error": {"message": "You sent sk-very-secret and token-very-secret"}}),
        (500, {"retry-after-ms": "1"}, b"<p>sk-very-secret</p>"),
        (400, {}, b"x" * 290 + b"sk-very-secret"),
        (200, {}, b"{sk-very-secret"),
        (200, {}, {"error": "sk-very-secret"}),
        (200, {}, {"choices": [{"message": {}, "finish_reason": "error", "error": "sk-very-secret"}]}),
        "drop",
    ],
)
def test_nothing_behind_an_error_holds_a_key(endpoint: Any, open_at: Open, reply: Any) -> None:
    endpoint.script = [reply]
    with pytest.raises(ModelError) as caught:
        open_at(max_retries=0, **SECRETS).complete(Request(CHAT))
    seen: BaseException | None = caught.value
    while seen is not None:
        assert "secret" not in f"{seen!r} {vars(seen)}"
        seen = seen.__cause__ or seen.__context__
    assert "very-sec" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("header", ["Authorization", "api-key"])
def test_whose_key_is_refused_is_said_rightly(endpoint: Any, open_at: Open, header: str) -> None:
    endpoint.script = [endpoint.refused(401, "no")]
    with pytest.raises(ModelUnavailable, match="refuses the key in the headers that were given: no"):
        open_at(headers={header: "abcdefgh"}).complete(Request(CHAT))


# --- waiting -----------------------------------------------------------------------------------


def test_waits_are_shown_and_are_not_the_models_time(
    endpoint: Any, open_at: Open, caplog: pytest.LogCaptureFixture
) -> None:
    busy = endpoint.refused(429, "slow down", {"Retry-After": "1"})
    endpoint.script = [busy, endpoint.refused(503, "starting"), endpoint.said("SELECT 1")]
    with caplog.at_level(logging.WARNING):
        [done] = open_at().complete(Request(CHAT))
    assert done.usage.seconds < 0.5
    assert [message.partition(" answered ")[2] for message in caplog.messages] == [
        "429: slow down; asked again in 1 s (1 of 5)",
        "503: starting; asked again in 0.02 s (2 of 5)",
    ]


def test_what_a_server_wants_of_one_holds_for_all(endpoint: Any, open_at: Open) -> None:
    first = threading.Event()

    def reply(body: Any) -> Any:
        if not first.is_set():
            first.set()
            return endpoint.refused(429, headers={"Retry-After": "1"})
        return endpoint.said("SELECT 1")

    endpoint.script = [reply]
    model = open_at()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(model.complete, Request(CHAT))
        first.wait(5)
        time.sleep(0.3)
        pool.submit(model.complete, Request(CHAT, seed=1)).result()
        one.result()
    assert min(endpoint.times[1:]) - endpoint.times[0] > 0.9


def test_a_server_that_stays_down_is_hardly_asked_again(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(500, "down", {"retry-after-ms": "1"})]
    model = open_at()
    asked = []
    for _ in range(3):
        with pytest.raises(ModelError):
            model.complete(Request(CHAT))
        asked.append(len(endpoint.requests))
    assert asked == [6, 8, 10]
    endpoint.script = [endpoint.said("SELECT 1")]
    model.complete(Request(CHAT))
    endpoint.script = [endpoint.refused(500, "down", {"retry-after-ms": "1"})]
    with pytest.raises(ModelError):
        model.complete(Request(CHAT))
    assert len(endpoint.requests) == 17


def test_closing_wakes_who_waits(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(429, headers={"Retry-After": "60"})]
    model = open_at()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(model.complete, Request(CHAT))
        while not endpoint.requests:
            time.sleep(0.01)
        time.sleep(0.1)
        model.close()
        with pytest.raises(ModelUnavailable, match="closed"):
            waiting.result(timeout=5)


def test_a_slow_answer_is_told(
    endpoint: Any, open_at: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wire, "NOTICE_S", 0.1)

    def slow(body: Any) -> Any:
        time.sleep(0.5)
        return endpoint.said("SELECT 1")

    endpoint.script = [slow]
    with caplog.at_level(logging.WARNING):
        open_at().complete(Request(CHAT))
    assert "no answer yet after 0.1 s (it is given 10 s: timeout_s" in caplog.messages[0]


@pytest.mark.parametrize("wait", ["86400", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_long_wait_ends_it_and_says_when(endpoint: Any, open_at: Open, wait: str) -> None:
    endpoint.script = [endpoint.refused(429, "daily limit", {"Retry-After": wait})]
    with pytest.raises(
        ModelUnavailable, match=r"daily limit; it wants no request for .*, until \d{4}-\d\d-\d\d \d\d:\d\d"
    ):
        open_at().complete(Request(CHAT))
    assert len(endpoint.requests) == 1


# --- samples -----------------------------------------------------------------------------------


def test_samples_that_are_none_are_drawn_again_by_seeds_of_their_own(endpoint: Any, open_at: Open) -> None:
    some = endpoint.said("a", "", "c")
    some[2]["choices"][1]["message"]["reasoning"] = "I think"
    some[2]["choices"][1]["finish_reason"] = "length"
    endpoint.script = [some, lambda body: endpoint.said(f"seed {body['seed']}")]
    done = open_at().complete(Request(CHAT, n=3, seed=5))
    assert [one.text for one in done] == ["a", "c", "seed 8"]
    assert ["n" in request for request in endpoint.requests] == [True, False]


def test_what_did_not_help_is_not_remembered(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(400, "'seed' is bad luck today")]
    model = open_at()
    with pytest.raises(ModelError, match="bad luck"):
        model.complete(Request(CHAT))
    endpoint.script = [endpoint.said("SELECT 1")]
    model.complete(Request(CHAT))
    assert "seed" in endpoint.requests[-1]
    assert model.info.manner == ""


def test_without_stop_the_answer_ends_all_the_same(endpoint: Any, open_at: Open) -> None:
    def reply(body: Any) -> Any:
        return endpoint.refused(400, "Unsupported parameter: 'stop'") if "stop" in body else endpoint.said("a;b```c")

    endpoint.script = [reply]
    model = open_at()
    [done] = model.complete(Request(CHAT, stop=("```", ";")))
    assert (done.text, done.finish_reason, model.info.manner) == ("a", "stop", "")


def test_an_empty_message_is_not_sent(endpoint: Any, open_at: Open) -> None:
    open_at().complete(Request((*CHAT, Message("assistant", ""), Message("user", "Again"))))
    assert endpoint.requests[0]["messages"][2] == {"role": "assistant", "content": "(no answer)"}


# --- lengths -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        {"data": [{"id": "m", "max_model_len": 2000}, {"id": "o", "max_model_len": 9}]},
        {"data": [{"id": "other", "meta": {"n_ctx": 2000, "n_ctx_train": 10}}]},
        [{"name": "m", "context_length": 2000}],
    ],
)
def test_a_prompt_longer_than_the_context_is_known_before_it_is_sent(endpoint: Any, open_at: Open, told: Any) -> None:
    endpoint.models = told
    model = open_at()
    for _ in range(2):
        with pytest.raises(
            ModelError, match=r"at least 2,500 tokens, and the context has 2,000; .*schema:tables"
        ) as caught:
            model.complete(long(15_000))
        assert caught.value.why is NoAnswer.TOO_LONG
    assert (endpoint.requests, endpoint.probes) == ([], ["/v1/models"])
    model.complete(long(9_000))
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("told", [None, {}, {"data": 7}, {"data": [{"id": "m"}]}, "no"])
def test_a_server_that_does_not_tell_is_asked(endpoint: Any, open_at: Open, told: Any) -> None:
    endpoint.models = told
    open_at().complete(long(100_000))
    assert len(endpoint.requests) == 1


def test_short_prompts_need_no_look(endpoint: Any, open_at: Open) -> None:
    open_at().complete(Request(CHAT))
    assert endpoint.probes == []


def test_one_refusal_is_enough_for_prompts_that_begin_alike(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(400, "prompt is too long")]
    model = open_at()
    with pytest.raises(ModelError, match="does not fit into the context of m: prompt is too long"):
        model.complete(long(20_000, "one"))
    with pytest.raises(ModelError, match=r"not sent: it has 20,001 characters, and one of 20,000 that begins alike"):
        model.complete(long(20_001, "one"))
    endpoint.script = [endpoint.said("SELECT 1")]
    model.complete(long(20_001, "other"))
    model.complete(long(19_000, "one"))
    assert len(endpoint.requests) == 3


def test_what_a_server_counts_says_how_long_a_token_is() -> None:
    context = ContextLength()
    context.tokens = 10_000
    assert context.too_long("x" * 50_000) is None
    context.counted(8_000, 2_500)
    assert "at least 14,204 tokens" in (context.too_long("x" * 50_000) or "")


def test_a_prompt_that_was_cut_in_silence_is_told(
    endpoint: Any, open_at: Open, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        open_at().complete(long(90_000))  # of which the server counts 7 tokens
    assert "counts 7 tokens of a prompt of 90,000 characters: it seems to cut prompts" in caplog.messages[0]


def test_the_context_is_read_out_of_a_refusal() -> None:
    for said in ("maximum context length is 8192 tokens", "available context size (8,192 tokens), try"):
        context = ContextLength()
        context.refused("x" * 60_000, said)
        assert context.tokens == 8192


def test_a_model_that_nobody_closes_leaves_no_thread(endpoint: Any) -> None:
    def of_models() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "spider-opt endpoint"}

    before = of_models()
    model = OpenAIModel("m", base_url=endpoint.url)
    model.complete(Request(CHAT))
    assert of_models() - before
    del model
    for _ in range(100):
        gc.collect()
        if not of_models() - before:
            return
        time.sleep(0.05)
    raise AssertionError("its thread is still there")


def test_how_much_is_read_of_an_answer_can_be_said(endpoint: Any) -> None:
    endpoint.script = [endpoint.said("SELECT 1" + " " * 500)]
    for most, fits in ((400, False), (4000, True)):
        model = models.open("m", base_url=endpoint.url, max_bytes=most)
        if fits:
            assert model.complete(Request(CHAT))[0].text.startswith("SELECT 1")
        else:
            with pytest.raises(ModelError, match=r"answered with more than 0\.0004 MB, .*\(max_bytes\)"):
                model.complete(Request(CHAT))
        model.close()  # type: ignore[attr-defined]

"""The client against a server that does everything wrong."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import ModelError, ModelUnavailable, UsageError
from spider_opt.models import CachedModel, OpenAIModel
from spider_opt.types import Message, ModelInfo, Request, Usage

CHAT = (Message("system", "You write SQL."), Message("user", "How many singers?"))
SOON = {"retry-after-ms": "20"}
Open = Callable[..., OpenAIModel]


@pytest.fixture
def open_at(endpoint: Any) -> Iterator[Open]:
    """Makes models at the endpoint and closes them."""
    with ExitStack() as stack:

        def make(**options: Any) -> OpenAIModel:
            model = OpenAIModel("m", base_url=endpoint.url, **{"max_retries": 3, "timeout_s": 10.0, **options})
            stack.callback(model.close)
            return model

        yield make


def test_a_chat_becomes_a_chat_request(endpoint: Any, open_at: Open) -> None:
    [done] = open_at().complete(Request(CHAT, temperature=0.5, seed=3, stop=(";",), max_tokens=9))
    assert endpoint.paths == ["/v1/chat/completions"]
    assert endpoint.requests == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "You write SQL."},
                {"role": "user", "content": "How many singers?"},
            ],
            "temperature": 0.5,
            "seed": 3,
            "stop": [";"],
            "max_tokens": 9,
        }
    ]
    assert (done.text, done.finish_reason, done.logprob) == ("SELECT 1", "stop", None)
    assert 0 <= done.usage.seconds < 5
    assert done.usage == Usage(
        calls=1, prompt_tokens=7, cached_tokens=4, completion_tokens=3, seconds=done.usage.seconds
    )


def test_a_string_becomes_a_plain_request(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [(200, {}, {"choices": [{"index": 0, "finish_reason": "length", "text": " 1"}]})]
    [done] = open_at().complete(Request("SELECT", grammar='root ::= "1"'))
    assert endpoint.paths == ["/v1/completions"]
    assert endpoint.requests[0]["prompt"] == "SELECT"
    assert endpoint.requests[0]["grammar"] == 'root ::= "1"'
    assert "messages" not in endpoint.requests[0]
    assert (done.text, done.finish_reason, done.usage.calls, done.usage.prompt_tokens) == (" 1", "length", 1, 0)


def test_further_parameters_are_handed_on(endpoint: Any, open_at: Open) -> None:
    extra = {"top_p": 0.5, "chat_template_kwargs": {"enable_thinking": False}}
    open_at().complete(Request(CHAT, grammar='root ::= "1"', extra=extra))
    assert {name: endpoint.requests[0][name] for name in extra} == extra
    assert endpoint.requests[0]["grammar"] == 'root ::= "1"'


def test_many_samples_in_one_call(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.said("a", "b", "c")]
    done = open_at().complete(Request(CHAT, n=3))
    assert [one.text for one in done] == ["a", "b", "c"]
    assert [one.usage.calls for one in done] == [1, 0, 0]
    assert endpoint.requests[0]["n"] == 3


def test_a_server_that_ignores_n_is_asked_again(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [lambda body: endpoint.said(f"s{body['seed']}")]
    model = open_at()
    for _ in range(2):
        done = model.complete(Request(CHAT, n=3, seed=5))
        assert [one.text for one in done] == ["s5", "s6", "s7"]
        assert sum((one.usage for one in done), Usage()).calls == 3
    assert ["n" in request for request in endpoint.requests] == [True, False, False, False, False, False]


def test_a_server_that_gives_more_than_asked_for(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.said("a", "b")]
    assert [one.text for one in open_at().complete(Request(CHAT))] == ["a"]


def test_a_server_that_refuses_n_is_asked_singly(endpoint: Any, open_at: Open) -> None:
    said = "Field 'n': Value must be between 1 <= value <= 1, but got 2"
    endpoint.script = [lambda body: endpoint.refused(400, said) if "n" in body else endpoint.said(str(body["seed"]))]
    assert [one.text for one in open_at().complete(Request(CHAT, n=2))] == ["0", "1"]


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Use 'max_completion_tokens' instead.", "param": "max_tokens", "code": "unsupported_parameter"},
        {"message": "Unsupported parameter: 'max_tokens'"},
    ],
)
def test_max_tokens_by_its_newer_name_is_remembered(endpoint: Any, open_at: Open, error: Any) -> None:
    endpoint.script = [
        lambda body: endpoint.refused(400, **error) if "max_tokens" in body else endpoint.said("SELECT 1")
    ]
    model = open_at()
    for _ in range(2):
        assert model.complete(Request(CHAT, max_tokens=9))[0].text == "SELECT 1"
    assert ["max_tokens" in request for request in endpoint.requests] == [True, False, False]
    assert endpoint.requests[2]["max_completion_tokens"] == 9


def test_what_is_left_out_is_said_once(endpoint: Any, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    def picky(body: dict[str, Any]) -> Any:
        for name in ("temperature", "seed", "max_tokens"):
            if name in body:
                return endpoint.refused(400, f"'{name}' is not supported", param=name)
        return endpoint.said("SELECT 1")

    endpoint.script = [picky]
    model = open_at()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            model.complete(Request(CHAT))
    assert caplog.messages == [
        f"m at {endpoint.url} refuses temperature; it is left out from here on.",
        f"m at {endpoint.url} refuses seed; it is left out from here on.",
    ]


def test_a_refusal_that_stays_ends(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(400, "'max_tokens' must be at most 5", param="max_tokens")]
    with pytest.raises(ModelError, match="answered 400: 'max_tokens' must be at most 5"):
        open_at().complete(Request(CHAT))
    assert len(endpoint.requests) == 2


def test_429_waits_as_long_as_the_server_says(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(429, headers={"Retry-After": "1"}), endpoint.said("SELECT 1")]
    assert open_at().complete(Request(CHAT))[0].text == "SELECT 1"
    assert endpoint.times[1] - endpoint.times[0] > 0.95


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_what_passes_is_tried_again(endpoint: Any, open_at: Open, status: int) -> None:
    endpoint.script = [endpoint.refused(status, headers=SOON), endpoint.said("SELECT 1")]
    [done] = open_at().complete(Request(CHAT))
    assert (done.text, done.usage.calls) == ("SELECT 1", 1)


@pytest.mark.parametrize(("status", "sentence"), [(429, "answered 429: slow down"), (500, "answered 500: slow down")])
def test_what_does_not_pass_is_given_up(endpoint: Any, open_at: Open, status: int, sentence: str) -> None:
    endpoint.script = [endpoint.refused(status, "slow\n down", SOON)]
    with pytest.raises(ModelError, match=sentence) as caught:
        open_at().complete(Request(CHAT))
    assert not isinstance(caught.value, ModelUnavailable)
    assert len(endpoint.requests) == 4


def test_a_connection_dropped_in_the_middle_is_tried_again(endpoint: Any, open_at: Open) -> None:
    endpoint.script = ["drop", endpoint.said("SELECT 1")]
    assert open_at().complete(Request(CHAT))[0].text == "SELECT 1"
    endpoint.script = ["drop"]
    with pytest.raises(ModelError, match="broke") as caught:
        open_at(max_retries=0).complete(Request(CHAT))
    assert not isinstance(caught.value, ModelUnavailable)


def test_a_server_that_hangs(endpoint: Any, open_at: Open) -> None:
    endpoint.script = ["hang"]
    started = time.monotonic()
    with pytest.raises(
        ModelError, match=r"m at http://127\.0\.0\.1:\d+/v1 gave no answer within 0\.2 s \(timeout_s"
    ) as caught:
        open_at(timeout_s=0.2, max_retries=1).complete(Request(CHAT))
    assert not isinstance(caught.value, ModelUnavailable)
    assert len(endpoint.requests) == 2
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ((200, {}, b"{not json"), "not JSON"),
        ((200, {}, b""), "not JSON"),
        ((200, {"Content-Type": "text/html"}, b"<html>a login page</html>"), "not JSON: a login page"),
        ((200, {}, []), "without any choices"),
        ((200, {}, {"choices": []}), "without any choices"),
        ((200, {}, {"choices": None}), "without any choices"),
        ((200, {}, {"error": {"message": "upstream is gone"}}), "upstream is gone"),
        ((200, {}, {"choices": [{"index": 0}]}), "not text"),
        ((200, {}, {"choices": [{"message": {"content": 7}}]}), "not text"),
        ((200, {}, {"choices": ["SELECT 1"]}), "not text"),
    ],
)
def test_an_answer_that_is_none(endpoint: Any, open_at: Open, reply: Any, sentence: str) -> None:
    endpoint.script = [reply]
    with pytest.raises(ModelError, match=sentence) as caught:
        open_at().complete(Request(CHAT))
    assert not isinstance(caught.value, ModelUnavailable)
    assert len(endpoint.requests) == 1


def test_silence_is_an_answer(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.said(None, finish_reason="length")]
    [done] = open_at().complete(Request(CHAT))
    assert (done.text, done.finish_reason) == ("", "length")


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ((401, "bad key"), "refuses the key in OPENAI_API_KEY: bad key"),
        ((403, "not for you"), "refuses the key in OPENAI_API_KEY: not for you"),
        ((404, "model 'm' not found"), "knows no model 'm'"),
    ],
)
def test_no_use_to_go_on(endpoint: Any, open_at: Open, reply: Any, sentence: str) -> None:
    endpoint.script = [endpoint.refused(*reply)]
    with pytest.raises(ModelUnavailable, match=sentence):
        open_at().complete(Request(CHAT))
    assert len(endpoint.requests) == 1


def test_an_empty_purse_is_no_use_either(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(429, "pay first", SOON, code="insufficient_quota")]
    with pytest.raises(ModelUnavailable, match="quota"):
        open_at().complete(Request(CHAT))


def test_a_prompt_that_is_too_long(endpoint: Any, open_at: Open) -> None:
    endpoint.script = [endpoint.refused(400, "9000 tokens", code="context_length_exceeded")]
    with pytest.raises(ModelError, match="does not fit into the context of m: 9000 tokens") as caught:
        open_at().complete(Request(CHAT))
    assert not isinstance(caught.value, ModelUnavailable)
    assert len(endpoint.requests) == 1


def test_nothing_listens_and_that_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        started = time.monotonic()
        with pytest.raises(ModelUnavailable, match="Nothing answers at"):
            OpenAIModel("m", base_url=url).complete(Request(CHAT))
        assert time.monotonic() - started < 10


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    model = OpenAIModel("m", base_url="http://nobody.invalid/v1", max_retries=0)
    with pytest.raises(ModelUnavailable, match="Nothing answers at"):
        model.complete(Request(CHAT))
    model.close()


def test_no_key_for_a_far_endpoint_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelUnavailable, match="set OPENAI_API_KEY"):
        OpenAIModel("m", base_url="https://api.example.com/v1").complete(Request(CHAT))


def test_the_key_comes_from_the_environment(endpoint: Any, open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    open_at().complete(Request(CHAT))
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    open_at().complete(Request(CHAT))
    assert endpoint.keys == ["Bearer none", "Bearer secret"]


def test_a_key_and_headers_that_are_given(endpoint: Any, open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    open_at(api_key="given", headers={"X-Tenant": "ours"}).complete(Request(CHAT))
    assert endpoint.keys == ["Bearer given"]
    assert endpoint.headers[0]["x-tenant"] == "ours"
    open_at(headers={"Authorization": "Basic eHl6"}).complete(Request(CHAT))
    assert endpoint.keys[1] == "Basic eHl6"


def test_headers_stand_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = OpenAIModel("m", base_url="http://nobody.invalid/v1", headers={"api-key": "k"}, max_retries=0)
    with pytest.raises(ModelUnavailable, match="Nothing answers at"):
        model.complete(Request(CHAT))
    model.close()


SECRETS = {"api_key": "sk-very-secret", "headers": {"X-Auth": "token-very-secret"}}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_no_secret_is_said_also_where_the_server_says_it(
    endpoint: Any, open_at: Open, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.script = [endpoint.refused(status, "You sent sk-very-secret and token-very-secret", SOON)]
    model = open_at(max_retries=0, **SECRETS)
    with caplog.at_level(logging.DEBUG, "spider_opt"), pytest.raises(ModelError) as caught:
        model.complete(Request(CHAT))
    assert "You sent … and …" in str(caught.value)
    for shown in (str(caught.value), repr(model), repr(model.info), model.cache_tag, caplog.text):
        assert "very-secret" not in shown


@pytest.mark.parametrize("given", [True, False])
def test_which_key_is_refused_is_said(
    endpoint: Any, open_at: Open, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    endpoint.script = [endpoint.refused(401, "no")]
    said = "the key that was given" if given else "the key in OPENAI_API_KEY"
    with pytest.raises(ModelUnavailable, match=f"refuses {said}: no"):
        open_at(api_key="k" if given else None).complete(Request(CHAT))


def test_answers_are_kept_whatever_the_key(endpoint: Any, open_at: Open, tmp_path: Path) -> None:
    for key in ("one", "other"):
        secret = {"X-Api-Key": key, "Cookie": key, "Authorization": key, "X-Request-Id": key}
        cached = CachedModel(open_at(api_key=key, headers=secret), tmp_path / "c")
        cached.complete(Request(CHAT))
        cached.close()
    assert endpoint.keys == ["one"]


def test_answers_are_kept_by_headers_that_may_change_them(endpoint: Any, open_at: Open, tmp_path: Path) -> None:
    infos = []
    for tier in ("fast", "thorough", "fast"):
        model = open_at(headers={"X-Tier": tier})
        cached = CachedModel(model, tmp_path / "c")
        cached.complete(Request(CHAT))
        infos.append(cached.info.manner)
        cached.close()
    assert [sent["x-tier"] for sent in endpoint.headers] == ["fast", "thorough"]
    assert infos[0] == infos[2] != infos[1]
    assert infos[0].startswith("headers x-tier:")
    assert "fast" not in infos[0]


@pytest.mark.parametrize(
    "url", ["http://user:pass@x/v1", "http://key@x/v1", "https://x/v1?key=secret", "user:pass@x", "http://u:p@x@y/v1"]
)
def test_a_key_in_the_base_url_is_refused_unsaid(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="leave keys out of it") as caught:
        OpenAIModel("m", base_url=url)
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(UsageError, match="leave keys out of it"):
        OpenAIModel("m")
    assert url not in str(caught.value)


def test_loopback_goes_past_the_proxy(endpoint: Any, open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert open_at().complete(Request(CHAT))[0].text == "SELECT 1"


def test_log_probabilities_are_averaged(endpoint: Any, open_at: Open) -> None:
    tokens = [{"token": "a", "logprob": -0.5, "top_logprobs": []}, {"token": "b", "logprob": -1.5, "top_logprobs": []}]
    endpoint.script = [
        endpoint.said("a", logprobs={"content": tokens}),
        (200, {}, {"choices": [{"index": 0, "text": "a", "logprobs": {"token_logprobs": [None, -3.0]}}]}),
        (200, {}, {"choices": [{"index": 0, "text": "a", "logprobs": {"content": tokens}}]}),
        endpoint.said("", logprobs={"content": []}),
    ]
    model = open_at(logprobs=True)
    assert [model.complete(Request(prompt))[0].logprob for prompt in (CHAT, "a", "a", CHAT)] == [-1.0, -3.0, -1.0, None]
    assert [request["logprobs"] for request in endpoint.requests] == [True, 1, 1, True]


def test_many_threads_share_one_model(endpoint: Any, open_at: Open) -> None:
    together = threading.Barrier(4, timeout=10)

    def reply(body: dict[str, Any]) -> Any:
        together.wait()
        return endpoint.said(body["messages"][0]["content"])

    endpoint.script = [reply]
    model = open_at()
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda i: model.complete(Request((Message("user", str(i)),)))[0].text, range(8))
        assert list(done) == [str(i) for i in range(8)]


def test_it_can_be_used_after_close(endpoint: Any, open_at: Open) -> None:
    model = open_at()
    model.close()
    model.complete(Request(CHAT))
    model.close()
    assert model.complete(Request(CHAT))[0].text == "SELECT 1"


def test_the_endpoint_is_what_an_unknown_model_is_known_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")
    assert OpenAIModel("m").cache_tag == "http://127.0.0.1:1/v1"
    assert OpenAIModel("m", info=ModelInfo("m", "abc"), logprobs=True).cache_tag == " logprobs"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert OpenAIModel("m").base_url == "https://api.openai.com/v1"

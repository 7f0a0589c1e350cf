"""What is a secret in parameters and addresses, and that none of it is written down or said."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fake_model import FakeModel

import spider_opt as so
from spider_opt import models
from spider_opt.cli import main
from spider_opt.errors import ModelError, SpiderOptError, UsageError
from spider_opt.models.cache import request_key
from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.models.openai.urls import checked_url
from spider_opt.models.secrets import hidden, hidden_manner, secrets_in, shown_url
from spider_opt.runs import RunInfo
from spider_opt.types import Message, Request

S = "nobody-shall-see-this-1"


def secrets(s: str) -> dict[str, Any]:
    return {
        "a key": {"api_key": s},
        "other spellings": {"apiKey": s, "Api-Key": s, "X-API-KEY": s, "access_token": s,
                            "client_secret": s, "PASSWORD": s},
        "nested": {"extra_body": {"headers": {"Authorization": f"Bearer {s}"}}},
        "under a secret name": {"auth": {"user": s, "more": [s, {"x": s}]}},
        "in a list": {"headers": [["Authorization", s], ["X-Tier", "fast"]]},
        "named beside": {"headers": [{"name": "api-key", "value": s}]},
        "a name that says nothing": {"header": f"Bearer {s}"},
        "amid words": {"user": f"call it with Bearer {s} please"},
        "a key by its looks": {"user": f"sk-{s}"},
        "another's key by its looks": {"x": [f"hf_{s.replace('-', '')}", "AIza" + s.replace("-", "_")]},
        "a web token": {"x": f"eyJhbGciOiJI.{s}"},
        "an address": {"api_base": f"https://me:{s}@host/v1", "proxy": f"http://host/?key={s}"},
        "JSON in a text": {"extra_body": json.dumps({"api_key": s})},
        "as a name": {"keys": {f"sk-{s}": "main"}},
        "a long number": {"api_key": 123456789012 + len(s)},
    }  # fmt: skip


SECRETS = secrets(S)
PLAIN: list[dict[str, Any]] = [
    {"top_p": 0.9, "reasoning_effort": "low", "top_k": None, "stream_options": {"x": True}},
    {"thinking": {"type": "enabled", "budget_tokens": 4000}, "min_tokens": 5, "skip_special_tokens": False},
    {"stop_token_ids": [1, 2], "stop_tokens": ["</s>"], "bad_words": ["a"], "tokenizer": "mistral", "keywords": ["x"]},
    {"response_format": {"type": "json_schema", "schema": {"properties": {"sql": {"type": "string"}}}}},
    {"api_base": "https://host/v1", "author": "me", "user": "basic", "note": "a token of thanks"},
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_stands_nowhere_and_tells_models_apart(name: str) -> None:
    extra = SECRETS[name]
    for secret in (S, S.replace("-", ""), S.replace("-", "_"), "1234567890"):
        assert secret not in str(Manner(extra=extra))
    assert "fast" not in str(extra) or "fast" in str(Manner(extra=extra))
    infos = [AskedInAManner(FakeModel(), Manner(extra=secrets(s)[name])).info for s in (S, S + "2", S)]
    keys = [request_key(info, Request("?")) for info in infos]
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("extra", PLAIN, ids=str)
def test_what_is_no_secret_is_written_as_it_is(extra: dict[str, Any]) -> None:
    assert hidden(extra) == extra
    assert secrets_in(extra) == []


def test_the_key_in_use_is_hidden_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hidden({"user": "plain-words"}) == {"user": "plain-words"}
    assert "plain-words" not in str(hidden({"user": "plain-words"}, ["plain-words"]))
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN"):
        with monkeypatch.context() as here:
            here.setenv(variable, "Bearer plain-words" if variable.startswith("OPENAI") else "plain-words")
            assert "plain-words" not in str(hidden({"user": "it is plain-words", "list": ["plain-words"]}))


@pytest.mark.parametrize("name", SECRETS)
def test_what_an_earlier_version_wrote_reads_as_it_is_said_now(name: str) -> None:
    extra = {"a": "b", **SECRETS[name], "zz": ["1, x=2"]}
    before = ", ".join(["max_tokens=9", *(f"{key}={json.dumps(extra[key], sort_keys=True)}" for key in sorted(extra))])
    assert hidden_manner(f"{before}; without seed") == f"{Manner(9, extra=extra)}; without seed"


@pytest.mark.parametrize(
    ("url", "known"),
    [
        (f"http://host/v1/{S}", [S]),
        (f"http://host/{S}/v1", [S]),
        (f"http://host/v1/sk-{S}", []),
        (f"http://{S}.host/v1", [S]),
    ],
)
def test_a_key_in_an_address_is_not_shown(url: str, known: list[str]) -> None:
    assert S not in shown_url(url, known)
    assert shown_url(url, known) != shown_url(url.replace(S, S + "2"), [known[0] + "2"] if known else [])
    with pytest.raises(UsageError) as caught:
        checked_url(url.replace("http", "ftp").replace(S, f"sk-{S}"))
    assert S not in str(caught.value)


# --- through all that writes and speaks -----------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SECRETS if name != "a long number"])
@pytest.mark.parametrize("reply", [400, 401, 500, "words"])
def test_a_server_that_says_it_back(endpoint: Any, name: str, reply: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(body: dict[str, Any]) -> Any:
        sent = {key: said for key, said in body.items() if key in SECRETS[name]}
        return (200, {}, str(sent).encode()) if reply == "words" else endpoint.refused(reply, f"you sent {sent}")

    from spider_opt.models.openai import patience

    monkeypatch.setattr(patience, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(patience, "LAST_WAIT_S", 0.01)
    endpoint.script = [answer]
    model = models.open("m", base_url=endpoint.url, extra=SECRETS[name])
    with pytest.raises(ModelError) as caught:
        model.complete(Request((Message("user", "?"),)))
    assert endpoint.requests[0].items() >= SECRETS[name].items(), "it is sent as it was given"
    for secret in (S, S.replace("-", ""), S.replace("-", "_")):
        assert secret not in str(caught.value)


@pytest.fixture
def run_once(endpoint: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", f"in-use-{S}")
    endpoint.script = [endpoint.said("SELECT 1")]

    def run(*more: str, url: str = endpoint.url) -> Any:
        command = ["eval", "--method", "zero-shot", "--limit", "2", "--model", "m", "--base-url", url, "--out", "r"]
        return CliRunner().invoke(main, [*command, *more])

    return run


def written(folder: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_run_cache_recording_log_and_messages(
    run_once: Any, endpoint: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    extra = ["--extra", f'api_key="{S}"', "--extra", f'extra_body={{"headers": {{"Authorization": "Bearer {S}"}}}}']
    first = run_once(*extra, "--record", "rec.jsonl")
    assert first.exit_code == 0, first.output
    other = run_once("--extra", f'api_key="{S}-other"')
    assert other.exit_code == 1
    assert "manner is" in other.output
    asked = len(endpoint.requests)
    assert run_once(*extra).exit_code == 0
    assert len(endpoint.requests) == asked, "the cache knows the secret again"
    other = run_once("--extra", f'api_key="{S}-other"', "--out", "r2")
    assert len(endpoint.requests) > asked, "and tells another from it"
    board = CliRunner().invoke(main, ["leaderboard", "r", "r2"])
    typed = ["ladder", "r", "--rung", "zero-shot", "--model", "m", "--benchmark", "spider-mini", "--out", "lad"]
    ladder = CliRunner().invoke(main, [*typed, *extra])
    assert ladder.exit_code == 0, ladder.output
    said = "".join(result.output + str(result.exception or "") for result in (first, other, board, ladder))
    assert S not in said + caplog.text
    assert S.encode() not in written(tmp_path)


def test_a_key_in_the_path_of_the_endpoint(
    run_once: Any, endpoint: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"{endpoint.url}/in-use-{S}"
    good = run_once(url=url)
    assert good.exit_code == 0, good.output
    assert endpoint.paths[0].startswith(f"/v1/in-use-{S}/"), "it is asked where it was said to be"
    assert "secret:" in RunInfo.read(tmp_path / "r").endpoint
    endpoint.script = [endpoint.refused(404, f"no /v1/in-use-{S}/chat")]
    bad = run_once("--out", "r2", "--no-cache", url=url)
    gone = run_once("--out", "r3", "--no-cache", url=f"http://127.0.0.1:9/in-use-{S}/v1")
    assert bad.exit_code == gone.exit_code == 1
    assert S not in good.output + bad.output + gone.output + caplog.text
    assert S.encode() not in written(tmp_path)


def test_a_run_of_an_earlier_version_goes_on_and_is_no_longer_told(run_once: Any, tmp_path: Path) -> None:
    extra = ["--extra", f'api_key="{S}"']
    assert run_once(*extra).exit_code == 0
    path = tmp_path / "r" / "run.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps(info | {"manner": f'api_key="{S}"'}))
    assert RunInfo.read(tmp_path / "r").manner == info["manner"]
    assert run_once(*extra).exit_code == 0
    other = run_once()
    assert other.exit_code == 1
    assert S not in other.output


@pytest.mark.parametrize("typed", [f"api_key={S}", f"Authorization: Bearer {S}", f"x=sk-{S}"])
def test_a_mistyped_secret_is_not_said_back(run_once: Any, typed: str) -> None:
    result = run_once("--extra", typed)
    assert result.exit_code == 2
    assert S not in result.output


def test_python_says_no_more(endpoint: Any) -> None:
    endpoint.script = [endpoint.refused(400, f"odd {S}")]
    with pytest.raises(SpiderOptError) as caught:
        so.evaluate(
            "zero-shot", so.load(), model="m", base_url=endpoint.url, extra={"api_key": S}, limit=1, cache=False
        )
    assert S not in str(caught.value)
    assert S not in repr(Manner(extra={"api_key": S}))

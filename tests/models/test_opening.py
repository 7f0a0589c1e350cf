"""What the user typed, and which model that opens."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

from spider_opt import models
from spider_opt.errors import ModelUnavailable, UsageError
from spider_opt.models import EmbeddedModel, OpenAIModel, weights
from spider_opt.models.catalog import CATALOG, File, Weights
from spider_opt.models.llamacpp import server
from spider_opt.types import Message, ModelInfo, Request

DATA = b"GGUF"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys; the default model's weights are four bytes in the user's folder."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    entry = Weights("qwen2.5-coder-0.5b", (File("q.gguf", len(DATA), SHA256, ()),), "a/b", "MIT")
    monkeypatch.setitem(CATALOG, entry.name, entry)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SPIDER_OPT_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(server, "binding", lambda: None)
    (tmp_path / "q.gguf").write_bytes(DATA)


@pytest.mark.parametrize("name", [None, "qwen2.5-coder-0.5b"])
def test_a_name_of_the_catalog_is_served_here(name: str | None, tmp_path: Path) -> None:
    model = models.open(name)
    assert isinstance(model, EmbeddedModel)
    assert model.path == tmp_path / "q.gguf"
    assert model.info == ModelInfo("qwen2.5-coder-0.5b", SHA256)


def test_missing_weights_are_fetched_with_a_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SPIDER_OPT_WEIGHTS")

    def fetch(name: str, *, progress: weights.Progress) -> Path:
        progress(2, 4)
        return tmp_path / "q.gguf"

    monkeypatch.setattr(weights, "fetch", fetch)
    model = models.open()
    assert isinstance(model, EmbeddedModel)
    assert model.path == tmp_path / "q.gguf"
    out, err = capsys.readouterr()
    assert out == ""
    assert "Fetching qwen2.5-coder-0.5b" in err


def test_who_wants_to_be_told_sees_no_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SPIDER_OPT_WEIGHTS")

    def fetch(name: str, *, progress: weights.Progress) -> Path:
        progress(2, 4)
        return tmp_path / "q.gguf"

    monkeypatch.setattr(weights, "fetch", fetch)
    told: list[tuple[int, int]] = []
    models.open(on_progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 4)]
    assert capsys.readouterr() == ("", "")


def test_nothing_is_fetched_for_a_llama_cpp_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setattr(weights, "find", None)
    with pytest.raises(ModelUnavailable, match="pip install"):
        models.open()


def test_a_base_url_is_asked_whatever_the_name() -> None:
    model = models.open("qwen2.5-coder-0.5b", base_url="http://127.0.0.1:1/v1")
    assert isinstance(model, OpenAIModel)
    assert (model.base_url, model.info) == (
        "http://127.0.0.1:1/v1",
        ModelInfo("qwen2.5-coder-0.5b", endpoint="http://127.0.0.1:1/v1"),
    )


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("OPENAI_API_KEY", "k", "https://api.openai.com/v1"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
    ],
)
def test_another_name_is_openais_where_that_can_be_asked(
    name: str, value: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    model = models.open("gpt-5")
    assert isinstance(model, OpenAIModel)
    assert model.base_url == url


def test_a_key_that_is_given_does_as_well() -> None:
    model = models.open("gpt-5", api_key="k")
    assert isinstance(model, OpenAIModel)
    assert model.base_url == "https://api.openai.com/v1"


def test_all_that_is_asked_for_reaches_the_endpoint(endpoint: Any) -> None:
    model = models.open(
        "m", base_url=endpoint.url, api_key="k", headers={"X-Tenant": "ours"}, max_tokens=4000, system=False,
        extra={"top_p": 0.5}, logprobs=True,
    )  # fmt: skip
    model.complete(Request((Message("system", "Be brief."), Message("user", "Hi")), temperature=0.3))
    assert endpoint.requests == [
        {"model": "m", "messages": [{"role": "user", "content": "Be brief.\n\nHi"}], "temperature": 0.3, "seed": 0,
         "max_tokens": 4000, "top_p": 0.5, "logprobs": True}
    ]  # fmt: skip
    assert (endpoint.keys, endpoint.headers[0]["x-tenant"]) == (["Bearer k"], "ours")
    assert model.info == ModelInfo(
        "m", manner="max_tokens=4000, system=no, top_p=0.5; headers x-tenant:b12d5282e4", endpoint=endpoint.url
    )
    model.close()  # type: ignore[attr-defined]


def test_a_model_computed_here_is_asked_in_a_manner_too() -> None:
    model = models.open(max_tokens=9, extra={"top_k": 1})
    assert model.info == ModelInfo("qwen2.5-coder-0.5b", SHA256, manner="max_tokens=9, top_k=1")
    for option in ({"api_key": "k"}, {"headers": {"X": "y"}}):
        with pytest.raises(UsageError, match=r"qwen2.5-coder-0.5b is computed here: a key and headers are for a base_"):
            models.open(**option)  # type: ignore[arg-type]


def test_another_name_without_a_key_says_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        models.open("gpt-5")
    for words in ("'gpt-5'", "qwen2.5-coder-0.5b, qwen2.5-coder-1.5b, smollm2-135m)", "base_url=URL", "OPENAI_API_KEY"):
        assert words in str(caught.value)
    assert "minilm" not in str(caught.value)


def test_what_makes_no_sense() -> None:
    with pytest.raises(UsageError, match="turns text into vectors"):
        models.open("all-minilm-l6-v2")
    with pytest.raises(UsageError, match="Name it with model"):
        models.open(base_url="http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match="looks like http://127"):
        models.open("m", base_url="127.0.0.1:8000/v1")
    with pytest.raises(UsageError, match=r"engine is 'onnx', but must be 'llama.cpp' or 'torch'"):
        models.open(engine="onnx")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="engine=torch computes a model here"):
        models.open("m", base_url="http://127.0.0.1:1/v1", engine="torch")

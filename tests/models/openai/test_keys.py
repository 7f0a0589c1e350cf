"""Keys and headers: stripped, refused by name, and never said."""

from __future__ import annotations

import pytest

from spider_opt.errors import ModelUnavailable, UsageError
from spider_opt.models.openai.keys import checked_headers, identifying, key_for, masked
from spider_opt.models.openai.urls import checked_url

URL = "https://far.example/v1"


@pytest.mark.parametrize("written", ["sk-made-up", " sk-made-up \n", "\tsk-made-up\r\n", "Bearer sk-made-up"])
def test_a_key_is_sent_without_what_a_paste_leaves_round_it(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", written)
    assert key_for(URL, None, needed=True) == key_for(URL, written, needed=True) == "sk-made-up"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("sk-made\nup", "a line break"),
        ("sk-made\tup", "a tab"),
        ("sk-madé-up", r"the character U\+00E9 \(latin small letter e with acute\)"),
        ("sk-made…", r"the character U\+2026"),
        ("\u200bsk-made", r"the character U\+200B"),
        ("sk\x00made", r"the character U\+0000 \(a control character\)"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_by_name(written: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnavailable, match=f"the key that was given cannot be sent: it holds {said}") as caught:
        key_for(URL, written, needed=True)
    assert "made" not in str(caught.value)
    if "\x00" not in written:
        monkeypatch.setenv("OPENAI_API_KEY", written)
        with pytest.raises(ModelUnavailable, match="the key in OPENAI_API_KEY cannot be sent"):
            key_for(URL, None, needed=False)


@pytest.mark.parametrize("written", ["", " \n"])
def test_blanks_are_no_key(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", written)
    with pytest.raises(ModelUnavailable, match=r"No key for https://far\.example/v1: set OPENAI_API_KEY"):
        key_for(URL, None, needed=True)
    assert key_for(URL, None, needed=False) == ""


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"X-Team": "a\nb"}, "X-Team cannot be sent, its value holds a line break"),
        ({"X Team": "a"}, "'X Team' is no name of a header"),
        ({"X-Team": 7}, "the value of X-Team is no text"),
        ({"Authorization": "Bearer sk-secré"}, "Authorization cannot be sent"),
    ],
)
def test_a_header_that_cannot_be_sent(headers: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        checked_headers(headers)
    assert "secr" not in str(caught.value)


def test_what_identifies_a_run_among_headers() -> None:
    secret = (
        "Authorization",
        "api-key",
        "X-API-Key",
        "Cookie",
        "X-Auth-Token",
        "Ocp-Apim-Subscription-Key",
        "X-Secret",
    )
    passing = ("X-Request-Id", "traceparent", "User-Agent", "Idempotency-Key", "Date")
    assert identifying(dict.fromkeys((*secret, *passing), "v")) == ""
    tiers = [identifying({"X-Tier": value, "Authorization": value}) for value in ("a", "b")]
    assert len(set(tiers)) == 2
    assert identifying({"x-tier": "a", "OpenAI-Beta": "c"}) == identifying({"OpenAI-Beta": "c", "X-TIER": "a"})


def test_secrets_are_masked_whole_and_by_word() -> None:
    said = "Incorrect key sk-abcd1234, header Basic sk-abcd1234; sk-other stays"
    assert masked(said, ["Basic sk-abcd1234"]) == "Incorrect key …, header …; sk-other stays"
    assert masked("none of abc", ["abc", "", "none of"]) == "… abc"


@pytest.mark.parametrize(
    ("pasted", "url"),
    [
        ("http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/completions/", "http://127.0.0.1:8000/v1"),
        (" https://api.example.com/v1 \n", "https://api.example.com/v1"),
        ("https://api.example.com/openai/v1/models", "https://api.example.com/openai/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_what_is_pasted_for_a_base_url(pasted: str, url: str) -> None:
    assert checked_url(pasted) == url


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://x/v1", "http://", "http://x:y/v1", "http://a b/v1", ""])
def test_what_is_no_base_url(url: str) -> None:
    with pytest.raises(UsageError, match=r"is no base URL; one looks like http://127\.0\.0\.1:8000/v1"):
        checked_url(url)

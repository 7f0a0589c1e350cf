"""What servers of many makes say when they refuse, and what is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spider_opt.errors import ModelUnavailable, NoAnswer
from spider_opt.models.openai.refusals import Passing, Refusal

MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
REQUEST = {
    "messages": MESSAGES, "temperature": 0.0, "max_tokens": 300, "seed": 1, "stop": [";"], "n": 2, "logprobs": True,
}  # fmt: skip
ADAPTED = [
    # OpenAI and Azure
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'.",
        "max_tokens",
    ),
    ("Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is.", "temperature"),
    ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", "system"),
    ("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
    ("'logprobs' is not supported with this model.", "logprobs"),
    # Gemini, Gemma behind it, Anthropic, Mistral, Cohere, Groq
    ('Invalid JSON payload received. Unknown name "seed": Cannot find field.', "seed"),
    ("Developer instruction is not enabled for models/gemma-3-27b-it", "system"),
    ('messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter.', "system"),
    ("seed: Extra inputs are not permitted", "seed"),
    ("property 'logprobs' is unsupported", "logprobs"),
    ("'n' : number must be at most 1", "n"),
    # vLLM, TGI, llama.cpp, Ollama, LiteLLM
    ("System role not supported", "system"),
    ("Conversation roles must alternate user/assistant/user/assistant/...", "system"),
    ("Input validation error: `temperature` must be strictly positive", "zero-temperature"),
    ("temperature must be greater than 0", "zero-temperature"),
    ("n must be 1 when using greedy sampling, got 2.", "n"),
    ("Only one completion choice is allowed: n is not supported", "n"),
    ("unknown field: seed", "seed"),
    ("litellm.UnsupportedParamsError: cerebras does not support parameters: ['seed'], for model=x.", "seed"),
    ("stop is not supported yet", "stop"),
]
KEPT = [
    "This model only supports streaming.",
    "Your seed phrase of words was read",
    "The request must not stop here, must it",
    "maximum context length is 8192 tokens, you asked for 9000 in the messages; 'messages' are too long",
    "The operating system said no",
    "no",
    "",
]


@pytest.mark.parametrize(("said", "change"), ADAPTED)
@pytest.mark.parametrize("status", [400, 422])
def test_what_can_be_done_without(said: str, change: str, status: int) -> None:
    for body in ({"error": {"message": said}}, {"message": said}, [{"error": {"message": said}}], {"detail": said}):
        assert Refusal(status, json.dumps(body).encode()).adaptation(REQUEST, frozenset()) == change
    assert Refusal(401, said.encode()).adaptation(REQUEST, frozenset()) is None


@pytest.mark.parametrize("said", KEPT)
def test_what_cannot_or_is_meant_otherwise(said: str) -> None:
    assert Refusal(400, {"error": {"message": said}}).adaptation(REQUEST, frozenset()) is None


def test_what_was_tried_or_is_not_in_the_request_is_no_way_out() -> None:
    refusal = Refusal(400, {"error": {"message": "'seed' is not supported"}})
    assert refusal.adaptation(REQUEST, frozenset({"seed"})) is None
    assert refusal.adaptation({"messages": MESSAGES}, frozenset()) is None
    positive = Refusal(422, {"error": "`temperature` must be strictly positive"})
    assert positive.adaptation(REQUEST, frozenset({"zero-temperature"})) == "temperature"
    no_system = Refusal(400, {"message": "System role not supported"})
    assert no_system.adaptation({"messages": MESSAGES[1:]}, frozenset()) is None
    named = Refusal(400, {"error": {"message": "no", "param": "seed"}})
    assert named.adaptation(REQUEST, frozenset()) == "seed"


FILTERED = [
    {"error": {"message": "The response was filtered", "code": "content_filter"}},
    {"error": {"message": "no", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
    {"error": {"message": "Your request was rejected as a result of our safety system."}},
    {"error": {"message": "Input data may contain inappropriate content", "code": "data_inspection_failed"}},
    {"message": "The prompt was blocked"},
]
TOO_LONG = [
    {"error": {"message": "9000 tokens", "code": "context_length_exceeded"}},
    {"error": {"message": "prompt is too long: 250000 tokens > 200000 maximum"}},
    {"message": "the request exceeds the available context size (8192 tokens), try increasing it"},
    {"error": {"message": "The input token count (40000) exceeds the maximum number of tokens allowed (32768)."}},
    {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096", "error_type": "validation"},
    {"error": {"message": "Please reduce the length of the messages or completion."}},
    {"detail": "Requested token count exceeds the model's maximum context length"},
]


@pytest.mark.parametrize(
    ("status", "body", "kind", "why"),
    [
        *((400, body, "ModelError", NoAnswer.FILTERED) for body in FILTERED),
        (403, FILTERED[0], "ModelError", NoAnswer.FILTERED),
        *((400, body, "ModelError", NoAnswer.TOO_LONG) for body in TOO_LONG),
        (413, "", "ModelError", NoAnswer.TOO_LONG),
        (500, TOO_LONG[2], "ModelError", NoAnswer.TOO_LONG),
        (429, {"error": {"message": "Request too large for m on tokens per min: Limit 10, Requested 20"}}, "ModelError",
         NoAnswer.TOO_LONG),
        (400, {"error": "bad"}, "ModelError", NoAnswer.REFUSED),
        (422, {"error": "bad"}, "ModelError", NoAnswer.REFUSED),
        (401, FILTERED[0], "ModelUnavailable", NoAnswer.FAULT),
        (402, "pay", "ModelUnavailable", NoAnswer.FAULT),
        (404, "m?", "ModelUnavailable", NoAnswer.FAULT),
        (405, "no", "ModelUnavailable", NoAnswer.FAULT),
        (308, "", "ModelUnavailable", NoAnswer.FAULT),
        (429, "slowly", "Passing", NoAnswer.FAULT),
        (408, "", "Passing", NoAnswer.FAULT),
        (500, "oops", "Passing", NoAnswer.FAULT),
        (529, "overloaded", "Passing", NoAnswer.FAULT),
        (501, "not implemented", "ModelError", NoAnswer.FAULT),
    ],
)  # fmt: skip
def test_each_refusal_is_of_a_kind(status: int, body: Any, kind: str, why: NoAnswer) -> None:
    error = Refusal(status, body).error("m", "http://x/v1", "the key", answered=False)
    assert (type(error).__name__, error.why) == (kind, why)
    assert str(error)


def test_a_refusal_of_one_question_does_not_end_a_run_that_was_answered() -> None:
    refusal = Refusal(403, {"message": "the firewall saw SQL"})
    assert isinstance(refusal.error("m", "u", "k", answered=False), ModelUnavailable)
    later = refusal.error("m", "u", "k", answered=True)
    assert not isinstance(later, ModelUnavailable)
    assert later.why is NoAnswer.REFUSED


def test_advice_fits_what_is_too_long() -> None:
    said = "maximum context length is 4096 tokens; you requested 3900 + 300 in the completion"
    both = str(Refusal(400, {"message": said}).error("m", "u", "k", answered=True))
    assert "max_tokens=N, or show only the tables" in both
    alone = str(Refusal(400, {"message": "prompt is too long"}).error("m", "u", "k", answered=True))
    assert "max_tokens" not in alone
    assert "schema:tables=8" in alone


def test_words_are_masked_before_they_are_cut() -> None:
    key = "sk-" + "abcdefgh" * 5
    refusal = Refusal(400, {"message": "x" * 290 + key}, secrets=[key, f"Basic {key[:12]}"])
    assert "sk-" not in str(refusal.error("m", "u", "k", answered=True))
    assert isinstance(Refusal(503, "wait", 7.0).error("m", "u", "k", answered=True), Passing)

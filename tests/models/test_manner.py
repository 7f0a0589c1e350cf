"""How a model is asked otherwise than methods ask, and that no answer is taken for one to another request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt import models
from spider_opt.errors import UsageError
from spider_opt.models import CachedModel, OpenAIModel, Recorder, ReplayModel
from spider_opt.models.cache import request_key
from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.types import Message, ModelInfo, Request

SYSTEM, USER = Message("system", "You write SQL."), Message("user", "How many singers?")
CHAT = (SYSTEM, USER)


def sent(request: Request, manner: Manner) -> Request:
    inner = FakeModel("SELECT 1")
    AskedInAManner(inner, manner).complete(request)
    return inner.requests[0]


# --- what is sent ------------------------------------------------------------------------------


def test_more_tokens_and_further_parameters() -> None:
    asked = sent(
        Request(CHAT, 3, 0.7, 5, ("x",), "root", 9, {"top_p": 0.1}), Manner(4000, extra={"top_p": 1, "top_k": 2})
    )
    assert asked == Request(CHAT, 3, 0.7, 5, ("x",), "root", 4000, {"top_p": 0.1, "top_k": 2})


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (CHAT, (Message("user", "You write SQL.\n\nHow many singers?"),)),
        (
            (SYSTEM, USER, Message("assistant", "SELECT"), USER),
            (Message("user", "You write SQL.\n\nHow many singers?"), Message("assistant", "SELECT"), USER),
        ),
        ((SYSTEM, Message("assistant", "x")), (Message("user", "You write SQL."), Message("assistant", "x"))),
        ((SYSTEM,), (Message("user", "You write SQL."),)),
        ((USER,), (USER,)),
        ("You write SQL.", "You write SQL."),
    ],
)
def test_without_a_system_message(messages: Any, expected: Any) -> None:
    assert sent(Request(messages), Manner(system=False)).messages == expected


def test_nothing_to_change_changes_nothing() -> None:
    request = Request(CHAT, max_tokens=9)
    assert (sent(request, Manner()), str(Manner())) == (request, "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"extra": {"n": 2}}, "extra cannot have 'n'"),
        ({"extra": {"a": ["secret:0123456789abcdef"]}}, "extra has secret:0123456789abcdef, which is written"),
        ({"extra": {"max_completion_tokens": 2}}, "extra cannot have 'max_completion_tokens'"),
        ({"extra": {"x": {1}}}, "extra must be what JSON can say"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        models.open("m", base_url="http://127.0.0.1:1/v1", **options)


# --- who answered, and what answers are kept by -------------------------------------------------


def test_each_manner_is_another_model_to_the_cache_and_to_a_run() -> None:
    manners = [Manner(), Manner(9), Manner(8), Manner(system=False), Manner(extra={"a": 1}), Manner(extra={"a": "1"})]
    infos = [AskedInAManner(FakeModel(), manner).info for manner in manners]
    assert len({info.manner for info in infos}) == len(manners)
    assert len({request_key(info, Request("?")) for info in infos}) == len(manners)
    assert infos[0] == ModelInfo("fake")
    assert infos[1].manner == "max_tokens=9"


def test_what_was_asked_in_another_manner_is_asked_again(endpoint: Any, tmp_path: Path) -> None:
    endpoint.script = [lambda body: endpoint.said(str(body["max_tokens"]))]
    for max_tokens, said in ((None, "512"), (9, "9"), (None, "512"), (9, "9")):
        model = models.open("m", base_url=endpoint.url, max_tokens=max_tokens)
        with closing(CachedModel(model, tmp_path / "c")) as cached:
            assert cached.complete(Request(CHAT))[0].text == said
    assert len(endpoint.requests) == 2


def asking(text: str) -> Request:
    return Request((Message("user", text),))


@pytest.fixture
def process(endpoint: Any, tmp_path: Path) -> Iterator[Callable[..., CachedModel]]:
    """Opens the model with its cache as each new process would."""
    with ExitStack() as stack:

        def begin(**options: Any) -> CachedModel:
            cached = CachedModel(models.open("m", base_url=endpoint.url, **options), tmp_path / "c")
            stack.callback(cached.close)
            return cached

        yield begin


def picky(endpoint: Any, *refused: str) -> Callable[[dict[str, Any]], Any]:
    """A server that refuses some parameters, and says which of three it got."""

    def answer(body: dict[str, Any]) -> Any:
        for name in refused:
            if name in body:
                return endpoint.refused(400, f"'{name}' is not supported", param=name)
        return endpoint.said(" ".join(name for name in ("temperature", "seed", "max_tokens") if name in body))

    return answer


@pytest.mark.parametrize("options", [{}, {"system": False}])
def test_the_next_process_finds_what_a_server_answered_without_a_parameter(
    endpoint: Any, process: Callable[..., CachedModel], options: dict[str, Any]
) -> None:
    endpoint.script = [picky(endpoint, "temperature", "max_tokens")]
    own = "system=no; " if options else ""
    first = process(**options)
    assert first.info.manner == own.removesuffix("; ")
    assert [first.complete(asking(str(i)))[0].text for i in range(3)] == ["seed"] * 3
    assert first.info.manner == f"{own}without temperature", "max_tokens has another name there, and means the same"
    asked = len(endpoint.requests)
    again = process(**options)
    assert again.info.manner == f"{own}without temperature", "before anything is asked"
    assert [again.complete(asking(str(i)))[0].text for i in range(3)] == ["seed"] * 3
    assert (len(endpoint.requests), again.misses) == (asked, 0)


def test_a_server_that_has_changed_is_asked_again(endpoint: Any, process: Callable[..., CachedModel]) -> None:
    endpoint.script = [picky(endpoint, "temperature")]
    assert process().complete(asking("a"))[0].text == "seed max_tokens"
    endpoint.script = [picky(endpoint)]
    changed = process()
    assert changed.complete(asking("a"))[0].text == "seed max_tokens", "nothing is asked, so nothing has shown yet"
    assert changed.complete(asking("b"))[0].text == "temperature seed max_tokens", "a request says all at first"
    assert changed.info.manner == ""
    assert changed.complete(asking("a"))[0].text == "temperature seed max_tokens"
    endpoint.script = [picky(endpoint, "seed")]
    last = process()
    assert last.complete(asking("a"))[0].text == "temperature seed max_tokens"
    assert last.complete(asking("c"))[0].text == "temperature max_tokens"
    assert last.info.manner == "without seed"
    assert process().info.manner == "without seed"


def test_answers_that_were_given_to_the_whole_request_are_not_taken_for_others(
    endpoint: Any, process: Callable[..., CachedModel]
) -> None:
    endpoint.script = [picky(endpoint)]
    assert process().complete(asking("a"))[0].text == "temperature seed max_tokens"
    endpoint.script = [picky(endpoint, "temperature")]
    other = process()
    other.complete(asking("b"))
    assert other.complete(asking("a"))[0].text == "seed max_tokens"


def test_without_a_cache_each_process_learns_by_itself(endpoint: Any) -> None:
    endpoint.script = [picky(endpoint, "temperature")]
    for _ in range(2):
        with closing(OpenAIModel("m", base_url=endpoint.url)) as model:
            assert model.info.manner == ""
            model.complete(asking("a"))
            assert model.info.manner == "without temperature"


def test_a_recording_says_how_the_server_was_asked(
    endpoint: Any, process: Callable[..., CachedModel], tmp_path: Path
) -> None:
    endpoint.script = [picky(endpoint, "temperature")]
    recorder = Recorder(process(), tmp_path / "r")
    said = [recorder.complete(asking(text)) for text in "ab"]
    replay = ReplayModel(tmp_path / "r")
    assert replay.info == ModelInfo("m", manner="without temperature", endpoint=endpoint.url)
    assert [replay.complete(asking(text)) for text in "ab"] == said
    endpoint.script = [picky(endpoint)]
    changed = Recorder(process(), tmp_path / "r")
    with pytest.raises(UsageError, match="is a recording of m, computed or asked otherwise"):
        changed.complete(asking("c"))

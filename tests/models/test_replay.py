"""Recordings: written beside a model, played back without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_model import FakeModel

from spider_opt.errors import ModelError, UsageError
from spider_opt.models import Recorder, ReplayModel
from spider_opt.types import Completion, Message, ModelInfo, Request, Usage

INFO = ModelInfo("m", "abc", "lora")


def echo(info: ModelInfo = INFO) -> FakeModel:
    """A model that answers with how often it was asked."""

    def answer(request: Request) -> list[Completion]:
        return [Completion(f"{len(fake.requests)}.{i}", Usage(calls=1), "length", -0.5) for i in range(request.n)]

    fake = FakeModel(answer, info=info)
    return fake


CHAT = (Message("system", "Secret schema"), Message("user", "Secret question"))


def test_what_was_recorded_is_played_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "r.jsonl"
    recorder = Recorder(echo(), path)
    two = recorder.complete(Request(CHAT, n=2, temperature=1))
    one = recorder.complete(Request("Secret prompt"))
    replay = ReplayModel(path)
    assert replay.info == recorder.info == INFO
    assert replay.complete(Request(CHAT, n=2, temperature=1.0)) == two
    assert replay.complete(Request("Secret prompt")) == one


def test_a_recording_holds_no_word_of_the_prompt(tmp_path: Path) -> None:
    Recorder(echo(), tmp_path / "r").complete(Request(CHAT, stop=("Secret stop",), grammar="Secret"))
    assert "Secret" not in (tmp_path / "r").read_text()
    assert json.loads((tmp_path / "r").read_text().splitlines()[0])["info"]["sha256"] == "abc"


@pytest.mark.parametrize("engine", ["", "torch int8"])
def test_a_recording_names_the_engine_where_there_is_one(tmp_path: Path, engine: str) -> None:
    info = ModelInfo("m", "abc", "lora", engine)
    Recorder(echo(info), tmp_path / "r").complete(Request(CHAT))
    head = json.loads((tmp_path / "r").read_text().splitlines()[0])
    said = {"name": "m", "sha256": "abc", "adapter": "lora"} | ({"engine": engine} if engine else {})
    assert head == {"format": 1, "info": said}
    replay = ReplayModel(tmp_path / "r")
    assert replay.info == info
    assert replay.complete(Request(CHAT))
    with pytest.raises(UsageError, match="is a recording of m, computed or asked otherwise; name another"):
        Recorder(echo(ModelInfo("m", "abc", "lora", "torch bfloat16")), tmp_path / "r")


def test_a_request_not_recorded_is_named(tmp_path: Path) -> None:
    Recorder(echo(), tmp_path / "r").complete(Request(CHAT))
    replay = ReplayModel(tmp_path / "r")
    with pytest.raises(ModelError, match=r"no answer to this request .n=1, temperature=0, seed=1.: .*'Secret schema"):
        replay.complete(Request(CHAT, seed=1))
    with pytest.raises(ModelError, match="ends with 'another'"):
        replay.complete(Request("another"))


def test_a_recording_goes_on_and_keeps_first_answers(tmp_path: Path) -> None:
    path = tmp_path / "r"
    first = Recorder(echo(), path).complete(Request("a"))
    again = Recorder(echo(), path)
    again.complete(Request("a"))
    second = again.complete(Request("b"))
    again.complete(Request("b"))
    assert len(path.read_text().splitlines()) == 3
    assert ReplayModel(path).complete(Request("a")) == first
    assert ReplayModel(path).complete(Request("b")) == second


def test_a_line_cut_off_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "r"
    recorder = Recorder(echo(), path)
    first = recorder.complete(Request("a"))
    recorder.complete(Request("b"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ModelError, match="no answer"):
        ReplayModel(path).complete(Request("b"))
    second = Recorder(echo(), path).complete(Request("b"))
    assert ReplayModel(path).complete(Request("a")) == first
    assert ReplayModel(path).complete(Request("b")) == second


def test_an_error_is_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="busy"):
        Recorder(FakeModel(ModelError("busy"), info=INFO), tmp_path / "r").complete(Request("a"))
    assert len((tmp_path / "r").read_text().splitlines()) == 1


def test_another_models_recording_is_refused(tmp_path: Path) -> None:
    Recorder(echo(), tmp_path / "r").complete(Request("a"))
    with pytest.raises(UsageError, match="is a recording of m, not of other"):
        Recorder(echo(ModelInfo("other")), tmp_path / "r")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1"),
        ("SELECT 1\n", "line 1"),
        ("[]\n", "line 1"),
        ('{"format": 2, "info": {"name": "m"}}\n', "has format 2, this program reads 1"),
        ('{"format": 1, "info": {"nom": "m"}}\n', "line 1"),
        ('{"format": 1, "info": {"name": "m"}}\n{"key": "a"}\n', "line 2"),
        ('{"format": 1, "info": {"name": "m"}}\nnull\n', "line 2"),
        ("\xff\xfe", "line 1"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "r").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=sentence):
        ReplayModel(tmp_path / "r")


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        ReplayModel(tmp_path / "none")

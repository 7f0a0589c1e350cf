"""Models of other packages: found by name, opened with what is known of where to ask; broken ones harm nobody."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt import models, plugins
from spider_opt.errors import ModelUnavailable, UsageError
from spider_opt.models import CachedModel, OpenAIModel
from spider_opt.types import ModelInfo, Request

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs packages' models: what stands in a module of another package, or the place of nothing."""
    points: list[tuple[str, str]] = []
    monkeypatch.setattr(plugins, "installed", lambda group: tuple(points) if group == "spider_opt.models" else ())
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def add(name: str, make: Any = None, place: str = "others:make") -> None:
        if make is not None:
            module = ModuleType("others")
            module.make = make  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, "others", module)
        points.append((name, place))

    return add


@pytest.mark.parametrize("name", ["parrot", "parrot/large"])
def test_it_is_told_where_and_how_to_ask(install: Install, name: str) -> None:
    told: list[Any] = []

    def make(name: str, **keywords: Any) -> FakeModel:
        told.append((name, keywords))
        return FakeModel("SELECT 1", info=ModelInfo(name), cache_tag="mine")

    install("parrot", make)
    model = models.open(name, base_url="http://x/v1", api_key="k", headers={"a": "b"}, timeout_s=9, logprobs=True)
    assert told == [
        (name, {"base_url": "http://x/v1", "api_key": "k", "headers": {"a": "b"}, "timeout_s": 9, "logprobs": True})
    ]
    tag, code = model.cache_tag.split(" code ")  # type: ignore[attr-defined]
    assert (model.info, tag, bool(code)) == (ModelInfo(name), "mine", True)
    assert models.open(name, max_tokens=9).info.manner == "max_tokens=9"


def test_without_a_tag_answers_are_told_apart_by_where_they_came_from(install: Install) -> None:
    class Bare:
        info = ModelInfo("parrot")

        def complete(self, request: Any) -> list[Any]:
            return []

    install("parrot", lambda name, **_: Bare())
    opened = [models.open("parrot", **how) for how in ({}, {"base_url": "http://x/v1"}, {"logprobs": True})]  # type: ignore[arg-type]
    assert [model.cache_tag.partition(" code ")[0] for model in opened] == [  # type: ignore[attr-defined]
        "others:make", "others:make http://x/v1", "others:make logprobs"
    ]  # fmt: skip


def test_other_names_are_what_they_were(install: Install) -> None:
    install("parrot", lambda name, **_: pytest.fail("nobody asked for it"))
    assert isinstance(models.open("other/parrot", base_url="http://127.0.0.1:1/v1"), OpenAIModel)
    with pytest.raises(UsageError, match="There is no embedded model 'parrots'"):
        models.open("parrots")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda name: None, r"cannot be opened: TypeError"),
        (lambda name, **_: object(), r"cannot be opened: TypeError\(.*is no model: it needs an info and complete"),
        (lambda name, **_: sys.exit("no licence"), r"cannot be opened: SystemExit\('no licence'"),
        (lambda name, **_: 1 / 0, r"cannot be opened: ZeroDivisionError"),
    ],
)
def test_one_that_is_broken_is_named(install: Install, make: Any, said: str) -> None:
    install("parrot", make)
    with pytest.raises(UsageError, match=f"model 'parrot' .others:make. {said}"):
        models.open("parrot")


def test_a_package_that_cannot_be_loaded_harms_only_who_asks_for_it(install: Install) -> None:
    install("parrot", place="no_such_package:make")
    assert isinstance(models.open("m", base_url="http://127.0.0.1:1/v1"), OpenAIModel)
    with pytest.raises(UsageError, match=r"model 'parrot' .no_such_package:make. cannot be loaded: ModuleNotFound"):
        models.open("parrot")


def test_two_packages_with_one_name(install: Install) -> None:
    install("parrot", place="one:make")
    install("parrot", place="other:make")
    with pytest.raises(UsageError, match=r"two packages claim the model 'parrot' .one:make and other:make."):
        models.open("parrot")


def test_what_it_says_itself_is_left_and_no_key_is_said(install: Install) -> None:
    def unavailable(name: str, **_: Any) -> FakeModel:
        raise ModelUnavailable("The parrot sleeps.")

    def telling(name: str, *, api_key: str, headers: Any, **_: Any) -> FakeModel:
        raise ValueError(f"{api_key} and {headers} do not do")

    install("parrot", unavailable)
    with pytest.raises(ModelUnavailable, match=r"^The parrot sleeps.$"):
        models.open("parrot")
    install("teller", telling)
    with pytest.raises(UsageError) as caught:
        models.open("teller", api_key="sk-secret", headers={"X": "token-secret"})
    assert "secret" not in str(caught.value)


OPENS = """
from spider_opt.types import Completion, ModelInfo

class Parrot:
    info = ModelInfo("parrot")
    {tag}

    def complete(self, request):
        return [Completion("SELECT {number}")]

def make(name, **_):
    return Parrot()
"""


@pytest.mark.parametrize("tag", ["", 'cache_tag = "mine"'])
def test_another_version_of_a_package_does_not_get_the_answers_of_the_one_before(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    """Neither where its model says nothing of what its answers depend on, nor where it always says the same."""
    monkeypatch.syspath_prepend(tmp_path)
    install("parrot", place="parrots_of_others:make")

    def answers(number: int) -> str:
        (tmp_path / "parrots_of_others.py").write_text(OPENS.format(tag=tag, number=number))
        sys.modules.pop("parrots_of_others", None)
        importlib.invalidate_caches()
        with closing(CachedModel(models.open("parrot"), tmp_path / "c.sqlite")) as model:
            return model.complete(Request("How many?"))[0].text

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [answers(number) for number in (1, 1, 22, 1)] == ["SELECT 1", "SELECT 1", "SELECT 22", "SELECT 1"]

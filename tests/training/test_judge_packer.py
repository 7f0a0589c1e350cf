"""Packs of one word for each candidate."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel

from spider_opt.answering.disagreement import Group
from spider_opt.answering.drafts import Drafter, Look
from spider_opt.answering.verifier import Verifier
from spider_opt.errors import WeightsError
from spider_opt.models.adapters import find_adapter
from spider_opt.models.torch.base import tokens_of
from spider_opt.steps.finetune import form_of
from spider_opt.training import tune as tuning
from spider_opt.training.dataset import Item
from spider_opt.training.judge_packer import JudgePacker
from spider_opt.training.judged import JudgedItem
from spider_opt.training.loop import Settings
from spider_opt.training.spec import TuneSpec
from spider_opt.training.tune import tune
from spider_opt.types import Completion, Context

NEEDS = ("torch", "transformers", "gguf")
LOOK = Look(values=0)


@pytest.fixture
def words(tokenizer: Any) -> Any:
    """The tokenizer of bytes with a token for each word of a judge's."""
    made = copy.deepcopy(tokenizer)
    made.add_tokens(["yes", "no"])
    return made


@pytest.fixture
def judged(lessons: Callable[..., list[Item]]) -> list[JudgedItem]:
    return [
        JudgedItem(
            question=item.question, sql=item.sql, group=Group(0, item.sql, 1, ("name",), (("a",),), 1), right=i % 3 == 0
        )
        for i, item in enumerate(lessons(7))
    ]


def test_a_pack_is_what_a_verifier_asks(words: Any, judged: list[JudgedItem]) -> None:
    packer = JudgePacker(words, {}, look=LOOK, n=16)
    [group] = packer.order(judged, random.Random(0))
    pack = packer.pack(group)
    asked: list[Any] = []
    model = FakeModel(lambda request: asked.append(request) or [Completion("yes", logprob=-1.0)])
    schema = Drafter(LOOK, {}).shown(judged[0].question.schema, Context())
    for item, rest, start in zip(group, pack.rests, pack.answers, strict=True):
        assert isinstance(item, JudgedItem)
        Verifier(model)(item.question, schema, item.group)
        assert [*pack.shared, *rest[:start]] == tokens_of(words, asked[-1].messages)
        assert words.decode(rest[start:]) == ("yes" if item.right else "no")
    assert pack.n_answer_tokens == len(judged)
    assert "CREATE TABLE t0" in words.decode(pack.shared)


def test_the_schema_stands_in_another_order_each_time(words: Any, judged: list[JudgedItem]) -> None:
    packer = JudgePacker(words, {}, look=LOOK)
    assert len({packer.pack(judged, random.Random(seed)).shared for seed in range(8)}) > 2


def test_a_tokenizer_that_splits_its_words_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="yes and no are to be one token each"):
        JudgePacker(tokenizer, {}, look=LOOK)


def test_a_judge_is_tuned_and_answers_no_questions(
    tiny: Callable[..., Any], words: Any, judged: list[JudgedItem], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from spider_opt.models.torch.base import Base

    monkeypatch.setattr(tuning, "open_base", lambda name, **_: Base(name, "a" * 64, tiny(), words))
    monkeypatch.setattr(tuning, "keep_memory", lambda: lambda: None)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path))
    spec = TuneSpec(
        "m",
        Settings(epochs=12, rate=3e-2, rank=4, alpha=8.0, packs=1),
        LOOK,
        "plain",
        compute="float32",
        hold_out=False,
    )
    losses: list[float] = []
    card = tune(
        judged, [], {}, tmp_path / "adapters" / "judge", spec, target="judge",
        packs=lambda tokenizer: JudgePacker(tokenizer, {}, look=LOOK), tell=lambda step: losses.append(step.loss),
    )  # fmt: skip
    assert losses[-1] < losses[0] / 2
    assert card["target"] == "judge"
    with pytest.raises(WeightsError, match="in a form that this version does not know"):
        form_of(find_adapter("judge"))

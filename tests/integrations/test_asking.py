"""Which methods are one prompt, and what that shows."""

from __future__ import annotations

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import MethodError
from spider_opt.integrations.asking import look_of, prompts


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("rag", "more than a prompt"),
        ("finetune", "more than a prompt"),
        ("cot", "more than a prompt"),
        ("zero-shot:form=completion", "has the form completion"),
        ("zero-shot:form=prefill", "has the form prefill"),
        ("zero-sot", "zero-shot"),
    ],
)
def test_what_is_no_single_chat_is_refused(method: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        look_of(method)


def test_prompts_follow_the_options_and_show_no_gold() -> None:
    mini = load("spider-mini")
    plain = {example.index: messages for example, messages in prompts(mini, look_of("zero-shot:values=0,keys=no"))}
    assert len(plain) == 125
    assert not any("FOREIGN KEY" in messages[-1].content for messages in plain.values())
    for example in mini.examples:
        shown = "\n".join(message.content for message in plain[example.index])
        assert example.question.text in shown
        assert example.gold_sql not in shown

"""Prompts answered side by side are answered as each alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import torch

NEEDS = ("torch",)

Made = Callable[..., tuple[Any, dict[str, Any]]]
Tokens = list[int]
SHARED = [5, 6, 7, 8, 9, 10, 11]
PROMPTS: dict[str, list[Tokens]] = {
    "different lengths": [[*SHARED, *tail] for tail in ([12], [13, 14, 15], [16, 17], [18, 19, 20, 21, 22, 23])],
    "one": [[5, 6, 7, 8]],
    "one token each": [[5], [6]],
    "nothing shared": [[5, 6, 7], [8, 6, 7, 9]],
    "one within another": [[5, 6], [5, 6, 7, 8]],
    "the same": [[5, 6, 7, 8]] * 3,
}
N = 12


def alone(model: Any, prompt: Tokens, stops: set[int], max_tokens: int) -> Tokens:
    """What transformers' own attention and cache lead to, a prompt at a time."""
    ids, past = prompt, None
    said: Tokens = []
    with torch.no_grad():
        while len(said) < max_tokens:
            result = model(torch.tensor([ids]), past_key_values=past, use_cache=True)
            ids, past = [int(result.logits[0, -1].argmax())], result.past_key_values
            if ids[0] in stops:
                break
            said += ids
    return said


def each_alone(model: Any, prompts: list[Tokens], stops: set[int], max_tokens: int = N) -> list[Tokens]:
    model.set_attn_implementation("eager")
    said = [alone(model, prompt, stops, max_tokens) for prompt in prompts]
    model.set_attn_implementation("packed")
    return said


def decoder(model: Any, stops: set[int] = frozenset()) -> Any:  # type: ignore[assignment]
    from spider_opt.training.decoding import Decoder

    return Decoder(model, [*stops])


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("case", PROMPTS)
def test_answers_are_those_of_each_alone(tuned: Made, case: str, kv_heads: int) -> None:
    model, _ = tuned(kv_heads=kv_heads)
    expected = each_alone(model, PROMPTS[case], set())
    assert all(len(said) == N for said in expected)
    assert decoder(model).decode(PROMPTS[case], max_tokens=N) == expected


def test_answers_end_where_each_alone_ends(tuned: Made) -> None:
    model, _ = tuned()
    prompts = PROMPTS["different lengths"]
    free = each_alone(model, prompts, set())
    stops = {free[0][3], free[2][0], free[3][7]}
    expected = each_alone(model, prompts, stops)
    assert len({len(said) for said in expected}) >= 3, "they must end at different times for this to show something"
    assert decoder(model, stops).decode(prompts, max_tokens=N) == expected


def test_no_more_tokens_than_asked_for(tuned: Made) -> None:
    model, _ = tuned()
    expected = each_alone(model, PROMPTS["one within another"], set(), 1)
    assert decoder(model).decode(PROMPTS["one within another"], max_tokens=1) == expected


def test_without_the_kernel_for_processors(tuned: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    from spider_opt.training import attention

    model, _ = tuned()
    expected = each_alone(model, PROMPTS["different lengths"], set())
    monkeypatch.setattr(attention, "_forward", None)
    assert decoder(model).decode(PROMPTS["different lengths"], max_tokens=N) == expected


def test_whole_numbers(tuned: Made) -> None:
    model, _ = tuned(int8=True)
    together = decoder(model).decode(PROMPTS["different lengths"], max_tokens=N)
    assert together == [decoder(model).decode([prompt], max_tokens=N)[0] for prompt in PROMPTS["different lengths"]]
